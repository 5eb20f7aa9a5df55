"""What the program around the folders does: locks, options, secrets that a
server repeats, waits."""
import base64
import os
import socket
import threading
import time

import pytest

from mail import message
from mock import Imap, Server


@pytest.mark.parametrize("mechanism,capability", [
    ("PLAIN", "AUTH=PLAIN SASL-IR"), ("PLAIN", "AUTH=PLAIN"),
    ("LOGIN", ""), ("CRAM-MD5", "AUTH=CRAM-MD5")])
@pytest.mark.parametrize("piece", [1, 3, 4096])
def test_server_that_repeats_the_login(make, mechanism, capability, piece):
    """Neither the wire log nor the error shows what it repeats."""
    sent = []

    def answer(conn, tag, command, line):
        if command not in ("LOGIN", "AUTHENTICATE"):
            return False
        if command == "AUTHENTICATE" and len(line.split()) == 3:
            conn.send(b"+ " + base64.b64encode(b"<1@x>") + b"\r\n")
            line += b" " + conn.line()
        sent.append(line.split()[-1].decode())
        text = tag + b" BAD [ALERT] no such thing: " + line + b"\r\n"
        for i in range(0, len(text), piece):
            conn.send(text[i:i + piece])
            if piece < 100:
                time.sleep(0.002)
        return True
    with Imap(capability="IMAP4rev1 " + capability, answer=answer) as mock:
        w = make(server=mock, tls="plain",
                 remote={"auth_mechanisms": mechanism})
        r = w.run("-d", "imap", code=77)
        assert sent and "no such thing" not in r.text
        assert "not shown" in r.text
        for word in sent:
            assert word.strip('"') not in r.text


def test_answer_to_a_login_is_shown(make):
    def answer(conn, tag, command, line):
        if command == "AUTHENTICATE":
            conn.send(tag + b" NO [AUTHENTICATIONFAILED] bad luck\r\n")
            return True
    with Imap(capability="IMAP4rev1 AUTH=PLAIN SASL-IR",
              answer=answer) as mock:
        r = make(server=mock, tls="plain").run("-d", "imap", code=77)
        assert r.text.count("bad luck") == 2


def test_greeting_that_drips(make):
    """It has the time of one silence in all."""
    def talk(server, conn):
        while True:
            conn.send(b"x")
            time.sleep(0.2)
    with Server(talk) as mock:
        w = make(server=mock, tls="plain", general={"socktimeout": "1"})
        assert "no answer" in w.run(code=75, timeout=60).text


def test_folder_that_nobody_has(w):
    with w.box() as b:
        b.append(message("m"))
        r = w.run("-f", "INBOX,Inbxo", code=1)
        assert "-f Inbxo: no account has such a folder" in r.text
        assert "-f INBOX:" not in r.text
        w.run("-f", "INBOX")


def test_dry_run_knows_whose_maildir_it_is(w):
    with w.box() as b:
        b.append(message("m"))
        w.sync()
    w.configure(remote={"remoteuser": w.user + "x"},
                general={"metadata": w.metadata + "x"})
    assert "another account" in w.run("--dry-run", code=2).text


@pytest.mark.parametrize("args", [(), ("--dry-run",)])
def test_without_the_disk(w, args):
    """Not even the directory is made that it is to be mounted on."""
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        os.rename(w.root, w.root + ".away")
        assert "mounted" in w.run(*args, code=2).text
        assert not os.path.exists(w.root)
        os.rename(w.root + ".away", w.root)
        w.sync()


def test_two_new_accounts_on_one_maildir(make, server):
    """The other one marked the root between our look and our login."""
    go = threading.Event()

    def answer(conn, tag, command, line):
        if command == "AUTHENTICATE":
            go.wait(20)
    with Imap(capability="IMAP4rev1 AUTH=PLAIN SASL-IR",
              answer=answer) as mock:
        slow, fast = make(server=mock, tls="plain"), make()
        slow.configure(local={"localfolders": fast.root},
                       remote={"remoteuser": slow.user + "x"})
        p = slow.start()
        end = time.monotonic() + 10
        while b"AUTHENTICATE" not in mock.received:
            assert time.monotonic() < end
            time.sleep(0.02)
        with fast.box() as b:
            b.append(message("m"))
            fast.sync()
        go.set()
        r = slow.finish(p)
        assert r.code == 2 and "another account" in r.text
        fast.sync()


def test_empty_marker_is_as_good_as_none(w):
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        marker = os.path.join(w.root, ".wherry")
        with open(marker) as f:
            text = f.read()
        os.truncate(marker, 0)
        w.sync()
        with open(marker) as f:
            assert f.read() == text


def test_file_in_the_place_of_a_folder(w):
    """The records stay: what was deleted there is still known later."""
    with w.box() as b:
        for i in range(5):
            b.append(message("m%d" % i))
        w.sync()
        path = os.path.join(w.root, "INBOX")
        os.rename(path, w.root + ".away")
        with open(path, "w"):
            pass
        w.run(code=1)
        assert len(b.messages()) == 5
        os.unlink(path)
        os.rename(w.root + ".away", path)
        cur = os.path.join(path, "cur")
        both = [os.path.join(d, n) for d in (cur, path + "/new")
                for n in os.listdir(d)]
        assert len(both) == 5
        os.unlink(both[0])
        r = w.sync()
        assert "1 deleted there" in r.text
        assert len(w.local.messages()) == 4


def test_empty_password_file(make, workdir):
    path = os.path.join(workdir, "pw")
    with open(path, "w") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write("\n")
    w = make(remote={"remotepass": None, "remotepassfile": path})
    assert "its first line is empty" in w.run(code=78).text


def test_lost_connection_is_told_once(make):
    def answer(conn, tag, command, line):
        if command == "SELECT":
            raise EOFError
    with Imap(folders=("INBOX", "a", "b"), answer=answer) as mock:
        r = make(server=mock, tls="plain", remote={
            "maxconnections": 1, "retrycount": 0}).run(code=75)
        assert r.text.count("ERROR") == 1


def test_answer_too_long_ends_the_account_once(make):
    def answer(conn, tag, command, line):
        if command == "SELECT":
            conn.send(b'* LIST () "/" "' + b"x" * 2000 + b'"\r\n')
    with Imap(folders=("INBOX", "a", "b"), answer=answer) as mock:
        r = make(server=mock, tls="plain",
                 remote={"maxconnections": 1}).run(code=1)
        assert "CFG_TOKEN" in r.text and "next run" in r.text
        assert r.text.count("ERROR") == 2


def test_answer_too_long_on_every_connection(make):
    """The last of them says what it means for the rest."""
    def answer(conn, tag, command, line):
        if command == "SELECT":
            conn.send(b'* LIST () "/" "' + b"x" * 2000 + b'"\r\n')
    names = ["INBOX"] + ["f%d" % i for i in range(9)]
    with Imap(folders=names, answer=answer) as mock:
        r = make(server=mock, tls="plain").run(code=1)
        assert "CFG_TOKEN" in r.text and "next run" in r.text


def test_quiet_errors_name_the_server(make):
    """Without the line that says what is being connected to."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        r = make(remote={"remoteport": port}).run("-u", "quiet", code=75)
    assert "localhost:%d: " % port in r.text

"""Connecting: TLS, names, fingerprints, logins, and who never sees the
password."""
import base64
import os
import re
import select
import socket
import stat
import subprocess

import pytest

from mail import lf, message
from mock import Imap, Server
from wherry import needs

LOGINS = re.compile(rb"(?i)\b(LOGIN|AUTHENTICATE)\b")


@pytest.mark.parametrize("tls", ["imaps", "starttls", "plain"])
def test_ways_in(make, tls):
    w = make(tls=tls)
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        w.local.add(lf(message("n")))
        w.sync()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_mechanisms(make, mechanism):
    w = make(remote={"auth_mechanisms": mechanism})
    with w.box() as b:
        b.append(message("m"))
        w.sync()


@pytest.mark.parametrize("only", ["cram-md5", "login", "plain"])
def test_server_with_one_mechanism(servers, make, only):
    """By default what is offered is used. (Dovecot's LOGIN command counts
    as PLAIN.)"""
    if only == "cram-md5":
        needs(only)
    w = make(server=servers(mechanisms=only if only != "login"
                            else "login plain"))
    r = w.run()
    assert r.code == 0


def test_wrong_password(make):
    w = make(remote={"remotepass": "wrong"})
    r = w.run(code=77)
    assert w.user in r.text and "wrong" not in r.text
    assert not os.path.isdir(w.root) or w.local.folders() == []


def test_password_from_a_file(make, workdir):
    path = os.path.join(workdir, "pass")
    with open(path, "w") as f:
        f.write("secret\nsecond line\n")
    os.chmod(path, 0o600)
    w = make(remote={"remotepass": None, "remotepassfile": path})
    w.sync()


def test_password_from_a_command(make):
    w = make(remote={"remotepass": None,
                     "remotepasscmd": "printf 'secret\\nmore\\n'"})
    w.sync()
    # One that fails is an error of the account, in plain words.
    w.configure(remote={"remotepasscmd": "exit 3"})
    r = w.run(code=(77, 78))
    assert "remotepasscmd" in r.text


def test_no_password_at_all(make):
    w = make(remote={"remotepass": None})
    r = w.run(code=(77, 78))
    assert "remotepass" in r.text


def line_of_fingerprint(text):
    m = re.search(r"cert_fingerprint\s*=\s*([0-9A-Fa-f:]{64,95})", text)
    assert m, text
    return m.group(1)


def test_unknown_ca(make, server):
    other, _ = server.certificates.self_signed("other", "DNS:other")
    w = make(remote={"sslcacertfile": other})
    with w.box() as b:
        b.append(message("m"))
        mark = server.log_mark()
        r = w.run(code=None)
        assert r.code > 0, r
        assert server.sessions(w.user, mark, timeout=0.3) == []
        # The line it prints is the cure, instead of a CA or beside a right
        # one, but not beside a wrong one.
        pin = line_of_fingerprint(r.text)
        w.configure(remote={"cert_fingerprint": pin})
        w.run(code=r.code)
        w.configure(remote={"sslcacertfile": None})
        w.sync()
        w.configure(remote={"sslcacertfile": server.ca})
        w.sync()


def test_fingerprints(make, server):
    """Any of the digests, in a list, in any spelling; a wrong one never."""
    der = subprocess.run(
        ["openssl", "x509", "-in", server.certificates.cert, "-outform",
         "DER"], stdout=subprocess.PIPE, check=True).stdout
    import hashlib
    w = make(remote={"sslcacertfile": None})
    for name in ("sha1", "sha224", "sha256", "sha384", "sha512"):
        hexa = hashlib.new(name, der).hexdigest()
        colons = ":".join(hexa[i:i + 2] for i in range(0, len(hexa), 2))
        wrong = "0" * len(hexa)
        for good in (hexa, colons.upper(), wrong + ", " + hexa):
            w.configure(remote={"cert_fingerprint": good})
            w.run()
        w.configure(remote={"cert_fingerprint": wrong})
        r = w.run(code=None)
        assert r.code > 0, r
        w.configure(remote={"cert_fingerprint": wrong,
                            "sslcacertfile": server.ca})
        assert w.run(code=None).code > 0, "both must hold"
        w.configure(remote={"sslcacertfile": None})


@pytest.mark.parametrize("tls", ["imaps", "starttls"])
def test_wrong_host_name(make, tls):
    """127.0.0.2 is not in the certificate."""
    w = make(tls=tls, remote={"remotehost": "127.0.0.2"})
    mark = w.server.log_mark()
    r = w.run(code=None)
    assert r.code > 0, r
    assert "127.0.0.2" in r.text
    assert w.server.sessions(w.user, mark, timeout=0.3) == []
    w.configure(remote={"remotehost": "127.0.0.1"})
    w.sync()


def test_self_signed_server_certificate(make, server):
    """It works as sslcacertfile."""
    cert, key = server.certificates.self_signed("own", "DNS:localhost")
    with _tls_mock(cert, key) as mock:
        mock.ca = cert
        make(server=mock).run()


def _tls_mock(cert, key):
    mock = Imap()
    usual = mock.talk

    def talk(conn):
        conn.wrap(cert, key)
        usual(conn)
    mock.talk = talk
    return mock


def test_expired_certificate(make, server):
    stem = os.path.join(server.certificates.folder, "expired")
    c = server.certificates
    c._openssl("req", *c._new_key(), "-keyout", stem + ".key", "-out",
               stem + ".csr", "-subj", "/CN=localhost")
    with open(stem + ".ext", "w") as f:
        f.write("subjectAltName=DNS:localhost\n")
    c._openssl("x509", "-req", "-in", stem + ".csr", "-CA", c.ca, "-CAkey",
               c.ca_key, "-CAcreateserial", "-days", "-1", "-extfile",
               stem + ".ext", "-out", stem + ".pem")
    with _tls_mock(stem + ".pem", stem + ".key") as mock:
        mock.ca = c.ca
        r = make(server=mock).run(code=None)
        assert r.code > 0, r
        assert "expired" in r.text.lower()
        assert not LOGINS.search(mock.received)


def test_server_without_starttls(make):
    """Asked for, not there: the password stays here, and the error names
    the option."""
    with Imap(capability="IMAP4rev1 AUTH=PLAIN") as mock:
        w = make(server=mock, tls="starttls")
        r = w.run(code=None)
        assert r.code > 0, r
        assert "starttls" in r.text.lower()
        assert not LOGINS.search(mock.received), mock.received
        w.tls = "plain"
        w.configure()
        w.run()
        assert LOGINS.search(mock.received)


def test_starttls_refused(make):
    def answer(conn, tag, command, line):
        if command == "STARTTLS":
            conn.send(tag + b" NO not today\r\n")
            return True
    with Imap(capability="IMAP4rev1 STARTTLS AUTH=PLAIN",
              answer=answer) as mock:
        r = make(server=mock, tls="starttls").run(code=None)
        assert r.code > 0, r
        assert not LOGINS.search(mock.received), mock.received


def test_preauth_before_starttls(make):
    """PREAUTH in the clear would leave no chance for TLS: refused."""
    with Imap(capability="IMAP4rev1 STARTTLS",
              greeting=b"* PREAUTH hello\r\n") as mock:
        r = make(server=mock, tls="starttls").run(code=None)
        assert r.code > 0, r
        assert b"SELECT" not in mock.received.upper()


@pytest.mark.parametrize("extra", [
    b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", b"x"])
def test_plaintext_behind_starttls(make, server, extra):
    """Bytes in the same segment as the OK of STARTTLS are an attack."""
    c = server.certificates
    seen = []

    def answer(conn, tag, command, line):
        if command == "STARTTLS":
            conn.send(tag + b" OK go\r\n" + extra)
            conn.wrap(c.cert, c.key)
            seen.append("tls")
            return True
    with Imap(capability="IMAP4rev1 STARTTLS AUTH=PLAIN",
              answer=answer) as mock:
        mock.ca = c.ca
        r = make(server=mock, tls="starttls").run(code=None)
        assert r.code > 0, r
        assert not LOGINS.search(mock.received), mock.received


def test_logindisabled(make):
    """Without TLS: says so. LOGIN is not sent."""
    with Imap(capability="IMAP4rev1 LOGINDISABLED") as mock:
        r = make(server=mock, tls="plain").run(code=None)
        assert r.code > 0, r
        assert not LOGINS.search(mock.received), mock.received


def test_unknown_capabilities_and_literal_in_greeting(make):
    with Imap(capability="IMAP4rev1 X-ODD=1 AUTH=PLAIN SASL-IR",
              greeting=b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR "
                       b"X-ODD] \xc3\xa9 ready\r\n") as mock:
        make(server=mock, tls="plain").run()
        sent = re.search(rb"AUTHENTICATE PLAIN (\S+)", mock.received)
        assert base64.b64decode(sent.group(1)).split(b"\0")[2] == b"secret"


@pytest.mark.parametrize("capability", ["AUTH=PLAIN SASL-IR", "AUTH=PLAIN",
                                        "LOGIN-REFERRALS"])
def test_nothing_behind_the_login(make, capability):
    """Before it is answered: Cyrus throws away what comes there."""
    behind = []

    def answer(conn, tag, command, line):
        if command in ("LOGIN", "AUTHENTICATE"):
            if command == "AUTHENTICATE" and len(line.split()) == 3:
                conn.send(b"+ \r\n")
                conn.line()
            behind.append((conn.buffer, select.select([conn.sock], [], [],
                                                      0.3)[0]))
            conn.send(tag + b" OK done\r\n")
            return True
    with Imap(capability="IMAP4rev1 " + capability, answer=answer) as mock:
        make(server=mock, tls="plain", remote={"maxconnections": 1}).run()
    assert behind == [(b"", [])]


@pytest.mark.parametrize("answer_text,codes", [
    (b" NO [AUTHENTICATIONFAILED] no", (77,)),
    (b" NO [UNAVAILABLE] later", (75,)),
    (b" NO [LIMIT] too many connections", (75,)),
    (b" NO [INUSE] busy", (75,)), (b" BAD no", (1, 77))])
def test_answers_to_login(make, answer_text, codes):
    def answer(conn, tag, command, line):
        if command in ("LOGIN", "AUTHENTICATE"):
            conn.send(tag + answer_text + b"\r\n")
            return True
    with Imap(capability="IMAP4rev1 AUTH=PLAIN SASL-IR",
              answer=answer) as mock:
        r = make(server=mock, tls="plain",
                 remote={"retrycount": 0}).run(code=None)
        assert r.code in codes, r


def test_nobody_listens(make, server):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        r = make(remote={"remoteport": port}).run(code=75)
    assert str(port) in r.text or "localhost" in r.text


def test_no_such_host(make):
    r = make(remote={"remotehost": "no-such-host.invalid"}).run(
        code=75, timeout=90)
    assert "no-such-host.invalid" in r.text


@pytest.mark.parametrize("how", ["silent", "closes", "bye"])
def test_server_that_stalls(make, how):
    """Every wait has an end."""
    def talk(server, conn):
        if how == "silent":
            conn.drain()
        elif how == "bye":
            conn.send(b"* BYE too busy\r\n")
    with Server(talk) as mock:
        w = make(server=mock, tls="plain", general={"socktimeout": "3"},
                 remote={"retrycount": 0})
        w.run(code=75, timeout=30)


@pytest.mark.slow
def test_server_that_drips(make):
    """It says something now and then, but never answers: the command as a
    whole has a deadline, ten times socktimeout."""
    import time

    def talk(server, conn):
        conn.send(b"* OK hello\r\n")
        conn.line()
        for _ in range(400):
            conn.send(b"* OK still here\r\n")
            time.sleep(0.1)
    with Server(talk) as mock:
        w = make(server=mock, tls="plain", general={"socktimeout": "1"},
                 remote={"retrycount": 0})
        # On a busy machine the mock may be silent for that second.
        assert any("not answered" in w.run(code=75, timeout=60).text
                   for _ in range(3))


def test_show_cert(make, server):
    w = make()
    r = w.run("show-cert", "localhost:%d" % server.tls_port, conf=False)
    with open(server.certificates.cert) as f:
        want = f.read().split("-----")[2].split()
    assert r.out.split("-----")[2].split() == want


def test_show_cert_of_a_self_signed_server(make, server):
    """What it prints can be used as sslcacertfile."""
    cert, key = server.certificates.self_signed("shown", "DNS:localhost")
    with _tls_mock(cert, key) as mock:
        w = make(server=mock)
        r = w.run("show-cert", "localhost:%d" % mock.port, conf=False)
        path = os.path.join(w.dir, "shown.pem")
        with open(path, "w") as f:
            f.write(r.out)
        w.configure(remote={"sslcacertfile": path})
        w.run()


def test_password_in_no_log(make, workdir):
    log = os.path.join(workdir, "log")
    for mechanism in ("PLAIN", "LOGIN"):
        w = make(remote={"auth_mechanisms": mechanism})
        r = w.run("-l", log, "-d", "imap")
        with open(log, errors="replace") as f:
            text = f.read() + r.text
        assert "secret" not in text
        assert base64.b64encode(
            ("\0%s\0secret" % w.user).encode()).decode() not in text
        assert os.path.getsize(log) > 0


def test_files_of_the_state_are_private(w):
    w.sync()
    for top, dirs, names in os.walk(w.metadata):
        for n in dirs:
            mode = os.stat(os.path.join(top, n)).st_mode
            assert stat.S_IMODE(mode) == 0o700, n
        for n in names:
            mode = os.stat(os.path.join(top, n)).st_mode
            assert stat.S_IMODE(mode) == 0o600, n


@pytest.mark.parametrize("folder", ["a\r\nb", "a\nx1 DELETE INBOX"])
def test_line_breaks_in_a_folder_name(make, folder):
    """From a literal in LIST: never sent raw, so never a command."""
    def answer(conn, tag, command, line):
        if command == "LIST" and not line.rstrip().endswith(b'""'):
            name = folder.encode()
            conn.send(b'* LIST () "/" {%d}\r\n%s\r\n* LIST () "/" INBOX\r\n'
                      % (len(name), name) + tag + b" OK done\r\n")
            return True
    with Imap(answer=answer) as mock:
        w = make(server=mock, tls="plain")
        w.run(code=(0, 1))
        for line in mock.received.split(b"\r\n"):
            assert not line.startswith((b"x1 ", b"b ", b'b"')), line
        assert b"\nx1 DELETE" not in mock.received


@pytest.mark.own
def test_send_buffer_of_one_command(narrow, make):
    """What is sent next may have to wait until the last is gone."""
    w = make()
    with w.box() as b:
        b.append(message("m"))
    w.sync()

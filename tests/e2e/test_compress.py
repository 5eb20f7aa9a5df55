"""COMPRESS=DEFLATE against a real server, and one that does not play fair."""
import os
import random
import re
import shutil
import socket
import sys
import threading
import time
import zlib

import pytest

import hostile
from mail import message
from mock import Imap
from proxy import Proxy
from wherry import TEMPORARY, needs, number

# The table of everything, once more over compressed lines.
from test_table import (  # noqa: F401, E402
    test_expunge_names_only_our_own, test_flags,
    test_new_and_gone_while_others_change,
    test_new_on_both_sides_with_every_flag, test_presence,
    test_trash_flag_alone_removes_nothing)

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "bench"))
from line import Relay  # noqa: E402

PLUGIN = """
mail_plugins = zlib
protocol imap {
  mail_plugins = zlib imap_zlib
}
"""
CAPABILITY = "IMAP4rev1 UIDPLUS AUTH=PLAIN COMPRESS=DEFLATE"
# Where it counts what one connection does: which of several is compressed, and
# when, is a matter of time.
ALONE = {"maxconnections": 1}
ALL = {"maxconnections": 4}  # more than can be compressed


@pytest.fixture(scope="session")
def zservers(servers):
    return lambda **kind: servers(extra=PLUGIN, **kind)


@pytest.fixture
def kind():
    return "dovecot"


@pytest.fixture
def server(zservers):
    return zservers()


@pytest.fixture
def make(make, server, zservers):
    """Compressed, unless it says otherwise."""
    needs("compress")

    def get(**options):
        of = options.get("server", server)
        if hasattr(of, "storage") and of.extra != PLUGIN:
            options["server"] = zservers(storage=of.storage)
        options.setdefault("server", server)
        options["remote"] = {"usecompression": "yes",
                             **options.get("remote", {})}
        return make(**options)
    return get


def text_mail(b, n, folder="INBOX"):
    r = random.Random(3)
    with open(__file__) as f:
        words = f.read().split()
    bodies = [message("m%d" % i, text=" ".join(r.choices(words, k=400)))
              for i in range(n)]
    b.append_many(bodies, folder)
    return sum(map(len, bodies))


def compressed(r):
    """(bytes received, what they were) of --stats."""
    return (number(r.text, "round trips", "received") and
            int(r.text.split("received ")[1].split()[0]),
            number(r.text, "uncompressed that is"))


def test_first_sync_and_its_bytes(w):
    """Less than half on text mail; it says so; up and down."""
    with w.box() as b:
        text_mail(b, 300)
    r = w.sync("--stats")
    wire, whole = compressed(r)
    assert whole > 900000 and wire < whole / 2, r
    for i in range(20):
        w.local.add(message("up%d" % i, size=9000))
    r = w.sync("--stats")
    sent = int(r.text.split(" sent ")[1].split()[0])
    assert sent < 20 * 9000 / 2, r
    w.quiet()


def test_literals_of_all_sizes(w):
    with w.box() as b:
        for n in (0, 1, 4095, 32767, 32768, 65536, 3000000):
            b.append(message("s%d" % n, size=n))
        b.append(message("noise", text=os.urandom(400000).hex()))
    w.sync()


def test_two_of_many_connections(make):
    """More folders and lanes than can be compressed: the others go on raw."""
    w = make(remote=ALL)
    with w.box() as b:
        for i in range(12):
            b.create("f%d" % i)
            text_mail(b, 10, "f%d" % i)
    w.sync()
    w.quiet()


def test_the_last_is_compressed_late(make):
    """A lane that gets the memory of another one when its next folder's
    commands are on the line already: time and again, since it is a race."""
    w = make(remote=ALL)
    for i in range(20):
        with w.box() as b:
            b.create("f%02d" % i)
            b.append_many((message("m%d.%d" % (i, k), 300)
                           for k in range(400)), "f%02d" % i)
    for _ in range(6):
        r = w.run("--stats")  # nobody waited for ever
        assert "no answer" not in r.text and "not answered" not in r.text, r
        assert len(w.local.files("f19")) == 400
        shutil.rmtree(w.root)
        shutil.rmtree(w.metadata)


def test_no_is_no(make):
    w = make(remote={"usecompression": "no"})
    with w.box() as b:
        text_mail(b, 30)
    r = w.sync("--stats")
    assert number(r.text, "uncompressed that is") is None


def commands(r):
    """What was sent, without tags: all connections, in turn."""
    return re.findall(r"C: w\d+ (.*)", r.text)


def turns(r):
    return r.text.split("round trips ")[1].split(",")[0]


SHOWN = "--stats", "-d", "imap"


def test_auto_in_the_middle_of_a_first_sync(make, server):
    """16 Mbit/s: that is seen from the first messages, and the rest of the
    folder is compressed. It is remembered: what comes next is from the login
    on, but a run that finds nothing new waits as often as without."""
    w = make(tls="plain", remote={"usecompression": "auto", **ALONE})
    with w.box() as b:
        text_mail(b, 1200)
    with Relay(server.port, "16M") as relay:
        w.configure(remote={"remoteport": relay.port})
        for _ in range(4):  # who is busy sees late how slow the line is
            r = w.run(*SHOWN)
            wire, whole = compressed(r)
            whole = whole or wire
            if wire < whole * .7:
                break
            shutil.rmtree(w.root)
            shutil.rmtree(w.metadata)
        assert whole > 3000000 and wire < whole * .7, r
        sent = commands(r)
        at = sent.index("COMPRESS DEFLATE")
        assert any("BODY.PEEK" in c for c in sent[:at]), sent
        assert any("BODY.PEEK" in c for c in sent[at:]), sent
        assert sent.count("COMPRESS DEFLATE") == 1
        r = w.run(*SHOWN)
        assert "COMPRESS DEFLATE" not in commands(r)
        w.configure(remote={"usecompression": "no"})
        w.run()  # another configuration: everything is looked at
        assert turns(w.run("--stats")) == turns(r)
        w.configure(remote={"usecompression": "auto"})
        with w.box() as b:
            for i in range(3):
                b.create("n%d" % i)
                text_mail(b, 100, "n%d" % i)
        sent = commands(w.run(*SHOWN))
        assert "COMPRESS DEFLATE" in sent
    w.check()


def test_auto_far_away(make, server):
    """Distance alone is not slow: nothing is compressed."""
    w = make(tls="plain", remote={"usecompression": "auto"})
    with w.box() as b:
        for i in range(4):
            b.create("f%d" % i)
            text_mail(b, 300, "f%d" % i)
    with Relay(server.port, "60") as relay:
        w.configure(remote={"remoteport": relay.port})
        r = w.run(*SHOWN)
    assert "COMPRESS DEFLATE" not in commands(r), r
    w.check()


def test_auto_leaves_the_line_to_those_that_are_compressed(make, server):
    """Slow, and more folders and lanes than can be compressed: the others
    give back what they have, and nothing is fetched twice."""
    w = make(tls="plain", remote={"usecompression": "auto", **ALL})
    with w.box() as b:
        size = 0
        for i in range(8):
            b.create("f%d" % i)
            size += text_mail(b, 400, "f%d" % i)
    with Relay(server.port, "16M") as relay:
        w.configure(remote={"remoteport": relay.port})
        r = w.run(*SHOWN)
        wire, whole = compressed(r)
        assert wire < whole * .6, r
        # Two at a time: who was held back has its turn when they have ended.
        assert 2 <= commands(r).count("COMPRESS DEFLATE") <= 4
        assert whole < size * 1.15, r
    w.check()


@pytest.mark.parametrize("answer", [b"NO not now", b"BAD what"])
def test_auto_refused_in_the_middle(make, answer):
    """The folder goes on as it is."""
    with hostile.Imap(caps=hostile.CAPS + " COMPRESS=DEFLATE") as s:
        r = random.Random(5)
        for i in range(400):
            s.folders["INBOX"].add(message("m%d" % i, text="%x" % r.getrandbits(
                24000)))
        s.do_compress = lambda conn, cmd, out: answer
        w = make(server=s, tls="plain",
                 remote={"usecompression": "auto", **ALONE})
        with Relay(s.port, "8M") as relay:
            w.configure(remote={"remoteport": relay.port})
            r = w.run(*SHOWN)
    assert commands(r).count("COMPRESS DEFLATE") == 1, r
    assert len(w.local.messages()) == 400


def test_auto_cut_at_the_switch(make):
    """The connection dies instead of an answer to COMPRESS: the folder goes
    on with another one, and nothing comes twice."""
    with hostile.Imap(caps=hostile.CAPS + " COMPRESS=DEFLATE") as s:
        r = random.Random(5)
        for i in range(400):
            s.folders["INBOX"].add(message("m%d" % i, text="%x" % r.getrandbits(
                24000)))
        asked = []

        def compress(conn, cmd, out):
            asked.append(cmd)
            if len(asked) < 3:
                raise EOFError
            return b"NO not now"
        s.do_compress = compress
        w = make(server=s, tls="plain",
                 remote={"usecompression": "auto", **ALONE})
        with Relay(s.port, "8M") as relay:
            w.configure(remote={"remoteport": relay.port})
            r = w.run("--stats")
    assert len(asked) == 3, r
    assert len(w.local.messages()) == 400
    assert ", down 400," in r.text, r


def many(s, folders, n):
    """n messages of 4 KiB in each."""
    body = message("m", size=4 << 10)
    for i in range(folders):
        f = s.folders.setdefault("f%d" % i if i else "INBOX", hostile.Folder())
        for _ in range(n):
            f.add(body)


def test_auto_asks_for_little_before_it_knows(make):
    """However many connections there are: all of them have asked for what one
    may ask for, and for one set each, as long as no message has come."""
    lock, held, told, asked = threading.Lock(), {}, [], []
    with hostile.Imap(caps=hostile.CAPS + " COMPRESS=DEFLATE") as s:
        many(s, 12, 100)
        s.do_compress = lambda conn, cmd, out: b"NO not now"

        def take(conn, cmd):
            with lock:
                if told or b"BODY.PEEK[]" not in cmd.line:
                    return False
                held.setdefault(conn, []).append(cmd)
                return True

        def tell():
            end = time.monotonic() + 10
            while len(held) < 4 and time.monotonic() < end:
                time.sleep(.02)
            time.sleep(.3)
            with lock:
                told.append(True)
                for conn, cmds in held.items():
                    for cmd in cmds:
                        out = []
                        s.do_uid_fetch(conn, cmd, out)
                        asked.append(len(b"".join(out)))
                        conn.send(b"".join(out) + cmd.tag + b" OK\r\n")
        s.take = take
        teller = threading.Thread(target=tell)
        teller.start()
        w = make(server=s, tls="plain", remote={
            "usecompression": "auto", "maxconnections": 4})
        w.run()
        teller.join()
        assert 64 << 10 < sum(asked) <= 576 << 10, asked
        assert sum(len(w.local.files("f%d" % i if i else "INBOX"))
                   for i in range(12)) == 1200


def test_auto_asks_for_no_more_when_it_knows(make):
    """From the first COMPRESS on, connections that are not compressed ask for
    nothing but what was on its way. The line is a server that sleeps: it never
    makes up for it, as one with a clock would that was held up."""
    lock, packed, late = threading.Lock(), set(), []
    with hostile.Imap(caps=hostile.CAPS + " COMPRESS=DEFLATE") as s:
        many(s, 4, 300)

        def take(conn, cmd):
            if cmd.name == "COMPRESS":
                with lock:
                    packed.add(conn)
                conn.send(cmd.tag + b" OK now\r\n")
                conn.sock = Deflated(conn.sock)
                return True
            if conn in packed or b"BODY.PEEK[]" not in cmd.line:
                return False
            out = []
            s.do_uid_fetch(conn, cmd, out)
            out = b"".join(out) + cmd.tag + b" OK\r\n"
            with lock:
                late.append(len(out) if packed else 0)
            for at in range(0, len(out), 4096):
                conn.send(out[at:at + 4096])
                time.sleep(.008)
            return True
        s.take = take
        w = make(server=s, tls="plain", remote={
            "usecompression": "auto", "maxconnections": 4})
        w.run()
        assert sum(late) <= 576 << 10, late
        assert sum(len(w.local.files("f%d" % i if i else "INBOX"))
                   for i in range(4)) == 1200


def test_cut_lines(make, server):
    """The line breaks anywhere; the runs after it end where they should."""
    w = make(tls="plain", remote={"retrycount": 0})
    r = random.Random(7)
    with w.box() as b:
        text_mail(b, 60)
    with Proxy(server.port) as proxy:
        for n in range(10):
            proxy.cut_down = int(10 ** r.uniform(2, 4.8))
            w.configure(remote={"remoteport": proxy.port})
            w.run(code=(0, 1, TEMPORARY))
    w.configure(remote={"remoteport": server.port})
    w.sync()


class Deflated:
    """A socket, compressed from here on."""

    def __init__(self, sock):
        self.sock = sock
        self.out = zlib.compressobj(6, zlib.DEFLATED, -15)
        self.inp = zlib.decompressobj(-15)

    def pack(self, data):
        return self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH)

    def sendall(self, data):
        self.sock.sendall(self.pack(data))

    def recv(self, n):
        while True:
            data = self.sock.recv(n)
            plain = self.inp.decompress(data)
            if plain or not data:
                return plain

    def __getattr__(self, name):
        return getattr(self.sock, name)


def mock(behind=b"", early=None, answer=b"OK now", then=None):
    """behind: sent in one piece with the answer; early: gets what came before
    it; then: called when it is compressed."""
    def take(conn, tag, command, line):
        if command != "COMPRESS":
            return False
        if early is not None:
            conn.sock.settimeout(.3)
            try:
                early.append(conn.buffer + conn.sock.recv(99))
            except socket.timeout:
                early.append(conn.buffer)
            conn.sock.settimeout(None)
        if not answer.startswith(b"OK"):
            conn.send(tag + b" " + answer + b"\r\n")
            return True
        z = Deflated(conn.sock)
        conn.send(tag + b" " + answer + b"\r\n" +
                  (z.pack(behind) if behind else b""))
        conn.sock = z
        if then:
            then(conn)
        return True
    return Imap(capability=CAPABILITY, answer=take)


def test_nothing_behind_compress_before_its_answer(make):
    early = []
    with mock(early=early) as m:
        make(server=m, tls="plain", remote=ALONE).run()
    assert early == [b""]


def test_compressed_bytes_in_one_piece_with_the_answer(make):
    with mock(behind=b"* OK [ALERT] heard behind it\r\n") as m:
        r = make(server=m, tls="plain", remote=ALONE).run()
    assert "heard behind it" in r.text


@pytest.mark.parametrize("answer", [b"NO [COMPRESSIONACTIVE] is on",
                                    b"BAD what"])
def test_refused(make, answer):
    """It goes on as it is."""
    with mock(answer=answer) as m:
        make(server=m, tls="plain", remote=ALONE).run()
    assert m.received.count(b"COMPRESS DEFLATE") == 1
    assert b"LIST" in m.received


def test_damaged(make):
    with mock(then=lambda conn: conn.sock.sock.sendall(b"\xff" * 40)) as m:
        r = make(server=m, tls="plain", remote=ALONE).run(code=None)
    assert r.code > 0 and "usecompression" in r.text


@pytest.mark.slow
def test_bomb(make):
    """A line of a few bytes that unpacks without end, faster than anybody
    reads it: the command has a deadline, and no memory grows."""
    z = Deflated(None)
    start, piece = z.pack(b"* OK "), z.pack(b"x" * (8 << 20))  # takes a while

    def then(conn):
        conn.sock.sock.sendall(start)
        while True:
            conn.sock.sock.sendall(piece)
    with mock(then=then) as m:
        w = make(server=m, tls="plain", general={"socktimeout": "1"},
                 remote={"retrycount": 0, **ALONE})
        for _ in range(3):  # a busy machine may be silent for that second
            r = w.run("--stats", code=TEMPORARY, timeout=60)
            if "not answered" in r.text:
                break
    assert "not answered" in r.text
    assert number(r.text, "peak") is not None

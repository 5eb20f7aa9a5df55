"""Extensions that a server offers and answers with BAD: off for the session
at once, for the account when a second session found the same, and on again
after a month. What the server refuses for another reason is not blamed on
them."""
import os
import re
import struct
import zlib

import pytest

import tracked
from hostile import CAPS
from mail import lf, message
from test_listing import table
from wherry import Wherry, needs

DAY = 86400

# What is answered with BAD, and what else the server offers.
REFUSED = {
    "QRESYNC": (rb"SELECT .*\(QRESYNC", tracked.QRESYNC),
    "QRESYNC-enable": (rb"ENABLE QRESYNC", tracked.QRESYNC),
    "CONDSTORE": (rb"SELECT .*\(CONDSTORE", tracked.CONDSTORE),
    "CONDSTORE-since": (rb"UID FETCH .*\(CHANGEDSINCE", tracked.CONDSTORE),
    "ESEARCH": (rb"UID SEARCH RETURN", tracked.CONDSTORE),
    "LIST-STATUS": (rb"LIST .* RETURN", CAPS + " LIST-STATUS"),
    "MULTIAPPEND": (rb"APPEND .*~.*~", CAPS + " MULTIAPPEND"),
    "COMPRESS=DEFLATE": (rb"COMPRESS DEFLATE", CAPS + " COMPRESS=DEFLATE"),
}


class Account:
    def __init__(self, dir, caps, refuse, answer=b"BAD what"):
        self.s = tracked.Tracked(caps=caps)
        self.s.take = self.take
        self.s.do_compress = lambda conn, cmd, out: b"NO not now"
        self.refuse, self.answer = re.compile(rb"\S+ " + refuse), answer
        self.n = self.hits = 0
        self.w = Wherry(dir, self.s, "user", tls="plain",
                        general={"socktimeout": "20"},
                        remote={"usecompression": "yes"}
                        if b"COMPRESS" in refuse else {})

    def take(self, conn, cmd):
        if not self.refuse.match(cmd.line):
            return False
        self.hits += 1
        conn.send(cmd.tag + b" " + self.answer + b"\r\n")
        return True

    def session(self, code=0):
        """Changes of all kinds; how often it was asked for what is refused,
        and whether it was told that this is the end of it."""
        inbox = self.s.folders["INBOX"]
        self.n += 1
        if len(inbox.mails) > 6:
            inbox.mails.remove(inbox.mails[2])
            inbox.mails[3].flags ^= {"\\Flagged"}
        for i in range(3):
            inbox.add(message("there%d.%d" % (self.n, i)))
            if self.n > 1:
                self.w.local.add(lf(message("here%d.%d" % (self.n, i))))
        self.hits = 0
        r = self.w.run(code=code)
        told = re.findall(r"offers (\S+) and says BAD", r.text)
        assert len(told) <= 1
        return self.hits, told[0] if told else None

    def same(self):
        for name, f in self.s.folders.items():
            assert sorted((m.body.split(b"\r\n")[0], m.letters)
                          for m in f.mails) == sorted(
                (m.body.split(b"\n")[0].rstrip(b"\r"), m.flags)
                for m in self.w.local.messages(name))

    def age(self, seconds):
        """As if what was found had been found so much earlier."""
        path = table(self.w)
        with open(path, "rb") as f:
            data = bytearray(f.read())
        at, = struct.unpack_from("<I", data, 104)
        struct.pack_into("<I", data, 104, at - seconds)
        crc = zlib.crc32(bytes(data[:124]), 0x57485259)
        struct.pack_into("<I", data, 124, crc)
        with open(path, "wb") as f:
            f.write(data)


@pytest.fixture
def account(workdir):
    made = []

    def get(*args, **more):
        made.append(Account(os.path.join(workdir, "a%d" % len(made)), *args,
                            **more))
        return made[-1]
    yield get
    for a in made:
        a.s.stop()


@pytest.mark.parametrize("name", REFUSED)
def test_twice(account, name):
    refuse, caps = REFUSED[name]
    word = re.sub("-(enable|since)$", "", name)
    if name.startswith("COMPRESS"):
        needs("compress")
    a = account(caps, refuse)
    a.s.take = None
    assert a.session() == (0, None)
    assert a.session() == (0, None)
    a.s.take = a.take
    assert a.session() == (1, None)
    a.same()
    a.age(29 * DAY)
    assert a.session() == (1, word)
    a.same()
    for _ in range(2):
        assert a.session() == (0, None)
    a.age(29 * DAY)
    assert a.session() == (0, None)
    a.same()
    a.age(DAY)  # and now it knows it, perhaps
    assert a.session() == (1, None)
    a.age(31 * DAY)
    assert a.session() == (1, None)
    a.s.take = None
    assert a.session() == (0, None)
    a.same()


def test_no_is_not_bad(account):
    """Off for the session, but not to be remembered."""
    a = account(CAPS + " LIST-STATUS", rb"LIST .* RETURN", b"NO not now")
    a.s.take = None
    a.session()
    a.s.take = a.take
    for _ in range(3):
        assert a.session() == (1, None)
    a.same()


def test_folder_to_blame(account):
    """BAD with the extension, and without it: the folder is it."""
    a = account(tracked.CONDSTORE, rb'SELECT "odd"')
    a.s.take = None
    a.session()
    a.s.do_create(None, type("c", (), {"mailbox": lambda self: "odd"})(), [])
    a.s.take = a.take
    for _ in range(3):
        assert a.session(code=1) == (2, None)
    a.s.received = b""
    a.session(code=1)
    assert b'SELECT "INBOX" (CONDSTORE)' in a.s.received


def test_message_to_blame(account):
    """So with a message that is refused alone, too."""
    a = account(CAPS + " MULTIAPPEND", rb"APPEND")
    a.session()
    for i in range(3):
        assert a.session(code=1)[1] is None
        assert a.hits > 1

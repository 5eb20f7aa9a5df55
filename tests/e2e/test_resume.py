"""A large message that is cut off in the middle goes on where it ended."""
import os
import re
import signal
import time

import pytest

from hostile import Imap, date_text
from mail import lf, message
from proxy import Proxy
from wherry import OK, Wherry, needs

SIZE = 30 << 20


@pytest.fixture(autouse=True)
def has_it():
    needs("resume")


def body(size):
    """Odd line ends too: what is kept must know how long it was there."""
    head = message("large")
    line = b"%09d it goes on\r and \n on and on and on\r\r\n"
    return head + b"".join(line % i for i in range(size // 48))


def parts(w):
    return [n for n in os.listdir(w.local.path("INBOX", "tmp"))
            if n.count(".") == 5]


def the_file(w):
    path, = w.local.files()
    with open(path, "rb") as f:
        return f.read()


def again(w, times=10):
    """Runs until it is done."""
    for _ in range(times):
        if w.run(code=(0, 1, 75)).code == OK:
            return
    raise AssertionError("never done")


@pytest.fixture
def large(tmp_path, server, user):
    w = Wherry(tmp_path, server, user, tls="plain")
    whole = body(SIZE)
    with w.box() as b:
        b.append(whole)
        whole = b.messages()[0].body
    return w, whole


def test_line_that_breaks(large, server):
    w, whole = large
    with Proxy(server.port) as proxy:
        proxy.cut_down = len(whole) // 3
        w.configure(remote={"remoteport": proxy.port})
        again(w)
        proxy.cut_down = None
        assert len(whole) < proxy.bytes_down < len(whole) * 1.02
    assert the_file(w) == lf(whole)
    assert w.local.leftovers() == []
    w.configure(remote={"remoteport": server.port})
    w.quiet()


def come(w):
    """Bytes of what is not a message as yet."""
    n = 0
    for path in w.local.leftovers():
        try:
            n += os.path.getsize(path)
        except FileNotFoundError:
            pass  # has another name by now
    return n


def end_amid(w, how, size=12 << 20):
    """A run that gets this signal when so much has come. More than that may
    come, but not all of it, however late the signal is."""
    p = w.start()
    end = time.monotonic() + 60
    while come(w) < size and time.monotonic() < end and p.poll() is None:
        time.sleep(0.002)
    os.kill(p.pid, how)
    w.finish(p)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_end_in_the_middle(large, server, how):
    """Killed, what was made durable is there; stopped, all of it."""
    w, whole = large
    with Proxy(server.port, hold_down=20 << 20) as proxy:
        w.configure(remote={"remoteport": proxy.port})
        end_amid(w, how)
    name, = parts(w)
    have = int(name.split(".")[3])
    assert have >= (8 << 20)
    with Proxy(server.port) as proxy:
        w.configure(remote={"remoteport": proxy.port})
        again(w)
        assert proxy.bytes_down < len(whole) - have + 50000
    assert the_file(w) == lf(whole)
    assert w.local.leftovers() == []


class Half:
    """A server that breaks off after half of the message, once; then it
    answers to the rest as `rest` says."""

    def __init__(self, dir, rest):
        self.s = Imap()
        self.whole = body(300000)
        self.mail = self.s.folders["INBOX"].add(self.whole)
        self.rest, self.cut, self.asked = rest, True, []
        self.s.take = self.take
        self.w = Wherry(dir, self.s, "user", tls="plain",
                        remote={"retrycount": 0})

    def send(self, conn, cmd, where, data, more=b""):
        conn.send(b"* 1 FETCH (UID %d FLAGS () INTERNALDATE \"%s\" BODY[]%s "
                  b"{%d}\r\n" % (self.mail.uid, date_text(self.mail.date),
                                 where, len(data) + len(more)) + data)
        if more:
            conn.close()
            raise EOFError
        conn.send(b")\r\n%s OK done\r\n" % cmd.tag)
        return True

    def take(self, conn, cmd):
        m = re.search(rb"BODY\.PEEK\[\](?:<(\d+)\.(\d+)>)?", cmd.line)
        if not m:
            return False
        at = int(m.group(1) or 0)
        self.asked.append(at)
        if self.cut:
            self.cut = False
            return self.send(conn, cmd, b"", self.whole[:200001],
                             self.whole[200001:])
        if not at:
            return self.send(conn, cmd, b"", self.whole)
        assert int(m.group(2)) == len(self.whole) - at + 1
        return self.rest(self, conn, cmd, at)


REST = {
    "honest": lambda s, conn, cmd, at: s.send(
        conn, cmd, b"<%d>" % at, s.whole[at:]),
    "whole": lambda s, conn, cmd, at: s.send(conn, cmd, b"", s.whole),
    "no": lambda s, conn, cmd, at: conn.send(
        cmd.tag + b" NO not in parts\r\n") or True,
    "nothing": lambda s, conn, cmd, at: conn.send(
        cmd.tag + b" OK done\r\n") or True,
    "shorter": lambda s, conn, cmd, at: s.send(
        conn, cmd, b"<%d>" % at, s.whole[at:-1]),
    "longer": lambda s, conn, cmd, at: s.send(
        conn, cmd, b"<%d>" % at, s.whole[at:] + b"x"),
    "elsewhere": lambda s, conn, cmd, at: s.send(
        conn, cmd, b"<%d>" % (at - 1), s.whole[at:]),
    "nowhere": lambda s, conn, cmd, at: s.send(
        conn, cmd, b"<x>", s.whole[at:]),
}


@pytest.mark.parametrize("how", sorted(REST))
def test_answers_to_the_rest(tmp_path, how):
    """What does not fit is no part of the message: it is fetched whole."""
    half = Half(tmp_path, REST[how])
    half.w.run(code=75)
    name, = parts(half.w)
    uid, have, size, full = (int(x) for x in name.split(".")[2:])
    assert (uid, full) == (1, len(half.whole))
    assert 150000 < have <= 200001 and size < have
    again(half.w)
    assert half.asked[:2] == [0, have]
    assert half.asked[2:] == ([] if how in ("honest", "whole") else [0])
    assert the_file(half.w) == half.whole.replace(b"\r\n", b"\n")
    assert half.w.local.leftovers() == []


@pytest.mark.parametrize("what", ["shorter", "validity", "record", "gone",
                                  "word"])
def test_parts_that_do_not_fit(tmp_path, what):
    """A part of another numbering, without its data, or of a message that is
    not wanted any more is not used and does not stay."""
    half = Half(tmp_path, REST["honest"])
    half.w.run(code=75)
    name, = parts(half.w)
    path = half.w.local.path("INBOX", "tmp", name)
    word = name.split(".")
    if what == "shorter":
        os.truncate(path, 1000)
    elif what == "validity":
        word[1] = "8"
    elif what == "record":
        word[2] = "77"
    elif what == "word":
        word[3] = "1x0"
    else:
        half.s.folders["INBOX"].mails.clear()
    os.rename(path, half.w.local.path("INBOX", "tmp", ".".join(word)))
    again(half.w)
    assert half.w.local.leftovers() == []
    if what == "gone":
        assert half.w.local.files() == []
    else:
        assert half.asked[-1] == 0
        assert the_file(half.w) == half.whole.replace(b"\r\n", b"\n")

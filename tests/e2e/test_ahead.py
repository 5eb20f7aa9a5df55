"""Folders that follow each other on one connection without a wait between
them: what is sent of the next one while one is at work, and what becomes of
it if that was too early."""
import os
import re

import pytest

import tracked
from mail import lf, message, subject
from test_counts import cost
from wherry import TOP, Wherry

with open(os.path.join(TOP, "config.h")) as _f:
    AHEAD = int(re.search(r"define CFG_AHEAD (\d+)", _f.read()).group(1))
own_build = pytest.mark.skipif(
    bool(os.environ.get("WHERRY")) or bool(os.environ.get("WRAP")),
    reason="counts of the default build")

FOLDERS = 20


def filled(w, folders=FOLDERS, each=4):
    with w.box() as b:
        for i in range(folders):
            b.create("f%02d" % i)
            b.append_many((message("m%d-%d" % (i, j)) for j in range(each)),
                          "f%02d" % i)


def settled(make, **kw):
    w = make(remote={"maxconnections": 1}, **kw)
    filled(w)
    w.sync()
    w.run()
    return w, cost(w.run("--stats"))["round trips"]


CHANGES = {
    "new": lambda b, f: b.append(message("new in " + f), f),
    "flags": lambda b, f: b.store(2, "+F", f),
    "gone": lambda b, f: b.delete(2, f),
}


def each(w, what):
    with w.box() as b:
        for i in range(FOLDERS):
            CHANGES[what](b, "f%02d" % i)


@own_build
@pytest.mark.parametrize("what", sorted(CHANGES))
def test_server_changes(make, what):
    """In all folders, on one connection: one flight. Its answers may come in
    pieces, each of which lets one more folder go."""
    w, base = settled(make)
    each(w, what)
    waits = cost(w.sync("--stats"))["round trips"]
    print(base, waits)
    assert waits <= base + 1, (base, waits)
    w.quiet()


class Ahead(tracked.Tracked):
    """With STATUS, and a hook for what happens when a folder is selected."""

    def __init__(self, **more):
        self.at = {}
        super().__init__(**more)

    def do_status(self, conn, cmd, out):
        f = self.folders[cmd.mailbox()]
        self.track(f)
        out.append(b'* STATUS "%s" (MESSAGES %d UIDNEXT %d UIDVALIDITY %d '
                   b'UNSEEN %d HIGHESTMODSEQ %d)\r\n' % (
                       cmd.mailbox().encode(), len(f.mails), f.uidnext,
                       f.uidvalidity,
                       sum("\\Seen" not in m.flags for m in f.mails),
                       f.modseq))

    def do_select(self, conn, cmd, out):
        act = self.at.pop(cmd.mailbox(), None)
        said = act(conn, cmd) if act else None
        if not said:
            return super().do_select(conn, cmd, out)
        conn.folder = None
        return said


NAMES = ["a%d" % i for i in range(8)]


@pytest.fixture
def mocked(workdir):
    """Eight folders that both sides agree on, and one change in each."""
    s = Ahead()
    w = Wherry(os.path.join(workdir, "w"), s, "user", tls="plain",
               general={"socktimeout": "8"}, remote={"maxconnections": 1})
    s.fill(NAMES, 4)
    w.run()
    w.run()
    for name in NAMES:
        s.folders[name].mails[1].flags.add("\\Flagged")
    yield s, w
    s.stop()


def agreed(s, w):
    for name in NAMES:
        there = sorted((subject(m.body), m.letters)
                       for m in s.folders[name].mails)
        here = sorted((subject(m.body), m.flags)
                      for m in w.local.messages(name))
        assert there == here, name
        assert {t.split(".")[0] for t, _ in there} == {name}
    assert w.local.leftovers() == []


def here_too(w, name):
    """A change here that nobody knows of when the folder begins."""
    def act(conn, cmd):
        w.local.reflag(w.local.find(name + ".2", name), "+S")
    return act


def test_guess_fails(mocked):
    """One has to send something after all: it does not reach the others."""
    s, w = mocked
    for name in ("a0", "a3", "a4"):
        s.at[name] = here_too(w, name)
    mark = len(s.received)
    w.run()
    agreed(s, w)
    selects = re.findall(rb'SELECT "(\w+)"', s.received[mark:])
    assert selects.count(b"a3") >= 2
    w.run()
    agreed(s, w)


def test_refused(mocked):
    """A SELECT that was sent ahead is answered with NO."""
    s, w = mocked
    s.at["a2"] = lambda conn, cmd: b"NO not now"
    assert "a2: the server does not open it" in w.run(code=1).text
    w.run()
    agreed(s, w)


def test_no_qresync(mocked):
    """The server does not know what it offers."""
    s, w = mocked
    s.edit = lambda cmd, out: (
        [cmd.tag + b" BAD what\r\n"]
        if cmd.name == "SELECT" and b"QRESYNC" in cmd.rest else out)
    w.run()
    agreed(s, w)


def test_lost(mocked):
    """The connection ends when others are ahead."""
    s, w = mocked

    def end(conn, cmd):
        raise EOFError
    s.at["a2"] = end
    w.run(code=None)
    w.run()
    agreed(s, w)


def test_announced(mocked):
    """What is told between two folders is of neither."""
    s, w = mocked

    def other(conn, cmd):
        conn.send(b"* 99 EXISTS\r\n* VANISHED 1:3\r\n"
                  b"* 1 FETCH (UID 2 FLAGS (\\Deleted \\Seen))\r\n"
                  b"* OK [CLOSED] that was it\r\n")
    for name in NAMES:
        s.at[name] = other
    w.run()
    agreed(s, w)


@pytest.mark.parametrize("edit", [
    rb"NOTHING", rb"APPENDUID \1 900", rb"APPENDUID 8 \2"])
def test_upload_in_doubt(mocked, edit):
    """The last answers of a folder leave a question, when the next one is on
    the line: it is asked, and asked once."""
    s, w = mocked
    for name in NAMES:
        w.local.add(lf(message(name + ".new")), name)
    s.edit = lambda cmd, out: (
        [re.sub(rb"APPENDUID (\d+) (\d+)", edit, x) for x in out]
        if cmd.name == "APPEND" else out)
    mark = len(s.received)
    w.run(timeout=60)
    agreed(s, w)
    selects = re.findall(rb'SELECT "(\w+)"', s.received[mark:])
    assert max(selects.count(n.encode()) for n in NAMES) <= 6, selects

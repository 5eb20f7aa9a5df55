"""A folder that is new here is complete after one flight, if it has few
messages: they are asked for by number behind the listing. On a line where a
wait costs more than the STATUS that tells how many there are."""
import os
import re
import shutil
import signal
import time

import pytest

import tracked
from hostile import Folder
from mail import lf, message, subject
from proxy import Proxy
from test_compress import PLUGIN
from test_counts import cost
from test_fresh import LITERAL, MOST, SET, asked, has_it, same
from test_hostile import amid, before, last, on, only_ok, say, sub, twice
from test_resume import end_amid
from wherry import Wherry, binary, without

assert has_it  # of this file too: built with CFG_FRESH

NEW = r"FETCH \S+ \(UID INTERNALDATE BODY\.PEEK\[\]\)"


def far(w, delay_s=0.02, **more):
    """Its next runs are on a line of so long a wait, each way."""
    p = Proxy(w.server.tls_port, delay_s)
    w.configure(remote={"remoteport": p.port, "usecompression": "no", **more})
    return p


def filled(w, folders, each):
    names = ["f%02d" % i for i in range(folders)]
    with w.box() as b:
        for i, name in enumerate(names):
            b.create(name)
            b.append_many((message("%s.%d" % (name, j), 300 * j)
                           for j in range(each)), name)
            b.store(1, "+S", name)
    return names


@pytest.mark.parametrize("known", [False, True], ids=["first", "later"])
def test_one_flight(make, known):
    """Twenty of them: login, list, and that flight; beside a list that is
    known it comes twice. Answers may come in pieces, and behind INBOX the
    flight begins anew."""
    w = make()
    if known:
        w.sync()
        w.run()
    names = filled(w, 20, 10)
    with far(w, maxconnections=1):
        r = w.run("--stats", "-d", "imap")
    print(cost(r))
    assert len(asked(r, NEW)) == 20 and not asked(r, SET)
    assert cost(r)["round trips"] <= 4 + 2 * known
    same(w, names)
    with far(w):
        w.quiet()


def test_as_many_as_that(make):
    """All of up to so many; of more the newest, and nothing twice."""
    w = make()
    with w.box() as b:
        for name, n in ("most", MOST), ("more", MOST + 1), ("many", 300):
            b.create(name)
            b.append_many((message("%s.%d" % (name, j)) for j in range(n)),
                          name)
        b.delete(range(1, 200), "many")
        mark = w.server.log_mark()
        with far(w):
            r = w.run("-d", "imap")
        assert w.server.cost(w.user, mark)["bodies"] == 2 * MOST + 1 + 101
    assert sorted(c.split()[1] for c in asked(r, NEW)) == [
        "1:32", "2:33", "70:101"]
    assert len(asked(r, SET)) == 2
    same(w, ["most", "more", "many"])


def test_a_line_that_is_not_known(make, servers):
    """What is on its way cannot be compressed: all of few, or few of many.
    INBOX is asked for some before anybody tells how many it has."""
    w = make(server=servers(extra=PLUGIN))
    with w.box() as b:
        for name, n in ("few", MOST // 2), ("more", MOST // 2 + 1):
            b.create(name)
            b.append_many((message("%s.%d" % (name, j)) for j in range(n)),
                          name)
    with far(w, usecompression="auto", maxconnections=1):
        r = w.run("-d", "imap")
    assert [c.split()[1] for c in asked(r, NEW)][0] == "1:16"
    assert sorted(c.split()[1] for c in asked(r, NEW)) == [
        "14:17", "1:16", "1:16"]
    same(w, ["few", "more"])


def test_folders_that_follow(make):
    """INBOX is listed behind LIST; then all of it is asked for, and nothing
    else goes in front. Behind the last of each folder the next one is opened:
    one wait for each."""
    w = make()
    with w.box() as b:
        for name in ("INBOX", "f0", "f1"):
            if name != "INBOX":
                b.create(name)
            b.append_many((message("%s.%d" % (name, j))
                           for j in range(MOST + 20)), name)
    with far(w, maxconnections=1):
        r = w.run("--stats", "-d", "imap")
    print(cost(r))
    assert len(asked(r, NEW)) == 2 and len(asked(r, SET)) == 3
    assert cost(r)["round trips"] <= 6
    same(w, ["INBOX", "f0", "f1"])


@pytest.mark.parametrize("n", [0, 3, 16, 40])
def test_inbox_makes_the_line_known(make, servers, n):
    """By its first messages; where there are fewer the server refuses that,
    which is no matter. Nothing comes twice."""
    w = make(server=servers(extra=PLUGIN))
    with w.box() as b:
        if n:
            b.append_many(message("INBOX.%d" % j) for j in range(n))
    mark = w.server.log_mark()
    with far(w, usecompression="auto", maxconnections=1):
        r = w.run("-d", "imap")
        assert [c.split()[1] for c in asked(r, NEW)] == ["1:16"]
        assert w.server.cost(w.user, mark)["bodies"] == n
        same(w, ["INBOX"])
        assert not asked(w.run("-d", "imap"), NEW)
        w.quiet()


def test_inbox_is_not_asked(make, servers):
    """Its files may be those messages, or its state knows them."""
    w = make(server=servers(extra=PLUGIN))
    with w.box() as b:
        b.append_many(message("INBOX.%d" % j) for j in range(20))
    w.local.create("INBOX")
    with far(w, usecompression="auto", maxconnections=1):
        assert not asked(w.run("-d", "imap"), NEW)
        same(w, ["INBOX"])
        os.unlink(os.path.join(w.metadata, "Account-Test", "wherry",
                               "folders"))
        w.local.add(lf(message("here")))
        assert not asked(w.run("-d", "imap"), NEW)
    w.check()


def test_not_asked(make):
    """Not where a Maildir is, whose files may be those messages; not in a dry
    run, and not on a line where a wait is nothing."""
    w = make()
    names = filled(w, 2, 3)
    with far(w):
        r = w.run("--dry-run", "-d", "imap")
        assert not asked(r, NEW)
        w.local.create("f00")
        w.local.add(lf(message("f00.1", 300)), "f00")
        r = w.run("-d", "imap")
    assert len(asked(r, NEW)) == 1
    same(w, names[1:])


def test_gone_here(make):
    """The Maildir is gone while its state is there: fetched again."""
    w = make()
    names = filled(w, 3, 5)
    w.sync()
    shutil.rmtree(w.local.path("f01"))
    with far(w):
        r = w.run("-d", "imap")
    assert "is gone" in r.text
    same(w, names)


@pytest.mark.parametrize("kind", ["yes", "batch", "no"])
def test_flushed(make, kind):
    w = make(general={"fsync": kind})
    names = filled(w, 2, MOST)
    with far(w):
        w.run()
        same(w, names)
        w.quiet()


class Far(tracked.Tracked):
    """With LIST-STATUS, messages by number, and slow enough."""

    def __init__(self, more=""):
        self.messages = 0
        super().__init__(caps=tracked.QRESYNC + " LIST-STATUS" + more)

    def do_authenticate(self, conn, cmd, out):
        time.sleep(0.02)
        super().do_authenticate(conn, cmd, out)

    def do_id(self, conn, cmd, out):
        time.sleep(0.02)

    def do_list(self, conn, cmd, out):
        super().do_list(conn, cmd, out)
        for name, f in self.folders.items() if b"RETURN" in cmd.rest else ():
            out.append(b'* STATUS "%s" (MESSAGES %d UIDNEXT %d)\r\n' % (
                name.encode(), len(f.mails) + self.messages, f.uidnext))

    def do_fetch(self, conn, cmd, out):
        (lo, hi), = cmd.uids()
        if conn.folder is None or hi > len(conn.folder.mails):
            return b"BAD no such message"
        items = re.findall(r"[A-Z.]+(?:\[\])?".encode(),
                           cmd.rest.split(b" ", 1)[1])
        for m in conn.folder.mails[lo - 1:hi]:
            out.append(self.fetch_line(conn.folder, m, items))


NAMES = ["a%d" % i for i in range(6)]
N = 5


@pytest.fixture
def mocked(workdir):
    s = Far()
    w = Wherry(os.path.join(workdir, "w"), s, "user", tls="plain",
               general={"socktimeout": "8"}, remote={"maxconnections": 1})
    s.fill(NAMES, N, 3000)
    yield s, w
    s.stop()


def agreed(s, w, names=None):
    for name in names or NAMES:
        there = sorted((m.uid, subject(m.body)) for m in s.folders[name].mails)
        here = sorted((int(re.search(r"_(\d+)\.", os.path.basename(p))[1]),
                       subject(open(p, "rb").read()))
                      for p in w.local.files(name))
        assert there == here, name
    assert w.local.leftovers() == []


LIES = {
    "nothing": on(NEW, only_ok),
    "no": on(NEW, say(b"NO [UNAVAILABLE] no")),
    "bad": on(NEW, say(b"BAD what")),
    "no-with-bodies": on(NEW, lambda cmd, out: out[:-1] + [
        cmd.tag + b" NO some\r\n"]),
    "nil": on(NEW, sub(LITERAL, b"BODY[] NIL)\r\n")),
    "empty": on(NEW, sub(LITERAL, b'BODY[] "")\r\n')),
    "no-body": on(NEW, sub(rb" BODY\[\] \{\d+\}\r\n(?s:.*)\)\r\n", b")\r\n")),
    "in-part": on(NEW, sub(rb"BODY\[\] ", b"BODY[]<5> ")),
    "header": on(NEW, sub(rb"BODY\[\] ", b"BODY[HEADER] ")),
    "no-uid": on(NEW, sub(rb"UID \d+ ", b"")),
    "far-uid": on(NEW, sub(rb"UID \d+ ", b"UID 4294967295 ")),
    "not-there": on(NEW, sub(rb"UID \d+ ", b"UID 40 ")),
    "lacks-one": on(NEW, lambda cmd, out: out[:2] + out[3:]),
    "lacks-the-last": on(NEW, lambda cmd, out: out[:-2] + out[-1:]),
    "twice": on(NEW, twice),
    "more": on(NEW, amid(b"".join(
        b"* 1 FETCH (UID %d BODY[] {4}\r\njunk)\r\n" % u
        for u in range(27, 200)))),
    "backwards": on(NEW, lambda cmd, out: out[:-1][::-1] + out[-1:]),
    "exists": on(NEW, last(b"* 6 EXISTS\r\n")),
    "exists-less": on(NEW, before(b"* 2 EXISTS\r\n")),
    "expunge": on(NEW, amid(b"* 2 EXPUNGE\r\n")),
    "vanished": on(NEW, amid(b"* VANISHED 2:3\r\n")),
    "vanished-all": on(NEW, amid(b"* VANISHED (EARLIER) 1:4294967295\r\n")),
    "flags": on(NEW, amid(b"* 2 FETCH (UID 2 FLAGS (\\Deleted))\r\n")),
    "uidvalidity": on(NEW, amid(b"* OK [UIDVALIDITY 4711] ok\r\n")),
    "uidnext": on(NEW, amid(b"* OK [UIDNEXT 1] ok\r\n")),
    "bye": on(NEW, amid(b"* BYE going down\r\n")),
    "longer": on(NEW, sub(rb"\{(\d+)\}", lambda m: b"{%d}" % (
        int(m[1]) + 5))),
    "shorter": on(NEW, sub(rb"\{(\d+)\}", lambda m: b"{%d}" % (
        int(m[1]) - 5))),
    "too-early": on("SELECT", before(
        b"* 1 FETCH (UID 1 BODY[] {4}\r\njunk)\r\n")),
    "behind-select": on("SELECT", last(
        b"* 1 FETCH (UID 1 BODY[] {4}\r\njunk)\r\n")),
    "unasked": on(NEW, lambda cmd, out: out + [
        b"* 1 FETCH (UID 1 BODY[] {4}\r\njunk)\r\n"]),
    "unasked-uid": on(NEW, lambda cmd, out: out + [
        b"* 9 FETCH (UID 9 FLAGS () RFC822.SIZE 4 BODY[] {4}\r\njunk)\r\n"]),
}


@pytest.mark.parametrize("name", sorted(LIES))
def test_lies(mocked, name):
    s, w = mocked
    s.edit = LIES[name]
    w.run(code=(0, 1, 2, 75))
    assert w.local.leftovers() == []
    s.honest()
    w.run()
    agreed(s, w)
    w.run()
    agreed(s, w)


@pytest.mark.parametrize("name", sorted(LIES))
def test_lies_of_inbox(workdir, name):
    """Of its first messages, which come before LIST is looked at."""
    s = Far(" COMPRESS=DEFLATE")
    w = Wherry(os.path.join(workdir, "w"), s, "user", tls="plain",
               general={"socktimeout": "3"}, remote={"maxconnections": 1})
    s.folders["INBOX"] = f = Folder(uidvalidity=7)
    for j in range(20):
        f.add(message("INBOX.%d" % j, 100 * j))
    try:
        s.edit = LIES[name]
        w.run(code=(0, 1, 2, 75))
        assert w.local.leftovers() == []
        s.honest()
        w.run()
        agreed(s, w, ["INBOX"])
    finally:
        s.stop()


@pytest.mark.parametrize("by", [-5, -1, 1, 40])
def test_told_another_number(mocked, by):
    """Some came, or went, after STATUS."""
    s, w = mocked
    s.messages = by
    w.run()
    agreed(s, w)


def test_other_mailbox_meanwhile(mocked):
    """Made anew between two folders: nothing of the one before is recorded."""
    s, w = mocked
    n = [0]

    def swap(conn, cmd):
        if cmd.name == "SELECT" and cmd.mailbox() == "a3":
            n[0] += 1
            f = s.folders["a3"] = Folder(uidvalidity=99 + n[0])
            for j in range(3):
                f.add(message("other%d.%d" % (n[0], j)))
            s.track(f)
        return False
    s.take = swap
    w.run(code=(0, 1, 2))
    s.honest()
    w.run(code=(0, 1, 2))
    here = sorted(subject(m.body) for m in w.local.messages("a3"))
    # It may have been opened again before any of it was here.
    assert here in [["other%d.%d" % (k, j) for j in range(3)]
                    for k in range(1, n[0] + 1)] + [[]] * (n[0] > 1)


@pytest.mark.parametrize("how", ["cut", signal.SIGTERM, signal.SIGKILL])
def test_cut_off(make, server, how):
    """A large one goes on where it ended, if that is built in."""
    w = make(tls="plain")
    whole = message("large") + b"it goes on\r\n" * (3 << 19)
    with w.box() as b:
        b.create("New")
        b.append(whole, "New")
    with Proxy(server.port, hold_down=16 << 20) as proxy:
        w.configure(remote={"remoteport": proxy.port, "retrycount": 0})
        if how == "cut":
            proxy.cut_down = len(whole) // 2
            w.run(code=75)
        else:
            end_amid(w, how)
    assert w.local.files("New") == []
    if "resume" not in without(binary()):
        names = [os.path.basename(n) for n in w.local.leftovers()]
        assert [n.count(".") for n in names] == [5], names
        assert not names[0].startswith("wherry.0."), names
        with Proxy(server.port) as proxy:
            w.configure(remote={"remoteport": proxy.port})
            w.run()
            assert proxy.bytes_down < len(whole) * 3 // 4
    w.configure(remote={"remoteport": server.port})
    w.run()
    same(w, ["New"])
    w.quiet()


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
def test_killed(make, server):
    """At calls that change something, here and there; the next run goes on
    from what there is."""
    w = make(tls="plain")
    names = filled(w, 3, 4)
    killed = []
    with Proxy(server.port, delay_s=0.004) as proxy:
        w.configure(remote={"remoteport": proxy.port, "retrycount": 0})
        for call in ("renameat2", "fdatasync", "pwrite64", "mkdirat"):
            for n in (1, 4, 9):
                r = w.run(code=tuple(range(-64, 256)), prefix=[
                    "strace", "-f", "-qq", "-o", w.dir + "/trace", "-e",
                    "trace=" + call, "-e",
                    "inject=%s:signal=KILL:when=%d" % (call, n)])
                killed.append((call, n, r.code != 0))
                w.run()
                same(w, names)
                shutil.rmtree(w.root)
                shutil.rmtree(w.metadata)
    print(killed)
    assert sum(k for _, _, k in killed) > len(killed) // 2

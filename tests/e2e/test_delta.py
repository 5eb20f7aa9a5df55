"""What a server tells as changes: the status that both sides agreed on, what
it costs, and what is not believed."""
import glob
import os
import re
import struct

import pytest

import hostile
import tracked
from kinds import KINDS
from mail import lf, message, subject
from test_hostile import BAD, END, Case, on, settled, sub
from wherry import Wherry

assert settled  # an upload in doubt waits a second here, too

GIVEN = "WHERRY" in os.environ
ITEMS = "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)"


@pytest.fixture(params=["dovecot", "condstore", "condstore-search",
                        "neither", "cyrus"])
def tier(request):
    """One server for each way to tell what it has, and another program."""
    return request.param


def heads(w):
    """The newest head of each folder's state."""
    out = []
    for path in glob.glob(os.path.join(w.metadata, "**", "head"),
                          recursive=True):
        with open(path, "rb") as f:
            data = f.read()
        slots = [data[i:i + 512] for i in (0, 4096)]
        slots = [s for s in slots if s[:8] == b"WHERRYhd"]
        s = max(slots, key=lambda s: struct.unpack_from("<I", s, 12))
        v, n, m, u = struct.unpack_from("<IIII", s, 16)
        q, = struct.unpack_from("<Q", s, 48)
        listed, = struct.unpack_from("<I", s, 184)
        out.append({"UIDVALIDITY": v, "UIDNEXT": n, "MESSAGES": m,
                    "UNSEEN": u, "HIGHESTMODSEQ": q, "listed": listed})
    return out


def agreed(w, modseq=True):
    """The state says what STATUS says."""
    head, = heads(w)
    with w.box() as b:
        status = b.status("INBOX", ITEMS)
    if not modseq:
        assert head["HIGHESTMODSEQ"] == 0
        del status["HIGHESTMODSEQ"]
    assert {k: head[k] for k in status} == status


def sent(r):
    return [m.group(1) for m in re.finditer(r"C: w\d+ (.*)", r.text)]


def waits(r):
    return int(re.search(r"round trips (\d+)", r.text).group(1))


def steps(w, b):
    """Changes of every kind, one after the other: (what, waits in the
    folder)."""
    uid = {subject(m.body): m.uid for m in b.messages()}
    yield "nothing", 1
    b.store(uid["m0"], "+S")
    yield "flag there", 1
    b.append(message("there"))
    yield "new there", 1
    b.delete(uid["m1"])
    yield "gone there", 1
    w.local.reflag(w.local.find("m2"), "+FS")
    yield "flag here", 2
    os.unlink(w.local.find("m3"))
    yield "gone here", 2
    w.local.add(lf(message("here")), flags="S")
    yield "new here", 4
    b.store(uid["m4"], "+T")
    w.local.reflag(w.local.find("m5"), "+R")
    w.local.add(lf(message("here too")))
    b.append(message("there too"), flags="S")
    b.delete(uid["m6"])
    os.unlink(w.local.find("m7"))
    yield "all", 8
    yield "nothing", 1


def test_status_and_waits(servers, make, tier):
    w = make(server=servers(**KINDS[tier]))
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(20))
        w.sync()
        base = waits(w.run("--stats"))  # its goodbye is not waited for
        for what, n in steps(w, b):
            more = what == "gone there" and tier.startswith("condstore")
            r = w.sync("--stats", "-d", "imap")
            goodbye = "SELECT" in r.text
            assert waits(r) - base <= n + more + goodbye, (what, r)
            agreed(w, tier != "neither")
    w.quiet()


def test_left_marked(servers, make):
    """expunge = no: the message stays there, marked, and counts."""
    w = make(remote={"expunge": "no"})
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(5))
        w.sync()
        os.unlink(w.local.find("m1"))
        for _ in range(2):
            w.run()
            agreed(w)
            assert len(w.local.files()) == 4
            assert [m.flags for m in b.messages()].count("T") == 1


@pytest.mark.parametrize("side", ["local", "remote"])
def test_deletes_not_carried_over(make, side):
    """Sides that differ for ever are no reason to list everything again."""
    w = make(**{side: {"sync_deletes": "no"}})
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(5))
        w.sync()
        if side == "remote":
            b.delete(b.messages()[2].uid)
        else:
            os.unlink(w.local.find("m2"))
        w.run()
        w.local.reflag(w.local.find("m3"), "+S")
        b.append(message("there"))
        w.run()
        r = w.run("-d", "imap")
        assert sum(c.startswith("SELECT") for c in sent(r)) == 1
        assert any("QRESYNC (" in c for c in sent(r))
        here = {m.flags for m in w.local.messages()}
        assert len(w.local.files()) == 5 + (side == "remote")
        assert len(b.messages()) == 5 + (side == "local")
        assert {m.flags for m in b.messages()} == here == {"", "S"}


@pytest.fixture
def gappy(build, monkeypatch):
    """A folder with 20 gaps counts as one with very many."""
    if GIVEN:
        pytest.skip("a program of ours is needed")
    monkeypatch.setenv("WHERRY", build(
        "gaps", "-DCFG_SEARCH_GAPS=20 -DCFG_APPEND_SETTLE_S=1"))


def searches(r):
    return [c for c in sent(r) if c.startswith("UID SEARCH")]


def test_ranges(servers, make, gappy):
    """Counted first, and only where something is missing it is asked what is
    left; not if a single answer is shorter, or if too much is gone."""
    w = make(server=servers(**KINDS["condstore"]))
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(300))
        b.delete(list(range(3, 60, 3)))
        w.sync()  # 19 gaps
        b.delete([100])
        r = w.sync("-d", "imap")
        assert searches(r) == ["UID SEARCH RETURN (ALL) UID 1:300"]
        b.delete([1, 150, 299, 300])
        b.append(message("new"))
        b.store([2, 151], "+F")
        r = w.sync("-d", "imap")
        counts, last = searches(r)[:-1], searches(r)[-1]
        assert 50 < len(counts) <= 64
        assert sum(c.startswith("SELECT") for c in sent(r)) == 1
        assert all("(COUNT)" in c for c in counts)
        m = re.match(r"UID SEARCH RETURN \(ALL\) UID "
                     r"1:(\d+),(\d+):(\d+),(\d+):300$", last)
        assert m, last
        one, lo, hi, end = map(int, m.groups())
        assert one <= 10 and lo <= 150 <= hi <= lo + 10 and end >= 290
        agreed(w)
        b.delete([200, 201])  # next to each other: one range, or two
        r = w.sync("-d", "imap")
        assert len(searches(r)) > 50
        assert searches(r)[-1].count(":") == 1
        b.delete(list(range(202, 240, 2)))
        r = w.sync("-d", "imap")
        assert searches(r) == ["UID SEARCH RETURN (ALL) UID 1:301"]
        w.quiet()


def test_bytes_of_20000(w):
    """A few KB, whatever the folder holds."""
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(20000))
        uid = [m.uid for m in b.messages()]
        w.run(timeout=120)
        mark = w.server.log_mark()
        w.run()
        assert w.server.cost(w.user, mark)["out"] < 3000
        b.store(uid[100:2100:200], "+F")
        b.delete(uid[5000:15000:1000])
        for i in range(10):
            b.append(message("new%d" % i))
        mark = w.server.log_mark()
        r = w.run("--stats")
        assert w.server.cost(w.user, mark)["out"] < 8000
        assert len(w.local.files()) == 20000
        agreed(w)


@pytest.mark.parametrize("climb", [0, 1, 30])
def test_index_lost(servers, make, climb):
    """The modseq starts again below the one we know, and may climb back to
    it; what happened meanwhile is found all the same."""
    w = make(server=servers(storage="maildir"), sep="/")
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(10))
        w.sync()
        b.store(b.messages()[0].uid, "+F")
        w.sync()
    known = heads(w)[0]["HIGHESTMODSEQ"]
    w.server.idle()
    for path in glob.glob(os.path.join(w.server.home(w.user), "mail",
                                       "dovecot.index*")):
        os.unlink(path)
    with w.box() as b:
        uid = [m.uid for m in b.messages()]
        b.delete(uid[3])
        for i in range(climb):
            b.store(uid[5], "+-"[i % 2] + "R")
            if b.status("INBOX", ITEMS)["HIGHESTMODSEQ"] >= known:
                break
    w.sync()
    w.quiet()
    assert len(w.local.files()) == 9


def test_audit(w):
    """A full listing when it is due, a delta else; a clock that went back is
    no excuse."""
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(5))
        w.sync()
        assert heads(w)[0]["listed"] > 0
        b.append(message("new"))
        assert any("QRESYNC (" in c for c in sent(w.run("-d", "imap")))
        w.configure(remote={"audit": "0"})
        r = w.run("-d", "imap")
        assert not any("QRESYNC (" in c for c in sent(r))
        assert any(c.startswith("UID FETCH 1:6 ") for c in sent(r))


# Servers that lie about changes.

@pytest.fixture
def case(workdir):
    cases = []

    def get(caps=tracked.QRESYNC):
        c = Case.__new__(Case)
        c.s = tracked.Tracked(caps=caps)
        c.inbox = c.s.folders["INBOX"]
        c.w = Wherry(os.path.join(workdir, "c%d" % len(cases)), c.s, "user",
                     tls="plain", general={"socktimeout": "5"})
        cases.append(c)
        return c
    yield get
    for c in cases:
        c.s.stop()


SELECT = "SELECT"
SINCE = r"UID FETCH .*CHANGEDSINCE"


def vanished(text):
    """Another VANISHED in the answer to SELECT."""
    return on(SELECT, lambda cmd, out: out[:-1] + [
        b"* VANISHED (EARLIER) " + text + b"\r\n"] + out[-1:])


def add(name, text):
    return on(name, lambda cmd, out: out[:-1] + [text] + out[-1:])


HUGE = b",".join(b"%d" % u for u in range(1000, 600000, 2))
LIES = {  # in what SELECT says
    "modseq-back": on(SELECT, sub(rb"MODSEQ \d+", b"MODSEQ 3")),
    "modseq-0": on(SELECT, sub(rb"MODSEQ \d+", b"MODSEQ 0")),
    "modseq-missing": on(SELECT, sub(
        rb"\* OK \[HIGHESTMODSEQ \d+\] ok\r\n", b"")),
    "nomodseq": on(SELECT, sub(
        rb"\[HIGHESTMODSEQ \d+\]", b"[NOMODSEQ]")),
    "exists-more": on(SELECT, sub(rb"25 EXISTS", b"26 EXISTS")),
    "exists-less": on(SELECT, sub(rb"25 EXISTS", b"24 EXISTS")),
    "flags-of-another": add(SELECT, b"* 1 FETCH (UID 7777 FLAGS ())\r\n"),
    "bad-to-extensions": on(SELECT, lambda cmd, out: [
        cmd.tag + b" BAD what\r\n"] if b"(" in cmd.rest else out),
}
QRESYNC_LIES = {
    "vanished-all": vanished(b"1:4294967295"),
    "vanished-known": vanished(b"1:24"),
    "vanished-one-more": vanished(b"9"),
    "vanished-unknown": vanished(b"100:4294967295"),
    "vanished-never": vanished(b"500,600:700"),
    "vanished-0": vanished(b"0:1"),
    "vanished-junk": vanished(b"x"),
    "vanished-huge": vanished(HUGE),
    "changed-first": on(SELECT, lambda cmd, out: sorted(
        out[:-1], key=lambda o: b"FETCH" not in o) + out[-1:]),
}
CONDSTORE_LIES = {
    "since-beyond": add(SINCE, b"* 25 FETCH (UID 900 FLAGS (\\Seen))\r\n"),
    "since-no": on(SINCE, lambda cmd, out: [cmd.tag + b" NO no\r\n"]),
    "since-bad": on(SINCE, lambda cmd, out: [cmd.tag + b" BAD no\r\n"]),
    "search-empty": on("UID SEARCH", lambda cmd, out: out[-1:]),
    "search-junk": on("UID SEARCH", sub(rb"UID ALL .*\r\n",
                                        b"UID ALL 0,x\r\n")),
    "search-all": on("UID SEARCH", sub(rb"UID ALL .*\r\n",
                                       b"UID ALL 1:4294967295\r\n")),
    "search-bad": on("UID SEARCH", lambda cmd, out: [
        cmd.tag + b" BAD what\r\n"] if b"RETURN" in cmd.rest else out),
}


@pytest.mark.parametrize("tier,name", [
    *(("qresync", n) for n in sorted({**LIES, **QRESYNC_LIES})),
    *(("condstore", n) for n in sorted({**LIES, **CONDSTORE_LIES}))])
def test_lies(case, tier, name):
    """Nothing is lost, and the end is the right one: what does not add up is
    listed."""
    c = case(tracked.QRESYNC if tier == "qresync" else tracked.CONDSTORE)
    c.fill()
    c.w.run()
    c.disturb()
    c.s.edit = {**LIES, **QRESYNC_LIES, **CONDSTORE_LIES}[name]
    c.run(BAD + (0,))
    c.heal()


def count_of(text):
    """Other numbers than those that were asked for."""
    return on("UID SEARCH", lambda cmd, out: [
        re.sub(rb"COUNT \d+", text, o) for o in out])


COUNT_LIES = {
    "honest": None,
    "too-few": count_of(b"COUNT 0"),
    "too-many": count_of(b"COUNT 4294967295"),
    "junk": count_of(b"COUNT x"),
    "missing": count_of(b"MAX 1"),
    "as-if-all": count_of(b"COUNT 1"),
    "also-all": count_of(b"COUNT 1 ALL 1:4000000000"),
    "another-tag": on("UID SEARCH", sub(rb'TAG "w\d+"', b'TAG "w1"')),
    "no": on("UID SEARCH", lambda cmd, out: [cmd.tag + b" NO no\r\n"]
             if b"COUNT" in cmd.rest else out),
    "bad": on("UID SEARCH", lambda cmd, out: [cmd.tag + b" BAD no\r\n"]
              if b"RETURN" in cmd.rest else out),
    "search-no": on("UID SEARCH", lambda cmd, out: [cmd.tag + b" NO no\r\n"]
                    if b"COUNT" not in cmd.rest else out),
}


@pytest.mark.parametrize("name", COUNT_LIES)
def test_lies_about_counts(case, gappy, name):
    c = case(tracked.CONDSTORE)
    for i in range(24):  # a gap before each
        c.inbox.uidnext += 2
        c.inbox.add(message("m%d" % i))
    c.w.run()
    c.disturb()
    c.s.edit = COUNT_LIES[name]
    c.run(BAD + (0,))
    # In one pass: the deletion here waits for no other folder, since STATUS
    # and stamps say that this is the only one that changed.
    assert c.s.received.count(b"(COUNT)") == 24
    c.heal()


@pytest.mark.parametrize("caps", [tracked.QRESYNC, tracked.CONDSTORE],
                         ids=["qresync", "condstore"])
def test_change_not_told(case, caps):
    """What no delta tells the audit finds."""
    c = case(caps)
    c.fill()
    c.inbox.mails[3].flags.add("\\Flagged")
    c.s.edit = lambda cmd, out: [
        o for o in out if b" FETCH " not in o or cmd.name == "UID FETCH" and
        b"CHANGEDSINCE" not in cmd.rest]
    c.w.run()
    assert c.here() != c.there()
    c.w.configure(remote={"audit": "0"})
    c.w.run()
    assert c.here() == c.there()


@pytest.mark.parametrize("caps", [tracked.QRESYNC, tracked.CONDSTORE,
                                  hostile.CAPS],
                         ids=["qresync", "condstore", "plain"])
def test_changed_behind_us(case, caps):
    """Somebody else is at work between our STORE and the look that follows
    it: seen in this run or the next, and never taken for agreed."""
    c = case(caps)
    c.fill()
    c.disturb()
    done = []

    def take(conn, cmd):
        if cmd.name == "UID STORE" and not done:
            done.append(1)
            c.s.do_uid_store(conn, cmd, [])
            c.inbox.mails[7].flags.add("\\Flagged")
            c.inbox.mails.remove(c.inbox.mails[9])
            c.inbox.add(message("late"))
            conn.send(cmd.tag + b" OK done\r\n")
            return True
    c.s.take = take
    c.w.run(code=(0, 1, 75))
    assert done
    c.s.honest()
    for _ in range(2):
        c.w.run(code=(0, 1, 75))
    assert c.here() == c.there()
    assert len(c.here()) == len(END)

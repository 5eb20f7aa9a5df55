"""Bodies of few new messages come with the listing: what it saves, and that a
body that came is no more than a body that came."""
import os
import re
import shutil
import signal

import pytest

import tracked
from kinds import KINDS
from mail import lf, message, plain, subject
from proxy import Proxy
from test_delta import case, sent, waits
from test_hostile import BAD, N, amid, last, on, only_ok, say, settled, sub, \
    twice
from test_resume import end_amid
from wherry import binary, without

assert case and settled  # fixtures

FRESH = r"UID FETCH \S+ \(UID INTERNALDATE BODY\.PEEK\[\]\)"
SET = r"UID FETCH \S+ \(UID FLAGS INTERNALDATE BODY"
LITERAL = rb"BODY\[\] \{\d+\}\r\n(?s:.*)\)\r\n"
MOST = 32


@pytest.fixture(autouse=True)
def has_it():
    with open(binary(), "rb") as f:
        if b" (UID INTERNALDATE BODY" not in f.read():
            pytest.skip("built with CFG_FRESH=0")


def asked(r, what):
    return [c for c in sent(r) if re.match(what, c)]


def same(w, folders=("INBOX",)):
    with w.box() as b:
        for name in folders:
            there = sorted((subject(m.body), m.flags, plain(m.body))
                           for m in b.messages(name))
            here = sorted((subject(m.body), m.flags, plain(m.body))
                          for m in w.local.messages(name))
            assert here == there, name
    assert w.local.leftovers() == []


@pytest.fixture(params=["dovecot", "gmail", "condstore", "exchange", "cyrus"])
def known(request, servers, make):
    """Both sides know ten messages, and the table of folders is whole."""
    w = make(server=servers(**KINDS[request.param]),
             remote={"flag_check": 0})
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(10))
        w.sync()
        w.run()
        yield w, b


def test_waits(known):
    """New messages, changed flags and gone messages cost what a changed flag
    alone does."""
    w, b = known
    uid = [m.uid for m in b.messages()]
    b.store(uid[:1], "+F")
    flag = waits(w.sync("--stats"))
    for i in range(3):
        b.append(message("new%d" % i, 3000 * i), flags="S" * (i % 2))
    r = w.sync("--stats", "-d", "imap")
    assert waits(r) == flag, r
    assert asked(r, FRESH) and not asked(r, SET)
    assert "3 down" in r.text
    same(w)
    for i in range(3):
        b.append(message("more%d" % i, 3000 * i))
    b.store(uid[1:2], "+S")
    r = w.sync("--stats", "-d", "imap")
    assert waits(r) == flag, r
    b.append(message("last"))
    b.store(uid[2:3], "+S")
    b.delete(uid[3:4])
    r = w.sync("--stats", "-d", "imap")
    assert not asked(r, SET)
    searched = len(asked(r, "UID SEARCH"))
    assert waits(r) == flag + searched, r
    same(w)
    w.quiet()


def test_more_than_that(w):
    """Up to so many; if there are more, none."""
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        w.run()
        b.append_many(message("a%d" % i) for i in range(MOST))
        r = w.sync("-d", "imap")
        assert asked(r, FRESH) and not asked(r, SET)
        w.run()
        b.append_many(message("b%d" % i) for i in range(MOST + 1))
        r = w.sync("-d", "imap")
        assert asked(r, SET) and not asked(r, FRESH)
    w.quiet()


def test_more_than_told(w):
    """Some come after STATUS, or without one: the first so many come with the
    listing, the others behind it."""
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        shutil.rmtree(os.path.join(w.metadata, "folders"), ignore_errors=True)
        for name in os.listdir(w.metadata):
            path = os.path.join(w.metadata, name, "folders")
            if os.path.exists(path):
                os.unlink(path)
        b.append_many(message("a%d" % i, 900) for i in range(MOST + 9))
        mark = w.server.log_mark()
        w.run()
        cost = w.server.cost(w.user, mark)
        assert cost["bodies"] == MOST + 9, cost
    same(w)


def test_two_folders(w):
    with w.box() as b:
        b.create("Other")
        for f in ("INBOX", "Other"):
            b.append(message("m"), f)
        w.sync()
        w.run()
        for f in ("INBOX", "Other"):
            b.append_many((message("%s%d" % (f, i)) for i in range(5)), f)
        mark = w.server.log_mark()
        r = w.sync("-d", "imap")
        assert not asked(r, SET)
        assert w.server.cost(w.user, mark)["bodies"] == 10
    assert len(w.local.files()) == len(w.local.files("Other")) == 6


def test_not_asked(w):
    """Not where nothing is to be downloaded."""
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        b.append(message("new"))
    r = w.run("--dry-run", "-d", "imap")
    assert "download" in r.text and not asked(r, FRESH)
    w.configure(local={"readonly": "yes"})
    r = w.run("-d", "imap")
    assert not asked(r, FRESH) and not asked(r, SET)
    assert len(w.local.files()) == 1
    assert w.local.leftovers() == []


def test_not_wanted(w):
    """Its file is there already, without a record."""
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        saved = w.metadata + ".saved"
        shutil.copytree(w.metadata, saved)
        b.append(message("new"))
        w.sync()
    shutil.rmtree(w.metadata)
    os.rename(saved, w.metadata)
    w.run()
    same(w)


@pytest.mark.parametrize("kind", ["always", "batch"])
def test_flushed(w, kind):
    w.configure(general={"fsync": {"always": "yes", "batch": "batch"}[kind]})
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        b.append_many(message("a%d" % i) for i in range(MOST))
    w.sync()
    same(w)
    w.quiet()


# Servers that lie, as in test_hostile.

def gone(c, how):
    """The message goes when its body was sent."""
    def edit(cmd, out):
        if b"INTERNALDATE BODY" in cmd.rest and b"FLAGS" not in cmd.rest:
            c.s.edit = None
            c.inbox.mails.pop()
            return out[:-1] + [how] + out[-1:]
        return out
    return edit


LIES = {
    "nothing": on(FRESH, only_ok),
    "no": on(FRESH, say(b"NO [UNAVAILABLE] no")),
    "bad": on(FRESH, say(b"BAD what")),
    "no-with-bodies": on(FRESH, lambda cmd, out: out[:-1] + [
        cmd.tag + b" NO some\r\n"]),
    "nil": on(FRESH, sub(LITERAL, b"BODY[] NIL)\r\n")),
    "empty": on(FRESH, sub(LITERAL, b'BODY[] "")\r\n')),
    "no-body": on(FRESH, sub(rb" BODY\[\] \{\d+\}\r\n(?s:.*)\)\r\n",
                             b")\r\n")),
    "no-date": on(FRESH, sub(rb" INTERNALDATE \"[^\"]*\"", b"")),
    "in-part": on(FRESH, sub(rb"BODY\[\] ", b"BODY[]<5> ")),
    "header": on(FRESH, sub(rb"BODY\[\] ", b"BODY[HEADER] ")),
    "no-uid": on(FRESH, sub(rb"UID \d+ ", b"")),
    "known-uid": on(FRESH, sub(rb"UID \d+ ", b"UID 5 ")),
    "far-uid": on(FRESH, sub(rb"UID \d+ ", b"UID 4294967295 ")),
    "not-there": on(FRESH, sub(rb"UID \d+ ", b"UID 40 ")),
    "twice": on(FRESH, twice),
    "more": on(FRESH, amid(b"".join(
        b"* 1 FETCH (UID %d BODY[] {4}\r\njunk)\r\n" % u
        for u in range(27, 200)))),
    "exists": on(FRESH, last(b"* 40 EXISTS\r\n")),
    "expunge": on(FRESH, last(b"* 1 EXPUNGE\r\n")),
}


@pytest.mark.parametrize("caps", [tracked.QRESYNC, tracked.CONDSTORE,
                                  "IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ "
                                  "UIDPLUS NAMESPACE"],
                         ids=["qresync", "condstore", "plain"])
@pytest.mark.parametrize("name", sorted(LIES))
def test_lies(case, caps, name):
    c = case(caps)
    c.fill()
    c.w.run()
    c.disturb()
    c.s.edit = LIES[name]
    c.run(BAD + (0,) if name in ("exists", "expunge") else (0,))
    assert c.w.local.leftovers() == []
    c.heal()


@pytest.mark.parametrize("caps,how", [
    (tracked.QRESYNC, b"* VANISHED %d\r\n" % (N + 1)),
    (tracked.CONDSTORE, b"* %d EXPUNGE\r\n" % (N + 1))])
def test_gone_meanwhile(case, caps, how):
    c = case(caps)
    c.fill()
    c.w.run()
    c.inbox.add(message("brief"))
    c.s.edit = gone(c, how)
    c.w.run()
    assert c.s.edit is None
    c.s.honest()
    c.w.run()
    assert c.here() == c.there() and len(c.there()) == N
    assert c.w.local.leftovers() == []


def test_nul_and_line_ends(case):
    c = case()
    c.fill()
    body = message("odd") + b"a\0b\rc\nd\r\r\n\r"
    c.inbox.add(body)
    c.w.run()
    with open(c.w.local.find("odd"), "rb") as f:
        assert f.read() == body.replace(b"\r\n", b"\n")


# Ends in the middle.

@pytest.mark.parametrize("how", [signal.SIGTERM, None])
def test_cut_off(make, server, how):
    """A large one goes on where it ended, if that is built in."""
    w = make(tls="plain")
    whole = message("large") + b"it goes on\r\n" * (3 << 16)
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        b.append(whole)
    with Proxy(server.port, hold_down=3 << 19) as proxy:
        w.configure(remote={"remoteport": proxy.port, "retrycount": 0})
        if how is None:
            proxy.cut_down = len(whole) // 2
            w.run(code=75)
        else:
            end_amid(w, how, 1 << 20)
    assert len(w.local.files()) == 1
    if "resume" not in without(binary()):
        assert [n.count(".") for n in map(
            os.path.basename, w.local.leftovers())] == [5]
        with Proxy(server.port) as proxy:
            w.configure(remote={"remoteport": proxy.port})
            w.run()
            assert proxy.bytes_down < len(whole) * 3 // 4
    w.configure(remote={"remoteport": server.port})
    w.run()
    same(w)
    w.quiet()


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
def test_killed_and_full(w):
    """At every call that changes something; and where the disk is full when
    the body comes, it is fetched when it is not."""
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        saved = w.dir + "/saved"
        for i in range(2):
            b.append(message("new%d" % i, 20000 * i))

        def turn(inject):
            shutil.rmtree(saved, ignore_errors=True)
            for name in (w.root, w.metadata):
                shutil.copytree(name, os.path.join(
                    saved, os.path.basename(name)))
            r = w.run(code=tuple(range(-64, 256)), prefix=[
                "strace", "-f", "-qq", "-o", w.dir + "/trace", "-e",
                "trace=openat,write,renameat,renameat2,unlinkat,pwrite64",
                *inject])
            done = r.code == 0
            w.run()
            same(w)
            for name in (w.root, w.metadata):
                shutil.rmtree(name)
                shutil.copytree(os.path.join(
                    saved, os.path.basename(name)), name)
            return done, r

        for call in ("renameat2", "renameat", "unlinkat", "pwrite64"):
            n = 1
            while n < 12 and not turn([
                    "-e", "inject=%s:signal=KILL:when=%d" % (call, n)])[0]:
                n += 1
        for call in ("openat", "write"):
            one = ["wherry.1", w.local.path("INBOX", "tmp", "wherry.1")]
            done, r = turn([x for p in one for x in ("-P", p)] + [
                "-e", "inject=%s:error=ENOSPC" % call])
            with open(w.dir + "/trace") as f:
                assert "ENOSPC" in f.read()
            assert done and "failed" not in r.text, r

"""One Maildir and its state, carried between machines.

A program for another machine (WHERRY, run by WRAP="qemu-mips-static") and one
for this one (WHERRY_OTHER) take turns, as when a disk moves from a router to a
NAS: each goes on where the other stopped, also where it was killed. What lies
on disk must not depend on byte order, word size or TLS library.
"""
import os
import signal
import time

import pytest

from mail import lf, message

OTHER = os.environ.get("WHERRY_OTHER")

pytestmark = pytest.mark.skipif(not OTHER, reason="no WHERRY_OTHER")


class Turn:
    """Whose program runs: there (as the suite was started) or here."""

    def __init__(self, monkeypatch):
        self.patch = monkeypatch
        self.there = os.environ.get("WHERRY"), os.environ.get("WRAP")

    def to_there(self):
        for k, v in zip(("WHERRY", "WRAP"), self.there):
            if v:
                self.patch.setenv(k, v)
            else:
                self.patch.delenv(k, raising=False)

    def to_here(self):
        self.patch.setenv("WHERRY", OTHER)
        self.patch.delenv("WRAP", raising=False)


@pytest.fixture
def turn(monkeypatch):
    return Turn(monkeypatch)


def change(w, tag):
    """On both sides: new mail, flags, deletions, a folder."""
    with w.box() as b:
        uid = [m.uid for m in b.messages()]
        b.delete(uid[0:2])
        b.store(uid[3:5], "+SF")
        b.create("There" + tag)
        b.append(message("there" + tag, 2000), "There" + tag)
        for i in range(4):
            b.append(message("%s-new%d" % (tag, i), 900 * i), flags="S")
    index = sorted(w.local.index().items())
    for name, path in index[-2:]:
        os.unlink(path)
    w.local.reflag(index[0][1], "+R")
    w.local.reflag(index[1][1], "+S")
    w.local.create("Here" + tag)
    w.local.add(lf(message("here" + tag, 1500)), "Here" + tag)
    for i in range(4):
        w.local.add(lf(message("%s-up%d" % (tag, i), 700 * i)))


def kill_amid(w, tag, n):
    """New mail by the hundred on the server, some here; killed once a few
    have come down. False if it was over before that was seen."""
    with w.box() as b:
        b.append_many([message("%s-many%d" % (tag, i), 3000)
                       for i in range(n)])
    for i in range(3):
        w.local.add(lf(message("%s-doubt%d" % (tag, i))))
    before = len(w.local.files())
    p = w.start()
    end = time.monotonic() + 60
    while p.poll() is None and time.monotonic() < end:
        if len(w.local.files()) >= before + 5:
            break
    amid = p.poll() is None
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    p.communicate()
    return amid


def resume(w):
    """As cron would. An upload that the kill left in doubt is sent again
    after a minute (CFG_APPEND_SETTLE_S)."""
    end = time.monotonic() + 90
    while True:
        r = w.run(code=(0, 75), timeout=120)
        if r.code == 0 or time.monotonic() > end:
            break
        time.sleep(3)
    assert r.code == 0, r
    w.check()


def test_takes_turns(make, turn):
    w = make()
    with w.box() as b:
        for f in ("Work", "Work/Sub"):
            b.create(f)
        for i in range(30):
            b.append(message("base%d" % i, 400 * (i % 7)))
    turn.to_there()
    w.sync(timeout=120)
    turns = [turn.to_here, turn.to_there]
    for i, go in enumerate(turns * 2):
        go()
        w.quiet()
        change(w, "t%d" % i)
        w.sync(timeout=120)
        w.quiet()


@pytest.mark.parametrize("first", ["there", "here"])
def test_killed_and_resumed_elsewhere(make, turn, first):
    w = make()
    with w.box() as b:
        for i in range(30):
            b.append(message("base%d" % i, 400 * (i % 7)))
    turn.to_here() if first == "there" else turn.to_there()
    w.sync(timeout=120)
    turn.to_there() if first == "there" else turn.to_here()
    slow = first == "there" and "WRAP" in os.environ
    assert any(kill_amid(w, "k%d" % i, 150 if slow else 2000 << i)
               for i in range(4))
    turn.to_here() if first == "there" else turn.to_there()
    resume(w)
    w.quiet()
    change(w, "after")
    w.sync(timeout=120)
    turn.to_there() if first == "there" else turn.to_here()
    w.quiet()

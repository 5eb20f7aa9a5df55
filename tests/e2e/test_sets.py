"""Download sets in flight, and a server that answers them in any order, twice,
or not at all: each message comes once, and which one it is follows from its
UID alone."""
import os
import random
import re
import time

import pytest

from mail import message, plain, subject
from test_hostile import BODIES, case, done, settled

assert case and settled  # fixtures

N = 1000
LEAST = 3  # sets that every build has in flight


class Held:
    """Keeps the answers to download sets until some are there, or all
    messages were asked for; then change(bodies) is what comes, and what
    tagged(commands) says ends them."""

    def __init__(self, change, tagged=None):
        self.change, self.tagged = change, tagged
        self.cmds, self.bodies, self.asked, self.no = [], [], 0, 0

    def __call__(self, cmd, out):
        if not re.match(BODIES, cmd.name + " " + cmd.rest.decode()):
            return out
        self.cmds.append(cmd)
        self.asked += len(out) - 1
        self.bodies += out[:-1]
        if len(self.cmds) < LEAST and self.asked < N:
            return []
        cmds, bodies = self.cmds, self.bodies
        self.cmds, self.bodies = [], []
        self.no += 1
        return self.change(bodies, self.no) + [
            done(c, self.tagged(c, self.no) if self.tagged else b"OK done")
            for c in cmds[::-1]]


def uid(body):
    return int(re.search(rb"UID (\d+)", body).group(1))


def backwards(bodies, no):
    return bodies[::-1]


def shuffled(bodies, no):
    return random.Random(no).sample(bodies, len(bodies))


def doubled(bodies, no):
    return shuffled(bodies * 2, no)


def doubled_at_once(bodies, no):
    return [b for b in bodies for _ in (0, 1)]


def doubled_late(bodies, no):
    """When the first ones are records already."""
    return bodies + bodies


def missing(bodies, no):
    """All that is missing is asked for once more, alone."""
    return [b for b in shuffled(bodies, no) if uid(b) % 37 or no > 2]


def empty(bodies, no):
    return [re.sub(rb"BODY\[\] \{\d+\}.*\)\r\n$", b"BODY[] {0}\r\n)\r\n", b,
                   flags=re.S) if uid(b) % 41 == 0 and no == 1 else b
            for b in bodies]


ORDERS = [backwards, shuffled, doubled, doubled_at_once, doubled_late,
          missing, empty]


@pytest.fixture
def full(case):
    c = case()
    c.w.configure(general={"socktimeout": "20"})  # it holds answers back
    for i in range(N):
        # Gaps, so that a set is many ranges here and there.
        c.inbox.uidnext += i % 5 == 0 and i > 500
        c.inbox.add(message("m%d" % i, i % 700))
    return c


def same(c):
    there = sorted((subject(m.body), m.letters, plain(m.body))
                   for m in c.inbox.mails)
    here = sorted((subject(m.body), m.flags, plain(m.body))
                  for m in c.w.local.messages())
    assert here == there
    assert c.w.local.leftovers() == []


@pytest.mark.parametrize("order", ORDERS, ids=lambda f: f.__name__)
def test_any_order(full, order):
    full.s.edit = Held(order)
    r = full.w.run()
    assert "%d down" % N in r.text, r
    same(full)
    full.s.honest()
    r = full.w.run("-d", "imap")
    assert not re.search(BODIES, r.text), r
    same(full)


def test_nobody_asked_for_it(full):
    """Messages that came before, and those that nobody has."""
    came = [77777, 4294967295]

    def change(bodies, no):
        junk = [b"* 1 FETCH (UID %d FLAGS () BODY[] {6}\r\njunk\r\n)\r\n" % u
                for u in came]
        came.extend(uid(b) for b in bodies[::7])
        return junk + bodies + junk
    full.s.edit = Held(change)
    full.w.run()
    same(full)


def test_refused_set(full):
    """One bad message in it: all others come, alone."""
    def tagged(cmd, no):
        return b"NO bad message" if no == 1 else b"OK done"
    full.s.edit = Held(lambda bodies, no: bodies if no > 1 else [], tagged)
    full.w.run()
    same(full)


def test_expunged_meanwhile(full):
    """A message that is asked for and goes is told and is not there; the next
    run knows that it is gone."""
    gone = []

    def change(bodies, no):
        out = []
        for b in bodies:
            m = next(m for m in full.inbox.mails if m.uid == uid(b))
            if uid(b) % 101 == 0:
                out.append(b"* %d EXPUNGE\r\n" % full.inbox.number(m))
                full.inbox.mails.remove(m)
                gone.append(m)
            else:
                out.append(b)
        return out
    full.s.edit = Held(change)
    r = full.w.run(code=1)
    assert len(gone) > 5
    assert r.text.count("the server sent nothing for it") == len(gone), r
    full.s.honest()
    full.w.run()
    same(full)


def test_unasked_while_deleting(case):
    """A message that nobody asked for begins behind the last set and goes on
    while UIDs that are to be deleted lie where messages are written."""
    c = case()
    for i in range(200):
        c.inbox.add(message("m%d" % i))
    c.w.run()
    gone = ["m%d" % i for i in range(20, 40)]
    for name in gone:
        os.unlink(c.w.local.find(name))
    new = ["new%d" % i for i in range(60)]
    for name in new:
        c.inbox.add(message(name))

    def take(conn, cmd):
        if b"FLAGS INTERNALDATE BODY" not in cmd.rest:
            return False
        out = []
        c.s.do_uid_fetch(conn, cmd, out)
        conn.send(b"".join(out) + done(cmd, b"OK done") +
                  b"* 1 FETCH (UID 77777 BODY[] {30000}\r\n" + b"A" * 8000)
        for _ in range(220):
            time.sleep(0.001)
            conn.send(b"\r" * 99 + b"A")
        conn.send(b")\r\n")
        return True
    c.s.take = take
    c.w.run()
    names = {"m%d" % i for i in range(200)} - set(gone) | set(new)
    assert {n for n, _ in c.there()} == {n for n, _ in c.here()} == names
    assert c.w.local.leftovers() == []

"""Both sides are changed at random, before and while wherry works, its line
is cut and it is killed; then it runs undisturbed. What has to be there then
is known from what was done: nothing lost, nothing twice, no flag forgotten,
both sides equal, and a run more changes nothing.

A round begins with both sides equal. WHERRY_MODEL=seconds goes on with further
seeds for so long; WHERRY_MODEL_SEED=n begins with that one. What happened is
printed when it fails; a seed gives the same changes again, but not the same
moments.
"""
import collections
import os
import random
import re
import shutil
import signal
import time

import pytest

from kinds import BASE, EXCHANGE, GMAIL
from mail import lf, message, plain, subject
from proxy import Proxy
from test_compress import PLUGIN

SECONDS = float(os.environ.get("WHERRY_MODEL", "0"))
SEED = int(os.environ.get("WHERRY_MODEL_SEED", "1"))
PARTS = 3
FOLDERS = ["INBOX", "a", "a/b", "a/b/c", "A2", "d", "e & f", "g"]
SERVERS = [{}, {"storage": "maildir"}, {"capability": BASE + " CONDSTORE "
           "ESEARCH"}, {"capability": BASE}, {"capability": GMAIL},
           {"capability": EXCHANGE},
           {"extra": PLUGIN},
           {"capability": "IMAP4rev1 SASL-IR LITERAL+ UIDPLUS NAMESPACE "
            "ENABLE CONDSTORE QRESYNC LIST-EXTENDED LIST-STATUS"},
           {"capability": "IMAP4rev1 SASL-IR LITERAL+ MULTIAPPEND NAMESPACE "
            "ENABLE CONDSTORE QRESYNC LIST-EXTENDED LIST-STATUS"}]


class Cutter(Proxy):
    """Some of its connections break after a random number of bytes."""

    def __init__(self, port, r):
        self.r, self.cuts = r, 0
        super().__init__(port, r.choice([0, 0, 0.001, 0.004]))

    def _pump(self, a, b, way, state):
        if way == "up":
            self.cut_up = self.cut_down = None
            if self.cuts > 0 and self.r.random() < 0.7:
                self.cuts -= 1
                n = int(10 ** self.r.uniform(2.2, 4.8))
                if self.r.random() < 0.5:
                    self.cut_up = n // 2
                else:
                    self.cut_down = n
            state["down"] = self.cut_down
        else:
            self.cut_down = state.get("down")
        super()._pump(a, b, way, state)


class Copies:
    """What is known of the messages with one subject in one folder."""

    def __init__(self, lo=0, hi=0, by="", flags=None):
        self.lo, self.hi, self.by = lo, hi, by
        self.flags = dict(flags or {})  # letter: there or not, None unknown
        self.told = {}                  # letter: who changed it
        self.gone = ""                  # who removed one last
        self.away = set()               # and all who did
        self.new = bool(by)             # since both sides were equal
        self.old = False                # it was there when they were equal

    def add(self, lo, by, flags):
        if self.hi > 0:
            self.flags = dict.fromkeys("SFR")
            if by != self.by:  # it may be taken for an upload that was lost
                lo = 0 if self.lo else lo
        else:
            self.flags, self.told = dict(flags), {}
        # A file that came back has been there all the time if nobody looked
        # meanwhile, and goes if the other side removed it.
        if self.old and by == "here" and "there" in self.away:
            lo = 0
        self.lo += lo
        self.hi += 1
        self.by, self.new = by, True

    def flag(self, letter, on, by):
        sure = self.hi == 1 and letter not in self.told and (
            self.flags.get(letter) is not None) and (on or not self.new)
        self.flags[letter] = on if sure else None
        self.told[letter] = by


class Model:
    def __init__(self, w, r, log):
        self.w, self.r, self.log = w, r, log
        self.bodies = {}
        self.number = 0
        self.copies = collections.defaultdict(Copies)
        self.live = False

    def say(self, text, *args):
        self.log.append(text % args)

    # What is there.

    def settle(self):
        """Both sides are equal: that is what is known now."""
        self.copies.clear()
        for f, ms in self.w.local.snapshot().items():
            for m in ms:
                c = self.copies[f, subject(m.body)]
                c.lo = c.hi = c.hi + 1
                c.old = True
                c.flags = {x: x in m.flags if c.hi == 1 else None
                           for x in "SFR"}
        self.live = False

    def here(self):
        """A file that is there: its folder, its path, its subject."""
        f = self.r.choice(self.w.local.folders() or ["INBOX"])
        try:
            path = self.r.choice(self.w.local.files(f) or [""])
            with open(path, "rb") as x:
                s = subject(x.read(4096))
        except OSError:
            return None
        return (f, path, s) if (f, s) in self.copies else None

    def there(self):
        """The same of the server."""
        f = self.r.choice(FOLDERS)
        if not self.selectable(f):
            return None
        self.box.select(f)
        uids = self.box.c.uid("SEARCH", "ALL")[1][0].split()
        if not uids:
            return None
        uid = self.r.choice(uids).decode()
        got = self.box.c.uid("FETCH", uid, "(BODY.PEEK[HEADER])")[1]
        if not got or not isinstance(got[0], tuple):
            return None
        s = subject(got[0][1])
        return (f, int(uid), s) if (f, s) in self.copies else None

    def selectable(self, folder):
        return not {"\\Noselect", "\\NonExistent"} & self.box.folders().get(
            folder, {"\\NonExistent"})

    # What is done to it.

    def body(self):
        self.number += 1
        s = "n%d" % self.number
        size = self.r.choice([0, 0, 0, 0, 900, 5000, 9000, 30000, 200000])
        self.bodies[s] = message(s, size, text="text of " + s)
        return s

    def add_here(self):
        f = self.r.choice(FOLDERS)
        flags = self.r.choice(["", "", "S", "FS"])
        s = self.body()
        self.w.local.create(f)
        for _ in range(1 + (self.r.random() < 0.15)):
            self.copies[f, s].add(1, "here", {x: x in flags for x in "SFR"})
            self.w.local.add(lf(self.bodies[s]), f, flags)
        self.say("here: + %s/%s %s", f, s, flags)

    def add_there(self):
        f = self.r.choice(FOLDERS)
        flags = self.r.choice(["", "", "S", "FR"])
        s = self.body()
        if not self.selectable(f):
            try:
                self.box.create(f)
            except AssertionError:
                pass  # wherry was faster
        for _ in range(1 + (self.r.random() < 0.15)):
            self.copies[f, s].add(1, "there", {x: x in flags for x in "SFR"})
            self.box.append(self.bodies[s], f, flags)
        self.say("there: + %s/%s %s", f, s, flags)

    def gone(self, f, s, by):
        c = self.copies[f, s]
        c.lo = max(c.lo - 1, 0)
        # Of two that are equal both sides may have removed the same.
        if self.calm(c) and c.gone in ("", by):
            c.hi -= 1
        c.gone = by
        c.away.add(by)
        return c

    def delete_here(self):
        f, path, s = self.here() or (None, None, None)
        if f:
            os.unlink(path)
            self.gone(f, s, "here")
            self.say("here: - %s/%s", f, s)

    def delete_there(self):
        f, uid, s = self.there() or (None, None, None)
        if f:
            self.box.c.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
            self.box.c.uid("EXPUNGE", str(uid))
            self.gone(f, s, "there")
            self.say("there: - %s/%s", f, s)

    def moved(self, a, b, s, by):
        """Flags that the other side changed may stay behind."""
        c = self.gone(a, s, by)
        flags = {x: on if c.told.get(x, by) == by and c.hi <= 1 else None
                 for x, on in c.flags.items()}
        self.copies[b, s].add(1, by, flags)
        if c.hi > 0 or not self.calm(c):
            self.copies[b, s].flags = dict.fromkeys("SFR")

    def calm(self, c):
        return not self.live and not c.new

    def move_here(self):
        a, path, s = self.here() or (None, None, None)
        b = self.r.choice(FOLDERS)
        if not a or a == b:
            return
        self.w.local.create(b)
        to = self.w.local.path(b, os.path.basename(os.path.dirname(path)),
                               os.path.basename(path))
        if os.path.exists(to):
            return
        os.rename(path, to)
        self.moved(a, b, s, "here")
        self.say("here: %s/%s -> %s", a, s, b)

    def move_there(self):
        a, uid, s = self.there() or (None, None, None)
        b = self.r.choice(FOLDERS)
        if not a or a == b or not self.selectable(b):
            return
        answer = self.box.c.uid("COPY", str(uid), self.box.wire(b))
        assert answer[0] == "OK", answer
        self.box.c.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
        self.box.c.uid("EXPUNGE", str(uid))
        self.moved(a, b, s, "there")
        self.say("there: %s/%s -> %s", a, s, b)

    def flag_here(self):
        f, path, s = self.here() or (None, None, None)
        if f:
            x = self.r.choice("SFR")
            on = x not in self.w.local.flags_of(path)
            self.w.local.reflag(path, "-+"[on] + x)
            self.copies[f, s].flag(x, on, "here")
            self.say("here: %s/%s %s%s", f, s, "-+"[on], x)

    def flag_there(self):
        f, uid, s = self.there() or (None, None, None)
        if f:
            x = self.r.choice("SFR")
            on = self.r.random() < 0.6
            if on == self.copies[f, s].flags.get(x):
                return
            self.box.store(uid, "-+"[on] + x, f)
            self.copies[f, s].flag(x, on, "there")
            for at, c in self.copies.items():  # the copy may come before it
                if at[1] == s and at[0] != f and c.new:
                    c.flags[x] = None
            self.say("there: %s/%s %s%s", f, s, "-+"[on], x)

    def seen_here(self):
        """A mail program takes what is in new/ into cur/."""
        f = self.r.choice(self.w.local.folders() or ["INBOX"])
        new = self.w.local.path(f, "new")
        for n in os.listdir(new) if os.path.isdir(new) else []:
            to = n if ":2," in n else n + ":2,"
            os.rename(os.path.join(new, n), self.w.local.path(f, "cur", to))

    def change(self):
        what = self.r.choices(
            ["add_here", "add_there", "delete_here", "delete_there",
             "move_here", "move_there", "flag_here", "flag_there",
             "seen_here"], [4, 4, 2, 2, 4, 2, 4, 4, 1])[0]
        try:
            getattr(self, what)()
        except FileNotFoundError:
            pass  # wherry was faster

    # What has to be there.

    def verify(self):
        found = collections.defaultdict(list)
        for f, ms in self.w.local.snapshot().items():
            for m in ms:
                found[f, subject(m.body)].append(m)
        wrong = []
        for at in sorted(set(found) | set(self.copies)):
            c, ms = self.copies[at], found[at]
            if not c.lo <= len(ms) <= max(c.hi, 0):
                wrong.append("%s/%s is there %d times, wanted %d to %d" % (
                    *at, len(ms), c.lo, c.hi))
                wrong += ["%s/%s is there %d times" % (f, s, len(ms))
                          for (f, s), ms in found.items() if s == at[1]]
                wrong += self.events(at[1])
            for m in ms:
                assert plain(m.body) == plain(self.bodies[at[1]]), at
            for x, on in c.flags.items():
                if on is not None and len(ms) == 1 and c.hi == 1:
                    assert (x in ms[0].flags) == on, "\n".join([
                        "%s/%s: %s should be %r" % (*at, x, on),
                        repr(vars(c)), *self.events(at[1])])
        assert not wrong, "\n".join(wrong)


class Run:
    def __init__(self, make, servers, seed):
        self.r = random.Random(seed)
        self.log = []
        kind = self.r.choice(SERVERS)
        self.server = servers(**kind)
        general = {"fsync": self.r.choice(["no", "batch"])}
        remote = {"maxconnections": self.r.choice([0, 4, 1, 2]),
                  "usecompression": self.r.choice(["no", "auto", "yes"]),
                  "flag_check": 0}
        self.w = make(server=self.server, user="model%d" % seed,
                      tls="plain", general=general, remote=remote)
        self.m = Model(self.w, self.r, self.log)
        self.m.say("seed %d %r %r %r", seed, kind, general, remote)

    def disturbed(self):
        """A run whose line is cut, or that is killed, or in which both sides
        change."""
        r = self.r
        with Cutter(self.server.port, r) as proxy:
            proxy.cuts = r.choice([0, 0, 1, 2, 5])
            self.w.configure(remote={"remoteport": proxy.port})
            kill = r.random() < 0.6
            how = r.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            end = time.monotonic() + 10 ** r.uniform(-2, 0)
            p = self.w.start()
            self.m.say("run")
            for _ in range(r.choice([0, 0, 3, 12])):
                self.m.live = True
                time.sleep(r.uniform(0, 0.02))
                self.m.change()
                if p.poll() is not None:
                    break
            while kill and p.poll() is None and time.monotonic() < end:
                time.sleep(0.002)
            if kill and p.poll() is None:
                os.killpg(p.pid, how)
            result = self.w.finish(p, 90)
            self.m.say("cuts left %d kill %s -> %r", proxy.cuts, kill, result)
            assert result.code in (0, 1, 75, -9, -15), result
        self.m.live = True
        self.w.configure(remote={"remoteport": self.server.port})

    def calm(self):
        for n in range(8):
            result = self.w.run(code=(0, 1, 75))
            self.m.say("calm %r", result)
            if result.code == 0 and n > 0:
                break
            if result.code:
                time.sleep(1.1)
        assert result.code == 0, result
        self.w.check()
        self.m.verify()
        self.w.quiet()

    def move_out(self):
        """A first sync comes, of all that is there."""
        shutil.rmtree(self.w.root)
        shutil.rmtree(self.w.metadata)
        self.m.say("all anew")

    def round(self):
        self.m.settle()
        if self.r.random() < 0.25:
            self.move_out()
        for _ in range(self.r.choice([3, 10, 30])):
            self.m.change()
        for _ in range(self.r.choice([0, 1, 1, 2, 4])):
            self.disturbed()
        self.calm()

    def go(self, rounds):
        with self.w.box() as box:
            self.m.box = box
            for f in ("a", "a/b"):  # else they are there without mail
                box.create(f)
            for _ in range(20):
                self.m.add_there()
            self.w.run()
            try:
                for _ in range(rounds):
                    self.m.say("---")
                    self.round()
            except BaseException:
                print("\n".join(self.log))
                raise


@pytest.fixture(autouse=True)
def settled(request, monkeypatch):
    if "WHERRY" not in os.environ:
        monkeypatch.setenv("WHERRY", request.getfixturevalue("soon"))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_model(make, servers, part):
    end = time.monotonic() + SECONDS
    seed = SEED + part
    while True:
        Run(make, servers, seed).go(5)
        seed += PARTS
        if time.monotonic() >= end:
            break

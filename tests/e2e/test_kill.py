"""Killed at any system call, the next run ends where an undisturbed one
does: nothing lost, nothing twice.

The undisturbed run is traced first, to learn how often it makes each call;
then every run is killed at one of them (strace's fault injection), started
again, and compared.
"""
import collections
import os
import random
import re
import shutil
import time

import pytest

from mail import lf, message, plain, subject

pytestmark = [pytest.mark.own,
              pytest.mark.skipif(not shutil.which("strace"),
                                 reason="no strace")]

ONE = "IMAP4rev1 SASL-IR LITERAL+ UIDPLUS NAMESPACE"
BLIND = "IMAP4rev1 SASL-IR LITERAL+ MULTIAPPEND NAMESPACE"
WORKERS = 8
POINTS = 25   # each
# Calls that change something, or after which something was learned.
CALLS = ("openat write pwrite64 writev sendto rename renameat renameat2 "
         "linkat unlinkat mkdirat mkdir fsync fdatasync syncfs ftruncate "
         "sync_file_range utimensat close read recvfrom fstat newfstatat "
         "statx getdents64 poll ppoll lseek pread64").split()


@pytest.fixture(autouse=True)
def settled(soon, monkeypatch):
    """An APPEND whose answer was lost may still be on its way for a minute,
    as shipped; for a second in the build that is tried here."""
    monkeypatch.setenv("WHERRY", soon)


def resume(w, done):
    """Runs until done() holds, as cron would; the last result. What was on
    its way when the last run ended is stored by then: a busy server might
    take longer than the second that it is given here."""
    w.server.idle(w.user)
    for _ in range(4):
        r = w.run(code=(0, 1, 75))
        if r.code == 0 and done():
            break
        time.sleep(1.1)
    return r


class Scenario:
    """A base state, saved as two folders; changes on both sides; a run."""

    def __init__(self, w):
        self.w = w
        self.saved = os.path.join(w.dir, "saved")
        with w.box() as b:
            for f in ("Work", "Work/Sub"):
                b.create(f)
            for f, n in (("INBOX", 24), ("Work", 6), ("Work/Sub", 2)):
                for i in range(n):
                    b.append(message("base%d" % i, 300 + 700 * (i % 5)), f)
        w.sync()
        with w.box() as b:
            uid = [m.uid for m in b.messages()]
            b.delete(uid[0:3])
            b.store(uid[3:7], "+S")
            b.create("There")
            b.append(message("first"), "There")
            for i in range(6):
                b.append(message("there%d" % i, 2000 * i), flags="S" * (i % 2))
            for _ in range(2):
                b.append(message("twin"))
        index = w.local.index()
        for i in range(8, 11):
            os.unlink(index["base%d" % i])
        for i in range(11, 15):
            w.local.reflag(index["base%d" % i], "+FR")
        w.local.reflag(index["base3"], "+F")
        w.local.create("Here")
        w.local.add(lf(message("first")), "Here")
        for i in range(6):
            w.local.add(lf(message("here%d" % i, 1500 * i)),
                        flags="S" * (i % 2))
        for _ in range(2):
            w.local.add(lf(message("same")))
        for p in w.local.files("Work/Sub")[:1]:
            os.unlink(p)
        self.copy([("home", w.server.home(w.user)), ("mail", w.root),
                   ("state", w.metadata)], save=True)

    def copy(self, pairs, save):
        self.w.server.idle(self.w.user)  # it writes to what is copied
        for name, path in pairs:
            a, b = path, os.path.join(self.saved, name)
            if not save:
                a, b = b, a
            shutil.rmtree(b, ignore_errors=True)
            # cp keeps times and owners.
            assert os.system("mkdir -p '%s' && cp -a '%s' '%s'" % (
                os.path.dirname(b), a, b)) == 0

    def restore(self):
        self.copy([("home", self.w.server.home(self.w.user)),
                   ("mail", self.w.root), ("state", self.w.metadata)],
                  save=False)

    def end_state(self):
        with self.w.box() as b:
            there = b.snapshot()
        here = self.w.local.snapshot()
        return tuple({f: sorted((subject(m.body), m.flags, plain(m.body))
                                for m in ms) for f, ms in s.items()}
                     for s in (there, here))


def count_calls(w):
    trace = os.path.join(w.dir, "trace")
    w.run(prefix=["strace", "-f", "-qq", "-o", trace, "-e",
                  "trace=" + ",".join("?" + c for c in CALLS)])
    n = collections.Counter()
    with open(trace, errors="replace") as f:
        for line in f:
            m = re.match(r"\d+\s+(\w+)\(", line)
            if m:
                n[m.group(1)] += 1
    return n


@pytest.mark.slow
@pytest.mark.parametrize("part", range(WORKERS))
def test_kill_at_any_call(make, servers, part):
    """Uploads several at a time, one at a time, and without being told."""
    w = make(general={"fsync": ["no", "batch", "always"][part % 3]},
             server=servers(capability=[None, None, ONE, BLIND][part % 4]))
    s = Scenario(w)
    calls = count_calls(w)
    want = s.end_state()
    assert want[0] == want[1]
    s.restore()
    assert s.end_state() != want
    r = random.Random(part)
    points = [(c, i) for c, n in sorted(calls.items())
              for i in range(1, n + 1)]
    # Half of the points among the calls that change something on disk or
    # are sent: the others are many and dull.
    sharp = [p for p in points if not re.match(
        "read|recv|close|fstat|newfstat|statx|poll|ppoll|lseek|pread|"
        "getdents", p[0])]
    chosen = r.sample(sharp, min(len(sharp), POINTS // 2))
    chosen += r.sample(points, min(len(points), POINTS - len(chosen)))
    killed = 0
    for call, n in chosen:
        s.restore()
        result = w.run(code=tuple(range(-64, 256)),
                       prefix=["strace", "-f", "-qq", "-o", "/dev/null",
                               "-e", "trace=" + call, "-e",
                               "inject=%s:signal=KILL:when=%d" % (call, n)])
        killed += result.code in (-9, 137)
        result = resume(w, lambda: s.end_state() == want)
        got = s.end_state()
        assert got == want, "killed at %s %d\n%r" % (call, n, result)
        w.check()
    assert killed >= len(chosen) // 2


@pytest.mark.slow
def test_kill_by_the_clock_in_a_first_sync(make, server):
    """Again and again during one long download and upload, until done."""
    import signal
    w = make()
    with w.box() as b:
        b.append_many(message("m%d" % i, 200 + i % 7 * 900)
                      for i in range(1500))
    w.local.create("INBOX")
    for i in range(200):
        w.local.add(lf(message("l%d" % i)))
    r = random.Random(5)
    for turn in range(40):
        p = w.start()
        time.sleep(r.uniform(0.01, 0.12) * (1 + turn / 20))
        if p.poll() is None:
            os.killpg(p.pid, signal.SIGKILL)
        p.communicate()
        w.server.idle(w.user)
    r = resume(w, lambda: all(map(w.local.uid_of, w.local.files())))
    assert r.code == 0, r
    w.check()
    with w.box() as b:
        subjects = sorted(subject(m.body) for m in b.messages())
    assert subjects == sorted(["m%d" % i for i in range(1500)] +
                              ["l%d" % i for i in range(200)])


@pytest.mark.slow
def test_connection_lost_anywhere(make, server):
    """The line is cut after so many bytes, either way; then resumed."""
    from proxy import Proxy
    w = make(tls="plain")
    s = Scenario(w)
    w.run()
    want = s.end_state()
    r = random.Random(11)
    with Proxy(server.port) as proxy:
        for turn in range(25):
            s.restore()
            proxy.cut_down = r.choice([None, int(10 ** r.uniform(1.5, 4.6))])
            proxy.cut_up = None if proxy.cut_down else int(
                10 ** r.uniform(1.5, 4.3))
            w.configure(remote={"remoteport": proxy.port})
            w.run(code=(0, 1, 75))
            w.configure(remote={"remoteport": server.port})
            resume(w, lambda: s.end_state() == want)
            assert s.end_state() == want, (proxy.cut_down, proxy.cut_up)




STATE = ("head", "table", "names", "hosts", "journal")


def state_files(w):
    """Bytes of the files of all folders' states, and of their table."""
    out = {}
    for d, _, files in os.walk(w.metadata):
        for f in files:
            if f in STATE or f == "folders":
                with open(os.path.join(d, f), "rb") as x:
                    out[os.path.join(d, f)] = x.read()
    return out


def mixed(r, old, new):
    """A file of which some sectors, and perhaps the size, did not get to the
    disk before the power was cut."""
    size = max(len(old), len(new))
    a, b = old.ljust(size, b"\0"), new.ljust(size, b"\0")
    out = b"".join((a if r.random() < 0.5 else b)[i:i + 512]
                   for i in range(0, size, 512))
    return out[:r.choice([len(old), len(new), size])]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [None, BLIND])
def test_power_cut_takes_state_back(make, servers, kind):
    """What is not flushed of the state is lost in any choice of files and
    sectors, while the Maildir and the server are as the run left them: the
    next run finds nothing to do but to note it."""
    from test_local import other_boot
    w = make(general={"fsync": "batch"}, server=servers(capability=kind))
    before = other_boot(w)
    s = Scenario(w)
    old = state_files(w)
    w.run()
    want, new = s.end_state(), state_files(w)
    assert want[0] == want[1]
    shutil.rmtree(s.saved)
    s.copy([("home", w.server.home(w.user)), ("mail", w.root),
            ("state", w.metadata)], save=True)
    r = random.Random(str(kind))
    for turn in range(10):
        s.restore()
        for path in new:
            lost = r.choice(["nothing", "all", "some"]) if turn > 1 else (
                "all" if turn == 0 else "some")
            # The head is durable before the first record.
            keep = new[path] if path not in old and (
                os.path.basename(path) == "head") else old.get(path, b"")
            with open(path, "wb") as f:
                f.write(new[path] if lost == "nothing" else keep
                        if lost == "all" else mixed(r, keep, new[path]))
        mark = w.server.log_mark()
        w.run(prefix=before)
        cost = w.server.cost(w.user, mark)
        assert s.end_state() == want, turn
        assert (cost["appended"], cost["expunged"]) == (0, 0), cost
        w.check()
        w.quiet()

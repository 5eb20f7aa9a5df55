"""A Maildir that OfflineIMAP filled is taken over as it is."""
import os
import shutil
import subprocess

import pytest

from mail import lf, message, subject

OFFLINEIMAP = shutil.which("offlineimap")
pytestmark = pytest.mark.skipif(not OFFLINEIMAP, reason="no offlineimap")


def offlineimap(w):
    r = subprocess.run(
        [OFFLINEIMAP, "-o", "-u", "basic", "-c", w.conf], env=w.env(),
        cwd=w.dir, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120)
    assert r.returncode == 0, r.stdout + r.stderr


def names(w):
    return {f: sorted(os.path.relpath(p, w.root) for p in w.local.files(f))
            for f in w.local.folders()}


def prepare(w, b):
    b.create("Work/Sub")
    b.create("Entwürfe")
    for f in ("INBOX", "Work/Sub", "Entwürfe"):
        for i in range(12):
            b.append(message("m%d" % i), f, flags="SFR"[i % 4:i % 4 + 1])
    offlineimap(w)


@pytest.mark.parametrize("sep", [".", "/"])
@pytest.mark.parametrize("state", ["kept", "moved"])
def test_takeover(make, sep, state):
    """No download, no upload, no name changed; with its state beside ours
    or after the FAQ's `move the caches away`."""
    w = make(sep=sep)
    with w.box() as b:
        prepare(w, b)
        before = names(w)
        assert len(before) == 3 or sep == "/"
        if state == "moved":
            shutil.move(w.metadata, w.metadata + ".old")
        mark = w.server.log_mark()
        w.run()
        cost = w.server.cost(w.user, mark)
        w.check()
        assert cost["bodies"] == 0 and cost["appended"] == 0, cost
        assert names(w) == before
        w.quiet()
        # And from here on it is ours.
        b.append(message("there"))
        os.unlink(w.local.find("m3"))
        w.local.add(lf(message("here")))
        w.sync()
        got = {subject(m.body) for m in b.messages()}
        assert {"there", "here"} <= got and "m3" not in got


def test_way_back(make):
    """What wherry wrote, OfflineIMAP takes: nothing travels."""
    w = make()
    with w.box() as b:
        for i in range(12):
            b.append(message("m%d" % i), flags="SFR"[i % 4:i % 4 + 1])
        w.sync()
        before = names(w)
        shutil.rmtree(w.metadata)
        mark = w.server.log_mark()
        offlineimap(w)
        cost = w.server.cost(w.user, mark)
        assert cost["bodies"] == 0 and cost["appended"] == 0, cost
        assert names(w) == before


def test_same_uids_of_another_validity(make):
    """OfflineIMAP's files of a folder that was made anew since: `U=` alone
    is no proof. All mail of both is there in the end, none replaced."""
    w = make()
    with w.box() as b:
        b.create("Work")
        for i in range(6):
            b.append(message("old%d" % i), "Work")
        offlineimap(w)
        b.delete_folder("Work")
        b.create("Work")
        for i in range(6):
            b.append(message("new%d" % i), "Work")
        shutil.rmtree(w.metadata)
        w.run(code=None)
        w.run(code=None)
        here = {subject(m.body) for m in w.local.messages("Work")}
        there = {subject(m.body) for m in b.messages("Work")}
        assert {"old%d" % i for i in range(6)} <= here
        assert {"new%d" % i for i in range(6)} <= there


def test_half_done(make):
    """OfflineIMAP ended in the middle: some files, the rest is fetched."""
    w = make()
    with w.box() as b:
        prepare(w, b)
        for p in w.local.files()[::2]:
            os.unlink(p)
        shutil.rmtree(w.metadata)
        mark = w.server.log_mark()
        w.run()
        cost = w.server.cost(w.user, mark)
        w.check()
        assert cost["bodies"] == 6 and cost["appended"] == 0, cost

"""Machines whose clock is not set: certificates are judged at the latest
time that is known, never left unjudged, and what is wrong is said."""
import os
import re
import subprocess
import time

import pytest

from mail import lf, message
from wherry import TEMPORARY, TOP

DAY = 86400
CERTAINLY_OVER = 40 * DAY  # the test server's certificates live 30 days


def stamp():
    with open(os.path.join(TOP, "config.h")) as f:
        return int(re.search(r"WHERRY_STAMP (\d+)", f.read()).group(1))


@pytest.fixture
def at(other_clock):
    """at(seconds): the start of a command line with that clock."""
    return lambda seconds: other_clock(AT=int(seconds))


@pytest.fixture
def born_today(server):
    """The server's certificate is younger than this release, as one that
    was renewed while a router lay in a drawer. (It is made by the test, a
    release is older.)"""
    assert time.time() > stamp()


def touch(path, when):
    os.utime(path, (when, when))


def state(w):
    return os.path.join(w.metadata, "Account-Test", "wherry", "root")


@pytest.mark.parametrize("tls", ["imaps", "starttls"])
@pytest.mark.parametrize("clock", [300, -100])
def test_clock_not_set(make, at, born_today, tls, clock):
    """From 1970: refused, exit 75, and the words say what to do."""
    w = make(tls=tls)
    with w.box() as b:
        b.append(message("m"))
    clock = clock if clock > 0 else stamp() + clock
    mark = w.server.log_mark()
    r = w.run(code=TEMPORARY, prefix=at(clock))
    assert "not valid yet" in r.text
    said = time.strftime("%d-%b-%Y %H:", time.gmtime(clock))
    used = time.strftime("%d-%b-%Y %H:", time.gmtime(stamp()))
    assert said in r.text and used in r.text and "NTP" in r.text
    assert "cert_fingerprint" not in r.text  # not a reason to pin
    assert w.server.sessions(w.user, mark, timeout=0.3) == []
    assert os.listdir(w.root) == []
    w.sync()


def test_fingerprint_needs_no_clock(make, server, at):
    der = subprocess.run(
        ["openssl", "x509", "-in", server.certificates.cert, "-outform",
         "DER"], stdout=subprocess.PIPE, check=True).stdout
    import hashlib
    w = make(remote={"sslcacertfile": None,
                     "cert_fingerprint": hashlib.sha256(der).hexdigest()})
    w.sync(prefix=at(300))
    # Such a run is no witness for what the clock says.
    later = int(time.time()) + 100 * DAY
    before = os.stat(state(w)).st_mtime
    with w.box() as b:
        b.append(message("m"))
        w.sync(prefix=at(later))
    assert os.stat(state(w)).st_mtime == before


def test_never_unverified(make, server, at):
    """Neither a clock that is not set nor one that is makes another CA's
    certificate, or another host's, good."""
    other, _ = server.certificates.self_signed("other2", "DNS:other")
    for remote in ({"sslcacertfile": other}, {"remotehost": "127.0.0.2"}):
        w = make(remote=remote)
        mark = server.log_mark()
        for clock in (300, time.time(), time.time() + 9 * 365 * DAY):
            r = w.run(code=2, prefix=at(clock))
            assert "certificate" in r.text
        assert server.sessions(w.user, mark, timeout=0.3) == []


def test_expired_by_the_clock(make, at):
    """The library's own clock is not asked, the program's is."""
    w = make()
    r = w.run(code=2, prefix=at(time.time() + CERTAINLY_OVER))
    assert "expired" in r.text


def test_newest_state_counts(make, at):
    """After a run that knew the time, a start in 1970 works."""
    w = make()
    w.sync()
    w.sync(prefix=at(300))
    # And the state is what did it.
    touch(state(w), stamp())
    w.run(code=TEMPORARY, prefix=at(300))


def test_state_also_tells_that_it_is_over(make, at):
    """It moves forward only: a certificate that was over when the last run
    was made is not accepted because the clock was set back."""
    w = make()
    w.sync()
    touch(state(w), time.time() + CERTAINLY_OVER)
    for clock in (300, time.time()):
        r = w.run(code=2, prefix=at(clock))
        assert "expired" in r.text and "wherry/root" in r.text


def test_absurd_state_is_left(make, at):
    """A state from a far future does not lock a right clock out, and is put
    right by the next run that writes."""
    w = make()
    w.sync()
    for far in (500 * DAY, 50 * 365 * DAY):
        touch(state(w), time.time() + far)
        w.sync(prefix=at(time.time()))
        with w.box() as b:
            b.append(message("m%d" % far))
        w.sync()
        assert abs(os.stat(state(w)).st_mtime - time.time()) < 60


def test_remembered_at_most_daily_and_not_for_nothing(make):
    w = make()
    w.sync()
    old = time.time() - 3 * DAY
    touch(state(w), old)
    w.quiet()
    assert abs(os.stat(state(w)).st_mtime - old) < 1
    w.local.add(lf(message("x")))
    w.sync()
    new = os.stat(state(w)).st_mtime
    assert abs(new - time.time()) < 60
    w.local.add(lf(message("y")))
    w.sync()
    assert os.stat(state(w)).st_mtime == new


@pytest.mark.own
def test_release_of_the_future(build, make, monkeypatch):
    """The stamp counts, also where nothing can be preloaded."""
    monkeypatch.setenv("WHERRY", build(
        "stamp", "-DWHERRY_STAMP=%d" % (
            int(time.time() // DAY) * DAY + CERTAINLY_OVER)))
    r = make().run(code=2)
    assert "expired" in r.text and "this version was released" in r.text

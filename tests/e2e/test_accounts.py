"""Several accounts at work at once."""
import os
import re
import socket
import time

import pytest

from mail import lf, message
from proxy import Proxy
from wherry import TOP, Wherry, beside

with open(os.path.join(TOP, "config.h")) as _f:
    CONNECTIONS = int(re.search(r"define CFG_CONNECTIONS (\d+)",
                                _f.read()).group(1))
pytestmark = pytest.mark.skipif(
    bool(os.environ.get("WHERRY")), reason="the default build has two slots")


@pytest.fixture
def two(make, workdir):
    """two(first={}, second={}, **general): both in one configuration."""
    def get(first=None, second=None, **general):
        most = {"maxconnections": CONNECTIONS}
        a = make(tls="plain", remote={**most, **(first or {})},
                 general=general)
        b = Wherry(os.path.join(workdir, "b"), a.server, a.user + "b",
                   tls="plain", remote={**most, **(second or {})})
        beside(a, b)
        return a, b
    return get


@pytest.fixture
def lines(two, server):
    """lines(second={}, **general): both accounts, each through a proxy of its
    own, and what happens on both in its order."""
    events = []
    with Proxy(server.port, 0.01, events) as one, \
            Proxy(server.port, 0.01, events) as other:
        yield lambda second=None, **general: (*two(
            {"remoteport": one.port},
            {"remoteport": other.port, **(second or {})}, **general),
            one, other, events)


def fill(*accounts):
    for w in accounts:
        with w.box() as b:
            for i in range(6):
                b.create("f%d" % i)
                b.append_many((message("%s%d.%d" % (w.user, i, k))
                               for k in range(5)), "f%d" % i)
        w.local.create("INBOX")
        for i in range(3):
            w.local.add(lf(message("here%d" % i)))


def side_by_side(r):
    lines = r.text.splitlines()
    begun = [i for i, x in enumerate(lines) if "*** Processing" in x]
    ended = [i for i, x in enumerate(lines) if "*** Finished" in x]
    assert len(begun) == len(ended) == 2, r
    return begun[1] < ended[0]


def at(events, proxy, what):
    return [i for i, e in enumerate(events) if e[0] is proxy and e[2] == what]


def test_side_by_side(lines, server):
    """Neither waits for the other's line, none has all connections, and both
    together no more than there are."""
    a, b, one, other, events = lines()
    fill(a, b)
    mark = server.log_mark()
    assert side_by_side(a.run())
    for p, q in ((one, other), (other, one)):
        # Each sends while the other is at work, time and again.
        up = at(events, p, "up")
        assert len([i for i in at(events, q, "up")
                    if up[0] < i < up[-1]]) > 3
    assert 2 < Proxy.most_open(events) <= CONNECTIONS
    for w, p in ((a, one), (b, other)):
        w.check()
        # This one and those of check() and fill().
        assert 1 <= len(server.sessions(w.user, mark)) <= CONNECTIONS + 1
        assert Proxy.most_open(e for e in events if e[0] is p) < CONNECTIONS
    a.run()
    a.check()
    b.check()


def test_one_at_a_time(lines):
    """If that is wanted: maxsyncaccounts. The one that is at work has all
    connections."""
    a, b, one, other, events = lines(maxsyncaccounts=1)
    fill(a, b)
    assert not side_by_side(a.run())
    assert at(events, one, "up")[-1] < at(events, other, "up")[0]
    assert Proxy.most_open(events) <= CONNECTIONS
    a.check()
    b.check()


def test_three(lines, workdir):
    """In two slots: the third follows."""
    a, b, one, other, events = lines()
    c = Wherry(os.path.join(workdir, "c"), a.server, a.user + "c", tls="plain")
    beside(a, c, "Test3")
    fill(a, b, c)
    said = a.run().text.splitlines()
    begun, ended = ([i for i, x in enumerate(said) if what in x]
                    for what in ("*** Processing", "*** Finished"))
    assert len(begun) == len(ended) == 3
    assert begun[1] < ended[0] < begun[2]
    for w in (a, b, c):
        w.check()


def test_the_second_is_late(lines, workdir):
    """A connection is kept for it."""
    go = os.path.join(workdir, "go")
    a, b, one, other, events = lines({
        "remotepass": None, "remotepasscmd":
        "while [ ! -e %s ]; do sleep 0.02; done; echo secret" % go})
    fill(a, b)
    for i in range(6, 40):
        with a.box() as box:
            box.create("f%d" % i)
            box.append_many((message("more%d.%d" % (i, k), 3000)
                             for k in range(10)), "f%d" % i)
    p = a.start()
    while Proxy.most_open(events) < CONNECTIONS - 1 and p.poll() is None:
        time.sleep(0.02)
    with open(go, "w"):
        pass
    assert side_by_side(a.finish(p))
    before = events[:at(events, other, "open")[0]]
    assert Proxy.most_open(before) == CONNECTIONS - 1
    assert at(events, other, "open")[0] < at(events, one, "up")[-1]
    assert Proxy.most_open(events) <= CONNECTIONS
    a.check()
    b.check()


def test_one_is_refused(two):
    """The other goes on, and the exit status is the worse one."""
    a, b = two({"remotepass": "wrong"})
    fill(a, b)
    a.run(code=77)
    b.check()
    assert len(a.local.messages()) == 3


def test_one_is_not_answered(two):
    """Who waits for a silent server keeps nobody."""
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        a, b = two({"remoteport": quiet.getsockname()[1], "retrycount": 0},
                   socktimeout=5)
        fill(b)
        lines = a.run(code=75).text.splitlines()
    ended = [x for x in lines if "*** Finished" in x]
    assert "'Test2'" in ended[0] and "'Test'" in ended[1], lines
    b.check()


def test_stopped(two, server):
    """SIGTERM ends both, and the next run goes on."""
    with Proxy(server.port, delay_s=0.01) as proxy:
        a, b = two(*2 * [{"remoteport": proxy.port}])
        fill(a, b)
        p = a.start()
        while proxy.bytes_down < 6000 and p.poll() is None:
            pass
        p.terminate()
        a.finish(p)
        a.run()
    a.check()
    b.check()

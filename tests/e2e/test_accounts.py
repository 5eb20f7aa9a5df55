"""Several accounts at work at once, in a build that has room for two."""
import os
import socket

import pytest

from mail import lf, message
from proxy import Proxy
from wherry import Wherry


pytestmark = pytest.mark.skipif(
    bool(os.environ.get("WHERRY")), reason="a build of its own")


@pytest.fixture(autouse=True)
def program(build, monkeypatch):
    monkeypatch.setenv("WHERRY", build("accounts", "-DCFG_ACCOUNT_SLOTS=2"))


@pytest.fixture
def two(make, workdir):
    """two(first={}, second={}, **general): both in one configuration."""
    def get(first=None, second=None, **general):
        a = make(tls="plain", remote=first or {}, general=general)
        b = Wherry(os.path.join(workdir, "b"), a.server, a.user + "b",
                   tls="plain", remote=second or {})
        with open(b.conf) as f:
            other = f.read()
        other = other[other.index("[Account"):]
        for word in ("Test", "Here", "There"):
            other = other.replace(word, word + "2")
        with open(a.conf) as f:
            text = f.read()
        with open(a.conf, "w") as f:
            f.write(text.replace("accounts = Test", "accounts = Test, Test2")
                    + other)
        return a, b
    return get


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


def test_side_by_side(two, server):
    """Neither waits for the other's line, and none has all connections."""
    with Proxy(server.port, delay_s=0.002) as proxy:
        a, b = two(*2 * [{"remoteport": proxy.port}])
        fill(a, b)
        mark = server.log_mark()
        assert side_by_side(a.run())
        for w in (a, b):
            w.check()
            # This one and those of check() and fill().
            assert 1 <= len(server.sessions(w.user, mark)) <= 2 + 1
        a.run()
    a.check()
    b.check()


def test_one_at_a_time(two):
    """If that is wanted: maxsyncaccounts."""
    a, b = two(maxsyncaccounts=1)
    fill(a, b)
    assert not side_by_side(a.run())
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
                   socktimeout=2)
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

"""Several connections of one account, and several accounts."""
import os
import re

import pytest

from mail import lf, message
from proxy import Proxy
from wherry import TOP

with open(os.path.join(TOP, "config.h")) as _f:
    CONNECTIONS = int(re.search(r"define CFG_CONNECTIONS (\d+)",
                                _f.read()).group(1))
own_build = pytest.mark.skipif(
    bool(os.environ.get("WHERRY")), reason="counts of the default build")


def filled(w, folders=12, each=3):
    with w.box() as b:
        for i in range(folders):
            b.create("f%02d" % i)
            for j in range(each):
                b.append(message("m%d-%d" % (i, j)), "f%02d" % i)


@own_build
def test_pool(make):
    """As many connections as there are, or as maxconnections says; one if
    there is one folder."""
    w = make()
    w.sync()
    mark = w.server.log_mark()
    w.run()
    assert len(w.server.sessions(w.user, mark)) == 1
    filled(w)
    # Asked for: one that comes late may have nothing to do, and not log in.
    assert 1 < connections(w, 0) <= CONNECTIONS
    for most in 2, 1:
        w.configure(remote={"maxconnections": most})
        for i in range(12):
            w.local.add(lf(message("n%d.%d" % (i, most))), "f%02d" % i)
        assert connections(w, 0) == most


def connections(w, delay_s, prefix=()):
    """That a run has made, over a line of so long a wait each way."""
    with Proxy(w.server.tls_port, delay_s) as p:
        w.configure(remote={"remoteport": p.port})
        w.run(prefix=prefix)
        w.configure(remote={"remoteport": w.server.tls_port})
        w.check()
        return p.taken


@own_build
def test_far(make):
    """All, from the start of a first sync and of what changed here."""
    w = make()
    filled(w)
    assert connections(w, 0.02) == CONNECTIONS
    w.run()
    for i in range(12):
        w.local.add(lf(message("n%d" % i)), "f%02d" % i)
    assert connections(w, 0.02) == CONNECTIONS


@own_build
@pytest.mark.parametrize("said", [None, CONNECTIONS, 3])
def test_near(make, other_clock, said):
    """Two where no answer takes any time, whatever else this machine does:
    its clock stands still. But the user has the last word."""
    w = make(remote={"maxconnections": said})
    filled(w)
    still = other_clock(SPEED=0)
    assert connections(w, 0, still) == (said or 2)
    w.run()
    for i in range(12):
        w.local.add(lf(message("n%d" % i)), "f%02d" % i)
    assert connections(w, 0, still) == (said or 2)


@own_build
def test_logins_at_once(make, server):
    """The further connections log in beside each other: the last has sent its
    password before the first of them is answered. And while they do, the
    first one works."""
    def together(delay_s):
        with Proxy(server.port, delay_s) as proxy:
            w = make(tls="plain", user=next(users),
                     remote={"remoteport": proxy.port})
            filled(w, 12, 20)
            w.run()
            w.check()
        e = [x for x in proxy.events if x[1] in range(1, CONNECTIONS)]
        asked = [i for i, x in enumerate(e) if x[2] == "up" and
                 (b"AUTHENTICATE" in x[3] or b"LOGIN" in x[3])]
        told = [i for i, x in enumerate(e) if x[2] == "down" and
                re.search(rb"(?m)^w\d+ OK", x[3])]
        return len(asked) == CONNECTIONS - 1 and asked[-1] < told[0]
    users = (w for w in (make().user + "l%d" % i for i in range(3)))
    # On a busy machine a greeting may be late.
    assert any(together(delay_s) for delay_s in (0.05, 0.2, 0.5))


@own_build
def test_server_allows_fewer(make, servers):
    """A login that is refused for the number of connections costs nothing
    but that connection. Over a line, or all may be done before it."""
    w = make(servers(
        extra="protocol imap {\n mail_max_userip_connections = 1\n}"))
    filled(w)
    with Proxy(w.server.tls_port, 0.1) as p:
        w.configure(remote={"remoteport": p.port})
        assert "goes on with 1 connection: " in w.run().text
    w.check()


@pytest.mark.parametrize("sep", [".", "/"])
def test_all_directions_at_once(make, sep):
    w = make(sep=sep)
    filled(w)
    w.sync()
    with w.box() as b:
        for i in range(0, 12, 2):
            b.select("f%02d" % i)
            b.append(message("new%d" % i), "f%02d" % i)
    for i in range(1, 12, 2):
        w.local.add(lf(message("here%d" % i)), "f%02d" % i)
    for i in range(6):  # also names below each other
        w.local.create("new%d/deep/er" % i)
        w.local.add(lf(message("deep%d" % i)), "new%d/deep/er" % i)
    w.sync()
    w.quiet()
    assert len(w.local.messages("f01")) == 4

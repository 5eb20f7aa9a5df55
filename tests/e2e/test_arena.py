"""The libraries' memory: told by --stats, and a connection that it does not
suffice for ends cleanly, wherever it was."""
import fcntl
import os
import re
import subprocess

import pytest

from mail import message
from wherry import TOP, binary, version

pytestmark = pytest.mark.skipif(
    "asan" in binary() or bool(os.environ.get("WRAP")) or
    "BearSSL" in version(binary()),
    reason="sanitizers and wrappers bring an allocator of their own, and "
           "BearSSL allocates nothing")

FULL = re.compile(r"CFG_ARENA")


def arena(text):
    """(in use, most, size) of --stats."""
    m = re.search(r"stats: arena in use (\d+), most (\d+) of (\d+) bytes",
                  text)
    return tuple(map(int, m.groups()))


@pytest.fixture(scope="session")
def sized():
    """sized(n): the program with CFG_ARENA=n."""
    def get(n):
        name = "build/plain/arena-%d/wherry" % n
        with open(os.path.join(TOP, "build", "arena.lock"), "w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            subprocess.run(["make", "-s", "-C", TOP, name], check=True,
                           stdout=subprocess.DEVNULL)
        return os.path.join(TOP, name)
    return get


def test_stats(w):
    with w.box() as b:
        b.append(message("m"))
    used, most, size = arena(w.run("--stats").out)
    assert used < 4096, "what the TLS connection had came back"
    assert 16384 < most <= size * 3 // 4, "a quarter of the default is free"


def test_not_without_tls(make):
    w = make(tls="plain")
    used, most, _ = arena(w.run("--stats").out)
    assert most < 4096


@pytest.mark.skipif("WHERRY" in os.environ, reason="its builds of other sizes "
                    "have the library of this machine")
def test_too_small(make, sized, monkeypatch):
    """With what --stats told, and a little for signatures of other lengths,
    it works; with any less it fails as it should, saying why."""
    w = make(remote={"maxconnections": 1})
    with w.box() as b:
        b.append(message("m"))
    _, most, _ = arena(w.run("--stats").out)
    with w.box() as b:
        b.append(message("n"))
    steps = [4096, 8192, most // 3, most // 2, most * 3 // 4,
             most * 7 // 8, most - 3000]
    for n in steps:
        monkeypatch.setenv("WHERRY", sized(n // 16 * 16))
        r = w.run(code=1)
        assert FULL.search(r.text), r
        assert "Traceback" not in r.text and "not trusted" not in r.text
        assert len(w.local.files()) == 1
    monkeypatch.setenv("WHERRY", sized((most + 512) // 16 * 16))
    w.sync()

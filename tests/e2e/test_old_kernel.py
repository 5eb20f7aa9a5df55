"""Kernels that are old, and sandboxes that refuse what they do not know."""
import os
import re
import shutil
import subprocess

import pytest

from mail import lf, message
from test_durability import disk, flushes, trace  # noqa: F401
from test_kill import Scenario, count_calls, resume
from wherry import HERE

WAYS = {
    "linux-2.6.32": ["new"],
    "sandbox": ["-e", "EPERM", "getrandom,renameat2,syncfs"],
    "file-system": ["-e", "EINVAL", "renameat2"],
    "no-locks-but-one": ["new,flock"],
}


@pytest.fixture(scope="session")
def nosys(tmp_path_factory):
    """nosys(words...): the start of a command line in such a kernel."""
    program = str(tmp_path_factory.mktemp("nosys") / "nosys")
    subprocess.run(["cc", "-O1", "-o", program,
                    os.path.join(HERE, "nosys.c")], check=True)
    if subprocess.run([program, "new", "true"]).returncode == 126:
        pytest.skip("this kernel has no filters of system calls")
    return lambda *words: [program, *words]


def test_nosys_refuses(nosys):
    def error(words, name):
        return subprocess.run(
            nosys(*words) + ["/usr/bin/python3", "-c",
                             "import os; os.%s" % name],
            capture_output=True, text=True).stderr
    assert "Function not implemented" in error(["new"], "getrandom(8)")
    assert "not permitted" in error(["-e", "EPERM", "getrandom"],
                                    "getrandom(8)")
    assert error(["flock"], "getrandom(8)") == ""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["batch", "off"])
def test_both_ways(disk, nosys, way, mode):  # noqa: F811
    """Everything works, and is as durable."""
    old = nosys(*WAYS[way])
    w = disk(general={"fsync": mode})
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(60))
    w.sync(prefix=old)
    for i in range(20):
        w.local.add(lf(message("l%d" % i)), flags="S")
    for p in w.local.files()[:5]:
        w.local.reflag(p, "+F")
    for p in w.local.files()[30:34]:
        os.unlink(p)
    with w.box() as b:
        b.store([m.uid for m in b.messages()][10:20], "+F")
    w.sync(prefix=old)
    w.quiet()


def test_without_syncfs_each_is_flushed(disk, nosys):  # noqa: F811
    n = 40
    w = disk(general={"fsync": "batch"})
    with w.box() as b:
        b.append_many(message("m%d" % i, 900) for i in range(n))
    usual = w.start
    w.start = lambda *a, prefix=(), **k: usual(
        *a, prefix=list(prefix) + nosys("new"), **k)
    lines = trace(w)
    assert not any(s.startswith("syncfs") and "= 0" in s for s in lines)
    whole = [s for s in lines if re.match("fdatasync.*wherry\\.", s)]
    assert len(whole) >= n
    assert len(flushes(lines)) < 2 * n + 40
    w.check()


def test_one_at_a_time(make, nosys):
    """The locks that an old kernel has keep another run out."""
    w = make()
    w.run()
    holder = subprocess.Popen(
        ["flock", os.path.join(w.metadata, "Test.lock"), "cat"],
        stdin=subprocess.PIPE)
    try:
        for _ in range(100):
            r = w.run(code=None, prefix=nosys("new"))
            if r.code == 75:
                break
        assert r.code == 75 and "lock" in r.text
    finally:
        holder.communicate()
    w.run(prefix=nosys("new"))


def jail(*words):
    """A command line for a root without /dev and /proc, started with its
    standard input and error closed."""
    return ["unshare", "-rm", "sh", "-ec", "mount -t tmpfs none /dev; "
            "mount -t tmpfs none /proc; exec \"$@\" <&- 2>&-", "sh", *words]


def bring_roots(w):
    """The server's may lie in /dev/shm, which is hidden then."""
    path = os.path.join(w.dir, "ca.pem")
    shutil.copy(w.server.ca, path)
    w.configure(remote={"sslcacertfile": path})


@pytest.fixture
def can_jail():
    if subprocess.run(jail("true"), capture_output=True).returncode:
        pytest.skip("no mount namespaces here")


def test_without_devices(disk, can_jail):  # noqa: F811
    w = disk(remote={"remotepass": None, "remotepasscmd": "echo secret; cat"})
    bring_roots(w)
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(20))
    w.sync(prefix=jail())
    w.local.add(lf(message("l")))
    w.sync(prefix=jail())
    w.quiet()


def test_no_weak_randomness(disk, can_jail, nosys):  # noqa: F811
    """Neither the call nor devices: nothing is sent, and why is said."""
    w = disk()
    bring_roots(w)
    mark = w.server.log_mark()
    for more in ("", "echo 0123456789 >/dev/urandom; "
                 "ln -s urandom /dev/random; "):
        prefix = jail(*nosys("getrandom"))
        prefix[3] = prefix[3].replace("exec", more + "exec")
        r = w.run(code=None, prefix=prefix)
        assert r.code > 0, r
        assert "no random numbers" in r.text
    assert w.server.sessions(w.user, mark, timeout=0.3) == []
    w.sync(prefix=nosys("getrandom"))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
@pytest.mark.own
def test_killed_while_renaming(make, soon, nosys, monkeypatch):
    """Where one call cannot rename without replacing, a kill between the
    calls that stand in for it must not leave a message with two names (link
    and unlink would)."""
    monkeypatch.setenv("WHERRY", soon)
    w = make()
    usual = w.start
    w.start = lambda *a, prefix=(), **k: usual(
        *a, prefix=list(prefix) + nosys("new"), **k)
    s = Scenario(w)
    calls = count_calls(w)
    want = s.end_state()
    assert want[0] == want[1]
    points = [(c, i) for c in ("linkat", "unlinkat", "renameat")
              for i in range(1, calls[c] + 1)]
    assert len(points) > 10
    for call, n in points:
        s.restore()
        w.run(code=tuple(range(-64, 256)),
              prefix=["strace", "-f", "-qq", "-o", "/dev/null",
                      "-e", "trace=" + call, "-e",
                      "inject=%s:signal=KILL:when=%d" % (call, n)])
        result = resume(w, lambda: s.end_state() == want)
        got = s.end_state()
        assert got == want, "killed at %s %d\n%r" % (call, n, result)
        w.check()

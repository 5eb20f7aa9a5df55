"""fsync = always | batch | off: in which order things reach the disk."""
import os
import re
import shutil
import tempfile

import pytest

from mail import lf, message
from wherry import TOP, Wherry

CALLS = "fsync,fdatasync,syncfs,rename,renameat,renameat2,pwrite64,openat"


@pytest.fixture
def disk(server, user):
    """A Wherry whose Maildir is on the disk that the checkout is on."""
    os.makedirs(os.path.join(TOP, "build"), exist_ok=True)
    d = tempfile.mkdtemp(prefix="disk-", dir=os.path.join(TOP, "build"))
    yield lambda **options: Wherry(d, server, user, **options)
    shutil.rmtree(d, ignore_errors=True)


def trace(w, *args):
    path = os.path.join(w.dir, "trace")
    w.run(*args, prefix=["strace", "-qq", "-yy", "-o", path, "-e",
                         "trace=" + ",".join("?" + c for c in
                                             CALLS.split(","))])
    with open(path, errors="replace") as f:
        return [line for line in f if re.match(r"\w+\(", line)]


def flushes(lines):
    return [i for i, s in enumerate(lines)
            if re.match("fsync|fdatasync|syncfs", s)]


def deliveries(lines):
    return [i for i, s in enumerate(lines)
            if s.startswith("rename") and "/tmp" in s
            and '"folders.new"' not in s]


@pytest.mark.parametrize("mode", ["always", "batch", "off"])
def test_orders(disk, mode):
    n = 120
    w = disk(general={"fsync": mode})
    with w.box() as b:
        b.append_many(message("m%d" % i, 900) for i in range(n))
    lines = trace(w)
    w.check()
    named, flushed = deliveries(lines), flushes(lines)
    assert len(named) == n
    if mode == "off":
        assert len(flushed) < 20  # the marker and our own state, no mail
        assert all(w.metadata in lines[i] for i in flushed
                   if min(named) < i < max(named))
    elif mode == "always":
        assert len(flushed) >= 2 * n
    else:
        # All data durable before any name; not one flush a message.
        assert len(flushed) < 30
        assert min(flushed) < min(named)
    # No record of a message before a flush that came after its name (the
    # records that only say "wanted" are written before any name).
    if mode != "off":
        table = [i for i, s in enumerate(lines)
                 if s.startswith("pwrite64") and "/table" in s]
        for i in table:
            before = [k for k in named if k < i]
            if before:
                assert any(max(k for k in before if k < j) < j < i
                           for j in flushed if j > before[0]), lines[i]
    w.quiet()


@pytest.mark.parametrize("mode", ["always", "batch"])
def test_both_ways_on_a_disk(disk, mode):
    w = disk(general={"fsync": mode})
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(60))
    w.sync()
    for i in range(20):
        w.local.add(lf(message("l%d" % i)), flags="S")
    for p in w.local.files()[:5]:
        w.local.reflag(p, "+F")
    for p in w.local.files()[30:34]:
        os.unlink(p)
    w.sync()
    w.quiet()

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


# Words for strace: syncfs succeeds at once. It waits for what all others write
# too, and where that takes long files are synced by themselves.
QUICK = ["-e", "inject=syncfs:retval=0"]


def trace(w, *args, more=()):
    path = os.path.join(w.dir, "trace")
    w.run(*args, prefix=["strace", "-qq", "-yy", "-o", path, "-e",
                         "trace=" + ",".join("?" + c for c in
                                             CALLS.split(",")), *more])
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
    lines = trace(w, more=QUICK)
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


def test_what_is_sent_has_its_name_first(disk):
    """Also with fsync = off: a power cut that took the name back and left the
    record would have the message sent, and fetched, a second time."""
    w = disk(general={"fsync": "off"})
    w.sync()
    for i in range(40):
        w.local.add(lf(message("m%d" % i)), flags="S")
    lines = trace(w)
    named = [i for i, s in enumerate(lines)
             if re.match(r'renameat2\(.*,U=\d+,FMD5=', s)]
    table = [i for i, s in enumerate(lines)
             if s.startswith("pwrite64") and "/table" in s]
    assert len(named) == 40
    assert any(max(named) < i < min(table) and "/cur>" in lines[i]
               for i in flushes(lines)), "".join(lines)
    assert len([i for i in flushes(lines) if i > min(named)]) < 4
    w.quiet()


def test_new_folders(disk):
    """A first sync of many small folders: not one flush a message. Each has
    its names (2), its head (2), and a syncfs for data and for names."""
    folders, each = 8, 30
    w = disk(general={"fsync": "batch"})
    with w.box() as b:
        for k in range(folders):
            b.create("f%d" % k)
            b.append_many((message("m%d" % i, 900) for i in range(each)),
                          "f%d" % k)
    lines = trace(w, more=QUICK)
    w.check()
    named, flushed = deliveries(lines), flushes(lines)
    assert len(named) == folders * each
    assert len(flushed) <= 6 * (folders + 1) + 8, "".join(
        lines[i] for i in flushed)
    for k in range(folders):
        own = [i for i in named if "/f%d/tmp>" % k in lines[i]]
        data = [i for i in flushed if "/f%d/tmp>" % k in lines[i]]
        table = [i for i, s in enumerate(lines) if i > own[0]
                 if s.startswith("pwrite64") and "/table" in s]
        assert len(own) == each and data[0] < own[0]
        assert any(own[-1] < i for i in data)
        assert table
    w.quiet()


@pytest.mark.parametrize("refused", [False, True])
def test_slow_syncfs(disk, refused):
    """Others write much to the disk: after one syncfs that takes long, files
    are synced by themselves, those of a batch before the first of its
    names. Also where a file cannot begin to be written early."""
    n = 400
    w = disk(general={"fsync": "batch"})
    with w.box() as b:
        b.append_many(message("m%d" % i, 900) for i in range(n))
    path = os.path.join(w.dir, "trace")
    w.run(prefix=["strace", "-qq", "-yy", "-o", path, "-e",
                  "trace=?sync_file_range," + CALLS, "-e",
                  "inject=syncfs:delay_exit=7000000:when=1"] + (
                      ["-e", "inject=sync_file_range:error=ENOSYS"]
                      if refused else []))
    with open(path, errors="replace") as f:
        lines = [s for s in f if re.match(r"\w+\(", s)]
    w.check()
    assert len([s for s in lines if s.startswith("syncfs")]) == 1
    begun = [i for i, s in enumerate(lines)
             if s.startswith("sync_file_range")]
    data = [i for i, s in enumerate(lines)
            if re.match("fdatasync.*/tmp/wherry", s)]
    named = deliveries(lines)
    assert len(named) == n
    assert n // 4 < len(data) < n
    assert n // 4 < len(begun) <= len(data)
    for i in named:  # renamed by its number
        which = re.search(r'"(wherry\.\d+)"', lines[i]).group(1)
        own = [k for k in data if "/%s>" % which in lines[k]]
        assert own == [] or own[0] < i


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


def test_folders_on_another_disk(disk, make):
    """new/, cur/ and tmp/ are links to another file system than the folder's
    own: that one is flushed."""
    w = make(general={"fsync": "batch"})  # in memory
    other = disk().dir
    w.run()
    for sub in ("cur", "new", "tmp"):
        shutil.move(w.local.path("INBOX", sub), os.path.join(other, sub))
        os.symlink(os.path.join(other, sub), w.local.path("INBOX", sub))
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(40))
    lines = trace(w, more=QUICK)
    w.check()
    where = [lines[i] for i in flushes(lines)]
    assert any(re.search("<%s[/>]" % other, s) for s in where), where
    assert not any(s.startswith("syncfs") and other not in s
                   for s in where), where

"""The Maildir's side of a run in which little happened: what is read, what is
written."""
import os
import re
import shutil
import subprocess
import time

import pytest

from mail import lf, message, subject
from test_durability import disk  # noqa: F401
from wherry import needs, without, binary

CHANGES = ("write,pwrite64,writev,pwritev,sendto,rename,renameat,renameat2,"
           "unlink,unlinkat,link,linkat,mkdir,mkdirat,truncate,ftruncate,"
           "fallocate,utimensat,"
           "fsync,fdatasync,syncfs,sync_file_range")


def trace(w, calls, *args, **more):
    path = os.path.join(w.dir, "trace")
    w.run(*args, prefix=list(more.pop("before", ())) + [
        "strace", "-f", "-qq", "-yy", "-s", "0", "-o", path, "-e",
        "trace=" + ",".join("?" + c for c in calls.split(","))], **more)
    with open(path, errors="replace") as f:
        return [re.sub(r"^\d+ +", "", line) for line in f
                if "= -1 " not in line]


def looked(w, *args, **more):
    """How often the directories with mail were read in this run."""
    return len([s for s in trace(w, "getdents64", *args, **more)
                if re.search(r"<%s\S*/(new|cur)>" % w.root, s)])


def writes(lines):
    """[(file, bytes)] written to files, none of them a socket or terminal."""
    out = []
    for s in lines:
        m = re.match(r"p?writev?(?:64)?\(\d+<(/[^>]*)>.* = (\d+)$", s)
        if m and not m.group(1).startswith(("/dev/", "/proc/")):
            out.append((m.group(1), int(m.group(2))))
    return out


def flushes(lines):
    return [s for s in lines
            if re.match("fsync|fdatasync|syncfs|sync_file_range", s)]


def tree(*tops):
    """Everything below, with the times at which it was changed."""
    out = {}
    for top in tops:
        for d, _, files in os.walk(top):
            for n in [d] + [os.path.join(d, f) for f in files]:
                st = os.stat(n)
                out[n] = st.st_ino, st.st_mtime_ns, st.st_ctime_ns
    return out


def fill(w, n, size=0):
    with w.box() as b:
        b.append_many(message("m%d" % i, size) for i in range(n))


@pytest.fixture
def synced(disk):  # noqa: F811
    """A folder of 40 that two runs have seen."""
    w = disk(general={"fsync": "batch"})
    fill(w, 40)
    w.sync()
    w.sync()
    return w


def test_not_read_again(disk):  # noqa: F811
    """Not even by the run after the one that brought the mail."""
    w = disk(general={"fsync": "batch"})
    fill(w, 40)
    assert looked(w) > 0
    if "watch" in without(binary()):
        assert looked(w) > 0
    assert looked(w) == 0
    w.check()


def test_not_read_after_changes_of_ours(synced):
    needs("watch")
    w = synced
    with w.box() as b:
        uids = [m.uid for m in b.messages()]
        b.store(uids[3:6], "+FS")
        b.store(uids[10:12], "+T")
        b.c.expunge()
        b.append(message("late"))
    assert looked(w) == 0
    w.check()
    assert looked(w) == 0
    w.local.add(lf(message("here")), flags="S")
    w.local.reflag(w.local.files()[0], "+R")
    os.unlink(w.local.files()[7])
    assert looked(w) > 0
    w.check()
    assert looked(w) == 0
    w.check()


def test_change_right_after_a_run(synced):
    """The stamp was old enough to be moved by whatever comes next."""
    w = synced
    for i in range(6):
        with w.box() as b:
            b.append(message("n%d" % i))
        w.run()
        p = w.local.files()[i]
        if i % 3 == 0:
            os.unlink(p)
        elif i % 3 == 1:
            w.local.reflag(p, "+F")
        else:
            w.local.add(lf(message("l%d" % i)))
        w.sync()


def test_no_wait_for_the_clock(make):
    """Nor is its stamp waited for: 20 new folders, no wait but the server's."""
    needs("watch")
    # Without a number of his own, he waits for what the line is like.
    w = make(remote={"maxconnections": 1})
    with w.box() as b:
        for i in range(20):
            b.create("f%d" % i)
            b.append(message("m%d" % i), "f%d" % i)
    waits = [int(t) for s in trace(w, "poll")
             for t in re.findall(r"^poll\(.*\], \d+, (-?\d+)", s)]
    assert waits and not [t for t in waits if 0 < t <= 100], waits
    assert looked(w) == 0
    w.check()


def test_others_during_a_run(synced):
    """Somebody changes the folder while we change it."""
    w = synced
    with w.box() as b:
        b.append(message("new"))
    path = os.path.join(w.dir, "trace")
    p = w.start(prefix=["strace", "-qq", "-o", path, "-e",
                        "trace=renameat2", "-e",
                        "inject=renameat2:delay_enter=1500000:when=1"])
    time.sleep(0.9)
    w.local.add(lf(message("foreign")), flags="S")
    assert w.finish(p).code == 0
    w.sync()
    assert looked(w) == 0


def test_names_that_no_record_tells(synced):
    """A keyword or another program's letters in the name: found all the
    same, without reading twice."""
    w = synced
    files = sorted(w.local.files(), key=lambda p: int(
        re.search(r",U=(\d+)", p).group(1)))
    for p in files[5:9]:
        w.local.reflag(p, "+a")
    for p in files[10:13]:
        os.rename(p, p.replace(":2,", ":2,X"))
    w.sync()
    w.run()
    assert looked(w) == 0
    with w.box() as b:
        uids = sorted(m.uid for m in b.messages())
        b.store(uids[2:20], "+F")
        b.store(uids[6:8], "+T")
        b.store(uids[11:12], "+T")
        b.c.expunge()
    w.sync()
    kept = [os.path.basename(p) for p in w.local.files()]
    assert len([n for n in kept if re.search(":2,.*a", n)]) == 2
    assert len([n for n in kept if re.search(":2,.*X", n)]) == 2
    w.run()
    assert looked(w) == 0


def test_server_only_20000(disk):  # noqa: F811
    needs("watch")
    w = disk(general={"fsync": "batch"})
    fill(w, 20000, 300)
    w.run(timeout=200)
    with w.box() as b:
        uids = [m.uid for m in b.messages()]
        b.store(uids[100:110], "+F")
        b.store(uids[15000:15010], "+T")
        b.c.expunge()
        for i in range(10):
            b.append(message("late%d" % i))
    assert looked(w, timeout=200) == 0
    w.check()


def other_boot(w):
    """Words before a command that runs in what looks like another boot."""
    path = os.path.join(w.dir, "boot")
    with open(path, "w") as f:
        f.write("01234567-89ab-cdef-0123-456789abcdef\n")
    before = ["unshare", "-rm", "sh", "-ec", "mount --bind '%s' "
              "/proc/sys/kernel/random/boot_id; exec \"$@\"" % path, "sh"]
    if subprocess.run(before + ["true"], capture_output=True).returncode != 0:
        pytest.skip("no name spaces for mounts here")
    return before


def test_other_file_systems(make):
    """Of one that is not known to move its stamps, as a network's, the
    directories are read in every run, unless trust_mtime says otherwise."""
    w = make()
    os.makedirs(w.root, exist_ok=True)
    if subprocess.run(["mount", "-t", "ramfs", "ramfs", w.root],
                      capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        fill(w, 40)
        w.sync()
        w.sync()
        assert looked(w) > 0
        w.configure(local={"trust_mtime": "yes"})
        w.sync()
        w.sync()
        assert looked(w) == 0
        w.local.add(lf(message("here")))
        w.sync()
    finally:
        subprocess.run(["umount", "-l", w.root], check=True)


def test_another_boot_reads(synced):
    w = synced
    before = other_boot(w)
    assert looked(w, before=before) > 0
    assert looked(w, before=before) == 0
    assert looked(w) > 0
    w.check()


def test_power_cut_without_flushes(disk):  # noqa: F811
    """fsync = off: what is missing after another start was lost, not
    removed; what is missing otherwise was removed."""
    w = disk(general={"fsync": "off"})
    before = other_boot(w)
    fill(w, 40)
    w.sync()
    for p in w.local.files()[:3]:
        os.unlink(p)
    w.sync()
    assert len(w.local.files()) == 37
    for p in w.local.files()[:30]:
        os.unlink(p)
    w.sync(prefix=before)
    assert len(w.local.files()) == 37
    # In that boot it is a deletion again.
    os.unlink(w.local.files()[0])
    w.sync(prefix=before)
    assert len(w.local.files()) == 36
    # With flushes nothing is lost, and a deletion is one in any boot.
    w.configure(general={"fsync": "batch"})
    w.sync()
    os.unlink(w.local.files()[0])
    w.sync(prefix=before)
    assert len(w.local.files()) == 35


def state_of(w, name):
    """That file of the state of the only folder."""
    found = [os.path.join(d, name) for d, _, files in os.walk(w.metadata)
             if name in files]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("lost", ["nothing", "a record", "records"])
def test_power_cut_without_flushes_cuts_files(disk, lost):  # noqa: F811
    """fsync = off: the name reached the disk, the end of the data did not.
    Fetched again, never sent; what is there of it is kept out of sight, and
    what nobody but a person can have done stays."""
    w = disk(general={"fsync": "off"})
    before = other_boot(w)
    with w.box() as b:
        b.append_many([message("m%d" % i, 6000) for i in range(12)])
    w.sync()
    w.local.reflag(w.local.find("m1"), "+S")
    cut = {"m0": 0, "m1": 4096, "m2": 512, "m3": 0}
    for name, size in cut.items():
        os.truncate(w.local.find(name), size)
    with open(w.local.find("m4"), "rb+") as f:  # a person's doing
        f.truncate(1000)
    with w.box() as b:  # gone there: not to be sent from here
        b.delete([m.uid for m in b.messages() if subject(m.body) == "m3"])
    table = state_of(w, "table")
    if lost == "a record":
        with open(table, "r+b") as f:
            f.seek(32 * 2)
            f.write(bytes(32))
    elif lost == "records":
        os.truncate(table, 0)
    r = w.run(prefix=before)
    there = {subject(m.body) for m in w.remote()["INBOX"]}
    assert there == {"m%d" % i for i in range(12)} - {"m3"}
    assert len(w.remote()["INBOX"]) == 11
    assert sorted(subject(m.body) for m in w.local.messages()) == sorted(there)
    for m in w.local.messages():
        whole = lf(message(subject(m.body), 6000))
        assert m.body == (whole[:1000] if subject(m.body) == "m4" else whole)
    assert "lost its end in a power cut" in r.text
    kept = [(n, os.path.getsize(os.path.join(d, n)))
            for d, _, files in os.walk(os.path.join(w.root, "INBOX"))
            for n in files if n.startswith(".")]
    assert sorted(size for _, size in kept) == [512, 4096]
    w.run()
    assert len(w.remote()["INBOX"]) == len(w.local.files()) == 11


def test_cut_file_in_the_same_boot(disk):  # noqa: F811
    """What the system still holds no power cut has cut."""
    w = disk(general={"fsync": "off"})
    with w.box() as b:
        b.append(message("m0", 6000))
    w.sync()
    os.truncate(w.local.find("m0"), 512)
    w.run()
    assert [os.path.getsize(p) for p in w.local.files()] == [512]


def test_lost_records_are_noticed(synced):
    """Clean stamps say nothing about records that are gone."""
    w = synced
    state = [os.path.join(w.metadata, d, "wherry", f, "table")
             for d in os.listdir(w.metadata) if d.startswith("Account")
             for f in os.listdir(os.path.join(w.metadata, d, "wherry"))
             if len(f) == 32]
    assert len(state) == 1
    with open(state[0], "r+b") as f:
        f.seek(32 * 6)
        f.write(b"\xff" * 32)
    w.sync()
    assert len(w.local.files()) == 40
    w.run()
    os.unlink(state[0])
    w.sync()
    assert len(w.local.files()) == 40
    shutil.rmtree(os.path.dirname(state[0]))
    w.sync()
    assert len(w.local.files()) == 40


@pytest.mark.parametrize("lost", ["hosts", "names"])
def test_records_that_tell_no_name(synced, lost):
    """The text behind the records is gone: the files are looked at."""
    w = synced
    os.rename(w.local.find("m7"), os.path.join(
        w.root, "INBOX", "cur", "by.hand:2,S"))
    w.sync()
    w.sync()
    for d, _, files in os.walk(w.metadata):
        if lost in files:
            os.truncate(os.path.join(d, lost), 0)
    with w.box() as b:
        for m in b.messages():
            b.store(m.uid, "+F")
    w.run(code=(0, 1))
    w.sync()
    assert {"F" in m.flags for m in w.local.messages()} == {True}
    assert len(w.local.files()) == len(w.remote()["INBOX"])


def test_nothing_is_written(synced):
    w = synced
    before = tree(w.root, w.metadata)
    lines = trace(w, CHANGES)
    assert writes(lines) == []
    assert flushes(lines) == []
    assert [s for s in lines if re.match("rename|unlink|mkdir|link", s)] == []
    assert tree(w.root, w.metadata) == before


def one_change(w, what):
    """Does one of these changes; the server's side has another name."""
    uid = {subject(m.body): m.uid for m in w.remote()["INBOX"]}
    with w.box() as b:
        if what == "new there":
            b.append(message("one", 4096))
        elif what == "flag there":
            b.store(uid["m5"], "+F")
        elif what == "gone there":
            b.delete([uid["m6"]])
    if what == "new here":
        w.local.add(lf(message("one", 4096)))
    elif what == "flag here":
        w.local.reflag(w.local.find("m7"), "+F")
    elif what == "gone here":
        os.unlink(w.local.find("m8"))


CHANGE = ["new there", "flag there", "gone there",
          "new here", "flag here", "gone here"]


def place(lines, pattern):
    """Where the only line is that matches."""
    found = [i for i, s in enumerate(lines) if re.search(pattern, s)]
    assert len(found) == 1, (pattern, lines)
    return found[0]


@pytest.mark.parametrize("what", CHANGE)
def test_one_change(disk, what):  # noqa: F811
    """What one change, or a message of 4 KiB, costs: two flushes, and the
    run after it writes nothing."""
    w = disk(general={"fsync": "batch"})
    fill(w, 60)
    w.sync()
    w.local.add(lf(message("other")))  # the journal is made once
    w.sync()
    one_change(w, what)
    lines = trace(w, CHANGES)
    assert sum(n for _, n in writes(lines)) <= 16 << 10
    assert len(flushes(lines)) == 2, flushes(lines)
    records = [i for i, s in enumerate(lines)
               if re.match(r"pwrite64\(\d+<\S*/table>", s)]
    record = records.pop()
    assert max(lines.index(s) for s in flushes(lines)) < record
    if records:  # that it is wanted, before its file has a name
        assert what == "new there"
        assert len(records) == 1 and records[0] < place(lines, "^rename")
    if what == "new there":
        data, name = map(lines.index, flushes(lines))
        renamed = place(lines, "^rename")
        assert "/tmp/" in lines[data]
        assert data < renamed < name < record
    if what == "new here":
        intent, name = map(lines.index, flushes(lines))
        renamed = place(lines, "^rename")
        assert "/journal>" in lines[intent]
        assert intent < renamed < name < record
    before = tree(w.root, w.metadata)
    w.check()
    assert writes(trace(w, CHANGES)) == []
    assert tree(w.root, w.metadata) == before


def test_many_uploads(disk):  # noqa: F811
    """The intents of a group become durable by one flush."""
    w = disk(general={"fsync": "batch"})
    w.sync()
    w.local.add(lf(message("other")))  # the journal is made once
    w.sync()
    for i in range(12):
        w.local.add(lf(message("m%d" % i)))
    lines = trace(w, CHANGES)
    journal = [s for s in flushes(lines) if "/journal>" in s]
    assert len(journal) == 1, flushes(lines)
    assert len([s for s in lines if re.match(r"rename.*,U=", s)]) == 12
    w.check()

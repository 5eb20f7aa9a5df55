"""Nothing changed: how often wherry waits, what it opens, what it writes; and
that whatever did change is found."""
import glob
import hashlib
import os
import re
import shutil
import struct
import time
import zlib

import pytest

from mail import lf, message
from memory import COARSE, EXACT, ITS_OWN

# Exchange, as far as it matters: neither CONDSTORE nor LIST-STATUS.
EXCHANGE = ("IMAP4rev1 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE "
            "NAMESPACE LITERAL+")
GMAIL = ("IMAP4rev1 UNSELECT IDLE NAMESPACE SASL-IR ID CHILDREN UIDPLUS "
         "ENABLE MOVE CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS LITERAL-")


def fill(w, n):
    """INBOX and n - 1 more, one message in the first few."""
    with w.box() as b:
        b.append(message("inbox"))
        for i in range(1, n):
            b.create("f%03d" % i)
            if i < 4:
                b.append(message("m%d" % i), "f%03d" % i)


def waits(w, *args, **more):
    """Reads after writes; the greeting is not one of them, nor is the answer
    to a goodbye."""
    r = w.run("--stats", *args, **more)
    return int(re.search(r"round trips (\d+)", r.text).group(1))


def settle(w):
    """Until nothing differs: stamps that are too young are looked at again."""
    for _ in range(4):
        w.run()


def table(w):
    return os.path.join(w.metadata, "Account-Test", "wherry", "folders")


def selects(w, *args, code=0):
    """Folders that were opened."""
    r = w.run("-d", "imap", *args, code=code)
    return sorted(set(re.findall(r'C: w\d+ (?:SELECT|EXAMINE) "([^"]*)"',
                                 r.text)))


@pytest.mark.parametrize("n", [1, 20, 500])
def test_waits(w, n):
    fill(w, n)
    w.run(timeout=120)
    settle(w)
    assert waits(w) == 2
    assert selects(w) == []
    w.quiet()


@pytest.mark.parametrize("capability", [EXCHANGE, GMAIL])
def test_waits_of_other_servers(servers, make, capability):
    w = make(server=servers(capability=capability))
    n = 200
    fill(w, n)
    w.run(timeout=120)
    settle(w)
    assert selects(w) == []
    if capability == GMAIL:
        assert waits(w) == 2
    else:  # the login, and STATUS for 64 at a time
        assert waits(w) <= 1 + -(-n // 64)
    with w.box() as b:
        b.append(message("new"), "f150")
        b.store(b.messages()[0].uid, "+S")
    assert selects(w) == ["INBOX", "f150"]
    w.check()


@pytest.mark.parametrize("n", [1, 20, 500])
def test_nothing_is_written(w, n):
    """No file is written, made, renamed or removed, and no mail directory is
    opened. A look at what changed here takes the first names of the folders."""
    fill(w, n)
    w.run(timeout=120)
    settle(w)
    path = os.path.join(w.dir, "trace")
    # -ff: a process in a file; who asks for the address is another one.
    w.run(prefix=["strace", "-ff", "-qq", "-y", "-o", path, "-e",
                  "trace=%file,%desc"])
    lines = []
    for p in glob.glob(path + ".*"):
        with open(p, errors="replace") as f:
            lines += f
    ours = [x for x in lines if w.dir in x and " = -1 E" not in x]
    assert ours
    looks = 0
    for x in ours:
        call = x[:x.index("(")]
        assert call not in (
            "mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink",
            "unlinkat", "link", "linkat", "symlink", "ftruncate", "truncate",
            "utimensat", "futimens", "fsync", "fdatasync", "syncfs",
            "fallocate", "chmod", "fchmod", "fchmodat"), x
        if call in ("write", "pwrite64", "writev", "pwritev"):
            assert "<" + w.dir not in x, x
        if call in ("open", "openat", "creat"):
            assert "O_TRUNC" not in x and (
                "O_CREAT" not in x or ".lock" in x or ".wherry" in x), x
        if call in ("getdents", "getdents64"):
            assert w.root + "/" not in x, x
            looks += w.root in x
        assert not (call == "openat" and re.search(
            r"= \d+<%s/.*/(new|cur)>" % re.escape(w.root), x)), x
    assert looks <= 2  # the end is one, too


def test_what_changed_is_found(w):
    """One folder of many, each way; the run after it is quiet again."""
    fill(w, 30)
    settle(w)
    with w.box() as b:
        b.append(message("there"), "f007")
        assert selects(w) == ["f007"]
        w.check()
        w.local.add(lf(message("here")), "f008", flags="S")
        assert selects(w) == ["f008"]
        w.check()
        w.local.reflag(w.local.files("f001")[0], "+F")
        assert selects(w) == ["f001"]
        w.check()
        b.store(b.messages("f002")[0].uid, "+F", "f002")
        assert selects(w) == ["f002"]
        w.check()
        os.unlink(w.local.files("f003")[0])
        assert selects(w) == ["f003"]
        w.check()
    settle(w)
    assert waits(w) == 2
    w.quiet()


def test_sets_of_folders(w):
    """A folder more on either side, one less, another name: all of it is
    looked at again, and only what differs is opened."""
    fill(w, 20)
    settle(w)
    with w.box() as b:
        b.create("Late")
        b.append(message("m"), "Late")
        assert selects(w) == ["Late"]
        w.check()
        w.local.create("Here")
        w.local.add(lf(message("h")), "Here", flags="S")
        assert selects(w) == ["Here"]
        w.check()
        settle(w)
        assert waits(w) == 2
        # Made and removed again here: fetched anew.
        shutil.rmtree(w.local.path("f001"))
        assert selects(w) == ["f001"]
        w.check()
        settle(w)
        assert waits(w) == 2
        # One less there needs a person, in every run; the others go on.
        b.delete_folder("f002")
        for _ in range(2):
            r = w.run(code=2)
            assert "f002" in r.text
        b.append(message("n"), "f003")
        assert selects(w, code=2) == ["f003"]
        shutil.rmtree(w.local.path("f002"))
        w.run()
        settle(w)
        assert waits(w) == 2
        # And another that takes its place: number alone says nothing.
        b.delete_folder("f004")
        b.create("g004")
        r = w.run(code=2)
        assert "f004" in r.text and "g004" in w.local.folders()


def test_filters_and_names(make):
    w = make(remote={"folderfilter": "lambda f: f not in ['f001']"})
    fill(w, 6)
    settle(w)
    assert "f001" not in w.local.folders()
    assert waits(w) == 2
    with w.box() as b:
        b.append(message("x"), "f001")
        b.append(message("y"), "f002")
        b.append(message("z"), "f003")
        # By name, even what the filter leaves out.
        assert selects(w, "-f", "f002") == ["f002"]
        assert waits(w, "-f", "f002") == 2
        assert selects(w, "-f", "f001,f002") == ["f001"]
        assert selects(w) == ["f003"]
        assert waits(w, "-f", "f002") == 2
        assert waits(w) == 2
        r = w.run("-f", "nope", code=1)
        assert "nope" in r.text
    shutil.rmtree(w.local.path("f001"))
    # Other options: all is looked at again.
    w.configure(remote={"folderfilter": None})
    w.sync()
    assert "f001" in w.local.folders()
    settle(w)
    assert waits(w) == 2


def test_options_that_forbade(make):
    """What was forbidden is still to be done when it is allowed."""
    w = make(remote={"readonly": "yes"})
    fill(w, 3)
    settle(w)
    w.local.add(lf(message("up")), flags="S")
    settle(w)
    w.configure(remote={"readonly": "no"})
    w.sync()


def test_noselect_and_nested(make):
    w = make(sep="/")
    with w.box() as b:
        b.create("Parent/Child")
        b.create("Parent/Other/Deep")
        b.append(message("m"), "Parent/Child")
        if "\\Noselect" not in b.folders().get("Parent", "\\Noselect"):
            b.delete_folder("Parent")
        w.sync()
        settle(w)
        assert waits(w) == 2
        w.local.create("Parent/Other/New")
        w.local.add(lf(message("n")), "Parent/Other/New", flags="S")
        assert selects(w) == ["Parent/Other/New"]
        w.check()


def looked_into(w):
    """Directories of mail whose names were read, below the root."""
    path = os.path.join(w.dir, "trace")
    for old in glob.glob(path + ".*"):
        os.unlink(old)
    w.run(prefix=["strace", "-ff", "-qq", "-y", "-o", path, "-e",
                  "trace=getdents,getdents64"])
    found = set()
    for p in glob.glob(path + ".*"):
        with open(p, errors="replace") as f:
            found |= set(re.findall(r"getdents(?:64)?\(\d+<%s/([^>]*)>" %
                                    re.escape(w.root), f.read()))
    return found


def test_folders_in_folders_are_not_walked(make):
    """As long as no directory changed in which one could be. Where one is no
    folder, of which no STATUS tells, all are looked into."""
    w = make(sep="/")
    with w.box() as b:
        for name in ("a", "a/b", "a/b/c", "d"):
            b.create(name)
        b.append(message("m"), "a/b")
        w.sync()
        settle(w)
        assert looked_into(w) == set()
        assert waits(w) == 2
        # New mail moves no directory of a folder, only new/ of it.
        b.append(message("n"), "d")
        w.sync()
        settle(w)
        assert looked_into(w) == set()
        w.local.create("a/b/late")
        w.local.add(lf(message("l")), "a/b/late", flags="S")
        assert selects(w) == ["a/b/late"]
        w.check()
        settle(w)
        assert looked_into(w) == set()
        # Made and removed again: looked for once.
        os.mkdir(w.local.path("a/b", "x"))
        os.rmdir(w.local.path("a/b", "x"))
        settle(w)
        assert looked_into(w) == set()
        for name in ("p", "p/q"):
            os.mkdir(os.path.join(w.root, "d", name))
            settle(w)
            assert looked_into(w) >= {"a", "d", "d/p"}
        w.local.create("d/p/q/r")
        w.local.add(lf(message("r")), "d/p/q/r", flags="S")
        assert selects(w) == ["d/p/q/r"]
        w.check()


def test_what_a_link_leads_to(make):
    """It may become another directory, or one at all, although nothing changed
    where it lies."""
    w = make(sep="/")
    away = os.path.join(w.dir, "away")
    with w.box() as b:
        b.create("a")
        b.append(message("m"), "a")
        w.sync()
        os.symlink(away, os.path.join(w.root, "link"))
        settle(w)
        os.mkdir(away)
        w.local.create("link")
        w.local.create("link/in")
        assert selects(w) == ["link", "link/in"]
        settle(w)
        assert waits(w) == 2 and looked_into(w) == set()
        os.rename(away, away + ".old")
        shutil.copytree(away + ".old", away)
        w.local.create("link/other")
        assert "link/other" in selects(w)


def test_status_that_goes_back(w):
    """Differs, not: is greater. A table of a better past is played by one
    that was written later."""
    fill(w, 3)
    settle(w)
    with open(table(w), "rb") as f:
        early = f.read()
    with w.box() as b:
        uid = b.append(message("short"), "f001")
        settle(w)
        assert waits(w) == 2
    with open(table(w), "rb") as f:
        late = f.read()
    assert early != late
    with open(table(w), "wb") as f:
        f.write(early)
    assert selects(w) == ["f001"]
    w.check()
    del uid


def test_table_that_is_bad(w):
    fill(w, 5)
    settle(w)
    with open(table(w), "rb") as f:
        good = f.read()
    rows = struct.unpack_from("<I", good, 12)[0]
    assert rows == 5 and len(good) == 128 + 96 * rows
    for bad in (b"", good[:100], good[:300], b"\0" * len(good),
                good[:200] + b"\xff" + good[201:], b"X" + good[1:]):
        with open(table(w), "wb") as f:
            f.write(bad)
        w.sync()
        settle(w)
        assert waits(w) == 2
    os.unlink(table(w))
    w.sync()
    settle(w)
    assert waits(w) == 2
    w.quiet()


def test_table_of_somebody_else(make, server, user):
    """Same folders, same UIDVALIDITY perhaps: another user's row counts for
    nothing (M2)."""
    w = make()
    fill(w, 3)
    settle(w)
    other = make(user=user + "x")
    fill(other, 3)
    settle(other)
    shutil.copy(table(w), table(other))
    assert len(selects(other)) == 3
    settle(other)
    assert waits(other) == 2


def test_failures_are_told_again(w):
    """A folder that did not end well is no reason to be quiet."""
    fill(w, 4)
    settle(w)
    w.local.add(b"", "f002", flags="S")
    for _ in range(3):
        assert "is empty" in w.run(code=1).text
        assert selects(w, code=1) == ["f002"]


def test_killed_in_between(w):
    """A run that was killed in a folder leaves it to the next one."""
    fill(w, 4)
    settle(w)
    with w.box() as b:
        b.append_many((message("k%d" % i, 2000) for i in range(30)), "f002")
    p = w.start(prefix=["strace", "-qq", "-o", "/dev/null", "-e",
                        "inject=renameat2:signal=KILL:when=5"])
    p.communicate()
    assert p.returncode != 0
    w.sync()
    settle(w)
    assert waits(w) == 2


def test_list_status_refused(servers, make):
    """Announced, but BAD: the session goes on without."""
    from mock import Imap
    sent = []

    def answer(conn, tag, command, line):
        sent.append(line)
        if command == "LIST" and b"RETURN" in line:
            conn.send(tag + b" BAD what\r\n")
            return True
        if command == "STATUS":
            conn.send(b'* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7 '
                      b'UNSEEN 0)\r\n' + tag + b" OK\r\n")
            return True
        return False

    with Imap(capability="IMAP4rev1 UIDPLUS AUTH=PLAIN LIST-STATUS",
              answer=answer) as mock:
        w = make(server=mock, tls="plain")
        w.run()
        del sent[:]
        w.run()
    assert any(b"RETURN" in x for x in sent)
    assert any(x.endswith(b'LIST "" "*"') for x in sent)
    assert any(b"STATUS \"INBOX\"" in x for x in sent)


def md5(data):
    return hashlib.md5(data).digest()


def stamp(path):
    s = os.stat(path)
    return struct.pack("<QQqqII", s.st_dev, s.st_ino,
                       s.st_mtime_ns // 10**9, s.st_ctime_ns // 10**9,
                       s.st_mtime_ns % 10**9, s.st_ctime_ns % 10**9)


def sealed(b):
    return b + struct.pack("<I", zlib.crc32(b, 0x57485259))


def grow(w, names):
    """Maildirs of that name, and a table that knows them as its one folder:
    as doc/FORMATS.md says."""
    with open(table(w), "rb") as f:
        old = f.read()
    with open("/proc/sys/kernel/random/boot_id") as f:
        boot = bytes.fromhex(f.read().strip().replace("-", ""))
    rows, sums = [], [0, 0, 0]
    for n in names:
        for part in ("tmp", "new", "cur"):
            os.makedirs(w.local.path(n, part), exist_ok=True)
        name = n.encode()
        rows.append(sealed(
            md5(name) + md5(stamp(w.local.path(n, "new")) +
                            stamp(w.local.path(n, "cur")) + boot) +
            md5(name)[:8] + old[128 + 40:128 + 92]))
        for i, d in enumerate((name + b"/\0", name, name)):
            sums[i] += struct.unpack_from("<Q", md5(d))[0]
    head = old[:12] + struct.pack("<I", len(rows)) + old[16:32]
    for i in range(3):
        head += struct.pack("<QQ", sums[i] % 2**64, len(rows))
    time.sleep(0.2)
    head += md5(stamp(w.root) + boot)
    with open(table(w), "wb") as f:
        f.write(sealed(head + bytes(28)) + b"".join(sorted(rows)))


@pytest.mark.slow
def test_10000_folders(make, peak):
    """As many waits and as much memory as with 20."""
    from mock import Imap
    names = ["INBOX"]

    def answer(conn, tag, command, line):
        if command != "LIST" or b"STATUS" not in line:
            return False
        conn.send(b"".join(
            b'* LIST () "/" %s\r\n* STATUS %s (MESSAGES 0 UIDNEXT 1 '
            b'UIDVALIDITY 7 UNSEEN 0)\r\n' % (n, n) for n in (
                x.encode() for x in names)) + tag + b" OK\r\n")
        return True

    with Imap(capability="IMAP4rev1 UIDPLUS AUTH=PLAIN SASL-IR LIST-STATUS",
              greeting=b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi"
              b"\r\n", answer=answer) as mock:
        mock.usual = usual(mock)
        w = make(server=mock, tls="plain",
                 remote={"auth_mechanisms": "PLAIN"})
        settle(w)
        mock.received, peaks = b"", []
        for n in (20, 10000):
            names[:] = ["INBOX"] + ["f%05d" % i for i in range(1, n)]
            grow(w, names)
            assert waits(w, timeout=120) == 2
            peaks.append(ITS_OWN or peak(w))
        if not ITS_OWN:
            (small, own), (large, more) = peaks
            assert more - own <= EXACT, peaks
            assert large - small <= COARSE, peaks
        assert b"SELECT" not in mock.received


def usual(mock):
    """Logs in at once, with the capabilities in the answer."""
    before = mock.usual

    def new(conn, tag, command, line):
        if command == "AUTHENTICATE":
            conn.send(tag + b" OK [CAPABILITY " + mock.capability +
                      b"] in\r\n")
        else:
            before(conn, tag, command, line)
    return new

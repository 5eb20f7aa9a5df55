"""What must not be lost, and what needs a person."""
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from hostile import Imap
from mail import lf, message, subject
from mock import Server
from wherry import TEMPORARY, Wherry


def fill(b, n, folder="INBOX"):
    b.append_many((message("m%d" % i) for i in range(n)), folder)


def test_second_run_changes_nothing(w):
    with w.box() as b:
        b.create("Work/Sub")
        fill(b, 30)
        fill(b, 3, "Work/Sub")
        w.sync()
        w.local.add(lf(message("here")))
        w.sync()
    w.quiet()
    w.quiet()


def test_state_moved_away(w):
    """The FAQ's cure for everything: no doubles, no body fetched again."""
    with w.box() as b:
        b.create("Work")
        for f in ("INBOX", "Work"):
            for i in range(20):
                b.append(message("m%d" % i), f, flags="S" if i % 2 else "")
        w.sync()
        shutil.move(w.metadata, w.metadata + ".old")
        files = {f: sorted(os.path.basename(p) for p in w.local.files(f))
                 for f in w.local.folders()}
        mark = w.server.log_mark()
        w.run()
        cost = w.server.cost(w.user, mark)
        w.check()
        assert cost["bodies"] == 0 and cost["appended"] == 0, cost
        assert files == {f: sorted(os.path.basename(p)
                                   for p in w.local.files(f))
                         for f in w.local.folders()}
    w.quiet()


def test_state_moved_away_and_both_sides_changed(w):
    """Flags are the union, a message on one side is new on the other:
    nothing is removed without a record of agreement."""
    with w.box() as b:
        uid = [b.append(message("m%d" % i)) for i in range(10)]
        w.sync()
        shutil.rmtree(w.metadata)
        b.store(uid[0], "+F")
        w.local.reflag(w.local.find("m0"), "+S")
        b.delete(uid[1])
        os.unlink(w.local.find("m2"))
        b.append(message("there"))
        w.local.add(lf(message("here")))
        w.sync()
        got = {subject(m.body): m.flags for m in b.messages()}
    want = {"m%d" % i: "" for i in range(10)}
    want.update({"m0": "FS", "there": "", "here": ""})
    assert got == want


@pytest.mark.parametrize("damage", ["truncate", "zero", "empty", "garbage"])
def test_damaged_state_heals(w, damage):
    """Every file of the state in turn is torn, zeroed or emptied."""
    r = random.Random(1)
    with w.box() as b:
        for i in range(30):
            b.append(message("m%d" % i))
        w.sync()
        paths = [os.path.join(t, n) for t, _, ns in os.walk(w.metadata)
                 for n in ns]
        want = sorted(subject(m.body) for m in b.messages())
        for path in sorted(paths):
            if not os.path.exists(path):
                continue
            size = os.path.getsize(path)
            with open(path, "r+b") as f:
                if damage == "truncate":
                    f.truncate(size * 2 // 3)
                elif damage == "empty":
                    f.truncate(0)
                elif damage == "zero":
                    f.seek(size // 2)
                    f.write(b"\0" * (size - size // 2))
                else:
                    f.seek(size // 3)
                    f.write(r.randbytes(max(1, size // 3)))
            mark = w.server.log_mark()
            w.run(code=(0, 1))
            w.run()
            cost = w.server.cost(w.user, mark)
            assert cost["bodies"] == 0 and cost["appended"] == 0, path
            assert sorted(subject(m.body) for m in b.messages()) == want


def state_file(w, name):
    return next(os.path.join(d, name) for d, _, names in os.walk(w.metadata)
                if name in names)


def test_lost_records_are_no_lost_files(w):
    """Some are damaged, and one has another's UID: the table is sorted when
    that is seen, and what is left of it is not all that lies there."""
    with w.box() as b:
        fill(b, 30)
        w.sync()
        path = state_file(w, "table")
        with open(path, "r+b") as f:
            first = f.read(64)[32:]
            f.seek(32 + 10 * 32)
            f.write(b"\xff" * 320 + first)
        os.unlink(state_file(w, "folders"))
        mark = w.server.log_mark()
        w.sync()
        assert w.server.cost(w.user, mark)["bodies"] == 0
    w.quiet()


@pytest.mark.parametrize("side", ["server", "local"])
@pytest.mark.parametrize("total,gone,refused", [
    (100, 50, False), (100, 51, True), (20, 20, False), (21, 21, True),
    (400, 80, False), (400, 81, True)])
def test_brake(w, side, total, gone, refused):
    with w.box() as b:
        b.create("Work")
        fill(b, total, "Work")
        w.run()
        if side == "server":
            b.delete([m.uid for m in b.messages("Work")][:gone], "Work")
        else:
            for p in w.local.files("Work")[:gone]:
                os.unlink(p)
        b.append(message("other"))
        r = w.run(code=2 if refused else 0)
        there = len(b.messages("Work"))
        here = len(w.local.files("Work"))
        if refused:
            assert "Work" in r.text
            assert (there, here) == ((total - gone, total) if side ==
                                     "server" else (total, total - gone))
            # It does not wear off, and other folders go on.
            w.run(code=2)
            assert len(w.local.files()) == 1
            assert (len(b.messages("Work")), len(w.local.files("Work"))) == (
                there, here)
        else:
            assert there == here == total - gone


@pytest.mark.parametrize("total", [5, 60])
def test_uidvalidity_changed(w, total):
    with w.box() as b:
        b.create("Work")
        fill(b, total, "Work")
        b.append(message("inbox"))
        w.sync()
        before = sorted(w.local.files("Work"))
        b.delete_folder("Work")
        b.create("Work")
        fill(b, total - 2, "Work")
        b.append(message("later"))
        w.local.add(lf(message("new here")), "Work")
        marks = b.status("Work")
        for _ in range(2):
            r = w.run(code=2)
            assert "Work" in r.text and "UIDVALIDITY" in r.text.upper()
            assert len(w.local.files("Work")) == len(before) + 1
            assert set(before) <= set(w.local.files("Work"))
            assert b.status("Work") == marks
        assert len(w.local.files()) == 2, "other folders go on"


def test_uidvalidity_changed_and_state_lost(w):
    """Files of the old validity are other messages: nothing is lost, and
    nothing is taken for what it is not."""
    with w.box() as b:
        b.create("Work")
        for i in range(5):
            b.append(message("old%d" % i), "Work")
        w.sync()
        b.delete_folder("Work")
        b.create("Work")
        for i in range(5):
            b.append(message("new%d" % i), "Work")
        shutil.rmtree(w.metadata)
        w.run(code=None)
        w.run(code=None)
        subjects = {subject(m.body) for m in w.local.messages("Work")}
        assert {"old%d" % i for i in range(5)} <= subjects
        assert {"new%d" % i for i in range(5)} <= {
            subject(m.body) for m in b.messages("Work")}


def snapshot_both(w):
    with w.box() as b:
        return ({f: sorted((subject(m.body), m.flags) for m in ms)
                 for f, ms in b.snapshot().items()},
                {f: sorted((subject(m.body), m.flags) for m in ms)
                 for f, ms in w.local.snapshot().items()})


def disturb(w, b):
    """Changes of every kind on both sides; INBOX holds m0..m9."""
    uid = {subject(m.body): m.uid for m in b.messages()}
    b.store(uid["m0"], "+F")
    b.delete(uid["m1"])
    b.append(message("there"))
    w.local.reflag(w.local.find("m2"), "+S")
    os.unlink(w.local.find("m3"))
    w.local.add(lf(message("here")))


def test_dry_run(w):
    with w.box() as b:
        for i in range(10):
            b.append(message("m%d" % i))
        w.run("--dry-run")
        assert w.local.folders() == []
        w.sync()
        disturb(w, b)
        b.create("Work")
        w.local.create("Mine")
        marks, files = b.marks(), w.local.marks()
        both = snapshot_both(w)
        r = w.run("--dry-run")
        assert r.text.strip()
        assert (b.marks(), w.local.marks()) == (marks, files)
        assert snapshot_both(w) == both
        assert "Work" not in w.local.folders()
        assert "Mine" not in b.folders()
        w.sync()


def test_remote_readonly(w):
    """The server sees no change; its own come down; what was changed here
    stays as it is."""
    with w.box() as b:
        for i in range(10):
            b.append(message("m%d" % i))
        w.sync()
        w.configure(remote={"readonly": "yes"})
        disturb(w, b)
        marks = b.marks()
        for _ in range(2):
            w.run()
            assert b.marks() == marks
            here = {subject(m.body): m.flags for m in w.local.messages()}
            assert here["m0"] == "F" and here["m2"] == "S"
            assert "m1" not in here and "there" in here
            assert "m3" not in here and "here" in here


def test_local_readonly(w):
    with w.box() as b:
        for i in range(10):
            b.append(message("m%d" % i))
        w.sync()
        w.configure(local={"readonly": "yes"})
        disturb(w, b)
        # Uploading gives a file its UID: the one change that may be.
        bodies = sorted(m.body for m in w.local.messages())
        for _ in range(2):
            w.run()
            assert sorted(m.body for m in w.local.messages()) == bodies
            here = {subject(m.body): m.flags for m in w.local.messages()}
            assert here["m0"] == "" and "m1" in here and "there" not in here
            there = {subject(m.body): m.flags for m in b.messages()}
            assert there["m2"] == "S" and "m3" not in there
            assert list(subject(m.body) for m in b.messages()).count(
                "here") == 1


def test_local_readonly_ends(w):
    """What came meanwhile is fetched, and what was deleted is, although the
    number of messages is what it was."""
    with w.box() as b:
        fill(b, 10)
        w.sync()
        w.configure(local={"readonly": "yes"})
        b.delete([m.uid for m in b.messages() if subject(m.body) == "m3"])
        b.append(message("new"))
        for _ in range(2):
            w.run()
        assert "new" not in w.local.index() and "m3" in w.local.index()
        w.configure(local={"readonly": "no"})
        w.sync()


def test_windows_names_begin(w):
    """Files that have a colon in their names keep it, and their flags."""
    with w.box() as b:
        for i in range(4):
            b.append(message("m%d" % i), flags="S")
        w.sync()
        w.configure(account={"maildir-windows-compatible": "yes"})
        w.local.add(lf(message("here")))
        b.store(1, "+F")
        w.run()
        w.local.reflag(w.local.find("m1"), "+R")
        w.run()
        assert {subject(m.body): m.flags for m in b.messages()} == {
            "m0": "FS", "m1": "RS", "m2": "S", "m3": "S", "here": ""}
        assert w.local.flags_of(w.local.find("m0")) == "FS"
    w.quiet()


def test_sync_deletes_no(w):
    """Deletions of that side stay on that side, and nothing comes back."""
    with w.box() as b:
        for i in range(10):
            b.append(message("m%d" % i))
        w.sync()
        w.configure(local={"sync_deletes": "no"},
                    remote={"sync_deletes": "no"})
        disturb(w, b)
        for _ in range(2):
            w.run()
            there = {subject(m.body) for m in b.messages()}
            here = {subject(m.body) for m in w.local.messages()}
            assert "m1" not in there and "m1" in here
            assert "m3" in there and "m3" not in here
            assert {"here", "there"} <= there & here


def test_expunge_no(w):
    """The deletion is a mark; the message does not come back."""
    with w.box() as b:
        for i in range(10):
            b.append(message("m%d" % i))
        w.sync()
        w.configure(remote={"expunge": "no"})
        os.unlink(w.local.find("m3"))
        for _ in range(3):
            w.run()
            there = {subject(m.body): m.flags for m in b.messages()}
            assert there["m3"] == "T"
            assert "m3" not in w.local.index()


def test_second_instance(make):
    """75, at once, and the first one's lock stays."""
    with Server(lambda server, conn: conn.drain()) as mock:
        w = make(server=mock, tls="plain", remote={"maxconnections": 1})
        first = w.start()
        try:
            end = time.monotonic() + 10
            while not mock.connections and time.monotonic() < end:
                time.sleep(0.02)
            for _ in range(2):
                begin = time.monotonic()
                w.run(code=75, timeout=20)
                assert time.monotonic() - begin < 15
            assert first.poll() is None
            assert len(mock.connections) == 1
        finally:
            os.kill(first.pid, signal.SIGKILL)
            first.communicate()


def test_another_account_on_the_same_maildir(make, server):
    """Its marker stops the run: two servers never mix in one Maildir."""
    w = make()
    with w.box() as b:
        fill(b, 5)
        w.sync()
    files = w.local.marks()
    w.configure(remote={"remoteuser": w.user + "x"},
                general={"metadata": w.metadata + "x"})
    r = w.run(code=None)
    assert r.code in (2, 78), r
    assert w.local.marks() == files
    with server.login(w.user + "x") as c:
        assert c.select("INBOX")[1] == [b"0"]


def test_other_programs_change_it_meanwhile(w):
    """A reader sets flags while the run goes on: nothing is lost."""
    import random
    import threading
    r = random.Random(3)
    with w.box() as b:
        fill(b, 500)
        w.run()
        stop = threading.Event()

        def reader():
            while not stop.is_set():
                p = r.choice(w.local.files())
                try:
                    w.local.reflag(p, r.choice("+-") + r.choice("SFR"))
                except FileNotFoundError:
                    pass
        t = threading.Thread(target=reader)
        t.start()
        try:
            for i in range(6):
                uid = [m.uid for m in b.messages()]
                b.store(uid[i::7], "+" + "SFR"[i % 3])
                w.run(code=(0, 1, 75))
        finally:
            stop.set()
            t.join()
        for _ in range(3):
            w.run()
        w.check()
        assert len(b.messages()) == 500


def test_dovecot_on_the_same_maildir(servers, make, workdir):
    """Another server keeps its own files beside the mail: folders that are
    no folders and files that are no mail stay alone."""
    w = make(sep="/")
    with w.box() as b:
        fill(b, 5)
        w.sync()
        for n in ("dovecot.index", "dovecot-uidlist", "maildirfolder",
                  "subscriptions"):
            with open(os.path.join(w.root, "INBOX", n), "w") as f:
                f.write("x\n")
        os.makedirs(os.path.join(w.root, ".notmuch", "xapian"))
        with open(os.path.join(w.root, "INBOX", "cur", ".nfs0001"), "w"):
            pass
        w.run()
        assert b.folders().keys() == {"INBOX"}
        assert len(b.messages()) == 5
    w.quiet()


def test_nothing_can_be_written(w):
    """No place for mail or state: said with its own exit code."""
    with w.box() as b:
        fill(b, 2)
    with open(w.root, "w") as f:
        f.write("in the way")
    r = w.run(code=(1, 73))
    assert w.root in r.text
    os.unlink(w.root)
    shutil.rmtree(w.metadata, ignore_errors=True)
    with open(w.metadata, "w") as f:
        f.write("in the way")
    r = w.run(code=73)
    assert w.metadata in r.text
    os.unlink(w.metadata)
    w.sync()




@pytest.mark.parametrize("total, refused", [(50, False), (51, True)])
def test_brake_on_files_that_bear_a_uid(w, total, refused):
    """All of a folder's mail moved to another one here, names and all: up to
    the brake it goes up as new mail, above it a person has to look."""
    with w.box() as b:
        b.create("From")
        b.create("To")
        fill(b, total + 300, "From")
        fill(b, 3, "To")
        w.sync()
        for p in w.local.files("From")[:total]:
            new = p.replace("/From/", "/To/")
            os.rename(p, new)
        r = w.run(code=2 if refused else 0)
        assert len(b.messages("To")) == (3 if refused else 3 + total)
        assert len(w.local.files("To")) == 3 + total
    if refused:
        assert "To" in r.text and "UID" in r.text
    else:
        w.check()


def test_restored_folder_of_another_numbering(w):
    """State lost and the mailbox made anew: the files' UIDs mean nothing
    there, and so many do not go up unasked."""
    with w.box() as b:
        b.create("Work")
        fill(b, 80, "Work")
        w.sync()
        b.delete_folder("Work")
        b.create("Work")
    shutil.rmtree(w.metadata)
    files = sorted(w.local.files("Work"))
    w.run(code=2)
    assert sorted(w.local.files("Work")) == files
    with w.box() as b:
        assert b.messages("Work") == []


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
def test_records_of_another_folder(w):
    """They are not believed, and it is said which directory holds them."""
    with w.box() as b:
        fill(b, 3)
        b.create("a")
        b.append_many([message("other")], "a")
        w.sync()
        states = os.path.join(w.metadata, "Account-Test")
        a, b = (hashlib.md5(f.encode()).hexdigest() for f in ("INBOX", "a"))
        top = os.path.join(states, "wherry")
        for old, new in ((a, "x"), (b, a), ("x", b)):
            os.rename(os.path.join(top, old), os.path.join(top, new))
        w.local.add(lf(message("new")))
        w.local.add(lf(message("new too")), "a")
        r = w.run(code=2)
        told = re.findall(r"remove (wherry/\w+) below", r.text)
        assert sorted(told) == sorted(["wherry/" + a, "wherry/" + b]), r
        for d in told:
            shutil.rmtree(os.path.join(states, d))
        w.sync()
        assert sum(map(len, w.remote().values())) == 6


def test_folder_that_could_not_be_read_once(w, workdir):
    """Looking for folders fails at one, for a moment: it is not gone, nor is
    its state forgotten, so that what was deleted in it would come back."""
    with w.box() as b:
        fill(b, 6)
    w.sync()
    w.run()
    w.local.create("Here")
    saved = [(p, os.path.join(workdir, "saved" + str(i))) for i, p in
             enumerate((w.root, w.metadata))]
    trace = os.path.join(workdir, "trace")
    for a, b in saved:
        shutil.copytree(a, b)
    w.run(prefix=["strace", "-f", "-qq", "-o", trace, "-e", "trace=openat"])
    with open(trace) as f:
        calls = [x.split(None, 1) for x in f if "openat(" in x]
    calls = [x for pid, x in calls if pid == calls[0][0]]
    found = [i for i, x in enumerate(calls, 1) if '"INBOX"' in x]
    assert found
    # What else is opened is not the same in every run.
    for at in range(found[0] - 4, found[1] + 2):
        for a, b in saved:
            shutil.rmtree(a)
            shutil.copytree(b, a)
        r = w.run(code=None, prefix=[
            "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat",
            "-e", "inject=openat:error=EIO:when=%d" % at])
        assert "is gone" not in r.text, at
    w.run()
    w.check()


def once(w, there, want):
    """Each of them on both sides, once, under one UID."""
    uids = {subject(m.body): m.uid for m in there}
    assert sorted(subject(m.body) for m in there) == sorted(want)
    here = w.local.messages()
    assert sorted(subject(m.body) for m in here) == sorted(want)
    assert {subject(m.body): m.uid for m in here} == uids


def test_restored_and_grown(workdir):
    """From a backup, and then other mail got the UIDs that were lost: what is
    here of those is kept and goes up, and nothing done to it here is done to
    the others, neither a flag nor a deletion."""
    with Imap() as s:
        inbox = s.folders["INBOX"]
        for i in range(10):
            inbox.add(message("m%d" % i))
        w = Wherry(workdir, s, "u", tls="plain")
        w.run()
        del inbox.mails[6:]
        inbox.uidnext = 7
        for i in range(3):
            r = w.run(code=2)
            assert "backup" in r.text and len(w.local.files()) == 10
            inbox.add(message("other%d" % i))
        os.unlink(w.local.find("m8"))
        os.unlink(w.local.find("m1"))
        w.local.reflag(w.local.find("m9"), "+F")
        while inbox.uidnext <= 12:
            inbox.add(message("other%d" % (inbox.uidnext - 7)))
        w.run()
        others = ["other%d" % i for i in range(6)]
        kept = ["m%d" % i for i in (0, 2, 3, 4, 5, 6, 7, 9)]
        assert not any("\\Flagged" in m.flags for m in inbox.mails
                       if subject(m.body).startswith("o"))
        for _ in range(2):
            w.run()
        once(w, inbox.mails, kept + others)


def test_restored_behind_our_back(make, servers):
    """The same between two runs, so that only HIGHESTMODSEQ went back: sizes
    tell."""
    w = make(server=servers(storage="maildir"))
    home, saved = w.server.home(w.user), os.path.join(w.dir, "saved")
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(6))
    w.sync()
    w.server.idle()
    subprocess.run(["cp", "-a", home, saved], check=True)
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(6, 10))
        for i in range(40):
            b.store(1, "-+"[i % 2] + "S")
    w.sync()
    w.server.idle()
    shutil.rmtree(home)
    subprocess.run(["cp", "-a", saved, home], check=True)
    with w.box() as b:
        b.append_many(message("other%d" % i, 100 + 70 * i)
                      for i in range(6))
    os.unlink(w.local.find("m8"))
    w.run()
    w.run()
    with w.box() as b:
        once(w, b.messages(), ["m%d" % i for i in range(10) if i != 8] +
             ["other%d" % i for i in range(6)])
    w.quiet()


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
def test_files_change_during_the_second_look(make):
    """Then it is no evidence: the deletion waits for the next run."""
    w = make()
    with w.box() as b:
        fill(b, 20)
    w.sync()
    ended = threading.Event()

    def work():
        name = w.local.path("INBOX", "cur", ".lock")
        while not ended.wait(0.001):
            with open(name, "w"):
                pass
            os.unlink(name)
    os.unlink(w.local.find("m5"))
    other = threading.Thread(target=work)
    other.start()
    try:
        r = w.run(code=TEMPORARY, prefix=[
            "strace", "-f", "-qq", "-o", w.dir + "/trace", "-e",
            "trace=getdents64", "-e",
            "inject=getdents64:delay_exit=200000"])
    finally:
        ended.set()
        other.join()
    assert "files changed during the second look" in r.text
    assert len(w.remote()["INBOX"]) == 20
    r = w.run()
    assert "1 deleted there" in r.text
    w.check()
    w.quiet()

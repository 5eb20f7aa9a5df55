"""Folders: names, nesting, creation on either side, filters."""
import os

import pytest

from mail import lf, message, subject, utf7_enc
from wherry import Wherry, beside

NAMES = ["Archive", "Archive/2025", "Archive/2026/Deep", "Entwürfe",
         "日本語/フォルダ", "Tom & Jerry", "with space", "a&b/ü&ö",
         "quo\"te", "back\\slash", "percent%star*", "-dash",
         "(paren)", "[bracket]", "{5}", "#hash", "İ", "😀"]


@pytest.mark.parametrize("sep", [".", "/"])
def test_names_from_the_server(make, sep):
    w = make(sep=sep)
    with w.box() as b:
        for n in NAMES:
            b.create(n)
        for n in b.folders():
            if "\\Noselect" not in b.folders()[n]:
                b.append(message("in " + str(abs(hash(n)))), n)
        w.sync()
        assert set(NAMES) <= set(w.local.folders())
        w.quiet()


@pytest.mark.parametrize("sep", [".", "/"])
def test_names_from_the_maildir(make, sep):
    w = make(sep=sep)
    w.sync()
    made = ["Sent", "Lists/one", "Lists/two/three", "Entwürfe", "a b"]
    for i, n in enumerate(made):
        w.local.create(n)
        w.local.add(lf(message("m%d" % i)), n, flags="S")
    w.sync()
    with w.box() as b:
        there = b.folders()
        for i, n in enumerate(made):
            assert n in there
            assert [subject(m.body) for m in b.messages(n)] == ["m%d" % i]
    w.quiet()


def test_wire_names_are_modified_utf7(w):
    """The name on disk is the name on the wire: what OfflineIMAP wrote is
    found again under the same FMD5."""
    with w.box() as b:
        b.create("Entwürfe")
        w.sync()
    assert os.path.isdir(os.path.join(w.root, utf7_enc("Entwürfe")))


@pytest.mark.parametrize("sep", [".", "/"])
def test_noselect_parent(make, sep):
    w = make(sep=sep)
    with w.box() as b:
        b.create("Parent/Child")
        b.append(message("m"), "Parent/Child")
        if "Parent" in b.folders() and \
                "\\Noselect" not in b.folders()["Parent"]:
            b.delete_folder("Parent")
        w.sync()
        assert "Parent" not in w.local.folders()
        assert len(w.local.messages("Parent/Child")) == 1
        w.quiet()
        # Mail in one that somebody made here does not go up; that is told.
        if "\\Noselect" in b.folders().get("Parent", ()):
            w.local.create("Parent")
            w.local.add(lf(message("lost")), "Parent")
            assert "Parent: " in w.run(code=2).text


def test_server_with_a_prefix(servers, make):
    """A namespace as Courier and Cyrus have it: INBOX. and dots."""
    w = make(server=servers(storage="maildir", prefix="INBOX.",
                            separator="."))
    with w.box() as b:
        b.create("INBOX/Work/Old")
        b.append(message("old"), "INBOX/Work/Old")
        b.append(message("inbox"))
        w.run()
        before = sorted(w.local.folders())
        assert "INBOX" in before
        old = [f for f in before if f.endswith("Work/Old")]
        assert len(old) == 1 and len(w.local.messages(old[0])) == 1
        # A folder made here goes below the prefix.
        parent = old[0][:-len("Old")]
        w.local.create(parent + "New")
        w.local.add(lf(message("new")), parent + "New")
        w.run()
        assert "INBOX/Work/New" in b.folders()
        assert len(b.messages("INBOX/Work/New")) == 1
        w.quiet()


@pytest.mark.slow
def test_300_folders(w):
    with w.box() as b:
        for i in range(300):
            n = "f%d/sub%d" % (i // 10, i)
            b.create(n)
            b.append(message("m%d" % i), n)
        w.run(timeout=120)
        assert sum(f.startswith("f") for f in w.local.folders()) >= 300
        b.append(message("late"), "f7/sub77")
        w.local.add(lf(message("here")), "f8/sub88")
        w.sync(timeout=120)
        assert len(b.messages("f8/sub88")) == 2
        assert len(w.local.messages("f7/sub77")) == 2


def test_two_names_that_clash_on_disk(make):
    """a.b and a/b cannot both be a.b here: one is said and skipped, nothing
    is mixed, and all others go on."""
    w = make(sep=".")
    with w.box() as b:
        b.create("a/b")
        b.create("a.b")
        b.append(message("slash"), "a/b")
        b.append(message("dot"), "a.b")
        b.append(message("inbox"))
        r = w.run(code=1)
        assert "a.b" in r.text or "a/b" in r.text
        assert len(w.local.messages()) == 1
        for _ in range(2):
            w.run(code=1)
            assert [subject(m.body) for m in b.messages("a/b")] == ["slash"]
            assert [subject(m.body) for m in b.messages("a.b")] == ["dot"]
        assert len(w.local.messages("a/b")) <= 1


@pytest.mark.parametrize("name", ["cur", "new", "tmp", "x/cur/y"])
def test_folder_that_cannot_be_on_disk(make, name):
    """Skipped and said; the account goes on."""
    w = make(sep="/")
    with w.box() as b:
        b.create(name)
        b.append(message("m"), name)
        b.append(message("inbox"))
        r = w.run(code=1)
        assert name.split("/")[0] in r.text
        assert [subject(m.body) for m in w.local.messages()] == ["inbox"]


@pytest.mark.parametrize("storage", ["mdbox"])
def test_dots_do_not_leave_the_root(servers, make, storage):
    """A folder named .. (from a server that allows it) is not followed."""
    from mock import Imap
    with Imap(folders=["INBOX", "..", "../../escaped", "a/../../b", "/abs"],
              ) as mock:
        w = make(server=mock, tls="plain", sep="/")
        r = w.run(code=(1, 2))
        assert ".." in r.text
    up = os.path.dirname(w.root)
    assert sorted(os.listdir(up)) == sorted(
        set(os.listdir(up)) & {"conf", "home", "mail", "state"})
    assert set(os.listdir(w.root)) <= {"INBOX"} | {
        n for n in os.listdir(w.root) if n.startswith(".")}


@pytest.mark.parametrize("expression,want", [
    ("lambda f: f in ['INBOX', 'Work']", {"INBOX", "Work"}),
    ("lambda f: f not in ['Work', 'Entw&APw-rfe']", {"INBOX", "Junk"}),
    ("lambda folder: folder in (\"INBOX\",)", {"INBOX"})])
def test_folderfilter(make, expression, want):
    w = make(remote={"folderfilter": expression})
    with w.box() as b:
        for n in ("Work", "Junk", "Entwürfe"):
            b.create(n)
            b.append(message("m"), n)
        b.append(message("m"))
        w.run()
        assert set(w.local.folders()) == want
        # Nothing that is filtered out is created by a way round.
        w.run()
        assert set(b.folders()) == {"INBOX", "Work", "Junk", "Entwürfe"}


def test_folders_of_the_command_line(w):
    with w.box() as b:
        for n in ("Work", "Junk"):
            b.create(n)
            b.append(message("m"), n)
        w.run("-f", "INBOX,Work")
        assert set(w.local.folders()) == {"INBOX", "Work"}
        w.sync()


@pytest.mark.parametrize("setting", [{"createfolders": "no"},
                                     {"readonly": "yes"}])
def test_no_folder_is_made_here(make, setting):
    w = make()
    w.sync()
    w.configure(local=setting)
    with w.box() as b:
        b.create("Work")
        b.append(message("m"), "Work")
        w.run()
        assert "Work" not in w.local.folders()
        assert "Work" in b.folders()


@pytest.mark.parametrize("setting", [{"createfolders": "no"},
                                     {"readonly": "yes"}])
def test_no_folder_is_made_there(make, setting):
    w = make()
    w.sync()
    w.configure(remote=setting)
    w.local.create("Work")
    w.local.add(lf(message("m")), "Work")
    w.run()
    with w.box() as b:
        assert "Work" not in b.folders()
    assert len(w.local.messages("Work")) == 1


def test_folder_gone_from_the_server(w):
    """It has state: neither made again nor removed here; needs a person."""
    with w.box() as b:
        b.create("Work")
        b.append(message("m"), "Work")
        b.append(message("inbox"))
        w.sync()
        b.delete_folder("Work")
        b.append(message("later"))
        r = w.run(code=2)
        assert "Work" in r.text
        assert len(w.local.messages("Work")) == 1
        assert "Work" not in b.folders()
        assert len(w.local.messages()) == 2


def test_maildir_gone_from_the_disk(w):
    """Fetched again, nothing is deleted on the server."""
    import shutil
    with w.box() as b:
        b.create("Work")
        for i in range(5):
            b.append(message("m%d" % i), "Work")
        w.sync()
        shutil.rmtree(w.local.path("Work"))
        w.sync()
        assert len(b.messages("Work")) == 5


def test_root_and_parents_may_be_symlinks(make, workdir):
    real = os.path.join(workdir, "real")
    os.makedirs(real)
    link = os.path.join(workdir, "link")
    os.symlink(real, link)
    w = make(local={"localfolders": os.path.join(link, "mail")})
    w.local.root = os.path.join(real, "mail")
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        w.quiet()


def test_two_accounts(servers, make, workdir):
    w = make()
    second = Wherry(os.path.join(workdir, "b"), w.server, w.user + "b")
    beside(w, second)
    with w.box() as b, second.box() as c:
        b.append(message("one"))
        c.append(message("two"))
        w.run()
        w.check()
        second.check()
        # One of them alone.
        b.append(message("three"))
        c.append(message("four"))
        w.run("-a", "Test2")
        second.check()
        assert len(w.local.messages()) == 1
        w.run()
        w.check()
    # A wrong password of one does not stop the other.
    with open(w.conf) as f:
        text = f.read()
    head, tail = text.split("[Account Test2]")
    with open(w.conf, "w") as f:
        f.write(head.replace("remotepass = secret", "remotepass = wrong") +
                "[Account Test2]" + tail)
    with second.box() as c:
        c.append(message("five"))
    w.run(code=77)
    second.check()


def test_links_in_a_circle(make, server):
    """A link that leads back up is not a folder to be made on the server."""
    w = make(local={"sep": "/"})
    with w.box() as b:
        b.create("Work")
        b.append(message("one"), "Work")
    w.sync()
    os.symlink(".", os.path.join(w.local.root, "again"))
    os.symlink("..", os.path.join(w.local.root, "Work", "up"))
    with w.box() as b:
        before = sorted(b.folders())
    w.run(timeout=60)
    with w.box() as b:
        assert sorted(b.folders()) == before

"""Files that a mail program moved from one folder here to another: copied on
the server, not sent again; nothing lost, nothing twice, whatever happens."""
import os
import random
import re
import shutil
import time

import pytest

import test_kill
from hostile import Folder, Imap
from kinds import KINDS
from mail import lf, message, subject
from wherry import Wherry, needs

NO_UIDPLUS = "IMAP4rev1 SASL-IR LITERAL+ ENABLE NAMESPACE ESEARCH"


@pytest.fixture(autouse=True)
def built():
    needs("moves")


def wire(r):
    """Commands sent, without their tags, with what was APPENDed."""
    return [m.group(1) for m in re.finditer(r"C: w\d+ (.*)", r.text)]


def words(r, word):
    return [x for x in wire(r) if re.match(r"(UID )?%s " % word, x)]


def move(w, path, folder, change=None):
    """With its name, as mu4e or a script does."""
    if change:
        path = w.local.reflag(path, change)
    to = w.local.path(folder, os.path.basename(os.path.dirname(path)),
                      os.path.basename(path))
    os.rename(path, to)
    return to


def filled(w, n=3, folders=("From", "To"), size=0):
    with w.box() as b:
        for f in folders:
            b.create(f)
            b.append_many((message("%s-%d" % (f, i), size)
                           for i in range(n)), f)
    w.sync()


def subjects(w, folder):
    with w.box() as b:
        return sorted(subject(m.body) for m in b.messages(folder))


@pytest.mark.parametrize("a, b", [("From", "To"), ("To", "From"),
                                  ("INBOX", "To"), ("From", "INBOX")])
def test_one(w, a, b):
    """Whichever of the two folders comes first."""
    filled(w, size=50000)
    with w.box() as box:
        box.append(message("INBOX-0", 50000), flags="F", date=1600000000)
    w.sync()
    move(w, w.local.find(a + "-0", a), b)
    mark = w.server.log_mark()
    r = w.sync("-d", "imap")
    cost = w.server.cost(w.user, mark)
    assert words(r, "APPEND") == [] and cost["appended"] == 0
    assert cost["in"] < 6000 and cost["bodies"] == 0, cost
    assert len(words(r, "COPY")) == 1 and "1 copied there" in r.text
    assert a + "-0" in subjects(w, b) and a + "-0" not in subjects(w, a)
    if a == "INBOX":  # flags and date are those it had
        with w.box() as box:
            m = [m for m in box.messages(b) if subject(m.body) == "INBOX-0"]
        assert (m[0].flags, m[0].date) == ("F", 1600000000)
    w.quiet()


def test_many(w):
    """300, of as many that the brakes let it."""
    filled(w, 1600)
    for i in range(300):
        move(w, w.local.files("From")[0], "To")
    mark = w.server.log_mark()
    r = w.sync("-d", "imap")
    cost = w.server.cost(w.user, mark)
    assert words(r, "APPEND") == [] and cost["appended"] == 0
    assert "300 copied there" in r.text and "300 deleted there" in r.text
    assert len(w.local.files("To")) == 1900
    w.quiet()


def test_from_several_folders(w):
    """One COPY for each, and what is simply new goes up beside them."""
    filled(w, folders=("A", "B", "C", "To"))
    for f in "ABC":
        move(w, w.local.find(f + "-0", f), "To")
        move(w, w.local.find(f + "-1", f), "To")
    w.local.add(lf(message("new")), "To")
    r = w.sync("-d", "imap")
    assert len(words(r, "COPY")) == 3 and len(words(r, "APPEND")) == 1
    assert "6 copied there" in r.text
    assert len(subjects(w, "To")) == 10
    w.quiet()


@pytest.mark.parametrize("change, there, end", [
    ("+S", "", "S"), ("+RS", "+F", "FRS"), ("-F", "", ""), ("-F", "+S", "S"),
    ("", "-F", "")])
def test_flags(w, change, there, end):
    """What was changed with the move, or on the server before it, is all
    kept."""
    filled(w)
    with w.box() as b:
        uid = b.append(message("m"), "From", flags="F" if "-F" in (
            change, there) else "")
    w.sync()
    if there:
        with w.box() as b:
            b.store(uid, there, "From")
    move(w, w.local.find("m", "From"), "To", change)
    r = w.sync("-d", "imap")
    assert words(r, "APPEND") == [] and len(words(r, "COPY")) == 1
    assert w.local.flags_of(w.local.find("m", "To")) == end
    w.quiet()


def test_there_and_back(w):
    filled(w)
    for a, b in (("From", "To"), ("To", "From"), ("From", "To")):
        move(w, w.local.find("From-0", a), b)
        r = w.sync("-d", "imap")
        assert words(r, "APPEND") == [] and len(words(r, "COPY")) == 1
        assert "From-0" in subjects(w, b)
    w.quiet()


def test_new_folder(w):
    """To a folder that the mail program made for it."""
    filled(w)
    w.local.create("Fresh")
    for i in range(3):
        move(w, w.local.find("From-%d" % i, "From"), "Fresh")
    r = w.sync("-d", "imap")
    assert words(r, "APPEND") == [] and len(words(r, "COPY")) == 1
    assert len(subjects(w, "Fresh")) == 3 and subjects(w, "From") == []
    w.quiet()


def test_copy(w):
    """The file is still in its old folder: two messages then."""
    filled(w)
    p = w.local.find("From-0", "From")
    shutil.copy(p, p.replace("/From/", "/To/"))
    r = w.sync("-d", "imap")
    assert words(r, "APPEND") == []
    assert "From-0" in subjects(w, "To") and len(subjects(w, "From")) == 3
    w.quiet()


def test_gone_on_the_server(w):
    """Expunged there meanwhile: what is here goes up."""
    filled(w)
    with w.box() as b:
        uids = [m.uid for m in b.messages("From")]
        b.delete(uids[:1], "From")
    for i in range(2):
        move(w, w.local.find("From-%d" % i, "From"), "To")
    w.sync()
    assert len(subjects(w, "To")) == 5 and len(subjects(w, "From")) == 1
    w.quiet()


def test_renumbered(w):
    """The source has another UIDVALIDITY: its UIDs mean nothing."""
    filled(w)
    with w.box() as b:
        b.delete_folder("From")
        time.sleep(1.1)  # a UIDVALIDITY of Dovecot is a time
        b.create("From")
        b.append_many((message("other%d" % i) for i in range(3)), "From")
    move(w, w.local.find("From-0", "From"), "To")
    r = w.run("-d", "imap", code=2)
    assert words(r, "COPY") == []
    assert subjects(w, "To") == ["From-0", "To-0", "To-1", "To-2"]
    assert len(subjects(w, "From")) == 3


def test_without_uidplus(make, servers):
    """Nothing would prove the copy: sent as new mail."""
    w = make(server=servers(capability=NO_UIDPLUS))
    filled(w)
    move(w, w.local.find("From-0", "From"), "To")
    r = w.sync("-d", "imap", code=(0, 75))
    assert words(r, "COPY") == [] and len(words(r, "APPEND")) == 1
    assert "From-0" in subjects(w, "To")


@pytest.mark.parametrize("kind", ["body", "header", "uid", "folder"])
def test_pretended(w, kind):
    """A name that tells another folder and UID, and is not that message."""
    filled(w)
    p = w.local.find("From-0", "From")
    to = p.replace("/From/", "/To/")
    with open(p, "rb") as f:
        body = f.read()
    if kind == "body":
        body += b"more\n"
    elif kind == "header":
        body = body.replace(b"From-0", b"From-x")
    elif kind == "uid":
        to = re.sub(r",U=\d+", ",U=4000000000", to)
    else:
        to = re.sub(r"FMD5=.{32}", "FMD5=" + 32 * "0", to)
    with open(to, "wb") as f:
        f.write(body)
    r = w.sync("-d", "imap")
    assert words(r, "COPY") == [] and len(words(r, "APPEND")) == 1
    assert len(subjects(w, "To")) == 4 and len(subjects(w, "From")) == 3
    w.quiet()


def test_twice_the_same(w):
    """Two files of one UID: two messages."""
    filled(w)
    p = move(w, w.local.find("From-0", "From"), "To")
    shutil.copy(p, p.replace("/To/new/", "/To/new/x"))
    w.sync("-d", "imap")
    assert subjects(w, "To").count("From-0") == 2
    w.quiet()


@pytest.mark.parametrize("kind", ["gmail", "exchange", "neither", "cyrus"])
def test_servers(make, servers, kind):
    w = make(server=servers(**KINDS[kind]))
    filled(w)
    for i in range(2):
        move(w, w.local.find("From-%d" % i, "From"), "To", "+F")
    r = w.sync("-d", "imap")
    assert words(r, "APPEND") == [] and len(words(r, "COPY")) == 1
    assert len(subjects(w, "To")) == 5 and len(subjects(w, "From")) == 1
    w.run()
    w.check()


@pytest.fixture
def mock(workdir):
    """The mock server and a wherry that has synced two folders of it."""
    with Imap() as s:
        for name in ("From", "To"):
            s.folders[name] = Folder()
            for i in range(3):
                s.folders[name].add(message("%s-%d" % (name, i)))
        w = Wherry(workdir, s, "u", tls="plain")
        w.run()
        yield s, w


LIES = {
    "nothing": (b"", 0),
    "validity": (b"[COPYUID 9 1,2 4,5] ", 0),
    "too few": (b"[COPYUID 7 1,2 4] ", 0),
    "too many": (b"[COPYUID 7 1,2 4:6] ", 0),
    "far too many": (b"[COPYUID 7 1,2 1:4294967295] ", 0),
    "others": (b"[COPYUID 7 1,3 4,5] ", 0),
    "crossed": (b"[COPYUID 7 2,1 4,5] ", 0),
    "twice": (b"[COPYUID 7 1,1 4,5] ", 0),
    "one": (b"[COPYUID 7 1,2 4,4] ", 0),
    "old": (b"[COPYUID 7 1,2 1,2] ", 0),
    "not there": (b"[COPYUID 7 1,2 8,9] ", 0),
    "no": (b"NO ", 2),
    "no, but": (b"NO ", 0),
    "bad": (b"BAD ", 2),
}


@pytest.mark.parametrize("lie", LIES)
def test_copyuid_that_cannot_be(mock, lie):
    """What it says is not believed, and what it has is found: one of each."""
    s, w = mock
    text, take_back = LIES[lie]

    def edit(cmd, out):
        if cmd.name == "UID COPY":
            to = s.folders["To"]
            del to.mails[len(to.mails) - take_back:]
            status = b"" if text[:1] in b"NB" and text else b"OK "
            out[-1] = cmd.tag + b" " + status + text + b"well\r\n"
        return out
    s.edit = edit
    for i in range(2):
        move(w, w.local.find("From-%d" % i, "From"), "To")
    for _ in range(2):
        r = w.run("-d", "imap", code=(0, 75))
    assert r.code == 0, r
    assert sorted(subject(m.body) for m in s.folders["To"].mails) == [
        "From-0", "From-1", "To-0", "To-1", "To-2"]
    assert [subject(m.body) for m in s.folders["From"].mails] == ["From-2"]
    for m in s.folders["To"].mails:
        p = w.local.find(subject(m.body), "To")
        assert w.local.uid_of(p) == m.uid


def test_cut_behind_the_copy(mock):
    """What was agreed of its flags stands in the records of where it came
    from: what was taken away here along with the move does not come back."""
    s, w = mock
    for m in s.folders["From"].mails:
        m.flags |= {"\\Flagged", "\\Seen"}
    w.configure(remote={"retrycount": 0, "maxconnections": 1})
    w.run()
    for i, flags in enumerate(["-F", "-FS", "+R"]):
        move(w, w.local.find("From-%d" % i, "From"), "To", flags)

    def edit(cmd, out):
        if cmd.name == "UID COPY":
            raise EOFError
        return out
    s.edit = edit
    w.run(code=75)
    assert len(s.folders["To"].mails) == 6
    s.honest()
    w.run()
    flags = {subject(m.body): m.letters for m in s.folders["To"].mails}
    assert flags == {"To-0": "", "To-1": "", "To-2": "", "From-0": "S",
                     "From-1": "", "From-2": "FRS"}
    assert flags == {subject(m.body): m.flags
                     for m in w.local.messages("To")}


def test_flag_that_the_other_folder_cannot_keep(mock):
    """It was not taken away there: it stays here."""
    s, w = mock
    s.folders["From"].mails[0].flags |= {"\\Flagged", "\\Seen"}
    w.run()
    move(w, w.local.find("From-0", "From"), "To")

    def edit(cmd, out):
        for m in s.folders["To"].mails:
            m.flags.discard("\\Flagged")
        if cmd.name in ("SELECT", "EXAMINE") and cmd.mailbox() == "To":
            out = [x.replace(b" \\Flagged", b"") for x in out]
        return out
    s.edit = edit
    for _ in range(2):
        r = w.run("-d", "imap")
    assert w.local.flags_of(w.local.find("From-0", "To")) == "FS", r
    assert len(s.folders["To"].mails) == 4


@pytest.mark.parametrize("instead", ["moved", "removed"])
def test_name_of_another_folders(mock, instead):
    """Two folders made in one second have one UIDVALIDITY, and two messages
    may have one UID and one date: their files have one base name. The one
    does not take the place of the other."""
    s, w = mock
    a, b = w.local.find("From-0", "From"), w.local.find("To-0", "To")
    assert a.split("FMD5")[0].split("/")[-1] == (
        b.split("FMD5")[0].split("/")[-1])
    os.unlink(b) if instead == "removed" else move(w, b, "From")
    move(w, a, "To")
    for _ in range(2):
        r = w.run(code=(0, 75))
    assert r.code == 0, r
    want = {"To": ["From-0", "To-1", "To-2"], "From": ["From-1", "From-2"]}
    want["From"] += ["To-0"] * (instead == "moved")
    for f, names in want.items():
        assert sorted(subject(m.body) for m in s.folders[f].mails) == names
        uids = {subject(m.body): m.uid for m in s.folders[f].mails}
        assert {n: w.local.uid_of(w.local.find(n, f)) for n in names} == uids
        assert len(w.local.files(f)) == len(names)


def test_folder_of_another_name(mock):
    """Files under the FMD5 of a name that the folder had once are its own."""
    s, w = mock
    w.local.reflag(w.local.find("To-1", "To"), "+F")
    for p in w.local.files("To"):
        os.rename(p, re.sub(r"FMD5=.{32}", "FMD5=" + 32 * "0", p))
    r = w.run("-d", "imap")
    assert words(r, "APPEND") + words(r, "COPY") == [], r
    assert len(words(r, "STORE")) == 1, r
    assert len(w.local.files("To")) == len(s.folders["To"].mails) == 3


@pytest.mark.own
def test_more_than_one_line(narrow, workdir):
    """A name so long that not all UIDs of a group fit into one COPY."""
    to = "/".join(c * 240 for c in "abcd")
    with Imap() as s:
        for name in ("From", to):
            s.folders[name] = Folder()
            for i in range(600):  # or the brake would hold
                s.folders[name].add(message("%s%d" % (name[:4], i)))
        w = Wherry(workdir, s, "u", sep="/", tls="plain")
        w.run()
        for p in w.local.files("From")[:100]:
            os.rename(p, w.local.path(to, "new", os.path.basename(p)))
        r = w.run("-d", "imap")
        assert (len(words(r, "COPY")), words(r, "APPEND")) == (2, []), r
        w.run()
        assert len(s.folders[to].mails) == 700
        assert len(s.folders["From"].mails) == 500


@pytest.mark.parametrize("what", ["refused", "renumbered", "back refused"])
def test_other_mailbox_is_not_that(mock, what):
    """EXAMINE tells another UIDVALIDITY than SELECT did, or is refused; or
    the target cannot be opened again."""
    s, w = mock
    selects = []

    def edit(cmd, out):
        if cmd.name == "EXAMINE" and what == "refused":
            return [cmd.tag + b" NO not now\r\n"]
        if cmd.name == "EXAMINE" and what == "renumbered":
            return [x.replace(b"UIDVALIDITY 7", b"UIDVALIDITY 8")
                    for x in out]
        if cmd.name == "SELECT" and cmd.mailbox() == "To":
            selects.append(1)
            if what == "back refused" and len(selects) == 2:
                return [cmd.tag + b" NO not now\r\n"]
        return out
    s.edit = edit
    move(w, w.local.find("From-0", "From"), "To")
    r = w.run("-d", "imap", code=(0, 1))
    if what == "back refused":
        assert r.code == 1, r
        s.honest()
        r = w.run("-d", "imap")
    assert words(r, "COPY") == []
    assert len(words(r, "APPEND")) == (what != "back refused")
    assert sorted(subject(m.body) for m in s.folders["To"].mails) == [
        "From-0", "To-0", "To-1", "To-2"]
    w.run()
    assert len(s.folders["From"].mails) == 2


@pytest.mark.slow
@pytest.mark.own
@pytest.mark.parametrize("part", range(2))
def test_killed(make, servers, soon, monkeypatch, part):
    """At any system call that changes something or sends, or with the line
    cut: the next run ends where an undisturbed one does."""
    monkeypatch.setenv("WHERRY", soon)
    w = make(general={"fsync": ["no", "batch"][part]})
    s = Moves(w)
    calls = test_kill.count_calls(w)
    want = s.end_state()
    assert want[0] == want[1]
    assert [len(want[0][f]) for f in ("From", "INBOX", "To")] == [5, 9, 14]
    r = random.Random(part)
    points = [(c, i) for c, n in sorted(calls.items()) if not re.match(
        "read|close|fstat|newfstat|statx|poll|ppoll|lseek|pread|getdents", c)
        for i in range(1, n + 1)]
    for call, n in r.sample(points, 9):
        s.restore()
        w.run(code=tuple(range(-64, 256)),
              prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                      "trace=" + call, "-e",
                      "inject=%s:signal=KILL:when=%d" % (call, n)])
        result = test_kill.resume(w, lambda: s.end_state() == want)
        assert s.end_state() == want, "killed at %s %d\n%r" % (
            call, n, result)
        w.check()


class Moves(test_kill.Scenario):
    """Moves in all directions, some with flags, beside new mail."""

    def __init__(self, w):
        self.w = w
        self.saved = os.path.join(w.dir, "saved")
        filled(w, 10)
        with w.box() as b:
            b.append_many(message("in%d" % i) for i in range(8))
        w.sync()
        for i in range(6):
            move(w, w.local.find("From-%d" % i, "From"), "To",
                 "+S" if i % 2 else None)
        for i in range(2):
            move(w, w.local.find("in%d" % i), "From")
            move(w, w.local.find("To-%d" % i, "To"), "INBOX")
        w.local.add(lf(message("new")))
        os.unlink(w.local.find("From-9", "From"))
        self.copy([("home", w.server.home(w.user)), ("mail", w.root),
                   ("state", w.metadata)], save=True)

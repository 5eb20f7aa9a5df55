"""Servers that lie, break off and ramble. Whatever one says: no crash, no
hang, nothing lost or doubled on either side, and exit 0 only if all is done.

One scenario for all: 24 messages known to both sides, then each side adds
two, changes a flag and deletes one. A run against the fault; what must not
be lost is counted; then the server is honest again and both sides have to
come to the same end.
"""
import os
import re
import shutil
import time

import pytest

import hostile
from hostile import Imap
from mail import lf, message, subject
from wherry import Wherry

N = 24
KNOWN = ["m%d" % i for i in range(N)]
END = {k: "" for k in KNOWN if k not in ("m2", "m4")}
END.update({"m1": "F", "m3": "S", "s0": "", "s1": "", "l0": "", "l1": ""})


@pytest.fixture(autouse=True)
def settled(soon, monkeypatch):
    """An upload in doubt is settled after a second, not a minute."""
    if "WHERRY" not in os.environ:
        monkeypatch.setenv("WHERRY", soon)


class Case:
    def __init__(self, dir, **server):
        self.s = Imap(**server)
        self.inbox = self.s.folders["INBOX"]
        self.w = Wherry(dir, self.s, "user", tls="plain",
                        general={"socktimeout": "5"},
                        remote={"retrycount": 1})

    def fill(self):
        for name in KNOWN:
            self.inbox.add(message(name))
        self.w.run()
        self.agree({k: "" for k in KNOWN})

    def disturb(self):
        mail = {subject(m.body): m for m in self.inbox.mails}
        mail["m1"].flags.add("\\Flagged")
        self.inbox.mails.remove(mail["m2"])
        for name in ("s0", "s1"):
            self.inbox.add(message(name))
        local = self.w.local
        local.reflag(local.find("m3"), "+S")
        os.unlink(local.find("m4"))
        for name in ("l0", "l1"):
            local.add(lf(message(name)))

    def there(self, folder="INBOX"):
        return sorted((subject(m.body), m.letters)
                      for m in self.s.folders[folder].mails)

    def here(self, folder="INBOX"):
        return sorted((subject(m.body), m.flags)
                      for m in self.w.local.messages(folder))

    def agree(self, want):
        assert self.there() == sorted(want.items())
        assert self.here() == sorted(want.items())
        assert self.w.local.leftovers() == []

    def once(self):
        """Nothing lost, nothing doubled, at any moment."""
        for side in (self.there(), self.here()):
            names = [n for n, _ in side]
            assert len(names) == len(set(names)), side
            gone = set(KNOWN) - set(names)
            assert gone <= {"m2", "m4"}, gone
        assert {"l0", "l1"} <= {n for n, _ in self.here()}
        assert {"s0", "s1"} <= {n for n, _ in self.there()}
        assert all("junk" not in n for n, _ in self.here())

    def run(self, code, **more):
        r = self.w.run(code=code, timeout=60, **more)
        check_terminal(r.text)
        self.once()
        return r

    def heal(self, want=END):
        """Honest again: it comes to the end that it should."""
        self.s.honest()
        for i in range(4):
            r = self.w.run(code=None)
            self.once()
            if r.code == 0:
                break
            time.sleep(1.05 if r.code == 75 else 0)
        assert r.code == 0, r
        self.agree(want)
        r = self.w.run()
        self.agree(want)


def check_terminal(text):
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text.replace(
        "\r\n", "\n")), repr(text)
    assert "\ufffd" not in text, repr(text)


@pytest.fixture
def case(workdir):
    cases = []

    def get(**server):
        c = Case(os.path.join(workdir, "c%d" % len(cases)), **server)
        cases.append(c)
        return c
    yield get
    for c in cases:
        c.s.stop()


# Faults in what is answered: edit(cmd, out) -> out.

def on(name, change):
    """Only answers to this command (its beginning) are changed."""
    def edit(cmd, out):
        if re.match(name, (cmd.name + " " + cmd.rest.decode(
                errors="replace"))):
            return change(cmd, out)
        return out
    return edit


LISTING = r"UID FETCH \S+ \(UID FLAGS(?! INT)"
BODIES = r"UID FETCH .*BODY\.PEEK\[\]"


def done(cmd, text):
    return cmd.tag + b" " + text + b"\r\n"


def only_ok(cmd, out):
    return [done(cmd, b"OK done")]


def say(text):
    return lambda cmd, out: [done(cmd, text)]


def sub(pattern, by, count=0):
    return lambda cmd, out: [re.sub(pattern, by, o, count=count)
                             for o in out]


def before(text):
    return lambda cmd, out: [text] + out


def amid(text):
    return lambda cmd, out: out[:len(out) // 2] + [text] + out[len(out) // 2:]


def last(text):
    return lambda cmd, out: out[:-1] + [text] + out[-1:]


def drop_one(cmd, out):
    return out[:3] + out[4:] if len(out) > 4 else out


def backwards(cmd, out):
    return out[:-1][::-1] + out[-1:]


def twice(cmd, out):
    return [o for o in out[:-1] for _ in (0, 1)] + out[-1:]


SELECT = r"SELECT"
# name: (edit, exit codes allowed in the run with the fault)
BAD = (1, 2, 75)
FAULTS = {
    # OK without data, numbers that do not add up
    "listing-empty": (on(LISTING, only_ok), BAD),
    "bodies-empty": (on(BODIES, only_ok), BAD),
    "listing-lacks-one": (on(LISTING, drop_one), BAD),
    "exists-0": (on(SELECT, sub(rb"\d+ EXISTS", b"0 EXISTS")), BAD),
    "exists-0-listing-empty": (
        lambda cmd, out: on(LISTING, only_ok)(cmd, on(SELECT, sub(
            rb"\d+ EXISTS", b"0 EXISTS"))(cmd, out)), BAD),
    "exists-larger": (on(SELECT, sub(rb"\d+ EXISTS", b"99 EXISTS")), BAD),
    "exists-missing": (on(SELECT, sub(rb"\* \d+ EXISTS\r\n", b"")), BAD),
    "exists-huge": (on(SELECT, sub(
        rb"\d+ EXISTS", b"99999999999999999999 EXISTS")), BAD),
    "exists-within-listing": (on(LISTING, amid(b"* 3 EXISTS\r\n")), BAD),
    "expunge-within-listing": (on(LISTING, amid(b"* 3 EXPUNGE\r\n")), BAD),
    "expunge-0": (on(LISTING, amid(b"* 0 EXPUNGE\r\n")), BAD),
    "expunge-behind": (on(BODIES, last(b"* 1 EXPUNGE\r\n")), BAD + (0,)),
    "vanished-all": (on(LISTING, amid(b"* VANISHED 1:4294967295\r\n")), BAD),
    "vanished-earlier": (on(LISTING, amid(
        b"* VANISHED (EARLIER) 1:4294967295\r\n")), BAD + (0,)),
    # UIDVALIDITY, UIDNEXT
    "uidvalidity-missing": (on(SELECT, sub(
        rb"\* OK \[UIDVALIDITY \d+\] ok\r\n", b"")), BAD),
    "uidvalidity-0": (on(SELECT, sub(
        rb"UIDVALIDITY \d+", b"UIDVALIDITY 0")), BAD),
    "uidvalidity-changed": (on(SELECT, sub(
        rb"UIDVALIDITY \d+", b"UIDVALIDITY 8")), (2,)),
    "uidvalidity-huge": (on(SELECT, sub(
        rb"UIDVALIDITY \d+", b"UIDVALIDITY 4294967303")), BAD),
    "uidnext-back": (on(SELECT, sub(rb"UIDNEXT \d+", b"UIDNEXT 2")), (2,)),
    "uidnext-0": (on(SELECT, sub(
        rb"UIDNEXT \d+", b"UIDNEXT 0")), BAD + (0,)),
    # UIDs
    "uid-0": (on(LISTING, sub(rb"UID 7 ", b"UID 0 ")), BAD),
    "uid-too-large": (on(LISTING, sub(rb"UID 7 ", b"UID 4294967303 ")), BAD),
    "uid-minus": (on(LISTING, sub(rb"UID 7 ", b"UID -7 ")), BAD),
    "uid-duplicate": (on(LISTING, sub(rb"UID 7 ", b"UID 8 ")), BAD),
    "uid-unasked": (on(LISTING, sub(rb"UID 7 ", b"UID 900 ")), BAD + (0,)),
    "uid-missing": (on(LISTING, sub(rb"UID 7 ", b"")), BAD),
    "flags-missing": (on(LISTING, sub(
        rb"UID 7 FLAGS \([^)]*\)", b"UID 7")), BAD),
    "listing-backwards": (on(LISTING, backwards), (0,)),
    "listing-twice": (on(LISTING, twice), (0,)),
    "body-uid-missing": (on(BODIES, sub(rb"\(UID \d+ ", b"(")), BAD),
    "body-uid-0": (on(BODIES, sub(rb"\(UID \d+ ", b"(UID 0 ")), BAD),
    "body-uid-unasked": (on(BODIES, sub(
        rb"\(UID \d+ ", b"(UID 3 ")), BAD),
    "body-twice": (on(BODIES, twice), (0,)),
    "body-nil": (on(BODIES, sub(
        rb"BODY\[\] \{\d+\}\r\n(?s:.*)\)\r\n", b"BODY[] NIL)\r\n")), BAD),
    "body-empty": (on(BODIES, sub(
        rb"BODY\[\] \{\d+\}\r\n(?s:.*)\)\r\n", b'BODY[] "")\r\n')), BAD),
    # Framing: the connection is given up, nothing of it is stored
    "literal-longer": (on(BODIES, sub(
        rb"\{(\d+)\}", lambda m: b"{%d}" % (int(m.group(1)) + 5))), BAD),
    "literal-shorter": (on(BODIES, sub(
        rb"\{(\d+)\}", lambda m: b"{%d}" % (int(m.group(1)) - 5))), BAD),
    "literal-10-gib": (on(BODIES, sub(rb"\{\d+\}", b"{10737418240}")), BAD),
    "literal-too-large": (on(BODIES, sub(
        rb"\{\d+\}", b"{99999999999999999999}")), BAD),
    "literal-minus": (on(BODIES, sub(rb"\{\d+\}", b"{-1}")), BAD),
    "nesting": (on(LISTING, before(
        b"* 1 FETCH (" + b"(" * 10000 + b")" * 10001 + b"\r\n")),
        BAD + (0,)),
    "nesting-open": (on(LISTING, before(
        b"* 1 FETCH (" + b"(" * 10000 + b"\r\n")), BAD + (0,)),
    "long-line": (on(LISTING, before(
        b"* OK " + b"x" * 3000000 + b"\r\n")), BAD + (0,)),
    "long-atom": (on(LISTING, before(
        b"* 1 FETCH (" + b"x" * 3000000 + b" 1)\r\n")), BAD + (0,)),
    "unknown-tag": (on(LISTING, amid(b"zz99 OK done\r\n")), BAD + (0,)),
    "unknown-tag-number": (on(LISTING, amid(b"99999 OK\r\n")), BAD + (0,)),
    "empty-lines": (on(LISTING, amid(b"\r\n\r\n")), BAD + (0,)),
    "nul": (on(LISTING, amid(b"\0\0\0\r\n")), BAD + (0,)),
    "escapes": (on(LISTING, lambda cmd, out: [done(
        cmd, b"NO \x1b[2J\x1b]0;owned\x07\x9b2J\x7f")]), BAD),
    "alert-escapes": (on(LISTING, before(
        b"* OK [ALERT] \x1b[31mlook\x07\x00\x08here\r\n")), BAD + (0,)),
    "bad-untagged": (on(LISTING, before(b"* BAD what\r\n")), BAD + (0,)),
    "not-imap": (on(LISTING, lambda cmd, out: [
        b"HTTP/1.1 400 Bad Request\r\n\r\n"]), BAD),
    "empty-continue": (on(LISTING, before(b"+\r\n")), BAD + (0,)),
    # NO and BAD
    "no-to-select": (on(SELECT, say(b"NO no")), BAD),
    "bad-to-select": (on(SELECT, say(b"BAD no")), BAD),
    "no-to-listing": (on(LISTING, say(b"NO [SERVERBUG] no")), BAD),
    "no-to-bodies": (on(BODIES, say(b"NO [UNAVAILABLE] no")), BAD),
    "no-with-bodies": (on(BODIES, lambda cmd, out: out[:-1] + [
        done(cmd, b"NO Some messages could not be FETCHed")]), BAD + (0,)),
    "no-to-list": (on("LIST", say(b"NO no")), BAD),
    "list-empty": (on("LIST", only_ok), BAD),
    "list-without-inbox": (on("LIST", lambda cmd, out: [
        b'* LIST () "/" "Other"\r\n'] + out[-1:]), BAD),
    "append-bare-ok": (on("APPEND", say(b"OK")), (0,)),
}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_answers(case, name):
    edit, codes = FAULTS[name]
    c = case()
    c.fill()
    c.disturb()
    c.s.edit = edit
    c.run(codes)
    # As if restored from a backup: then no absence is a deletion.
    c.heal({**END, "m2": "", "m4": ""} if name == "uidnext-back" else END)


# Faults in what is done: take(conn, cmd) before the command acts, and edits
# of the answers to commands that change something.

def ignoring(s, name, text=b"OK done"):
    """The command is answered but does nothing."""
    def take(conn, cmd):
        if re.match(name, cmd.name + " " + cmd.rest.decode(
                errors="replace")):
            conn.send(done(cmd, text))
            return True
    s.take = take


@pytest.mark.parametrize("answer", [b"NO [NOPERM] no", b"BAD what"])
@pytest.mark.parametrize("name", ["UID STORE", "APPEND"])
def test_change_refused(case, name, answer):
    """Said, exit 1, and done as soon as the server lets us."""
    c = case()
    c.fill()
    c.disturb()
    ignoring(c.s, name, answer)
    for _ in range(2):
        c.run(1)
    c.heal()


@pytest.mark.parametrize("answer", [b"NO [NOPERM] no", b"BAD what"])
def test_expunge_refused(case, answer):
    """As Proton Bridge: UIDPLUS offered, UID EXPUNGE refused. The message
    stays marked there and does not come back here."""
    c = case()
    c.fill()
    c.disturb()
    ignoring(c.s, "UID EXPUNGE", answer)
    for _ in range(2):
        c.run((0, 1))
    c.s.honest()
    c.run(0)
    want = dict(END)
    assert c.here() == sorted(want.items())
    assert dict(c.there()) in (want, {**want, "m4": "T"})


def test_expunge_ignored(case):
    c = case()
    c.fill()
    c.disturb()
    ignoring(c.s, "UID EXPUNGE")
    for _ in range(2):
        c.run((0, 1))
    c.s.honest()
    c.run((0, 1))
    assert c.here() == sorted(END.items())
    assert dict(c.there()) in (END, {**END, "m4": "T"})


def test_store_ignored(case):
    """What was asked for did not happen: nothing may be lost by it."""
    c = case()
    c.fill()
    c.disturb()
    ignoring(c.s, "UID STORE")
    for _ in range(2):
        c.run((0, 1))
    c.s.honest()
    c.run((0, 1))
    there, here = dict(c.there()), dict(c.here())
    assert set(here) == set(END)
    assert set(there) - {"m4"} == set(END)


def test_append_lost(case):
    """OK with APPENDUID, but there is no such message: it stays here, is
    not taken for a deletion, and is sent again."""
    c = case()
    c.fill()
    c.disturb()

    def take(conn, cmd):
        if cmd.name == "APPEND":
            f = c.inbox
            conn.send(done(cmd, b"OK [APPENDUID %d %d] stored" % (
                f.uidvalidity, f.uidnext)))
            f.uidnext += 1
            return True
    c.s.take = take
    for _ in range(2):
        c.run(BAD)
        time.sleep(1.05)
    c.heal()


@pytest.mark.parametrize("by", [
    b"APPENDUID 8 \\1", b"APPENDUID 7 3", b"APPENDUID 7 0",
    b"APPENDUID 7 4294967296", b"APPENDUID \\1 7", b"APPENDUID 7 900",
    b"APPENDUID 7 1:99", b"APPENDUID 7", b"APPENDUID", b"APPENDUID x y"])
def test_wrong_appenduid(case, by):
    c = case()
    c.fill()
    c.disturb()
    c.s.edit = on("APPEND", sub(rb"APPENDUID \d+ (\d+)", by))
    c.run(BAD + (0,))
    c.heal()


def test_append_refused_early(case):
    """A synchronising literal is not sent after a NO; one that was not to
    wait for is."""
    for caps in (hostile.CAPS, hostile.CAPS.replace(" LITERAL+", "")):
        c = case(caps=caps)
        c.fill()
        c.disturb()
        c.s.literal = lambda conn, n: b"NO [OVERQUOTA] full"
        c.run(BAD)
        c.s.literal = lambda conn, n: b"NO [LIMIT] too many"
        c.run(BAD)
        c.heal()


def test_one_message_refused(case):
    """NO to a set because of one message: the others come."""
    c = case()
    c.fill()
    c.disturb()
    bad = c.inbox.mails[-2].uid

    def take(conn, cmd):
        if "BODY.PEEK[]" in cmd.rest.decode() and any(
                lo <= bad <= hi for lo, hi in cmd.uids()):
            conn.send(done(cmd, b"NO [UNAVAILABLE] UID FETCH error"))
            return True
    c.s.take = take
    for _ in range(2):
        c.run(1)
        assert {"s0", "s1"} - {n for n, _ in c.here()} == {"s0"}
    c.heal()


def test_create_refused(case):
    c = case()
    c.fill()
    c.w.local.create("New")
    c.w.local.add(lf(message("in new")), "New")
    ignoring(c.s, "CREATE", b"NO [CANNOT] not here")
    for _ in range(2):
        r = c.w.run(code=1)
        assert "New" in r.text and "not here" in r.text
        assert list(c.s.folders) == ["INBOX"]
        assert len(c.w.local.files("New")) == 1
    c.s.honest()
    c.w.run()
    assert c.there("New") == [("in new", "")]


def test_list_lacks_a_folder(case):
    """A folder that was there and is not listed: nothing is deleted, and
    nothing is made."""
    c = case()
    c.s.folders["Work"] = hostile.Folder()
    for i in range(3):
        c.s.folders["Work"].add(message("w%d" % i))
    c.fill()
    c.s.edit = on("LIST", lambda cmd, out: [
        o for o in out if b"Work" not in o])
    for _ in range(2):
        r = c.w.run(code=(1, 2))
        assert "Work" in r.text
        assert len(c.w.local.files("Work")) == 3
        assert b"CREATE" not in c.s.received
    c.s.honest()
    c.w.run()
    assert len(c.w.local.files("Work")) == 3 == len(c.there("Work"))


# Servers that are only different.

KINDS = {
    "no-uidplus": dict(caps="IMAP4rev1 AUTH=PLAIN LITERAL+"),
    "synchronising": dict(caps="IMAP4rev1 AUTH=PLAIN UIDPLUS"),
    "courier": dict(caps="IMAP4rev1 UIDPLUS NAMESPACE AUTH=PLAIN",
                    prefix="INBOX.", sep="."),
    "nothing": dict(caps="IMAP4rev1"),
    "gmail": dict(caps=hostile.CAPS + " X-GM-EXT-1 SPECIAL-USE"),
}


@pytest.mark.parametrize("uid_last", [False, True])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kinds_of_server(case, kind, uid_last):
    c = case(**KINDS[kind])
    c.s.uid_last = uid_last
    c.s.uidnext_told = kind != "courier"
    c.s.quoted_echo = kind == "courier"
    c.s.syntax = b"NO" if kind == "courier" else b"BAD"
    c.s.plus = b"+\r\n" if uid_last else b"+ go\r\n"
    c.fill()
    c.disturb()
    c.run(0)
    c.agree(END)
    c.w.local.create("New")
    c.w.local.add(lf(message("in new")), "New")
    c.w.run()
    name = "INBOX.New" if kind == "courier" else "New"
    assert c.there(name) == [("in new", "")]
    # Adoption, by the names of the files and by the headers.
    shutil.rmtree(c.w.metadata)
    c.run(0)
    c.agree(END)
    for p in c.w.local.files():
        os.rename(p, re.sub(r"/\d[^/,]*,", "/1793613600_%d.9.other," % (
            c.w.local.uid_of(p)), p))
    shutil.rmtree(c.w.metadata)
    c.run(0)
    c.agree(END)


def test_no_uidplus_others_marked(case):
    """A plain EXPUNGE would take what somebody else marked."""
    c = case(caps="IMAP4rev1 AUTH=PLAIN LITERAL+")
    c.fill()
    c.inbox.mails[10].flags.add("\\Deleted")
    c.disturb()
    c.run((0, 1))
    assert {"m4", "m10"} <= {n for n, _ in c.there()}
    assert "m4" not in {n for n, _ in c.here()}
    assert b" EXPUNGE" not in c.s.received


@pytest.mark.parametrize("answer", [
    b"", b"* SEARCH\r\n", b"* SEARCH 5 5\r\n", b"* ESEARCH UID ALL 5,11\r\n"])
def test_search_that_lacks_ours(case, answer):
    """What was just marked is not in the answer: so it is no evidence that
    nobody else marked anything."""
    c = case(caps="IMAP4rev1 AUTH=PLAIN LITERAL+")
    c.fill()
    c.inbox.mails[10].flags.add("\\Deleted")
    for name in ("m4", "m6"):  # UIDs 5 and 7
        os.unlink(c.w.local.find(name))
    c.s.edit = on("UID SEARCH", lambda cmd, out: [answer, out[-1]])
    c.w.run(code=(0, 1))
    assert b"UID SEARCH DELETED" in c.s.received
    assert b" EXPUNGE" not in c.s.received
    assert {"m4", "m6", "m10"} <= {n for n, _ in c.there()}


# The end of the connection, at every command.

@pytest.mark.parametrize("when,how", [
    ("before", "bye"), ("after", "bye"), ("before", "close"),
    ("after", "half")])
def test_broken_off(case, how, when):
    """BYE or silence in place of an answer, before or after the command was
    done; at each command of the run in turn."""
    at = 0
    while True:
        c = case()
        c.fill()
        c.disturb()
        left = [at]

        def end(conn, cmd, out):
            text = b"".join(out)
            if how == "bye":
                conn.send(b"* BYE going down\r\n")
            elif how == "half":
                conn.send(text[:len(text) // 2])
            raise EOFError

        def take(conn, cmd):
            c.conn = conn
            left[0] -= 1
            if left[0] == -1 and when == "before":
                end(conn, cmd, [b"* OK nothing yet\r\n"])

        def edit(cmd, out):
            if left[0] == -1 and when == "after":
                end(c.conn, cmd, out)
            return out
        c.s.take, c.s.edit = take, edit
        r = c.run(BAD + (0,))
        if left[0] > -1:
            assert r.code == 0
            break
        c.heal()
        c.s.stop()
        at += 1
    assert at > 10


# Memory and time.

def endless(conn, start, block, limit):
    conn.send(start)
    for _ in range(limit // len(block)):
        conn.send(block)


@pytest.mark.parametrize("what", [
    b"* OK ", b"* 1 FETCH (FLAGS (", b"* 1 FETCH (UID 7 X \"",
    b"* 1 FETCH (UID 7 FLAGS () BODY[] {99999999999}\r\n",
    b"* LIST () \"/\" \"", b"* SEARCH ", b"* CAPABILITY ", b""])
@pytest.mark.parametrize("block", [b"x", b"\\Seen ", b"1 ", b"(", b"{1}\r\nx"])
def test_never_ending(case, peak_program, what, block):
    c = case()
    c.w.configure(remote={"retrycount": 0})
    for i in range(3):
        c.inbox.add(message("m%d" % i))

    def take(conn, cmd):
        if cmd.name == "UID FETCH":
            try:
                endless(conn, what, block * (65536 // len(block)), 12 << 20)
            finally:
                conn.close()
            raise EOFError
    c.s.take = take
    path = os.path.join(c.w.dir, "peak")
    c.w.run(code=(1, 75), prefix=[peak_program, path])  # and in a minute
    if "asan" not in os.environ.get("WHERRY", ""):
        with open(path) as f:
            assert int(f.read().split()[0]) < 4096
    assert c.w.local.leftovers() == []
    c.s.honest()
    c.w.run()
    assert [n for n, _ in c.here()] == ["m0", "m1", "m2"]


# Names.

NAMES = [b"a\r\nx1 DELETE INBOX", b"a\nb", b"a\0b", b"\x1b[2Jred", b"..",
         b".", b"../../up", b"/etc", b"cur", b"new", b"tmp", b"a//b", b"",
         b"a/../b", b"\x9b31m", b"\xff\xfe", b"&AAE-", b"&AAA-", b"x" * 2000,
         b"b\x7fs", b"*", b"%", b'q"uote', b"back\\slash", b" lead", b"tail "]


@pytest.mark.parametrize("sep", ["/", "."])
def test_names(case, workdir, sep):
    """In LIST as literals: refused one by one, nothing raw on the terminal
    or the wire, nothing written outside the root; the rest goes on."""
    c = case()
    c.w = Wherry(c.w.dir, c.s, "user", tls="plain", sep=sep,
                 general={"socktimeout": "5"})
    c.fill()

    def edit(cmd, out):
        if cmd.name != "LIST" or len(out) != 2:
            return out
        return [b'* LIST () "/" {%d}\r\n%s\r\n' % (len(n), n)
                for n in NAMES] + out
    c.s.edit = edit
    around = set(os.listdir(workdir)) | set(os.listdir(c.w.dir))
    c.s.received = b""
    for _ in range(2):
        r = c.w.run(code=1)
        check_terminal(r.text)
        assert len(c.w.local.files()) == N
    assert set(os.listdir(workdir)) | set(os.listdir(c.w.dir)) == around
    assert not os.path.exists("/etc/cur")
    for line in c.s.received.split(b"\r\n"):
        assert not re.search(rb"[\x00\n\r\x1b]", line), line
        assert not line.startswith(b"x1"), line
    assert len(c.there()) == N
    c.s.honest()
    c.agree({k: "" for k in KNOWN})


@pytest.mark.parametrize("size", ["told", "untold"])
def test_equal_base_names_adopted(case, size):
    """Folders of one UIDVALIDITY and messages of one date, as they are after
    a migration; the records were lost once, so no header key is known. A file
    that was moved to where one of its base name had been is no such message,
    also where nothing is known of that one."""
    c = case()
    for f in ("A", "B"):
        c.s.folders[f] = hostile.Folder()
        for i in range(9):
            c.s.folders[f].add(message("%s%d" % (f, i), 300 * ord(f[0])))
    c.w.run()
    shutil.rmtree(c.w.metadata)
    if size == "untold":
        c.s.edit = lambda cmd, out: [
            re.sub(rb" RFC822\.SIZE \d+", b"", x) for x in out]
    c.w.run()
    c.s.edit = None
    a3 = c.w.local.find("A3", "A")
    b3 = c.w.local.find("B3", "B")
    assert os.path.basename(a3).split(",")[0] == os.path.basename(b3).split(
        ",")[0]
    os.unlink(b3)
    os.rename(a3, c.w.local.path("B", "cur", os.path.basename(a3)))
    c.w.run()
    c.w.run()
    for f in ("A", "B"):
        assert c.here(f) == c.there(f)
    assert ("A3", "") in c.there("B")
    assert ("B3", "") not in c.there("B")
    assert ("A3", "") not in c.there("A")

"""Uploads: how many commands and waits they take, what happens to those that
are refused or cut off in the middle; never a message less or one twice."""
import os
import re
import socket
import subprocess
import time

import pytest

from hostile import CAPS, Imap
from mail import lf, message, subject
from wherry import HERE, Wherry, binary, is_static

MULTI = CAPS + " MULTIAPPEND"
FULL = ("IMAP4rev1 SASL-IR LITERAL+ UIDPLUS MULTIAPPEND MOVE ID ENABLE "
        "NAMESPACE IDLE UNSELECT ESEARCH")
MIB = 1 << 20


def wire(r):
    return [m.group(1) for m in re.finditer(r"C: (.*)", r.text)]


def appends(r):
    """(APPENDs, messages announced) of a run with -d imap."""
    lines = wire(r)
    return (sum(" APPEND " in x for x in lines),
            sum(bool(re.search(r"\{\d+\+?\}$", x)) for x in lines))


def add(w, names, size=0, flags=""):
    for n in names:
        w.local.add(lf(message(n, size)), flags=flags)


def exact(size, name):
    """A message that has exactly that size as it is sent."""
    body = message(name)
    assert size > len(body) + 10
    left = size - len(body)
    lines = []
    while left > 0:
        n = min(left, 70)
        if 0 < left - n < 3:
            n -= 5
        lines.append(b"x" * (n - 2) + b"\r\n")
        left -= n
    body += b"".join(lines)
    assert len(body) == size
    return body


@pytest.mark.parametrize("n,commands", [(1, 1), (49, 1), (50, 1), (51, 2),
                                        (128, 3), (129, 4)])
def test_batches(w, n, commands):
    """50 in one APPEND, 128 in one group and one wait."""
    w.sync()
    add(w, ["m%d" % i for i in range(n)], flags="S")
    r = w.run("-d", "imap")
    assert appends(r) == (commands, n), r
    sent = [re.sub(r"^w\d+ ", "", x).split()[0] for x in wire(r)
            if re.match(r"w\d+ ", x)]
    sent = sent[sent.index("APPEND"):]
    # What is there is asked in the same flight; behind the last of them by
    # the SELECT that closes the folder.
    full = ["APPEND"] * 3 + ["NOOP", "UID"]
    end = ["SELECT", "LOGOUT"]
    want = {128: full + end, 129: full + ["APPEND"] + end}
    sent = [x for i, x in enumerate(sent) if x != "UID" or
            sent[i - 1] == "NOOP"]  # Dovecot may have to be asked again
    assert sent == want.get(n, ["APPEND"] * commands + end)
    w.check()
    w.quiet()


@pytest.mark.parametrize("minus", [False, True])
def test_sizes(servers, make, minus):
    """LITERAL- waits above 4,096 bytes, everything does above 1 MiB; what
    waits goes alone."""
    w = make(server=servers(capability=FULL.replace(
        "LITERAL+", "LITERAL-" if minus else "LITERAL+")))
    w.sync()
    for size in (4095, 4096, 4097, MIB - 1, MIB, MIB + 1):
        w.local.add(lf(exact(size, "s%d" % size)))
    add(w, ["a", "b"])
    r = w.run("-d", "imap")
    told = {int(a): b for x in wire(r)
            for a, b in re.findall(r"\{(\d+)(\+?)\}$", x)}
    for size, plus in told.items():
        assert bool(plus) == (size <= (4096 if minus else MIB)), (size, plus)
    for x in wire(r):
        if " APPEND " not in x:
            assert x.endswith("+}") or "{" not in x, x
    with w.box() as b:
        assert {len(m.body) for m in b.messages()} >= {
            4095, 4096, 4097, MIB - 1, MIB, MIB + 1}
    w.check()
    w.quiet()


@pytest.mark.parametrize("without", [
    "", "LITERAL+", "MULTIAPPEND", "UIDPLUS", "MULTIAPPEND UIDPLUS",
    "LITERAL+ MULTIAPPEND UIDPLUS"])
def test_every_server(servers, make, without):
    """Copies of one message stay several, whatever the server has."""
    words = [c for c in FULL.split() if c not in without.split()]
    w = make(server=servers(capability=" ".join(words)))
    w.sync()
    add(w, ["m%d" % i for i in range(55)])
    add(w, ["twin"] * 6, flags="F")
    r = w.run("-d", "imap")
    with w.box() as b:
        names = sorted(subject(m.body) for m in b.messages())
    assert names == sorted(["m%d" % i for i in range(55)] + ["twin"] * 6)
    several = "LITERAL+" in words and "MULTIAPPEND" in words
    assert appends(r) == (2 if several else 61, 61)
    asked = sum("UID FETCH" in x for x in wire(r))
    # The listing, one question for all, one more where the server lets it
    # overtake the last of the uploads, as Dovecot now and then does; the end.
    assert asked <= 4, "\n".join(x for x in wire(r) if "UID FETCH" in x)
    w.check()
    w.quiet()


class Up:
    """A Maildir with n new messages and a server to be made difficult."""

    def __init__(self, dir, n, **server):
        self.s = Imap(**{"caps": MULTI, **server})
        self.inbox = self.s.folders["INBOX"]
        self.w = Wherry(dir, self.s, "user", tls="plain",
                        general={"socktimeout": "20"})
        self.inbox.add(message("old"))
        self.w.run()
        self.names = ["m%d" % i for i in range(n)]
        for name in self.names:
            self.w.local.add(lf(message(name)))
        self.appends = []

    def there(self):
        return sorted(subject(m.body) for m in self.inbox.mails)

    def settle(self, want=None):
        """Honest again; all of them are there, once."""
        self.s.honest()
        for _ in range(4):
            r = self.w.run(code=(0, 1, 75))
            if r.code == 0:
                break
            time.sleep(1.1)
        assert r.code == 0, r
        assert self.there() == sorted(
            ["old"] + (self.names if want is None else want))
        uids = {subject(m.body): m.uid for m in self.inbox.mails}
        for p in self.w.local.files():
            with open(p, "rb") as f:
                assert self.w.local.uid_of(p) == uids[subject(f.read())]
        self.w.run()


@pytest.fixture
def up(workdir, soon, monkeypatch):
    if "WHERRY" not in os.environ:
        monkeypatch.setenv("WHERRY", soon)
    cases = []

    def get(n, **server):
        cases.append(Up(os.path.join(workdir, "u%d" % len(cases)), n,
                        **server))
        return cases[-1]
    yield get
    for c in cases:
        c.s.stop()


def refuse(u, bad, answer=b"NO we do not like it", stored=0):
    """APPENDs that hold one of `bad` are refused as a whole."""
    def take(conn, cmd):
        if cmd.name != "APPEND":
            return False
        got = [subject(x) for x in cmd.literals]
        u.appends.append(got)
        if not bad(got):
            return False
        for body in cmd.literals[:stored]:
            u.inbox.add(body)
        conn.send(cmd.tag + b" " + answer + b"\r\n")
        return True
    u.s.take = take


def test_one_of_a_batch_is_refused(up):
    """It alone stays here and is told; the others are found by halving."""
    u = up(60)
    refuse(u, lambda got: "m17" in got or "m44" in got)
    r = u.w.run(code=1)
    assert u.there() == sorted(["old"] + [
        n for n in u.names if n not in ("m17", "m44")])
    assert len(re.findall("did not take", r.text)) == 2, r
    assert len(u.appends) <= 2 * 2 * 7
    u.w.run(code=1)
    assert len(u.inbox.mails) == 59
    u.settle()


@pytest.mark.parametrize("caps", [MULTI, MULTI.replace(" UIDPLUS", "")])
def test_batch_refused_but_partly_stored(up, caps):
    """A server that keeps some of what it refuses: looked for first."""
    u = up(20, caps=caps)
    refuse(u, lambda got: len(got) > 3, stored=3)
    u.w.run()
    u.settle()


def test_bad_to_several(up):
    """BAD: the extension is none; one by one from there on."""
    u = up(140)
    refuse(u, lambda got: len(got) > 1, b"BAD one at a time")
    u.w.run()
    assert sum(len(got) > 1 for got in u.appends) <= 3
    assert u.there() == sorted(["old"] + u.names)
    u.settle()


def test_over_quota(up):
    """As many as there is room for; then nothing more is sent."""
    u = up(60)
    room = 33

    def bad(got):
        return len(u.inbox.mails) - 1 + len(got) > room
    refuse(u, bad, b"NO [OVERQUOTA] full")
    r = u.w.run(code=1)
    assert len(re.findall("did not take", r.text)) == 1, r
    assert len(u.inbox.mails) - 1 <= room
    assert len(u.appends) <= 40
    u.settle()


def test_folder_vanished(up):
    """TRYCREATE: the folder is not made again behind somebody's back."""
    u = up(3)
    refuse(u, lambda got: True, b"NO [TRYCREATE] no such folder")
    r = u.w.run(code=1)
    assert "vanished" in r.text, r
    assert b"CREATE" not in u.s.received.replace(b"TRYCREATE", b"")
    u.settle()


def test_answer_lost(up):
    """All of it came, the line broke before OK."""
    u = up(120)

    def take(conn, cmd):
        if cmd.name == "APPEND":
            u.s.do_append(conn, cmd, [])
            conn.close()
            raise EOFError
    u.s.take = take
    u.w.configure(remote={"retrycount": 0})
    u.w.run(code=(1, 75))
    u.settle()


def test_clock_set_back_behind_an_upload(up):
    """The server is still storing it, and the clock tells no age."""
    u = up(1)
    late = []

    def take(conn, cmd):
        if cmd.name == "APPEND":
            late.extend(cmd.literals)
            conn.close()
            raise EOFError
    u.s.take = take
    u.w.configure(remote={"retrycount": 0})
    u.w.run(code=(1, 75))
    for d, _, names in os.walk(u.w.metadata):
        if "journal" in names:
            os.utime(os.path.join(d, "journal"), (time.time() + 3600,) * 2)
    assert "still be arriving" in u.w.run(code=75).text
    assert len(late) == 1
    u.inbox.add(late[0])
    u.settle()


@pytest.mark.parametrize("at", [1, 2, 30, 51])
def test_cut_in_the_middle(up, at):
    """The line broke before the last byte: none of that batch is there."""
    u = up(60)
    seen = []

    def literal(conn, n):
        seen.append(n)
        if len(seen) == at:
            conn.close()
            raise EOFError
    u.s.literal = literal
    u.w.configure(remote={"retrycount": 0})
    u.w.run(code=(1, 75))
    assert len(u.inbox.mails) == 1 + (50 if at > 50 else 0)
    u.settle()


@pytest.mark.parametrize("edit", [
    rb"APPENDUID 7 2:51", rb"APPENDUID 7 2:52", rb"APPENDUID 7 51:2",
    rb"APPENDUID 7 2:50", rb"APPENDUID 7 2",
    rb"APPENDUID 7 1:4294967295", rb"APPENDUID 7 2,2,2:49",
    rb"APPENDUID 8 2:51", rb"NOTHING"])
def test_wrong_uids_of_a_batch(up, edit):
    u = up(50)

    def change(cmd, out):
        if cmd.name == "APPEND":
            out = [re.sub(rb"APPENDUID \d+ \S+\]", edit + b"]", x)
                   for x in out]
        return out
    u.s.edit = change
    u.w.run(code=(0, 1, 75))
    assert u.there() == sorted(["old"] + u.names)
    u.settle()


@pytest.mark.parametrize("lie, caps", [
    ("stranger", MULTI), ("stranger", CAPS), ("swapped", CAPS),
    ("twice", CAPS), ("known", CAPS), ("known", MULTI)])
def test_uids_of_other_messages(up, lie, caps):
    """They are new and are there, but they are not those of what was sent:
    of mail that came at the same moment, of one another, of one message
    twice, of one that was brought here a moment before."""
    u = up(0, caps=caps)
    u.names = ["m%d" % i for i in range(6)]
    for i, name in enumerate(u.names):
        u.w.local.add(lf(message(name, 100 + 60 * i)))
    others, sent = [], []

    def arrives(name, size=3000):
        others.append(name)
        u.inbox.add(message(name, size))

    def take(conn, cmd):
        if cmd.name == "APPEND" and lie == "stranger":
            arrives("other%d" % len(others))
        if cmd.name == "UID FETCH" and lie == "known" and not others:
            arrives("o0", 100)
            conn.send(b"* %d EXISTS\r\n" % len(u.inbox.mails))

    def told(m):
        sent.append(m)
        by = {"swapped": len(sent) % 2 * 2 - 1,
              "twice": len(sent) % 2 - 1}.get(lie, -1)
        return b"APPENDUID 7 " + b":".join(
            b"%d" % (int(x) + by) for x in m.group(1).split(b":"))

    def edit(cmd, out):
        if cmd.name == "APPEND":
            out[-1] = re.sub(rb"APPENDUID 7 ([:\d]+)", told, out[-1])
        return out
    u.s.take, u.s.edit = take, edit
    r = u.w.run(code=(0, 75))
    assert sent and (others or lie in ("swapped", "twice"))
    here = u.w.local.index()
    for m in u.inbox.mails:
        p = here.get(subject(m.body))
        assert p is None or u.w.local.uid_of(p) in (0, m.uid), r
    u.settle(u.names + others)


@pytest.mark.parametrize("more", [b"another line\n", b""])
def test_file_changes_while_it_is_sent(up, more):
    """Longer or shorter than announced: the connection ends, nothing of it is
    stored, and the next run sends it as it is then."""
    u = up(0)
    # Or all of it may lie in the system's buffers when the mock comes to it.
    u.s.listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   1 << 16)
    u.names = ["big", "next"]
    path = u.w.local.add(lf(message("big", 2 * MIB)))
    u.w.local.add(lf(message("next")))

    def literal(conn, n):
        if n > MIB:
            if more:
                with open(path, "ab") as f:
                    f.write(more)
            else:
                os.truncate(path, MIB)
    u.s.literal = literal
    u.w.configure(remote={"retrycount": 0})
    r = u.w.run(code=(1, 75))
    assert "changed its size" in r.text, r
    assert "big" not in u.there()
    size = os.path.getsize(path)
    u.settle()
    body = [m.body for m in u.inbox.mails if subject(m.body) == "big"][0]
    assert len(lf(body)) == size


def test_file_vanishes_from_a_batch(up):
    """The others of it go up; UIDs go to the right ones."""
    u = up(0)
    u.s.listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for name in ("first", "gone", "other"):
        u.w.local.add(lf(message(name, MIB - 20000 if name == "first"
                                 else 0)))
    order = [subject(open(p, "rb").read(2000)) for p in u.w.local.files()]

    def literal(conn, n):
        if n > MIB // 2:
            time.sleep(0.3)
            os.unlink(u.w.local.find("gone"))
    u.s.literal = literal
    u.w.run(code=(0, 75))
    assert order
    assert u.there() in (["first", "old", "other"],
                         ["first", "gone", "old", "other"])
    u.s.honest()
    u.w.run(code=(0, 75))
    u.w.run()
    uids = {subject(m.body): m.uid for m in u.inbox.mails}
    for p in u.w.local.files():
        with open(p, "rb") as f:
            assert u.w.local.uid_of(p) == uids[subject(f.read())]


@pytest.fixture(scope="session")
def busy(tmp_path_factory):
    """busy(n): the start of a command line with a mail program beside it
    that changes a flag n times just before wherry renames the file."""
    if is_static(binary()):
        pytest.skip("a static program cannot be preloaded")
    path = str(tmp_path_factory.mktemp("busy") / "busy.so")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", path,
                    os.path.join(HERE, "busy.c"), "-ldl"], check=True)
    return lambda n: ["env", "LD_PRELOAD=" + path, "WHERRY_TEST_BUSY=%d" % n]


@pytest.mark.parametrize("times", [1, 2, 4, 5, 40])
@pytest.mark.parametrize("without", ["", "UIDPLUS"])
def test_flags_change_while_it_gets_its_uid(servers, make, busy, times,
                                            without):
    """Whoever is not found under his name was not removed for that: the
    message is neither sent nor fetched a second time."""
    w = make(server=servers(capability=" ".join(
        c for c in FULL.split() if c != without)))
    w.sync()
    add(w, ["m0", "m1", "m2"], flags="S")
    r = w.run(code=(0, 1, 75), prefix=busy(times))
    for _ in range(2):
        w.run(code=(0, 75))
    w.run()
    assert sorted(subject(open(p, "rb").read())
                  for p in w.local.files()) == ["m0", "m1", "m2"], r
    w.check()
    w.quiet()

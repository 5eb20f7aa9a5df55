"""Work here that is seen before the server has listed anything: further
connections are made beside the first one. And what changes in many folders
cost in waits."""
import os
import re
import shutil
import socket
import time

import pytest

from hostile import Folder
from mail import lf, message, subject
from proxy import Proxy
from test_ahead import Ahead, filled, own_build
from test_counts import cost
from wherry import Wherry

FOLDERS = 20
LANES = 4
ALL = {"maxconnections": LANES}  # however near the server is
NAMES = ["a%02d" % i for i in range(FOLDERS)]

pytestmark = own_build


def local_changes(w, names, what):
    time.sleep(0.02)  # a tick of the file system's clock after the last run
    for name in names:
        if what == "flags":
            w.local.reflag(sorted(w.local.files(name))[0], "+F")
        else:
            w.local.add(lf(message("here " + name)), name)


def behind(w, delay_s):
    """{connections: turns in all} of a run over a line."""
    with Proxy(w.server.tls_port, delay_s) as p:
        w.configure(remote={"remoteport": p.port})
        r = w.run("--stats")
        w.configure(remote={"remoteport": w.server.tls_port})
        return len(p.open) // 2, cost(r)["round trips"]


@pytest.mark.parametrize("what", ["flags", "new"])
def test_changes_here(make, what):
    """One wait for each folder, in which its change goes out, is seen, and
    the next folder is opened; for each connection the login and a first
    SELECT; the list. What is found twice may come in pieces."""
    w = make(remote={"usecompression": "no"})
    names = ["f%02d" % i for i in range(FOLDERS)]
    filled(w)
    w.sync()
    w.run()
    local_changes(w, names, what)
    lanes, turns = behind(w, 0.02)
    print(lanes, turns)
    assert lanes == LANES
    assert turns <= FOLDERS + 2 * LANES + 1 + 4
    w.check()
    w.quiet()


def test_changes_there(make):
    """All of them are one flight; nobody else connects for it."""
    w = make(remote={"usecompression": "no"})
    filled(w)
    w.sync()
    w.run()
    with w.box() as b:
        for i in range(FOLDERS):
            b.append(message("there%d" % i), "f%02d" % i)
            b.store(1, "+F", "f%02d" % i)
    lanes, turns = behind(w, 0.02)
    print(lanes, turns)
    assert lanes == 1 and turns <= 3 + 2, (lanes, turns)
    w.check()
    w.quiet()


class Slow(Ahead):
    """Counts connections, and logins that came before the first of them was
    answered."""

    def __init__(self):
        self.status_of_login = b"OK in"
        self.seen = []
        self.most, self.open, self.refused = None, 0, 0
        super().__init__()

    def talk(self, conn):
        if self.most and self.open >= self.most:
            self.refused += 1
            conn.send(b"* BYE enough\r\n")
            raise EOFError
        self.open += 1
        try:
            return super().talk(conn)
        finally:
            self.open -= 1

    def reset(self):
        self.seen = []
        self.first = len(self.connections)
        self.mark = len(self.received)

    def logins(self):
        return len(re.findall(rb" (?:LOGIN|AUTHENTICATE) ",
                              self.received[self.mark:]))

    def do_authenticate(self, conn, cmd, out):
        if not self.seen:
            self.seen.append(conn)
            end = time.monotonic() + 8
            while time.monotonic() < end and \
                    len(self.connections) < self.first + self.expect:
                time.sleep(0.01)
            time.sleep(0.3)
            self.early = self.logins()
        return self.status_of_login

    do_login = do_authenticate

    def do_list(self, conn, cmd, out):
        end = time.monotonic() + 8
        while time.monotonic() < end and self.logins() < self.expect:
            time.sleep(0.01)
        self.unlisted = self.logins()
        return super().do_list(conn, cmd, out)


@pytest.fixture
def fresh(workdir):
    """Nothing is known of it."""
    s = Slow()
    s.expect = LANES
    s.reset()
    w = Wherry(os.path.join(workdir, "w"), s, "user", tls="plain",
               general={"socktimeout": "20"}, remote=ALL)
    for i, name in enumerate(NAMES):
        s.folders[name] = Folder(uidvalidity=7 + i)
        s.folders[name].add(message("there " + name))
    yield s, w
    s.stop()


def fetched(s, w):
    for name in s.folders:
        assert len(w.local.messages(name)) == len(s.folders[name].mails), name


def test_first_sync(fresh):
    """All connect at once, and have logged in before LIST is answered."""
    s, w = fresh
    w.run()
    assert connected(s) == LANES and s.early == 1
    assert s.unlisted == LANES and s.logins() == LANES
    fetched(s, w)
    s.expect = 1
    s.reset()
    w.run()
    assert connected(s) == 1


def test_first_sync_of_one(fresh):
    """Nobody knew that there was one folder only: the others go again."""
    s, w = fresh
    s.folders = {"INBOX": s.folders[NAMES[0]]}
    w.run()
    assert connected(s) == LANES == s.logins()
    fetched(s, w)


def test_others_have_yet_to_log_in(fresh):
    """One folder, and they get no answer: nobody waits for them."""
    s, w = fresh
    s.folders = {"INBOX": s.folders[NAMES[0]]}
    login = s.do_authenticate

    def slowly(conn, cmd, out):
        if s.seen:
            end = time.monotonic() + 8
            while time.monotonic() < end and not s.done:
                time.sleep(0.01)
        return login(conn, cmd, out)

    def goodbye(conn, cmd, out):
        s.done = True
        return logout(conn, cmd, out)
    logout, s.do_logout, s.do_authenticate, s.done = \
        s.do_logout, goodbye, slowly, False
    w.run()
    end = time.monotonic() + 10
    while not s.done and time.monotonic() < end:
        time.sleep(0.01)  # its answer is not awaited
    assert s.done
    fetched(s, w)


@pytest.mark.parametrize("bound", [1, 2])
def test_first_sync_is_bounded(fresh, bound):
    """By maxconnections, and by how many folders -f names."""
    s, w = fresh
    s.expect = bound
    w.configure(remote={"maxconnections": bound})
    w.run("-f", ",".join(NAMES[:5]))
    assert connected(s) == bound == s.logins()
    for name in NAMES[:5]:
        assert len(w.local.messages(name)) == 1
    w.configure(remote=ALL)
    shutil.rmtree(w.metadata)
    shutil.rmtree(w.local.root)
    s.reset()
    w.run("-f", ",".join(NAMES[:bound]))
    assert connected(s) == bound == s.logins()


def test_first_sync_with_a_wrong_password(fresh):
    s, w = fresh
    s.status_of_login = b"NO [AUTHENTICATIONFAILED] no"
    w.run(code=77)
    assert connected(s) == LANES and s.logins() == 1


@pytest.mark.parametrize("at", ["greeting", "login"])
def test_first_sync_others_are_refused(fresh, at):
    s, w = fresh

    def edit(cmd, out):
        if cmd.name in ("AUTHENTICATE", "LOGIN") and s.logins() > 1:
            return [cmd.tag + b" NO [LIMIT] enough\r\n"]
        return out
    if at == "login":
        s.edit = edit
    else:
        s.most = 1
    r = w.run()
    assert "trying again" not in r.out + r.err
    assert at == "login" or s.refused == LANES - 1
    fetched(s, w)


@pytest.fixture
def slow(workdir):
    s = Slow()
    s.expect = 1
    s.reset()
    w = Wherry(os.path.join(workdir, "w"), s, "user", tls="plain",
               general={"socktimeout": "20"}, remote=ALL)
    for i, name in enumerate(NAMES):
        s.folders[name] = Folder(uidvalidity=7 + i)
        for j in range(2):
            s.folders[name].add(message("%s.%d" % (name, j)))
    w.run()
    w.run()
    yield s, w
    s.stop()


def connected(s):
    return len(s.connections) - s.first


def test_beside_the_first(slow):
    """All connect at once, and log in when the first one has."""
    s, w = slow
    s.reset()
    w.run()
    assert connected(s) == 1 and s.logins() == 1
    local_changes(w, NAMES, "flags")
    s.expect = LANES
    s.reset()
    w.run()
    assert connected(s) == LANES and s.early == 1, (connected(s), s.early)
    assert s.logins() == LANES
    for name in NAMES:
        assert [m.letters for m in s.folders[name].mails] == ["F", ""], name
    s.expect = 1
    s.reset()
    w.run()
    assert connected(s) == 1


def test_few_folders(slow):
    """One that changed is no reason, nor are more that -f leaves out."""
    s, w = slow
    local_changes(w, NAMES[:1], "flags")
    s.reset()
    w.run()
    assert connected(s) == 1
    local_changes(w, NAMES, "new")
    s.reset()
    w.run("-f", NAMES[3])
    assert connected(s) == 1
    assert len(s.folders[NAMES[3]].mails) == 3


def test_wrong_password(slow):
    """It is tried once, however many connections there are."""
    s, w = slow
    local_changes(w, NAMES, "flags")
    s.status_of_login = b"NO [AUTHENTICATIONFAILED] no"
    s.expect = LANES
    s.reset()
    w.run(code=77)
    assert connected(s) == LANES and s.logins() == 1


def test_touched_for_nothing(slow):
    """What looks like work and is none: they go again."""
    s, w = slow
    time.sleep(0.02)
    for name in NAMES:
        path = os.path.join(w.local.root, name, "cur")
        os.utime(path, ns=(os.stat(path).st_atime_ns,
                           os.stat(path).st_mtime_ns))
    s.expect = LANES
    s.reset()
    w.run()
    assert connected(s) == LANES


def test_others_are_refused(slow):
    """A server that has no room for more than one."""
    s, w = slow
    local_changes(w, NAMES, "new")

    def edit(cmd, out):
        if cmd.name in ("AUTHENTICATE", "LOGIN") and s.logins() > 1:
            return [cmd.tag + b" NO [LIMIT] enough\r\n"]
        return out
    s.edit = edit
    s.expect = LANES
    s.reset()
    w.run()
    for name in NAMES:
        assert len(s.folders[name].mails) == 3, name


class Inbox(Ahead):
    """Looks at what has come behind LIST before it answers that. It waits
    for SELECT at as many of them as it is due at."""

    def __init__(self):
        self.behind, self.out_of_turn, self.unlisted = [], b"", ()
        self.due = 1
        super().__init__()

    def do_list(self, conn, cmd, out):
        peek = b""
        end = time.monotonic() + (5 if self.due > 0 else 0.3)
        self.due -= 1
        while time.monotonic() < end and b"SELECT" not in peek:
            time.sleep(0.01)
            try:
                peek = conn.buffer + conn.sock.recv(
                    65536, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                peek = bytes(conn.buffer)
        self.behind.append(b'SELECT "INBOX"' in peek)
        super().do_list(conn, cmd, out)
        out[:] = [line for line in out
                  if not any(b'"%s"' % n in line for n in self.unlisted)]
        out.insert(0, self.out_of_turn)

    def selects(self):
        return re.findall(rb'SELECT "(\w+)"', self.received)


@pytest.fixture
def inbox(workdir):
    s = Inbox()
    w = Wherry(os.path.join(workdir, "w"), s, "user", tls="plain",
               general={"socktimeout": "10"})
    for i, name in enumerate(["INBOX"] + NAMES[:3]):
        s.folders[name] = Folder(uidvalidity=7 + i)
        for j in range(3):
            s.folders[name].add(message("%s.%d" % (name, j)))
    yield s, w
    s.stop()


def alike(s, w):
    for name, f in s.folders.items():
        assert sorted((subject(m.body), m.letters) for m in f.mails) == \
            sorted((subject(m.body), m.flags)
                   for m in w.local.messages(name)), name
    assert w.local.leftovers() == []


def test_inbox_with_list(inbox):
    """INBOX begins before LIST is answered, and that is all it does."""
    s, w = inbox
    w.run()
    assert s.behind == [True]
    assert s.selects().index(b"INBOX") == 0
    alike(s, w)
    w.run()
    assert s.behind == [True, False]
    s.received, s.due = b"", 1
    local_changes(w, ["INBOX"], "flags")
    w.run()
    assert s.behind[2:] == [True]
    assert set(s.selects()) == {b"INBOX"}
    alike(s, w)


def test_inbox_out_of_turn(inbox):
    """What is told of it before LIST is answered is not believed."""
    s, w = inbox
    s.out_of_turn = b"* FLAGS (\\Seen)\r\n* 7 EXISTS\r\n"
    w.run()
    assert s.selects().count(b"INBOX") >= 2
    s.out_of_turn = b""
    alike(s, w)


def test_inbox_does_not_take_part(inbox):
    s, w = inbox
    s.due = 0
    w.run("-f", NAMES[0])
    assert s.behind == [False] and b"INBOX" not in s.selects()
    w.configure(remote={"folderfilter": "lambda f: f != 'INBOX'"})
    w.run()
    assert s.behind == [False, False] and b"INBOX" not in s.selects()


def test_inbox_is_not_listed(inbox):
    """What LIST says of it counts."""
    s, w = inbox
    s.unlisted = (b"INBOX",)
    w.run(code=None)
    assert s.behind == [True]
    assert not os.path.exists(os.path.join(w.local.root, "INBOX"))
    s.unlisted = ()
    w.run()
    alike(s, w)


def test_inbox_is_refused(inbox):
    """The others are synced, nothing of it is removed or made."""
    s, w = inbox
    w.run()
    local_changes(w, ["INBOX"], "flags")
    s.received = b""
    s.at["INBOX"] = lambda conn, cmd: b"NO not now"
    w.run(code=None)
    assert b"CREATE" not in s.received and b"DELETE" not in s.received
    assert len(w.local.messages("INBOX")) == 3
    w.run()
    alike(s, w)


def test_inbox_and_other_folders(inbox):
    """The table does not explain what is there: LIST goes out once more, and
    INBOX is opened when that is answered."""
    s, w = inbox
    w.run()
    w.run()
    local_changes(w, ["INBOX"], "flags")
    s.folders["nova"] = Folder(uidvalidity=99)
    s.folders["nova"].add(message("nova.0"))
    s.behind, s.due = [], 1
    w.run()
    assert s.behind == [True, False]
    alike(s, w)


def test_inbox_and_a_line_that_breaks(inbox):
    """Between the answer to LIST and that to SELECT."""
    s, w = inbox

    def breaks(conn, cmd):
        raise EOFError
    s.at["INBOX"] = breaks
    r = w.run()
    assert "trying again" in r.out + r.err
    alike(s, w)

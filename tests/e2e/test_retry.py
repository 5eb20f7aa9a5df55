"""A connection that breaks is made again, and the run goes on."""
import os
import re
import signal
import time

import pytest

from mail import lf, message, subject
from mock import Imap, Server
from proxy import Proxy
from wherry import TOP, needs

pytestmark = pytest.mark.own
AGAIN = re.compile(r"trying again in \d+ s \((\d+) of (\d+)\)")


@pytest.fixture(autouse=True)
def program(soon, monkeypatch):
    """Delays of 20 ms and more, instead of a second, and of one at most."""
    needs("reconnect")
    monkeypatch.setenv("WHERRY", soon)


def tries(r):
    return [tuple(map(int, m)) for m in AGAIN.findall(r.text)]


def one(make, server, **remote):
    return make(server=server, tls="plain",
                remote={"maxconnections": 1, **remote})


def commands(mock, word):
    return len(re.findall(rb"(?m)^\S+ " + word, mock.received))


def test_run_goes_on(make, server):
    """The line breaks every 40 KB, on every connection; one run is enough."""
    w = make(tls="plain")
    with w.box() as b:
        for f in ("a", "b", "c", "d"):
            b.create(f)
            b.append_many((message("%s%d" % (f, i), 4000) for i in range(20)),
                          f)
    w.local.create("here")
    for i in range(4):
        w.local.add(lf(message("here%d" % i, 3000)), "here")
    with Proxy(server.port) as proxy:
        proxy.cut_down = 40000
        w.configure(remote={"remoteport": proxy.port})
        r = w.run()
    assert len(tries(r)) >= 4 and "ERROR" not in r.text
    w.configure(remote={"remoteport": server.port})
    w.check()
    w.quiet()


def test_a_large_message_is_progress(make, server):
    """No connection lasts for all of it, and one try in a row is enough."""
    needs("resume")
    w = make(tls="plain", remote={"retrycount": 1, "maxconnections": 1})
    with w.box() as b:
        b.append(message("large", 900000))
    with Proxy(server.port) as proxy:
        proxy.cut_down = 200000
        w.configure(remote={"remoteport": proxy.port})
        r = w.run()
    assert 4 <= len(tries(r)) <= 6 and "2 of" not in r.text
    w.configure(remote={"remoteport": server.port})
    w.check()


@pytest.mark.parametrize("lanes", [1, 3])
def test_each_way_once(make, server, lanes):
    """Cut after so many bytes, up or down: nothing is lost or doubled."""
    w = make(tls="plain", remote={"maxconnections": lanes})
    with w.box() as b:
        b.create("a")
        for i in range(3):
            b.append(message("a%d" % i, 500), "a")
            b.append(message("m%d" % i, 500))
    w.local.create("new")  # is made there, perhaps twice
    for i in range(3):
        w.local.add(lf(message("n%d" % i)), "new")
    want = None
    for cut in (300, 600, 900, 1500, 2500):
        for way in ("cut_up", "cut_down"):
            with Proxy(server.port) as proxy:
                setattr(proxy, way, cut)
                w.configure(remote={"remoteport": proxy.port})
                w.run(code=(0, 75))
            with w.box() as b:
                b.append(message("%s%d" % (way, cut), 300), "a")
            w.local.add(lf(message("l%s%d" % (way, cut))))
    w.configure(remote={"remoteport": server.port})
    for _ in range(4):
        if w.run(code=(0, 75)).code == 0:
            break
        time.sleep(1.1)
    w.check()
    with w.box() as b:
        for f in b.folders():
            want = sorted(subject(m.body) for m in b.messages(f))
            assert len(set(want)) == len(want), (f, want)


def test_made_here_before_the_cut(make):
    """A folder that the broken attempt made here is not "gone" in the next,
    and one that it made there is not made again."""
    cut = [2]

    def answer(conn, tag, command, line):
        if command == "CREATE":
            conn.send(tag + b" OK made\r\n")
            return True
        if command == "SELECT" and cut[0] > 0:
            conn.server.usual(conn, tag, command, line)
            cut[0] -= 1
            raise EOFError
    with Imap(folders=("INBOX",), answer=answer) as mock:
        w = one(make, mock)
        w.local.create("mine")
        r = w.run(code=(0, 75))
        assert "gone" not in r.text
        assert len(tries(r)) >= 2
        assert w.local.folders() == ["INBOX", "mine"]
        assert commands(mock, b"CREATE") == 1


@pytest.mark.parametrize("lost", [True, False])
def test_create_whose_answer_was_lost(make, lost):
    """The folder is there then, whatever words the server has for that; but
    a NO to the only CREATE is one."""
    seen = []

    def answer(conn, tag, command, line):
        if command == "CREATE":
            seen.append(line)
            if lost and len(seen) == 1:
                raise EOFError
            conn.send(tag + b" NO it is there already\r\n")
            return True
    with Imap(folders=("INBOX",), answer=answer) as mock:
        w = one(make, mock)
        w.local.create("mine")
        r = w.run(code=0 if lost else 1)
        assert len(seen) == 1 + lost
        assert ("there already" in r.text) == (not lost)


@pytest.mark.parametrize("count", [None, 0, 2])
def test_tries_in_a_row(make, count):
    """No more than so many without progress; then it says which folder
    waits."""
    def answer(conn, tag, command, line):
        if command == "SELECT" and b"bad" in line:
            raise EOFError
    with Imap(folders=("INBOX", "bad", "zebra"), answer=answer) as mock:
        w = one(make, mock, retrycount=count)
        r = w.run(code=75)
        most = 4 if count is None else count
        assert tries(r) == [(i + 1, most) for i in range(most)]
        assert len(mock.connections) == most + 1
        assert commands(mock, b'SELECT "?bad') == most + 1
        assert "bad: waits for the next run" in r.text
        assert "folders behind it wait" in r.text
        assert r.text.count("ERROR") == 1
        assert w.local.folders() == ["INBOX", "bad"]


def test_progress_counts_anew(make):
    """Every folder breaks once, before it is done."""
    seen = set()

    def answer(conn, tag, command, line):
        name = line.split()[-1]
        if command == "SELECT" and name not in seen:
            seen.add(name)
            raise EOFError
    names = ["INBOX"] + ["f%d" % i for i in range(6)]
    with Imap(folders=names, answer=answer) as mock:
        r = one(make, mock, retrycount=1).run()
        assert tries(r) == [(1, 1)] * 7
        assert commands(mock, b"LIST") == 1


def test_lost_while_listing(make):
    lost = [2]

    def answer(conn, tag, command, line):
        if command == "LIST" and lost[0] > 0:
            lost[0] -= 1
            conn.send(b'* LIST () "/" INBOX\r\n* BYE [UNAVAILABLE] down\r\n')
            raise EOFError
    with Imap(folders=("INBOX", "a"), answer=answer) as mock:
        w = one(make, mock)
        r = w.run()
        assert [t[0] for t in tries(r)] == [1, 2]
        assert w.local.folders() == ["INBOX", "a"]


def test_silence_counts_too(make):
    silent = [1]

    def answer(conn, tag, command, line):
        if command == "SELECT" and silent[0]:
            silent[0] = 0
            conn.drain()
            return True
    with Imap(answer=answer) as mock:
        w = make(server=mock, tls="plain", general={"socktimeout": 3},
                 remote={"maxconnections": 1})
        r = w.run()
        # A busy machine may be silent for so long once more.
        assert "no answer for 3 seconds" in r.text and tries(r)


def test_delays_double(make):
    """20 ms, 40 ms ..., and not more than 1 s."""
    times = []

    def talk(server, conn):
        times.append(time.monotonic())
        conn.send(b"* BYE too busy\r\n")
    with Server(talk) as mock:
        r = one(make, mock, retrycount=7).run(code=75)
    assert len(tries(r)) == 7 and len(times) == 8
    least = [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1]
    assert all(b - a >= d - 0.005 for a, b, d in
               zip(times, times[1:], least)), times


@pytest.mark.parametrize("greeting", [b"* BYE [UNAVAILABLE] later\r\n", b""])
def test_refused_in_the_greeting(make, greeting):
    mock = Imap()
    usual, left = mock.talk, [2]

    def talk(conn):
        if left[0] > 0:
            left[0] -= 1
            conn.send(greeting)
        else:
            usual(conn)
    mock.talk = talk
    with mock:
        assert len(tries(one(make, mock).run())) == 2


@pytest.mark.parametrize("code,more", [
    (b"[LIMIT] ", 1), (b"[INUSE] ", 1), (b"[UNAVAILABLE] ", 1),
    (b"[AUTHENTICATIONFAILED] ", 0), (b"", 0)])
def test_refused_login(make, code, more):
    """What passes is tried again; a wrong password never."""
    left = [2]

    def answer(conn, tag, command, line):
        if command in ("LOGIN", "AUTHENTICATE") and left[0] > 0:
            left[0] -= 1
            conn.send(tag + b" NO " + code + b"not now\r\n")
            return True
    with Imap(capability="IMAP4rev1 AUTH=PLAIN SASL-IR",
              answer=answer) as mock:
        r = one(make, mock).run(code=0 if more else 77)
        assert len(tries(r)) == 2 * more
        assert len(mock.connections) == (3 if more else 1)


def test_password_changed_meanwhile(make):
    """A refusal behind a break ends it at once."""
    def answer(conn, tag, command, line):
        if command in ("LOGIN", "AUTHENTICATE") and \
                len(mock.connections) > 1:
            conn.send(tag + b" NO [AUTHENTICATIONFAILED] no\r\n")
            return True
        if command == "SELECT":
            raise EOFError
    with Imap(capability="IMAP4rev1 AUTH=PLAIN SASL-IR",
              answer=answer) as mock:
        r = one(make, mock).run(code=77)
        assert len(tries(r)) == 1 and len(mock.connections) == 2
        assert "INBOX: waits for the next run" in r.text


def test_others_take_the_folder(make):
    """Two connections; one dies with its folder and gets no other: the folder
    is done by the one that is left."""
    victim = []

    def answer(conn, tag, command, line):
        if victim and conn not in alive:
            raise EOFError  # of those that come later
        if command in ("LOGIN", "AUTHENTICATE"):
            alive.append(conn)
        if command == "SELECT" and len(alive) > 1 and conn is alive[1] and \
                not victim:
            victim.append(line.split()[-1])
            raise EOFError
        if command == "SELECT":
            time.sleep(0.3)
            done.append(line.split()[-1].strip(b'"'))
    alive, done = [], []
    names = ["f%d" % i for i in range(8)]
    with Imap(folders=names, answer=answer) as mock:
        w = make(server=mock, tls="plain",
                 remote={"maxconnections": 2, "retrycount": 1})
        r = w.run()
        assert victim and "goes on with 1 connection: " in r.text
        assert victim[0].strip(b'"') in done
        assert w.local.folders() == names


@pytest.mark.parametrize("when", ["SELECT", "LOGIN"])
def test_stops_while_it_waits(make, monkeypatch, when):
    def answer(conn, tag, command, line):
        if command == when:
            conn.send(b"* BYE bye\r\n" if when == "SELECT" else
                      tag + b" NO [UNAVAILABLE] no\r\n")
            raise EOFError
    monkeypatch.setenv("WHERRY", os.path.join(TOP, "wherry"))  # of seconds
    with Imap(capability="IMAP4rev1", answer=answer) as mock:
        w = one(make, mock, retrycount=9)
        log = os.path.join(w.dir, "log")
        p = w.start("-l", log)

        def third():
            with open(log, errors="replace") as f:
                return "(3 of 9)" in f.read()
        deadline = time.monotonic() + 20
        while not (os.path.exists(log) and third()):
            assert time.monotonic() < deadline and p.poll() is None
            time.sleep(0.01)
        os.killpg(p.pid, signal.SIGTERM)  # it waits for 4 seconds
        r = w.finish(p)
        assert len(mock.connections) == len(tries(r)) == 3
        assert r.code == (75 if when == "SELECT" else 0), r


def test_what_is_kept_twice_is_no_progress(make, server, monkeypatch):
    """A part that no attempt goes on with, because the server gives messages
    only whole: that is tried a few times, and not for ever."""
    from test_resume import REST, Half
    needs("resume")
    half = Half(make().dir, REST["no"])
    half.w.configure(remote={"retrycount": 2})

    def cut(conn, cmd):
        half.cut = b"<" not in cmd.line
        return half.take(conn, cmd)
    half.s.take = cut
    r = half.w.run(code=75, timeout=60)
    assert len(tries(r)) <= 3

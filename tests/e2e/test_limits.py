"""Limits of doc/LIMITS.md that only a whole run meets: at N it works, at
N + 1 it says so."""
import os
import re
import threading

import pytest

import mock
from kinds import BASE
from mail import lf, message, subject
from wherry import CONFIG, PARTIAL, REFUSED, TEMPORARY

NAME = 191  # of a new file: what leaves room for ",U=...,FMD5=...:2,..."


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("way,limit", [
    ("remotepass", 511), ("remotepasscmd", 510), ("remotepassfile", 510)])
def test_password(make, workdir, way, limit, more):
    """What fits goes to the server, which refuses it; no more is taken. Only
    the first line counts."""
    word = "x" * (limit + more)
    path = os.path.join(workdir, "pass")
    with open(path, "w") as f:
        f.write(word + "\nuser: me\n" * 200)
    os.chmod(path, 0o600)
    w = make(remote={"remotepass": None, way: {
        "remotepass": word, "remotepasscmd": "cat " + path,
        "remotepassfile": path}[way]})
    r = w.run(code=CONFIG if more else REFUSED)
    assert word not in r.text
    assert not more or re.search(
        way + ".* longer than( the)? %d bytes" % limit, r.text), r


@pytest.mark.parametrize("command,ends,speed", [
    ("sleep 3; echo secret", True, 5), ("exec sleep 30", False, 20),
    ("echo secret; exec yes", False, 20)])
def test_time_for_the_password(make, other_clock, command, ends, speed):
    """A minute, of a clock that goes that many times as fast."""
    w = make(remote={"remotepass": None, "remotepasscmd": command})
    r = w.run(code=0 if ends else TEMPORARY, timeout=25,
              prefix=other_clock(SPEED=speed))
    assert ("did not end in 60 seconds" in r.text) == (not ends)


@pytest.mark.parametrize("part,option,value,limit", [
    ("general", "ui", "%s", 31),
    ("general", "accounts", "Test,%s", 2042),
    ("general", "accounts", "%s", 127),
    ("remote", "remoteuser", "%s", 255),
    ("remote", "auth_mechanisms", "%s", 255),
    ("remote", "remotepasscmd", "%s", 1023),
    ("remote", "folderfilter", "lambda f: f == '%s'", 4096 - 17),
    ("local", "localfolders", "/%s", 4094)])
def test_value_too_long(make, part, option, value, limit):
    """A later run would not take it either."""
    w = make(**{part: {option: value % ("x" * (limit + 1))}})
    r = w.run(code=CONFIG)
    assert option in r.text or "account \"xxx" in r.text, r
    assert "longer than" in r.text or "CFG_FILTERS" in r.text, r


@pytest.mark.parametrize("more", [0, 1])
def test_name_of_a_new_file(w, more):
    w.sync()
    path = w.local.add(lf(message("long")))
    os.rename(path, path + "x" * (NAME + more - len(os.path.basename(path))))
    r = w.run(code=PARTIAL if more else 0)
    with w.box() as b:
        assert [subject(m.body) for m in b.messages()] == \
            ([] if more else ["long"])
    assert ("name too long for a UID" in r.text) == bool(more)
    if not more:
        w.quiet()


@pytest.mark.parametrize("more", [0, 1])
def test_append_limit(make, servers, more):
    limit = len(message("large", 3000))
    w = make(server=servers(capability=BASE + " APPENDLIMIT=%d" % limit))
    w.sync()
    w.local.add(lf(message("large", 3000)) + b"x" * more)
    r = w.run(code=PARTIAL if more else 0)
    with w.box() as b:
        assert len(b.messages()) == 1 - more
    assert ("larger than the server takes (APPENDLIMIT)" in r.text) == \
        bool(more)


def test_no_goodbye(make):
    """LOGOUT is sent, and its answer not waited for."""
    asked = threading.Event()

    def mute(conn, tag, command, line):
        if command != "LOGOUT":
            return False
        asked.set()
        conn.drain()
        return True

    with mock.Imap(answer=mute) as server:
        make(server=server, tls="plain").run()
        assert asked.wait(10)

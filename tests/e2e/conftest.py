import concurrent.futures
import fcntl
import itertools
import os
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

pytest.register_assert_rewrite("mail", "memory", "wherry")

import kinds  # noqa: E402
import memory  # noqa: E402
from cyrus import NotHere  # noqa: E402
from dovecot import fast_dir  # noqa: E402
from wherry import HERE, TOP, Wherry, binary  # noqa: E402

_users = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
    config.addinivalue_line(
        "markers", "tiers: runs against every kind of server (kinds.py), "
        "not only with WHERRY_TABLE=all")
    config.addinivalue_line(
        "markers", "own: tries programs that it builds itself, so it is left "
        "out where WHERRY names another")


def pytest_collection_modifyitems(config, items):
    if "WHERRY" not in os.environ:
        return
    own = [i for i in items if i.get_closest_marker("own")]
    if own:
        config.hook.pytest_deselected(items=own)
        items[:] = [i for i in items if i not in own]


@pytest.fixture(scope="session")
def servers():
    """servers(storage=..., ...): a running Dovecot of that kind, or with
    foreign="cyrus" and the like another; those with equal arguments share
    one. Skips if it cannot be had here."""
    running = {}

    def get(**kind):
        key = repr(sorted(kind.items()))
        if key not in running:
            try:
                running[key] = kinds.start(**kind)
            except NotHere as e:
                running[key] = e
        if isinstance(running[key], NotHere):
            pytest.skip(str(running[key]))
        return running[key]
    yield get
    with concurrent.futures.ThreadPoolExecutor() as together:
        for d in running.values():
            if not isinstance(d, NotHere):
                together.submit(d.stop)


@pytest.fixture(scope="session")
def server(servers):
    return servers()


@pytest.fixture
def user():
    """A user nobody else has, with no mail."""
    return "u%s%d" % (os.environ.get("PYTEST_XDIST_WORKER", ""),
                      next(_users))


@pytest.fixture
def workdir():
    path = fast_dir("wherry-test-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def make(workdir, server, user):
    """make(**options): a Wherry; several in one test get folders of their
    own below the test's."""
    count = itertools.count()

    def get(server=server, user=user, **options):
        n = next(count)
        d = workdir if n == 0 else os.path.join(workdir, "more%d" % n)
        os.makedirs(d, exist_ok=True)
        return Wherry(d, server, user, **options)
    return get


@pytest.fixture
def w(make):
    return make()


@pytest.fixture(scope="session")
def build():
    """build(name, flags): build/<name>/wherry with other knobs, made once;
    words are for make."""
    def get(name, flags, *words):
        os.makedirs(os.path.join(TOP, "build"), exist_ok=True)
        with open(os.path.join(TOP, "build", name + ".lock"), "w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            subprocess.run(
                ["make", "-s", "-j2", "-C", TOP, "VARIANT=" + name,
                 "CFLAGS=-O0 -g", "CPPFLAGS=" + flags, *words, "all"],
                check=True,
                stdout=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"]})
        return os.path.join(TOP, "build", name, "wherry")
    return get


@pytest.fixture(scope="session")
def other_clock(tmp_path_factory):
    """other_clock(AT=seconds, SPEED=times): the start of a command line of which
    the last program has that clock (clock.c)."""
    path = str(tmp_path_factory.mktemp("clock") / "clock.so")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", path,
                    os.path.join(HERE, "clock.c")], check=True)

    def command(**settings):
        # WRAP may start other programs first: only the last one is misled.
        return ["env", "LD_PRELOAD=" + path] + [
            "WHERRY_TEST_CLOCK_%s=%d" % x for x in settings.items()]
    r = subprocess.run(command(AT=1000) + ["date", "+%s"],
                       capture_output=True, text=True, check=True)
    assert 1000 <= int(r.stdout) < 2000
    with open(binary(), "rb") as f:
        if b"/ld-" not in f.read(4096):
            pytest.skip("a static program cannot be misled about the time")
    if "asan" in binary():
        pytest.skip("a sanitizer has to be loaded first")
    return command


@pytest.fixture(scope="session")
def peak_program(tmp_path_factory):
    return memory.build(str(tmp_path_factory.mktemp("peak")))


@pytest.fixture(scope="session")
def peak(peak_program):
    """peak(w, *args): (peak, own memory) of one run in KiB."""
    return lambda w, *args: memory.peak(peak_program, w, *args)


@pytest.fixture
def narrow(build, monkeypatch):
    """The program under test has the shortest lines of commands that there
    are, and room to send one of them."""
    monkeypatch.setenv("WHERRY", build(
        "narrow", "-DCFG_CMD_LINE=2944 -DCFG_IO_OUT=3040"))


@pytest.fixture(scope="session")
def soon(build):
    """The program with less patience: an upload that was interrupted may be
    on its way for a second, not a minute, and a connection that broke is made
    again after 20 ms, not a second."""
    return build("soon", "-DCFG_APPEND_SETTLE_S=1 -DCFG_RECONNECT_MS=20 "
                 "-DCFG_RECONNECT_MAX_S=1")

"""The memory of a first sync is within its budget (tests/size/budget.txt):
peak, private dirty pages and stack, of the static builds that `make size`
leaves in build/."""
import glob
import os
import re
import shutil
import sys

import pytest

from mail import message
from test_compress import PLUGIN
from wherry import TOP, Wherry, beside

sys.path.insert(0, os.path.join(TOP, "tests", "size"))

import size  # noqa: E402

with open(os.path.join(TOP, "config.h")) as _f:
    CONNECTIONS = int(re.search(r"define CFG_CONNECTIONS (\d+)",
                                _f.read()).group(1))
BUILDS = sorted(
    os.path.basename(os.path.dirname(p)) for p in glob.glob(
        os.path.join(TOP, "build", "x86_64-*", "wherry-stripped"))
    if os.path.basename(os.path.dirname(p)).split("-")[2:] in (
        ["router"], ["nas"]))

pytestmark = pytest.mark.skipif(
    not BUILDS or bool(os.environ.get("WHERRY") or os.environ.get("WRAP")),
    reason="no static build (make size), or another one is tested")


def measure(w, peak_program, name, monkeypatch):
    """{column of budget.txt: bytes} of one first sync."""
    binary = os.path.join(TOP, "build", name, "wherry-stripped")
    # A program that was just linked has dirty pages of its file.
    fd = os.open(binary, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    monkeypatch.setenv("WHERRY", binary)
    path = os.path.join(w.dir, "peak.txt")
    w.run(timeout=300, prefix=[peak_program, path])
    with open(path) as f:
        peak, _, dirty, stack = map(int, f.read().split())
    return {"peak": peak * 1024, "dirty": dirty * 1024, "stack": stack}


def check_all(accounts, peak_program, monkeypatch, what, count, builds=BUILDS,
              folders=("INBOX",)):
    over = []
    for name in builds:
        got = measure(accounts[0], peak_program, name, monkeypatch)
        assert sum(len(w.local.files(f)) for w in accounts
                   for f in folders) == count
        line = "%s: peak %d KiB, private dirty %d KiB, stack %d" % (
            what, got["peak"] // 1024, got["dirty"] // 1024, got["stack"])
        print(name, line)
        with open(os.path.join(TOP, "build", name, "run-%s.txt" % what),
                  "w") as f:
            f.write(line + "\n")
        limits = size.budget(name)
        over += ["%s, %s: %s %d, the budget is %d" % (
            name, what, k, got[k], limits[k])
            for k in got if got[k] > limits.get(k, got[k])]
        assert got["stack"] <= size.Graph(name).deepest()[0], (
            "size.py underestimates", name, got)
        for w in accounts:
            shutil.rmtree(w.root)
        shutil.rmtree(accounts[0].metadata)
    assert not over, over


@pytest.mark.slow
def test_100000_messages(make, peak_program, monkeypatch):
    w = make()
    with w.box() as b:
        b.append_many(message("m%d" % i, 300) for i in range(100000))
    check_all([w], peak_program, monkeypatch, "100000-messages", 100000)


@pytest.mark.slow
def test_200_mib_message(make, peak_program, monkeypatch):
    w = make()
    with w.box() as b:
        b.append(message("large", 200 << 20))
    check_all([w], peak_program, monkeypatch, "200-MiB-message", 1)


@pytest.mark.slow
@pytest.mark.parametrize("what, accounts, each, size", [
    ("20000-in-20-folders", 1, 1000, 300),
    ("20000-of-2-accounts", 2, 1000, 300),
    ("2000-large-of-2-accounts", 2, 100, 20000)])
def test_many_folders(make, servers, peak_program, monkeypatch, workdir,
                      what, accounts, each, size):
    """Every connection at work, of one account or of two, also with messages
    that fill the buffers of a file; and as many as are compressed at once."""
    builds = [name for name in BUILDS if name.endswith("-nas")]
    if not builds:
        pytest.skip("no static build of nas")
    options = {"remote": {"maxconnections": CONNECTIONS}}
    w = make(servers(extra=PLUGIN), **options)
    both = [w, Wherry(os.path.join(workdir, "b"), w.server, w.user + "b",
                      **options)][:accounts]
    names = ["f%02d" % i for i in range(20 // accounts)]
    for one in both:
        with one.box() as b:
            for name in names:
                b.create(name)
                b.append_many((message("m%s-%d" % (name, i), size)
                               for i in range(each)), name)

    def at_work(name, compress):
        for one in both:
            one.configure(remote={"usecompression": compress})
        if accounts > 1:
            beside(*both)
        mark = w.server.log_mark()
        check_all(both, peak_program, monkeypatch, what + "-" + compress,
                  20 * each, [name], names)
        return [len([s for s in w.server.sessions(one.user, mark)
                     if s["bodies"] > 0]) for one in both]
    for name in builds:
        # Those that find no room to be compressed leave the line to others.
        assert min(at_work(name, "yes")) > 0
        # On a busy machine the others may be done before the last is in.
        # One account may have had those of the other when that was through.
        assert any(min(n) > 0 and sum(n) >= CONNECTIONS
                   for n in (at_work(name, "no") for _ in range(5)))

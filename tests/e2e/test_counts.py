"""What a run costs in things that can be counted: waits for the server, bytes
from it, bytes written, instructions. Times are never asserted; tests/bench
shows them."""
import os
import re
import shutil

import pytest

from kinds import KINDS
from mail import lf, message
from proxy import Proxy
from test_durability import QUICK
from wherry import is_static, number

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("WRAP")) or (
        "WHERRY" in os.environ and not is_static(os.environ["WHERRY"])),
    reason="what is counted is the program itself")


def cost(result):
    """What --stats says."""
    return {name: number(re.sub(r".*(%s \d+)" % name, r"\1", result.text,
                                flags=re.S).split(",")[0], name)
            for name in ("received", "sent", "round trips", "written")}


def fill(box, folders, messages, size=0):
    for i in range(folders):
        name = "INBOX" if i == 0 else "f%d" % i
        if i:
            box.create(name)
        box.append_many((message("m%d.%d" % (i, k), size)
                         for k in range(messages)), name)


def waits(kind, folders):
    """Of a run that finds nothing to do, behind the greeting: the login and
    one flight; where STATUS is asked for by name, one for 64 of them."""
    return 1 + (-(-folders // 64) if kind == "exchange" else 1)


def one_flight(text):
    """Nobody waits for an answer between the first command behind the login
    and LIST."""
    lines = [x for x in text.splitlines() if re.match("[CS]: ", x)]
    to = next(i for i, x in enumerate(lines) if re.match(r"C: w\d+ LIST", x))
    at = max(i for i in range(to) if lines[i].startswith("S: "))
    return [x.split(" ")[2] for x in lines[at + 1:to + 1]]


@pytest.mark.parametrize("kind", ["dovecot", "gmail", "exchange"])
def test_nothing_changed(servers, make, kind):
    """Neither the messages count, nor is a byte written."""
    w = make(server=servers(**KINDS[kind]))
    with w.box() as b:
        fill(b, 20, 5)
    w.sync()
    w.run()
    few = cost(w.run("--stats"))
    assert few["round trips"] <= waits(kind, 20), few
    assert few["received"] <= 1000 + 20 * (140 if kind == "exchange" else 110)
    assert few["written"] == 0, few
    flight = one_flight(w.run("-d", "imap").text)
    assert ("ENABLE" in flight) == (kind == "dovecot"), flight
    assert flight[-1] == "LIST", flight
    with w.box() as b:
        b.append_many((message("more%d" % i) for i in range(2000)))
    w.sync()
    w.run()
    many = cost(w.run("--stats"))
    assert many["round trips"] == few["round trips"]
    assert many["written"] == 0
    if "CONDSTORE" in KINDS[kind].get("capability", "CONDSTORE"):
        # Longer numbers.
        assert many["received"] < few["received"] + 100, (few, many)


def changes(w, b):
    """One small change after the other."""
    b.append(message("there", 4096))
    yield "new there"
    b.store([1], "+F")
    yield "flag there"
    b.delete([2])
    yield "gone there"
    w.local.add(lf(message("here", 4096)))
    yield "new here"
    w.local.reflag(w.local.find("there"), "+F")
    yield "flag here"
    os.unlink(w.local.find("here"))
    yield "gone here"


# More than the mail itself. Two rows of the table of folders are in it, and
# where all is listed in every run a head for each that says when.
WRITTEN = {"dovecot": 1000, "condstore-search": 1000, "exchange": 2500}
RECEIVED = 1300


@pytest.mark.parametrize("kind", ["dovecot", "condstore-search", "exchange"])
def test_one_small_change(servers, make, kind):
    """Costs its own size and little more, beside what a run costs that
    finds nothing."""
    # What the server does not tell is looked for in every run.
    w = make(server=servers(**KINDS[kind]), remote={"flag_check": 0})
    with w.box() as b:
        fill(b, 3, 100)
        w.sync()
        w.run()
        base = cost(w.run("--stats"))
        for what in changes(w, b):
            c = cost(w.sync("--stats"))
            mail = 4200 if what == "new there" else 0
            assert c["written"] <= mail + WRITTEN[kind], (what, c)
            assert c["received"] - base["received"] <= mail + RECEIVED, (
                what, base, c)


def instructions(w, name):
    """Of a whole run, by callgrind. Without TLS, whose own would hide them:
    wherry is started on its own machine."""
    if not shutil.which("valgrind"):
        pytest.skip("no valgrind: instructions are not counted")
    out = os.path.join(w.dir, name)
    r = w.run(timeout=120, prefix=[
        "valgrind", "--tool=callgrind", "--callgrind-out-file=" + out])
    assert r.code == 0, r
    with open(out) as f:
        return int(re.search(r"^(?:summary|totals): (\d+)", f.read(),
                             re.M).group(1))


def test_instructions(make):
    """Of a run that finds nothing: few, and with ten times the messages not
    many more."""
    w = make(tls="plain", remote={"ssl": "no", "starttls": "no"})
    with w.box() as b:
        fill(b, 20, 20)
        w.sync()
        w.run()
        few = instructions(w, "few")
        for i in range(20):
            b.append_many((message("more%d" % k) for k in range(180)),
                          "INBOX" if i == 0 else "f%d" % i)
    w.sync()
    w.run()
    many = instructions(w, "many")
    print("instructions of a run that finds nothing: %d, %d" % (few, many))
    assert few < 7500000
    assert many < few * 1.05


def system_calls(w, *args):
    """Of a run of the process itself, but for those of its connections, which
    go by what the kernel has at hand when they are made."""
    if not shutil.which("strace"):
        pytest.skip("no strace: calls are not counted")
    path = os.path.join(w.dir, "calls")
    w.run(*args, prefix=["strace", "-qq", "-yy", "-s", "0", "-o", path, *QUICK])
    with open(path, errors="replace") as f:
        return [x for x in f if re.match(r"\w+\(", x) and "TCP" not in x]


# Measured: 97.
FOLDER_CALLS = 101


def test_calls_of_a_first_sync(make):
    """For a folder, with two syncfs, and for each of few messages (open, write,
    date, close, rename), or of many; and two FETCH."""
    w = make(general={"fsync": "batch"}, remote={"maxconnections": 1})

    def begin_anew():
        shutil.rmtree(w.root)
        shutil.rmtree(w.metadata)
    with w.box() as b:
        fill(b, 4, 10)
        few = len(system_calls(w))
        begin_anew()
        for i in range(4, 12):
            b.create("f%d" % i)
            b.append_many((message("m%d.%d" % (i, k)) for k in range(10)),
                          "f%d" % i)
        folders = len(system_calls(w))
        begin_anew()
        for i in range(4, 12):
            b.append_many((message("n%d.%d" % (i, k)) for k in range(90)),
                          "f%d" % i)
        many = len(system_calls(w))
        begin_anew()
        text = w.run("-d", "imap").text
    print("calls: %d, %d, %d" % (few, folders, many))
    assert folders - few <= 8 * (FOLDER_CALLS + 10 * 5), (few, folders)
    assert many - folders <= 8 * 90 * 5.4, (folders, many)
    assert len(re.findall(r"C: w\d+ UID FETCH", text)) <= 2 * 12


@pytest.mark.parametrize("sep", [".", "/"])
def test_calls_of_a_folder_that_is_the_same(make, sep):
    """Looks at new/ and cur/, and at its own directory where others may lie in
    it; and two reads of the table."""
    w = make(sep=sep)
    calls = []
    with w.box() as b:
        for n in (10, 150):
            for i in range(calls and 10 or 1, n):
                b.create("f%d" % i)
            for _ in range(4):  # until no stamp is too young
                w.run()
            calls.append(len(system_calls(w)))
    print("calls: %d, %d" % tuple(calls))
    assert calls[1] - calls[0] <= 140 * (4.5 if sep == "." else 5.5), calls


def test_reads_of_the_configuration(make):
    """What is read for each option is read once, as long as it is short."""
    w = make()
    w.sync()
    reads = [x for x in system_calls(w)
             if x.startswith("pread64") and "<%s>" % w.conf in x]
    print(len(reads))
    assert 0 < len(reads) <= 6


def behind(w, delay_s=0.05):
    """What a run costs in turns, over a line on which whatever is sent in one
    flight is sent before the first answer comes."""
    with Proxy(w.server.tls_port, delay_s) as p:
        w.configure(remote={"remoteport": p.port})
        r = w.run("--stats")
        w.configure(remote={"remoteport": w.server.tls_port})
        return cost(r)["round trips"]


@pytest.mark.parametrize("which", ["all", "scattered"])
def test_many_flags_of_one_folder(make, which):
    """In one flight, however many there are: as many waits as for one, but
    for pieces of answers."""
    w = make(remote={"usecompression": "no"})
    n = 1500
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(n))
        w.sync()
        w.run()
        base = behind(w)
        w.local.reflag(w.local.find("m7"), "+F")
        one = behind(w)

        def many(how, delay_s):
            for i, path in enumerate(sorted(w.local.files("INBOX"))):
                if which == "all" or i % 3 == 0:
                    w.local.reflag(path, how + "R")
                elif i % 3 == 1:
                    w.local.reflag(path, how + "S")
            turns = behind(w, delay_s)
            print("turns: %d for nothing, %d for one, %d for many" % (
                base, one, turns))
            return turns
        # On a busy machine an answer may come before all of it is sent.
        assert any(many(*how) <= one + 3 for how in (
            ("+", 0.05), ("-", 0.2), ("+", 0.5)))
    w.check()
    w.quiet()


def test_large_folder_in_few_flights(make):
    """4,000 small messages are asked for at once, and not a round trip for
    each few sets: nothing is said between the first FETCH of them and the last
    one but what came before. The newest are asked for first."""
    w = make(remote={"usecompression": "no", "maxconnections": 1})
    with w.box() as b:
        b.append_many(message("m%d" % i) for i in range(4000))
    text = w.run("-d", "imap").text
    ask = r"C: w\d+ UID FETCH \S+ \(UID FLAGS INTERNALDATE"
    lines = [bool(re.match(ask, x)) for x in text.splitlines()
             if re.match("[CS]: ", x)]
    flights = sum(b and not a for a, b in zip(lines, lines[1:]))
    print("sets: %d, flights: %d" % (sum(lines), flights))
    assert flights <= 3 and sum(lines) >= 20
    first = [int(x) for x in re.findall(ask.replace(r"\S+", r"(\d+)\S*"), text)]
    assert first == sorted(first, reverse=True)

"""The three-way table: everything that can have happened to a message on
either side since both last agreed; with the servers of kinds.py.

A test with the mark `tiers` runs against each of them, the others against
the first alone, unless WHERRY_TABLE=all."""
import itertools
import os

import pytest

from kinds import EXCHANGE, GMAIL, KINDS
from mail import ALL, message, lf, subject


def pytest_generate_tests(metafunc):
    """In a wrapper (valgrind, qemu) it is not about servers."""
    if "kind" not in metafunc.fixturenames:
        return
    names = list(KINDS)
    tiers = metafunc.definition.get_closest_marker("tiers")
    if "servers" in metafunc.definition.obj.__code__.co_varnames or \
            os.environ.get("WRAP") or not (
                tiers or os.environ.get("WHERRY_TABLE") == "all"):
        names = names[:1]
    metafunc.parametrize("kind", names)


@pytest.fixture
def server(servers, kind):
    return servers(**KINDS[kind])


POWERSET = ["".join(c) for n in range(6)
            for c in itertools.combinations(ALL, n)]


def merged(base, server, local):
    """The side that changed a flag wins; both changing it agree."""
    return "".join(f for f in ALL if (
        (f in base) ^ (((f in server) ^ (f in base)) |
                       ((f in local) ^ (f in base)))))


def flag_cases():
    """(name, base, server, local): each flag alone in all eight ways, and
    pairs of different flags changed on different sides."""
    for f in ALL:
        for b, s, l in itertools.product((0, 1), repeat=3):
            yield ("%s%d%d%d" % (f, b, s, l), f * b, f * s, f * l)
    for f, g in itertools.permutations(ALL, 2):
        yield ("set%s-set%s" % (f, g), "", f, g)
        yield ("clear%s-clear%s" % (f, g), "".join(sorted(f + g)), g, f)
        yield ("set%s-clear%s" % (f, g), g, "".join(sorted(f + g)), "")
    yield ("all-clear", ALL, "", "")
    yield ("clear-all", "", ALL, "")
    yield ("local-all", "", "", ALL)
    yield ("local-none", ALL, ALL, "")


def change(now, want):
    """The two changes that lead from flags to flags."""
    plus = "".join(f for f in want if f not in now)
    minus = "".join(f for f in now if f not in want)
    return [c for c in ("+" + plus, "-" + minus) if len(c) > 1]


@pytest.mark.tiers
def test_flags(make, kind):
    w = make(sep="/" if kind == "dovecot-maildir" else ".")
    cases = list(flag_cases())
    with w.box() as b:
        uid = {name: b.append(message(name), flags=base)
               for name, base, _, _ in cases}
        w.sync()
        for name, base, server, _ in cases:
            for c in change(base, server):
                b.store(uid[name], c)
        files = w.local.index()
        for name, base, _, local in cases:
            for c in change(base, local):
                files[name] = w.local.reflag(files[name], c)
        w.sync()
        got = {subject(m.body): m.flags for m in b.messages()}
    assert got == {n: merged(b, s, l) for n, b, s, l in cases}
    w.quiet()


@pytest.mark.tiers
def test_presence(w):
    """Kept, changed or removed on each side, with no flag before, with one
    and with all; twice, since some rows only show in the second run."""
    fates = ("keep", "change", "remove")
    names = ["%s-%s-%s" % p for p in itertools.product(
        fates, fates, ("", "S", ALL))]

    def flag(base):
        return "R" if "F" in base else "F"

    def change(base):
        return ("-" if flag(base) in base else "+") + flag(base)
    with w.box() as b:
        uid = {n: b.append(message(n), flags=n.split("-")[2]) for n in names}
        for i in range(20):
            b.append(message("fill%d" % i))
        w.sync()
        files = w.local.index()
        for n in names:
            on_server, here, base = n.split("-")
            if on_server == "change":
                b.store(uid[n], change(base))
            elif on_server == "remove":
                b.delete(uid[n])
            if here == "change":
                w.local.reflag(files[n], change(base))
            elif here == "remove":
                os.unlink(files[n])
        w.sync()
        left = {subject(m.body) for m in b.messages()
                if not subject(m.body).startswith("fill")}
        assert left == {n for n in names if "remove" not in n}
        w.quiet()
        for m in b.messages():
            name = subject(m.body)
            want = "" if name.startswith("fill") else name.split("-")[2]
            if "change" in name:
                want = "".join(sorted(set(want) ^ {flag(want)}))
            assert m.flags == want, name


def test_new_on_both_sides_with_every_flag(w):
    with w.box() as b:
        w.sync()
        for flags in POWERSET:
            b.append(message("s" + flags), flags=flags)
            w.local.add(lf(message("l" + flags)), flags=flags)
        w.local.add(lf(message("in-new")), where="new")
        w.local.add(lf(message("in-cur")), where="cur")
        w.sync()
        got = {subject(m.body): m.flags for m in b.messages()}
    want = {side + f: f for side in "sl" for f in POWERSET}
    want.update({"in-new": "", "in-cur": ""})
    assert got == want
    w.quiet()


@pytest.mark.tiers
def test_new_and_gone_while_others_change(w):
    """Everything at once in one folder, three rounds."""
    import random
    r = random.Random(7)
    n = 0
    with w.box() as b:
        for _ in range(40):
            b.append(message("m%d" % n))
            n += 1
        w.sync()
        for turn in range(3):
            there = [m.uid for m in b.messages()]
            r.shuffle(there)
            for u in there[:3]:
                b.delete(u)
            for u in there[3:9]:
                b.store(u, r.choice("+-") + r.choice(ALL))
            here = w.local.files()
            r.shuffle(here)
            for p in here[:3]:
                os.unlink(p)
            for p in here[3:9]:
                w.local.reflag(p, r.choice("+-") + r.choice(ALL))
            for _ in range(5):
                b.append(message("m%d" % n))
                w.local.add(lf(message("m%d" % (n + 1))))
                n += 2
            w.sync()
            assert len(b.messages()) >= 40 + 10 * (turn + 1) - 6 * (turn + 1)
    w.quiet()


@pytest.mark.tiers
def test_moved_and_sent(make, kind):
    """Between folders on either side, with flags changed along; and more new
    mail than one command or one group holds."""
    w = make(sep="/" if kind == "dovecot-maildir" else ".")
    A, B = ("INBOX/" * (kind == "courier") + x for x in "AB")
    with w.box() as b:
        b.create(A)
        b.create(B)
        uid = [b.append(message("m%d" % i), flags="F") for i in range(30)]
        for i in range(10):
            b.append(message("a%d" % i), A)
        w.sync()
        want = {"INBOX": {"m%d" % i: "F" for i in range(30)},
                A: {"a%d" % i: "" for i in range(10)}, B: {}}

        def here(name, a, to, flags):
            path = w.local.find(name, a)
            os.rename(path, w.local.path(
                to, "cur", os.path.basename(path).split(":")[0] + ":2," +
                flags))
            del want[a][name]
            want[to][name] = flags
        for i in range(6):  # forth and back, and out of a folder to both
            here("m%d" % i, "INBOX", A, ["F", "FS", "", "RS"][i % 4])
            here("a%d" % i, A, "INBOX" if i % 2 else B,
                 ["", "S", "FS"][i % 3])
        b.select("INBOX")
        b.ok(b.c.uid("COPY", "%d:%d" % (uid[10], uid[13]), b.wire(B)))
        b.delete(uid[10:14])
        b.store(uid[16:20], "+R")
        for i in range(10, 14):
            want[B]["m%d" % i] = want["INBOX"].pop("m%d" % i)
        want["INBOX"].update({"m%d" % i: "FR" for i in range(16, 20)})
        os.unlink(w.local.find("m20"))
        del want["INBOX"]["m20"]
        for i in range(140):
            w.local.add(lf(message("n%d" % i)), flags="S" * (i % 2))
            want["INBOX"]["n%d" % i] = "S" * (i % 2)
        w.sync()
        got = {f: {subject(m.body): m.flags for m in b.messages(f)}
               for f in want}
        assert got == want
        assert [len(b.messages(f)) for f in want] == [
            len(x) for x in want.values()]
    w.quiet()


def test_trash_flag_alone_removes_nothing(w):
    """T and \\Deleted are one flag; only a removed file is a deletion."""
    with w.box() as b:
        uid = [b.append(message("m%d" % i)) for i in range(4)]
        w.sync()
        b.store(uid[0], "+T")
        w.local.reflag(w.local.find("m1"), "+T")
        w.sync()
        assert {subject(m.body): m.flags for m in b.messages()} == {
            "m0": "T", "m1": "T", "m2": "", "m3": ""}
        assert w.local.flags_of(w.local.find("m0")) == "T"
        w.quiet()


def test_expunge_names_only_our_own(w):
    """A message that somebody else marked \\Deleted survives our expunge."""
    with w.box() as b:
        uid = [b.append(message("m%d" % i)) for i in range(4)]
        w.sync()
        b.store(uid[0], "+T")
        os.unlink(w.local.find("m1"))
        w.sync()
        assert {subject(m.body) for m in b.messages()} == {"m0", "m2", "m3"}


POOR = "IMAP4rev1 LITERAL+ NAMESPACE CHILDREN IDLE"


@pytest.mark.parametrize("capability", [EXCHANGE, GMAIL, "IMAP4rev1 UIDPLUS"],
                         ids=["exchange", "gmail", "bare"])
def test_poorer_servers(servers, make, capability):
    w = make(server=servers(capability=capability))
    with w.box() as b:
        uid = [b.append(message("m%d" % i)) for i in range(30)]
        w.sync()
        b.store(uid[1], "+SF")
        b.delete(uid[2:4])
        os.unlink(w.local.find("m5"))
        w.local.reflag(w.local.find("m6"), "+R")
        w.local.add(lf(message("here", 9000)), flags="S")
        b.append(message("there"))
        w.sync()
        got = {subject(m.body): m.flags for m in b.messages()}
    want = {"m%d" % i: "" for i in range(30) if i not in (2, 3, 5)}
    want.update({"m1": "FS", "m6": "R", "here": "S", "there": ""})
    assert got == want
    w.quiet()


def test_without_uidplus(servers, make):
    """Uploads are found again by their header; a deletion marks, and what
    others marked is not expunged; nothing comes back."""
    w = make(server=servers(capability=POOR))
    with w.box() as b:
        uid = [b.append(message("m%d" % i)) for i in range(10)]
        w.run()
        for i in range(3):
            w.local.add(lf(message("twin")))
        w.local.add(lf(message("here")))
        b.store(uid[0], "+T")
        os.unlink(w.local.find("m1"))
        w.run()
        mine = {subject(m.body): m.flags for m in b.messages()}
        assert mine["m0"] == "T", "another's mark was expunged"
        assert mine.get("m1", "T") == "T"
        subjects = sorted(subject(m.body) for m in b.messages())
        assert subjects.count("twin") == 3 and subjects.count("here") == 1
        names = sorted(w.local.files())
        w.run()
        assert sorted(w.local.files()) == names, "a deleted message is back"
        assert sorted(subject(m.body) for m in b.messages()) == subjects

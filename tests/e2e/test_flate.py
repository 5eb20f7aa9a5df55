"""inflate and deflate beside zlib, which never comes near wherry itself."""
import os
import random
import struct
import subprocess
import zlib

import pytest

from wherry import TOP

pytestmark = pytest.mark.own
HERE = os.path.dirname(os.path.abspath(__file__))
SYNTAX, END, AGAIN = -10, -2, -1


@pytest.fixture(scope="module")
def flate(tmp_path_factory):
    """flate(mode, data, piece, room) -> (verdict, bytes); see flate.c."""
    prog = str(tmp_path_factory.mktemp("flate") / "flate")
    src = [os.path.join(TOP, "src", d, f) for d in ("flate", "base")
           for f in sorted(os.listdir(os.path.join(TOP, "src", d)))
           if f.endswith(".c")]
    subprocess.run(["cc", "-O1", "-g", "-I" + TOP,
                    "-I" + os.path.join(TOP, "src"), "-o", prog,
                    os.path.join(HERE, "flate.c"), *src], check=True)
    p = subprocess.Popen([prog], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)

    def ask(mode, data, piece=1 << 30, room=1 << 30):
        p.stdin.write(mode + struct.pack("<III", len(data), piece, room) +
                      data)
        p.stdin.flush()
        e, n = struct.unpack("<iI", p.stdout.read(8))
        return e, p.stdout.read(n)
    yield ask
    p.stdin.close()
    p.wait()


def texts():
    r = random.Random(4)
    words = [bytes(r.choices(b"abcdefghijklmnop", k=r.randint(2, 9)))
             for _ in range(300)]
    text = b" ".join(r.choices(words, k=16000))
    noise = r.randbytes(40000)
    return {
        "empty": b"", "one": b"x", "run": b"a" * 70000, "text": text,
        "noise": noise, "far": noise[:32768] + noise[:32768],
        "farther": noise[:32500] + b"q" * 268 + noise[:400],
        "headers": b"".join(b"* %d FETCH (UID %d FLAGS (\\Seen))\r\n" % (
            i, i * 3) for i in range(1, 3000)),
        "skewed": bytes(min(255, int(r.expovariate(0.2)))
                        for _ in range(60000))}


def streams(data):
    """Every level and strategy, small and large memory, with flushes."""
    for level in range(10):
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED,
                         zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED):
            for memory in (1, 9) if level in (1, 6) else (8,):
                c = zlib.compressobj(level, zlib.DEFLATED, -15, memory,
                                     strategy)
                cut = len(data) * level // 9
                yield (c.compress(data[:cut]) + c.flush(
                    (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH,
                     zlib.Z_PARTIAL_FLUSH)[level % 3]) +
                    c.compress(data[cut:]) + c.flush())


@pytest.mark.parametrize("name", sorted(texts()))
def test_inflates_what_zlib_deflates(flate, name):
    data = texts()[name]
    for i, s in enumerate(streams(data)):
        assert flate(b"i", s) == (END, data)
        assert flate(b"i", s, 1 + i % 11, 1 + i * 37 % 700) == (END, data)
    for piece, room in ((1, 1), (1, 1 << 20), (4096, 1), (7, 33000)):
        assert flate(b"i", s, piece, room) == (END, data)


def reference(s):
    """(verdict, output) of zlib; its output stops short of an error."""
    z = zlib.decompressobj(-15)
    out = b""
    try:
        for i in range(len(s)):
            out += z.decompress(s[i:i + 1])
    except zlib.error:
        return SYNTAX, out
    return END if z.eof else AGAIN, out


def test_agrees_with_zlib_about_damage(flate):
    """The same verdict, and the same bytes before it, on streams with bits
    changed, cut off, or made up."""
    r = random.Random(5)
    small = {k: v[:700] for k, v in texts().items()}
    seen = {SYNTAX: 0, END: 0, AGAIN: 0}
    for data in small.values():
        for s in streams(data):
            for _ in range(14):
                t = bytearray(s)
                for _ in range(r.choice((1, 1, 1, 3))):
                    i = min(r.randrange(len(t)), int(r.expovariate(.03)))
                    t[i % len(t)] ^= 1 << r.randrange(8)
                t = bytes(t[:r.choice((len(t), r.randrange(len(t)) + 1))])
                check(flate, r, t, seen)
    for _ in range(3000):
        check(flate, r, bytes([r.choice((4, 5, 12, 13, 0xed, 2, 3)) |
                               r.randrange(8) << 5]) + r.randbytes(
                                   r.randrange(120)), seen)
    assert min(seen.values()) > 300, seen


def check(flate, r, t, seen):
    want, out = reference(t)
    e, have = flate(b"i", t, r.choice((1, 3, 1 << 20)), r.choice(
        (1, 100, 1 << 20)))
    # zlib refuses some codes as soon as it has their lengths, and others
    # only where they are used, as it goes; at the end of the input it may
    # be one symbol ahead.
    if want != e:
        assert {want, e} <= {SYNTAX, AGAIN} and len(t) < 400, (t, want, e)
        assert near(flate, t, want, e), (t.hex(), want, e)
    assert have[:len(out)] == out or out[:len(have)] == have, t.hex()
    if want == e != SYNTAX:
        assert have == out, t.hex()
    seen[want] += 1


def near(flate, t, want, e):
    """Both agree as soon as a few bytes more are there, whatever they are."""
    more = [t + bytes([b]) * 8 for b in (0, 0x55, 0xaa, 0xff)]
    return all(reference(m)[0] == SYNTAX and flate(b"i", m)[0] == SYNTAX
               for m in more)


@pytest.mark.parametrize("name", sorted(texts()))
def test_zlib_inflates_what_deflate_makes(flate, name):
    data = texts()[name]
    for piece in (1, 40, 511, 512, 513, 4096, 8192, 1 << 20):
        if piece == 1:
            data = data[:3000]
        else:
            data = texts()[name]
        e, s = flate(b"d", data, piece)
        assert e == 0
        z = zlib.decompressobj(-15)
        # All that was put can be read behind a flush, and no more follows.
        assert z.decompress(s) == data and not z.eof
        assert s == b"" or s.endswith(b"\0\0\xff\xff")
    if name in ("text", "headers", "run"):
        assert len(s) < len(data) * 3 // 4


def test_deflate_sees_every_flush(flate):
    """What is behind one can be read without what comes later."""
    data = texts()["headers"][:6000]
    whole = zlib.decompressobj(-15)
    at = 0
    for n in range(50, 6000, 50):
        _, s = flate(b"d", data[:n], 50)
        assert whole.decompress(s[at:]) == data[n - 50:n]
        at = len(s)

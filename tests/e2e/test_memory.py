"""Memory does not grow with the mailbox or with a message."""
import os
import shutil
import subprocess

import pytest

from mail import lf, message

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="session")
def peak(tmp_path_factory):
    """peak(w, *args): KiB of one run."""
    program = str(tmp_path_factory.mktemp("peak") / "peak")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-o", program,
                    os.path.join(HERE, "peak.c")], check=True)

    def get(w, *args, code=0):
        path = os.path.join(w.dir, "peak.kib")
        w.run(*args, code=code, timeout=300, prefix=[program, path])
        with open(path) as f:
            return int(f.read())
    return get


def first_sync(make, peak, n, where):
    w = make(user=where)
    with w.box() as b:
        b.append_many(message("m%d" % i, 300) for i in range(n))
    first = peak(w)
    assert len(w.local.files()) == n
    nothing = min(peak(w) for _ in range(3))
    with w.box() as b:
        b.append(message("one more"))
    w.local.add(lf(message("and here")))
    few = peak(w)
    return first, nothing, few


@pytest.mark.slow
@pytest.mark.skipif("san" in os.environ.get("WHERRY", ""),
                    reason="sanitizers have memory of their own")
def test_memory_of_20000_and_100000(make, peak, user):
    small = first_sync(make, peak, 20000, user + "small")
    large = first_sync(make, peak, 100000, user + "large")
    print("KiB (first, nothing, few):", small, large)
    for a, b in zip(small, large):
        assert abs(a - b) <= 64, (small, large)


@pytest.mark.skipif("san" in os.environ.get("WHERRY", ""),
                    reason="sanitizers have memory of their own")
def test_memory_of_a_large_message(make, peak):
    w = make()
    with w.box() as b:
        b.append(message("small", 1000))
        first = min(peak(w) for _ in range(2))
        b.append(message("large", 32 << 20))
        large = peak(w)
        w.local.add(lf(message("up", 32 << 20)))
        up = peak(w)
    print("KiB (small, large, up):", first, large, up)
    assert large - first <= 96 and up - first <= 96, (first, large, up)

"""Memory does not grow with the mailbox or with a message."""
import os
import shutil

import pytest

from mail import lf, message
from memory import COARSE, EXACT, ITS_OWN

pytestmark = pytest.mark.skipif(
    ITS_OWN, reason="sanitizers and wrappers have memory of their own")


def all_runs(make, peak, n, user):
    # Further ones connect, or do not: their buffers are another matter.
    w = make(user=user, remote={"maxconnections": 1})
    with w.box() as b:
        b.append_many(message("m%d" % i, 300) for i in range(n))
    first = peak(w)
    assert len(w.local.files()) == n
    nothing = peak(w)
    with w.box() as b:
        b.append(message("one more"))
        b.store(list(range(1, 200)), "+F")
    w.local.add(lf(message("and here")))
    few = peak(w)
    shutil.rmtree(w.metadata)
    adopted = peak(w)
    assert len(w.local.files()) == n + 2
    return {"first": first, "nothing": nothing, "few": few,
            "adopted": adopted}


@pytest.mark.slow
def test_memory_of_20000_and_100000(make, peak, user):
    small = all_runs(make, peak, 20000, user + "small")
    large = all_runs(make, peak, 100000, user + "large")
    print("KiB (peak, own):\n20000 ", small, "\n100000", large)
    for run in small:
        a, b = small[run], large[run]
        assert abs(a[1] - b[1]) <= EXACT, (run, small, large)
        assert abs(a[0] - b[0]) <= COARSE, (run, small, large)


def test_memory_of_a_large_message(make, peak):
    w = make()
    with w.box() as b:
        b.append(message("small", 1000))
        small = peak(w)
        b.append(message("large", 32 << 20))
        large = peak(w)
        w.local.add(lf(message("up", 32 << 20)))
        up = peak(w)
    print("KiB (peak, own):", small, large, up)
    for run in (large, up):
        assert run[1] - small[1] <= EXACT, (small, large, up)
        assert run[0] - small[0] <= COARSE, (small, large, up)

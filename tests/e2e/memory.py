"""What a run needs, and how exactly that can be told."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))

# A sanitizer or a wrapper has memory of its own: nothing can be told.
ITS_OWN = "asan" in os.environ.get("WHERRY", "") or bool(
    os.environ.get("WRAP"))

# KiB. The kernel's own count of the peak is coarse: two processors hold back
# up to 32 pages each, and pages of shared libraries come in groups of 16, more
# or fewer of them as the machine is busy. What is ours is counted exactly.
COARSE = 512
EXACT = 64


def build(dir):
    """peak.c, see there."""
    program = os.path.join(dir, "peak")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-o", program,
                    os.path.join(HERE, "peak.c")], check=True)
    return program


def peak(program, w, *args):
    """(peak, own memory) of one run in KiB."""
    path = os.path.join(w.dir, "peak.kib")
    w.run(*args, timeout=300, prefix=[program, path])
    with open(path) as f:
        both = tuple(map(int, f.read().split()))[:2]
    assert min(both) > 0
    return both

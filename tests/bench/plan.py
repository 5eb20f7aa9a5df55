"""What is measured if nothing else is asked for: the cells that say
something, in an order in which the first ones say most."""
import collections
import os
import shutil
import subprocess
import tempfile

# direct: scenarios that only prepare; run without the line, not shown.
Job = collections.namedtuple(
    "Job", "set line scenarios clients scale cap disk direct")
STATIC = "wherry-nas"

EVERYBODY = "wherry mbsync mbsync-z offlineimap floor"
USUAL = "wherry mbsync mbsync-z floor"
THREE = "wherry mbsync floor"
SMALL = " " + STATIC  # where there is one: what its memory is

DISK = "disk"  # no line, and Maildirs on a disk

# set, line, scenarios, clients, factor of the cap, direct. At full scale on
# two idle cores about 35 minutes, 20 of them for making K; what has an aim comes first, and what
# OfflineIMAP is shown in.
PLAN = (
    ("M", "0", "abcde", USUAL + SMALL, 1, ""),
    ("F", "0", "abcde", USUAL + SMALL, 1, ""),
    ("M", "100", "abcde", USUAL + SMALL, 1, ""),
    ("L", "0", "abcde", THREE + SMALL, 2, ""),
    ("S", "100", "abcde", USUAL + SMALL, 1, ""),
    ("S", "20M", "a", USUAL + SMALL, 1, ""),
    ("S", "0", "abcde", EVERYBODY + SMALL, 1, ""),
    ("M", DISK, "a", THREE + SMALL, 1, ""),
    ("L", "100", "ab", THREE + SMALL, 3, ""),
    # A mailbox of many folders takes mbsync minutes.
    ("F", "100", "a", THREE + SMALL, 1, ""),
    ("F", "100", "ab", THREE, 1, "a"),
    ("K", "100", "ab", "wherry floor" + SMALL, 3, "a"),
)


def jobs(o):
    """Those of the options."""
    if o.sets:
        rows = [(s, line, o.scenarios, USUAL, 1, "") for line in
                o.delay or ["0", "100"] for s in o.sets]
    else:
        rows = [r for r in PLAN if not o.delay or r[1] in o.delay]
    out = []
    for name, line, scenarios, who, factor, direct in rows:
        scenarios = "".join(s for s in scenarios if s in o.scenarios or
                            s in direct)
        asked = o.clients or who.split()
        who = [c for c in asked if (o.sets or c in who.split()) and
               (c != STATIC or os.path.exists(o.static))]
        where = o.disk
        if line == DISK:
            line, where = "0", where or find_disk(o)
            if not where:
                print("# no disk with ext4 here: durable first sync left out")
                continue
        if scenarios and who:
            out.append(Job(name, line, scenarios, who, o.scale,
                           o.cap * factor, where, direct))
    return out


def find_disk(o):
    """A directory on ext4: of the build, or of a loop device in it."""
    if kind(o.out) == "ext4":
        o.disk_dir = tempfile.mkdtemp(prefix="disk-", dir=o.out)
        return o.disk_dir
    if os.geteuid() != 0:
        return None
    image, top = os.path.join(o.out, "ext4"), os.path.join(o.out, "mnt")
    os.makedirs(top, exist_ok=True)
    try:
        with open(image, "wb") as f:
            f.truncate(8 << 30)
        for words in (["mkfs.ext4", "-q", "-F", image],
                      ["mount", "-o", "loop", image, top]):
            subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    o.disk_mount = top
    return top


def kind(path):
    """The type of its file system."""
    with open("/proc/mounts") as f:
        mounts = [line.split()[1:3] for line in f]
    path = os.path.realpath(path)
    return max((m for m in mounts if path == m[0] or path.startswith(
        m[0].rstrip("/") + "/")), key=lambda m: len(m[0]))[1]


def end_disk(o):
    if getattr(o, "disk_dir", None):
        shutil.rmtree(o.disk_dir, ignore_errors=True)
    if getattr(o, "disk_mount", None):
        subprocess.run(["umount", o.disk_mount], check=False)
        os.unlink(os.path.join(o.out, "ext4"))

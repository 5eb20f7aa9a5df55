#!/usr/bin/python3
"""What a build costs, and whether that is within its budget.

	size.py TARGET-LIBRARY[-PRESET]...   builds in build/, as cross/build.sh
	                                     names and leaves them
	size.py -q ...                       only what is over budget
	size.py --accept ...                 today's modules are the baseline

Each build is compared with its row of budget.txt. Over budget, the modules
that have grown beside baseline.txt are named. A module is a directory of ours,
the TLS library, libc or the compiler's own library; the linker's map
(build/*/wherry.map) says which object gave what.

The deepest stack is computed from the compiler's frames and calls (.ci beside
the objects): what is called through a pointer stands in calls.txt, and what
the libraries need below us in LIBRARY and LIBC. tests/e2e/test_budget.py looks
at the stack of real runs and compares it with that.
"""
import fnmatch
import glob
import lzma
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUDGET = os.path.join(HERE, "budget.txt")
BASELINE = os.path.join(HERE, "baseline.txt")
CALLS = os.path.join(HERE, "calls.txt")

COLUMNS = ("stripped", "xz", "table", "stack", "peak", "dirty")

# Stack that a call of a TLS library needs at most for its arithmetic, and for
# its way to a function of ours that it calls back; of libc. Bytes, x86-64:
# above what runs with RSA and EC certificates, TLS 1.2 and 1.3 have shown.
# LEAVES, digests and what only sets or tells, need less and call nobody back.
LIBRARY = {"mbedtls": 6144, "bearssl": 5120, "none": 0}
CALLBACK = 1024
LEAVES = (r"mbedtls_(md|platform|version|ssl_get|ssl_conf|ssl_set|\w+_init$)|"
          r"br_(md5|sha|hmac|hash)")
LEAF = 1024
LIBC = 768
# In a child process, or the end of it: the resolver, a password command.
NOT_COUNTED = {"getaddrinfo", "execl", "_exit", "abort"}


class Bad(Exception):
    pass


def rows(path, n):
    """The lines of a table as lists of at least n words."""
    out = []
    if os.path.exists(path):
        with open(path) as f:
            for line in f:
                words = line.split("#")[0].split()
                if words:
                    if len(words) < n:
                        raise Bad("%s: %s" % (path, line.strip()))
                    out.append(words)
    return out


def key_of(name):
    """(machine, library, preset) of the name of a build."""
    words = name.split("-")
    return tuple((words + ["nas"])[:3]) if len(words) < 3 else tuple(words)


def budget(name):
    """{column: limit} of a build, as in budget.txt."""
    for words in rows(BUDGET, 3 + len(COLUMNS)):
        if tuple(words[:3]) == key_of(name):
            return {c: int(w) for c, w in zip(COLUMNS, words[3:])
                    if w != "-"}
    raise Bad("%s has no row in tests/size/budget.txt" % name)


def folder(name):
    return os.path.join(TOP, "build", name)


# ---- modules ----

def module_of(path):
    m = re.search(r"(?:^|/)build/[^/]+/(src/\w+|port/\w+)/", path)
    if m:
        return m.group(1)
    if "ltrans" in path:
        return "src and port (LTO)"
    if "/lib/gcc" in path or "libgcc" in path:
        return "compiler"
    if re.search(r"lib(mbed\w+|bearssl)\.a|bearssl|mbedtls", path):
        return "TLS library"
    return "libc"


def modules(name):
    """{module: [bytes in the file, bytes of zeros]} from the map."""
    path = os.path.join(folder(name), "wherry.map")
    with open(path) as f:
        text = f.read()
    text = text[text.index("Linker script and memory map"):]
    out = {}
    for m in re.finditer(r"^ (\.?[A-Za-z_][\w.$-]*|COMMON)\s+0x([0-9a-f]+)\s+"
                         r"0x([0-9a-f]+) (\S.*)$", text, re.M):
        section, at, size = m.group(1), int(m.group(2), 16), int(
            m.group(3), 16)
        if at == 0 or size == 0:
            continue
        if re.match(r"\.(debug|comment|note|symtab|strtab|ARM.attr|MIPS)",
                    section) or section.startswith(".riscv"):
            continue
        zeros = section.startswith((".bss", "COMMON", ".tbss", ".sbss"))
        both = out.setdefault(module_of(m.group(4)), [0, 0])
        both[zeros] += size
    return out


def baseline():
    return {(w[0], w[1].replace("_", " ")): int(w[2])
            for w in rows(BASELINE, 3)}


def grown(name, now):
    """Which modules are larger than in the baseline, the worst first."""
    before = baseline()
    more = sorted(((both[0] - before.get((name, m), 0), m)
                   for m, both in now.items()), reverse=True)
    return ["%s grew by %d bytes to %d" % (m, d, now[m][0])
            for d, m in more if d > 0] or [
                "no module has grown beside tests/size/baseline.txt"]


def accept(names):
    keep = [w for w in rows(BASELINE, 3) if w[0] not in names]
    for name in names:
        keep += [[name, m.replace(" ", "_"), str(both[0])]
                 for m, both in sorted(modules(name).items())]
    with open(BASELINE, "w") as f:
        f.write("# Bytes in the file by module, when somebody last said that "
                "it is right so:\n# size.py --accept. It tells what has grown"
                "; it limits nothing.\n")
        for words in sorted(keep):
            f.write("%-24s %-20s %7s\n" % tuple(words))


# ---- the deepest stack ----

class Graph:
    """Frames and calls of all objects of a build."""

    def __init__(self, name):
        self.library = key_of(name)[1]
        self.frame, self.file, self.calls = {}, {}, {}
        where = folder(name)
        files = glob.glob(where + "/src/*/*.ci") + glob.glob(
            where + "/port/*/*.ci")
        for path in files:
            source = os.path.relpath(path, where)[:-3] + ".c"
            if not os.path.exists(os.path.join(TOP, source)):
                continue
            with open(path) as f:
                self.read(source, f.read())
        if "main" not in self.frame:
            raise Bad("%s has no callgraphs" % where)
        self.pointers = {}
        for words in rows(CALLS, 2):
            self.pointers.setdefault(words[0], []).extend(words[1:])

    def read(self, source, text):
        for m in re.finditer(r'node: \{ title: "([^"]+)" label: "([^"]*)"( '
                             r'shape : ellipse)?', text):
            size = re.search(r"\\n(\d+) bytes \(([\w,]+)", m.group(2))
            if size:
                if size.group(2) not in ("static", "dynamic,bounded"):
                    raise Bad("%s: its frame is %s" % (
                        m.group(1), size.group(2)))
                self.frame[m.group(1)] = int(size.group(1))
                self.file[m.group(1)] = source
        for m in re.finditer(r'edge: \{ sourcename: "([^"]+)" targetname: '
                             r'"([^"]+)"', text):
            self.calls.setdefault(m.group(1), set()).add(m.group(2))

    def is_library(self, title):
        return re.match(r"(mbedtls|psa|br)_", title) is not None

    def matches(self, patterns):
        return {t for t in self.frame for p in patterns
                if p == t or fnmatch.fnmatch(self.file[t], p) or
                fnmatch.fnmatch(t, p)}

    def behind_pointer(self, caller):
        for key, patterns in self.pointers.items():
            if key != "library" and fnmatch.fnmatch(caller, key):
                out = self.matches(patterns) - {caller}
                return out | {"library", "leaf"}.intersection(patterns)
        raise Bad("%s calls through a pointer and is not in "
                  "tests/size/calls.txt" % caller)

    def below(self, title, inside):
        """What a function calls: (titles, bytes that need no look)."""
        ours, least = set(), 0
        for callee in self.calls.get(title, ()):
            if callee == "__indirect_call":
                behind = self.behind_pointer(title)
                callee = ("br_" if "library" in behind else
                          "br_md5" if "leaf" in behind else "abort")
                ours |= behind - {"library", "leaf"}
            if callee in self.frame:
                ours.add(callee)
            elif re.match(LEAVES, callee):
                least = max(least, LEAF)
            elif self.is_library(callee):
                least = max(least, LIBRARY[self.library])
                if not inside:
                    ours.add("library")
            elif callee not in NOT_COUNTED:
                least = max(least, LIBC)
        return ours, least

    def deepest(self, root="main"):
        """(bytes, path). The graph has no circles (house.py recursion), but
        for the library, which calls us: below that, it counts as arithmetic
        only. Each node is a function and whether the library is above."""
        done, work = {}, [((root, False), False)]
        on = set()
        while work:
            node, ready = work.pop()
            title, inside = node
            if node in done:
                continue
            if title == "library":
                kids, least = self.matches(self.pointers["library"]), 0
                kids = {(k, True) for k in kids}
                own = CALLBACK
            else:
                ours, least = self.below(title, inside)
                kids = {(k, inside or k == "library") for k in ours}
                own = self.frame[title]
            if not ready:
                if node in on:
                    raise Bad("circle at %s" % title)
                on.add(node)
                work.append((node, True))
                work += [((k), False) for k in kids if k not in done]
                continue
            on.discard(node)
            best = (least, [])
            for k in kids:
                if done[k][0] > best[0]:
                    best = done[k]
            done[node] = (own + best[0],
                          ["%s %d" % (title, own)] + best[1])
        return done[(root, False)]


# ---- one build ----

def look(name):
    """{what: bytes} and more of a build."""
    where = folder(name)
    stripped = os.path.join(where, "wherry-stripped")
    if not os.path.exists(stripped):
        raise Bad("%s is not built" % stripped)
    with open(stripped, "rb") as f:
        data = f.read()
    got = {"stripped": len(data),
           "xz": len(lzma.compress(data, preset=9))}
    out = subprocess.run(["size", os.path.join(where, "wherry")],
                         capture_output=True, text=True, check=True).stdout
    got["text"], got["data"], got["bss"] = map(
        int, out.splitlines()[1].split()[:3])
    got["rows"] = memory_table(name)
    if got["rows"]:
        got["table"] = sum(n for n, _, _ in got["rows"])
    if "stack" in budget(name):
        got["stack"], got["path"] = Graph(name).deepest()
    return got


def memory_table(name):
    """[(bytes, object, what)] as the program prints it, by qemu if it must."""
    command = [os.path.join(folder(name), "wherry"), "-V"]
    emulator = {"arm64": "aarch64", "armhf": "arm", "armel": "arm"}
    machine = name.split("-")[0]
    if machine not in ("x86_64", "shared"):
        command.insert(0, "qemu-%s-static" % emulator.get(machine, machine))
    try:
        out = subprocess.run(command, capture_output=True, text=True,
                             check=True).stdout
    except FileNotFoundError:
        return []
    return [(int(m.group(1)), m.group(2), m.group(3)) for m in re.finditer(
        r"^\s+(\d+)  (\w+) +(\S.*)$", out, re.M) if m.group(2) != "sum"]


def show(name, got, parts):
    print("%s: stripped %d, xz %d; text %d, data %d, bss %d" % (
        name, got["stripped"], got["xz"], got["text"], got["data"],
        got["bss"]))
    for m, (file, zeros) in sorted(parts.items(), key=lambda p: -p[1][0]):
        print("  %8d in the file %8d of zeros  %s" % (file, zeros, m))
    for n, what, text in got["rows"]:
        print("  %8d  %-16s %s" % (n, what, text))
    if "table" in got:
        print("  %8d  sum of the table" % got["table"])
    if "stack" in got:
        print("  %8d  deepest stack: %s" % (
            got["stack"], " > ".join(got["path"])))
    runs = sorted(glob.glob(os.path.join(folder(name), "run-*.txt")))
    for path in runs:
        with open(path) as f:
            print("  run of " + f.read().strip())
    if not runs:
        print("  no run was measured yet (tests/e2e/test_budget.py)")


def judge(name, quiet):
    """Messages about what is over the budget of a build."""
    got, limits = look(name), budget(name)
    parts = modules(name)
    if not quiet:
        show(name, got, parts)
    bad = []
    for what, limit in limits.items():
        if what in got and got[what] > limit:
            bad.append("%s: %s is %d, the budget is %d (%d too many)" % (
                name, what, got[what], limit, got[what] - limit))
    if any(": stripped" in b or ": xz" in b for b in bad):
        bad += ["    " + line for line in grown(name, parts)]
    if any(": stack" in b for b in bad):
        bad += ["    " + " > ".join(got["path"])]
    return bad


def main(args):
    quiet = "-q" in args
    names = [a for a in args if not a.startswith("-")]
    if "--accept" in args:
        accept(names)
        return 0
    failed = 0
    for name in names:
        try:
            bad = judge(name, quiet)
        except (Bad, OSError) as e:
            bad = ["%s: %s" % (name, e)]
        for line in bad:
            print(line)
        failed += bool(bad)
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

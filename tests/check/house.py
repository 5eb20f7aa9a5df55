#!/usr/bin/python3
"""The rules of the house that a compiler does not know.

	house.py          all checks
	house.py NAME...  some of them

Each check prints "ok NAME" or "not ok NAME" with its findings. Objects are
read from build/plain (symbols, statics) and build/graph (-O0, callgraphs);
`make all graph` makes both.
"""
import os
import re
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
os.chdir(TOP)

# The default build: wherry's own objects and the arena of the libraries.
# What four connections can come to; what they do come to, and what a machine
# has to have for them, is measured (tests/e2e/test_budget.py).
MEMORY_LIMIT = 1048576

# What each directory of src/ may include, besides itself and config.h.
LAYERS = {
    "base": set(),
    "flate": {"base"},
    "io": {"base", "port", "flate"},
    "imap": {"base", "port", "io"},
    "maildir": {"base", "port", "io"},
    "store": {"base", "port", "io"},
    "conf": {"base", "port", "io"},
    "sync": {"base", "port", "io", "imap", "maildir", "store", "conf"},
    "app": {"base", "port", "io", "imap", "maildir", "store", "conf",
            "sync"},
}
STANDARD = {"stdbool.h", "stddef.h", "stdint.h", "string.h", "limits.h",
            "stdarg.h"}

FORBIDDEN = re.compile(r"""^(
    malloc|calloc|realloc|reallocarray|free|alloca|aligned_alloc|
    posix_memalign|memalign|valloc|strdup|strndup|
    _*v?f?d?a?s?n?printf(_chk)?|_*v?a?sprintf(_chk)?|puts|putchar|fputs|
    fputc|putc|fopen|fdopen|fclose|fread|fwrite|fgets|getline|fflush|
    _*v?s?f?scanf|perror|stdin|stdout|stderr|
    _*setjmp|_*sigsetjmp|_*longjmp(_chk)?|siglongjmp|exit|_exit|abort|
    getenv|system|popen|strtok|gets|strcpy|strcat)$""", re.X)


def files(*tops, ends=(".c", ".h")):
    out = []
    for top in tops:
        for d, _, names in os.walk(top):
            out += [os.path.join(d, n) for n in names if n.endswith(ends)]
    return sorted(out)


def code(path):
    """The text without comments and strings, lines kept."""
    with open(path) as f:
        text = f.read()
    return re.sub(
        r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'',
        lambda m: ('""' if m.group(0)[0] == '"' else "''"
                   if m.group(0)[0] == "'" else "") +
        "\n" * m.group(0).count("\n"), text, flags=re.S)


def objects(variant, *tops):
    """The objects of today's sources only: a removed file leaves its own."""
    out = []
    for c in files(*tops, ends=(".c",)):
        if re.match(r"port/tls_(bearssl|none)/", c):
            continue  # the default build has another
        o = "build/%s/%s.o" % (variant, c[:-2])
        if os.path.exists(o):
            out.append(o)
        else:
            yield_missing.append(o)
    return out


yield_missing = []


def check_layers():
    bad = []
    for path in files("src"):
        own = path.split("/")[1]
        if own not in LAYERS:
            bad.append("%s: no such layer" % path)
            continue
        with open(path) as f:
            for n, line in enumerate(f, 1):
                m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
                if not m:
                    continue
                where = "%s:%d: %s" % (path, n, m.group(2))
                if m.group(1) == "<":
                    if m.group(2) not in STANDARD:
                        bad.append(where + " (a system header)")
                    continue
                top = m.group(2).split("/")[0]
                if m.group(2) == "config.h" or top == own:
                    continue
                if "/" not in m.group(2):
                    if not os.path.exists("src/%s/%s" % (own, m.group(2))):
                        bad.append(where + " (from where?)")
                elif top not in LAYERS[own]:
                    bad.append(where + " (not below %s)" % own)
                elif top == "port" and m.group(2).count("/") != 1:
                    bad.append(where + " (not a contract)")
    for path in files("port", ends=(".h",)):
        if path.count("/") != 1:
            continue
        with open(path) as f:
            for n, line in enumerate(f, 1):
                m = re.match(r'\s*#\s*include\s*"([^"]+)', line)
                if m and m.group(1) not in (
                        "base/err.h", "base/span.h", "base/buf.h",
                        "config.h") and not m.group(1).startswith("port/"):
                    bad.append("%s:%d: %s (a contract)" % (
                        path, n, m.group(1)))
    return bad


LIBRARY = re.compile(r"\b(mbedtls_|MBEDTLS_|psa_|PSA_|br_[a-z]|BR_[A-Z])\w*")


def check_library():
    """No type, call or number of a TLS library outside of its port."""
    bad = []
    for path in files("src", "port"):
        if re.match(r"port/tls_(mbedtls|bearssl)/", path):
            continue
        for n, line in enumerate(code(path).splitlines(), 1):
            m = LIBRARY.search(line)
            if m:
                bad.append("%s:%d: %s" % (path, n, m.group(0)))
    return bad


def check_text():
    """No floats, no goto back, no #if inside functions, in src/."""
    bad = []
    for path in files("src"):
        labels = {}
        gotos = []
        for n, line in enumerate(code(path).splitlines(), 1):
            if re.search(r"\b(float|double)\b", line):
                bad.append("%s:%d: floating point" % (path, n))
            m = re.match(r"(\w+):(?!:)\s*$", line)
            if m and m.group(1) not in ("default", "public"):
                labels.setdefault(m.group(1), []).append(n)
            m = re.search(r"\bgoto\s+(\w+)", line)
            if m:
                gotos.append((n, m.group(1)))
            if re.match(r"\t.*#\s*if", line):
                bad.append("%s:%d: #if inside a function" % (path, n))
        for n, name in gotos:
            if labels.get(name) and max(labels[name]) < n:
                bad.append("%s:%d: goto back to %s" % (path, n, name))
    return bad


def check_symbols():
    bad = []
    objs = objects("plain", "src")
    for o in objs:
        out = subprocess.run(["nm", "-u", o], capture_output=True,
                             text=True, check=True).stdout
        for line in out.splitlines():
            name = line.split()[-1]
            if FORBIDDEN.match(name):
                bad.append("%s: %s" % (o, name))
    return bad


def graph():
    """{function: set of callees}, from the compiler's .ci files."""
    calls, where = {}, {}
    for o in objects("graph", "src", "port"):
        ci = o[:-2] + ".ci"
        if not os.path.exists(ci):
            yield_missing.append(ci)
            continue
        with open(ci) as f:
            text = f.read()
        for m in re.finditer(r'edge: \{ sourcename: "([^"]+)" '
                             r'targetname: "([^"]+)"', text):
            calls.setdefault(m.group(1), set()).add(m.group(2))
        for m in re.finditer(r'node: \{ title: "([^"]+)" label: "([^"]*)"',
                             text):
            where.setdefault(m.group(1), m.group(2))
    return calls, where


def check_recursion():
    """Strongly connected functions; Tarjan's, without recursion."""
    calls, _ = graph()
    index, low, on, stack, bad = {}, {}, set(), [], []
    for root in sorted(calls):
        if root in index:
            continue
        work = [(root, iter(sorted(calls.get(root, ()))))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on.add(root)
        while work:
            v, it = work[-1]
            for u in it:
                if u not in index:
                    index[u] = low[u] = len(index)
                    stack.append(u)
                    on.add(u)
                    work.append((u, iter(sorted(calls.get(u, ())))))
                    break
                if u in on:
                    low[v] = min(low[v], index[u])
            else:
                work.pop()
                if work:
                    p = work[-1][0]
                    low[p] = min(low[p], low[v])
                if low[v] == index[v]:
                    group = []
                    while True:
                        u = stack.pop()
                        on.discard(u)
                        group.append(u)
                        if u == v:
                            break
                    if len(group) > 1 or v in calls.get(v, ()):
                        bad.append("recursion: " + " -> ".join(
                            sorted(group)))
    return bad


def statics(variant="plain"):
    """(object, symbol, bytes) of everything that can be written to."""
    out = []
    for o in objects(variant, "src", "port"):
        text = subprocess.run(["objdump", "-t", o], capture_output=True,
                              text=True, check=True).stdout
        for line in text.splitlines():
            m = re.match(r"[0-9a-f]{8,16} .{7} (\S+)\s+([0-9a-f]{8,16})"
                         r"\s+(?:\.hidden )?(\S+)$", line)
            if not m:
                continue
            section, size, name = m.group(1), int(m.group(2), 16), m.group(3)
            writable = re.match(r"\.(bss|data|tbss|tdata)(\.|$)", section) \
                or section == "*COM*"
            if writable and not section.startswith(".data.rel.ro") and \
                    size and name != section:
                out.append((o, name, size))
    return out


def table():
    """[(name, bytes)] as wherry prints it."""
    out = subprocess.run(["./wherry", "-V"], capture_output=True, text=True)
    rows = []
    for line in out.stdout.splitlines():
        m = re.match(r"\s+(\d+)\s+([A-Za-z_][\w.]*)\b", line)
        if m:
            rows.append((m.group(2), int(m.group(1))))
    return [r for r in rows if r[0].lower() not in ("total", "sum")]


def check_memory():
    bad = []
    if not os.path.exists("wherry"):
        return ["no ./wherry"]
    rows = table()
    if not rows:
        return ["./wherry -V prints no table"]
    by_name = {}
    for name, size in rows:
        head = name.split(".")[0]
        by_name.setdefault(head, []).append((name, size))
    total = sum(size for _, size in rows)
    if total > MEMORY_LIMIT:
        bad.append("the table sums up to %d, above %d" % (
            total, MEMORY_LIMIT))
    here = {}
    for o, name, size in statics():
        plain = re.sub(r"\.\d+$", "", name)
        here[plain] = here.get(plain, 0) + size
        if size < 256:
            continue
        if plain not in by_name:
            bad.append("%s: %s (%d bytes) is not in the table" % (
                o, name, size))
            continue
        told = sum(s for _, s in by_name[plain])
        if abs(told - size) > 63 and told < size:
            bad.append("%s: %s has %d bytes, the table says %d" % (
                o, name, size, told))
    for name in by_name:
        if name not in here:
            bad.append("the table has %s, the objects have not" % name)
    small = sum(size for _, _, size in statics() if size < 256)
    print("# table %d bytes, other statics %d bytes" % (total, small))
    return bad


def check_stamp():
    """The day of the release in config.h: a day, the one it says, and not in
    the future of the tree (where git knows how old that is)."""
    with open("config.h") as f:
        m = re.search(r"#define WHERRY_STAMP (\d+) /\* (\S+) \*/", f.read())
    if not m:
        return ["config.h: no WHERRY_STAMP with its day"]
    stamp, bad = int(m.group(1)), []
    day = time.strftime("%Y-%m-%d", time.gmtime(stamp))
    if stamp % 86400 or day != m.group(2):
        bad.append("config.h: WHERRY_STAMP %d is in %s, not %s at 0:00" % (
            stamp, day, m.group(2)))
    r = subprocess.run(["git", "log", "-1", "--format=%ct"],
                       capture_output=True, text=True)
    if r.returncode == 0 and r.stdout.strip() and \
            stamp > int(r.stdout):
        bad.append("config.h: WHERRY_STAMP is later than the last commit")
    return bad


# What POSIX.1-2008 does not have, or Linux alone: not in port/posix/.
LINUX_ONLY = re.compile(
    r"\b(_GNU_SOURCE|_DEFAULT_SOURCE|_BSD_SOURCE|__linux__|syscall|"
    r"accept4|pipe2|dup3|renameat2|syncfs|sync_file_range|getrandom|"
    r"getentropy|arc4random\w*|statx|statfs|fstatfs|getdents\w*|"
    r"prlimit|ppoll|epoll_\w+|signalfd|eventfd|inotify_\w+|timerfd_\w+|"
    r"fallocate|copy_file_range|sendfile|memfd_create|close_range|"
    r"O_TMPFILE|O_PATH|O_NOATIME|SOCK_NONBLOCK|SOCK_CLOEXEC|F_OFD_\w+|"
    r"flock\s*\(|LOCK_EX|ru_maxrss|d_type|prctl|secure_getenv|"
    r"explicit_bzero|strchrnul|mempcpy|memmem|strcasestr|qsort_r|asprintf|"
    r"program_invocation_\w+|TEMP_FAILURE_RETRY|st_mtimespec)\b|"
    r"/proc/|/sys/")
POSIX_HEADERS = {
    "arpa/inet.h", "dirent.h", "errno.h", "fcntl.h", "netdb.h",
    "netinet/in.h", "netinet/tcp.h", "poll.h", "pwd.h", "signal.h",
    "stdio.h", "stdlib.h", "sys/resource.h", "sys/socket.h", "sys/stat.h",
    "sys/time.h", "sys/types.h", "sys/uio.h", "sys/wait.h",
    "termios.h", "time.h", "unistd.h"} | STANDARD
# Not of POSIX, but of every system that port/posix/ is for.
EVERYWHERE = {"sys/ioctl.h"}


def check_posix():
    """Nothing in port/posix/ that only Linux, or only one libc, has. It is
    compiled as strict POSIX, too; this finds macros and numbers."""
    bad = []
    for path in files("port/posix"):
        text = code(path)
        with open(path) as f:
            raw = f.read().splitlines()
        for n, line in enumerate(text.splitlines(), 1):
            m = re.match(r"\s*#\s*include\s*<([^>]+)>", line)
            if m and m.group(1) not in POSIX_HEADERS | EVERYWHERE:
                bad.append("%s:%d: <%s>" % (path, n, m.group(1)))
            if re.match(r"\s*#\s*(ifdef|if defined|define)\b", line):
                continue
            m = LINUX_ONLY.search(line) or LINUX_ONLY.search(
                "".join(re.findall(r'"[^"]*"', raw[n - 1])
                        if '""' in line else []))
            if m:
                bad.append("%s:%d: %s" % (path, n, m.group(0)))
    with open("port/posix/posix.h") as f:
        if "#define _POSIX_C_SOURCE 200809L" not in f.read():
            bad.append("port/posix/posix.h: not strict POSIX any more")
    for path in files("port/posix", ends=(".c",)):
        with open(path) as f:
            first = re.search(r"^#\s*(?!undef)(\w+)\s+(\S+)", f.read(), re.M)
        if first.groups() != ("include", '"port/posix/posix.h"'):
            bad.append("%s: posix.h has to come first" % path)
    return bad


def check_porting():
    """doc/PORTING.md names every function of a contract, and tests that
    exist."""
    with open("doc/PORTING.md", encoding="utf-8") as f:
        text = f.read()
    bad = []
    for path in files("port", ends=(".h",)):
        if path.count("/") != 1:
            continue
        for name in re.findall(r"^[a-z][\w \t*]*?\b(\w+)\(", code(path),
                               re.M):
            if "`%s`" % name not in text:
                bad.append("doc/PORTING.md: nothing about %s() of %s" % (
                    name, path))
    for m in re.finditer(r"`(test_\w+\.(?:c|py))(?:: ([\w, ]+))?`", text):
        top = "tests/unit/" if m.group(1).endswith("c") else "tests/e2e/"
        if not os.path.exists(top + m.group(1)):
            bad.append("doc/PORTING.md: no " + top + m.group(1))
            continue
        with open(top + m.group(1)) as f:
            body = f.read()
        for name in (m.group(2) or "").split(", "):
            if name and not re.search(r"(?m)^(def )?%s\(" % name, body):
                bad.append("doc/PORTING.md: no %s in %s" % (
                    name, m.group(1)))
    return bad


def check_headers():
    """Each header compiles alone."""
    bad = []
    for path in files("src", "port") + ["config.h"]:
        if not path.endswith(".h"):
            continue
        name = path[4:] if path.startswith("src/") else path
        for cc in (os.environ.get("CC", "cc"),):
            r = subprocess.run(
                [cc, "-I.", "-Isrc", "-std=c11", "-Wall", "-Wextra",
                 "-Wundef", "-Werror", "-fsyntax-only", "-x", "c", "-"],
                input='#include "%s"\n#include "%s"\nint x;\n' % (
                    name, name), text=True, capture_output=True)
            if r.returncode:
                bad.append("%s: %s" % (path, r.stderr.splitlines()[0:1]))
    return bad


def main(names):
    checks = {n[6:]: f for n, f in globals().items()
              if n.startswith("check_")}
    failed = 0
    for name in names or checks:
        yield_missing.clear()
        bad = checks[name]()
        bad += ["missing: " + o for o in yield_missing]
        for line in bad:
            print("  " + line)
        print("%s %s" % ("not ok" if bad else "ok", name))
        failed += bool(bad)
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))

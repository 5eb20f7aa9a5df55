#!/usr/bin/python3
"""Every knob, turned alone, compiles without a warning and passes its tests.

A flip is a .config: a switch inverted, a number at either end of its range
(or half and twice the default, where the ends are absurd or contradict
another knob), a preset, all switches on, all off. It goes the way of every
.config: config/overrides.sh, config.h, the flags of the Makefile (at -O0).

	flip.py                 all of them
	flip.py sample          the presets, all off, and a few
	flip.py CFG_X tiny ...  these

What does not differ is not done again: an object is known by the text that
the preprocessor makes, a test by its linked program.
"""
import concurrent.futures
import hashlib
import os
import re
import shlex
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import limits  # noqa: E402

TOP = limits.TOP
DIR = "build/flips"
HEADER = DIR + "/overrides.h"
# all-on is nas, which is the default, as long as no switch is off there.
SAMPLE = ["tiny", "router", "full", "all-off", "CFG_FILTERS", "CFG_PASSCMD",
          "CFG_TOKEN"]
TWICE = 4  # a number is raised to at most so many times its default
BYTES = 1 << 20  # and one that is 0 by default to this
TIMEOUT = 300
WORKERS = os.cpu_count() or 2


def run(args, **more):
    return subprocess.run(args, cwd=TOP, check=False, capture_output=True,
                          text=True, **more)


class Commands:
    """What make would do for a goal, with another header."""

    def __init__(self, tls, goal="unit-bin", flags=("CFLAGS=-O0",)):
        text = run(["make", "-n", "-B", "--no-print-directory", "PRESET=nas",
                    "VARIANT=flips", "TLS=" + tls, *flags,
                    goal]).stdout.replace("\\\n", " ")
        cc = re.escape(os.environ.get("CC", "cc")) + " "
        self.objects, self.programs = {}, {}
        for line in text.split("\n"):
            if not re.match(cc, line):
                continue
            words = [w for w in shlex.split(line)
                     if w not in ("-MMD", "-MP")]
            if "-MF" in words:
                del words[words.index("-MF"):words.index("-MF") + 2]
            out = words.index("-o")
            name = words[out + 1]
            del words[out:out + 2]
            if "-c" in words:
                words.remove("-c")
                self.objects[name] = words
            else:
                self.programs[name] = words


class Failure(Exception):
    pass


class Bench:
    def __init__(self):
        self.commands = {}
        self.passed = set()
        self.lock = threading.Lock()
        for part in ("obj", "bin"):
            os.makedirs(os.path.join(TOP, DIR, part), exist_ok=True)

    def compile(self, words):
        """The object of one source, compiled or known."""
        source = [w for w in words if w.endswith(".c")]
        flags = [w for w in words if not w.endswith((".c", ".a")) and
                 not w.startswith("-l")]
        pre = run([*flags, "-E", "-P", *source])
        if pre.returncode:
            raise Failure(pre.stderr)
        key = hashlib.sha256((" ".join(flags + source) + pre.stdout).encode())
        name = "%s/obj/%s.o" % (DIR, key.hexdigest()[:32])
        if not os.path.exists(os.path.join(TOP, name)):
            part = "%s.%d" % (name, threading.get_ident())
            r = run([*flags, "-c", "-o", part, *source])
            if r.returncode:
                raise Failure(r.stderr)
            os.rename(os.path.join(TOP, part), os.path.join(TOP, name))
        return name

    def test(self, name, words, library):
        obj = self.compile(words)
        prog = "%s/bin/%s" % (DIR, os.path.basename(name))
        libs = [w for w in words if w.startswith("-l")]
        r = run([words[0], "-o", prog, obj, library, *libs])
        if r.returncode:
            raise Failure(r.stderr)
        with open(os.path.join(TOP, prog), "rb") as f:
            key = hashlib.sha256(f.read()).digest()
        if key in self.passed:
            return
        try:
            r = run([prog], timeout=TIMEOUT)
        except subprocess.TimeoutExpired as e:
            raise Failure("%s: not ready in %d s" % (prog, TIMEOUT)) from e
        if r.returncode:
            said = [x for x in (r.stdout + r.stderr).split("\n")
                    if "  OK ]" not in x and "RUN  " not in x]
            raise Failure("%s:\n%s" % (name, "\n".join(said[-15:])))
        with self.lock:
            self.passed.add(key)

    def flip(self, header, tls):
        with open(os.path.join(TOP, HEADER), "w", encoding="utf-8") as f:
            f.write(header)
        if tls not in self.commands:
            self.commands[tls] = Commands(tls)
        todo = self.commands[tls]
        library = "%s/libflip.a" % DIR
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            objects = list(pool.map(self.compile, [
                w for n, w in todo.objects.items()
                if not n.endswith(("/main.o", "/malloc.o"))]))
            if os.path.exists(os.path.join(TOP, library)):
                os.remove(os.path.join(TOP, library))
            r = run(["ar", "rcsD", library, *objects])
            if r.returncode:
                raise Failure(r.stderr)
            done = [pool.submit(self.test, name, words, library)
                    for name, words in todo.programs.items()]
        said = [str(d.exception()) for d in done if d.exception()]
        if said:
            raise Failure("\n".join(said))


def header_of(text):
    """(header, what is wrong) of the text of a .config."""
    path = os.path.join(TOP, DIR, "flip.config")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    r = run(["config/overrides.sh", path])
    if r.returncode:
        return None, r.stderr
    check = run(["cc", "-E", "-xc", "-I.", "-"],
                input=r.stdout + '#include "config.h"\n')
    return r.stdout, check.stderr if check.returncode else None


def numbers(name, e, default):
    """The first value below and above the default that goes together with
    the defaults of the other knobs."""
    least, most = (int(x) if x.isdigit() else default * TWICE
                   for x in e["range"])
    low = [least, default // 2, default * 3 // 4]
    high = [min(most, default * TWICE or BYTES), default * 2,
            default * 3 // 2, default * 9 // 8]
    for side in (low, high):
        for value in side:
            text = "%s=%d\n" % (name, value)
            if value != default and header_of(text)[1] is None:
                yield "%s=%d" % (name, value), text
                break


def flips():
    """{label: text of a .config}"""
    kconfig = limits.entries(limits.read(TOP, "Kconfig"))
    chosen = limits.choices(limits.read(TOP, "Kconfig"))
    out = {}
    for name in limits.PRESETS:
        if name != "nas":
            out[name] = limits.read(TOP, "config/%s.config" % name)
    free = [n for n, e in kconfig.items()
            if e["type"] == "bool" and n not in chosen]
    out["all-on"] = "".join("%s=y\n" % n for n in free)
    out["all-off"] = "".join("# %s is not set\n" % n for n in free)
    for name, e in kconfig.items():
        if name in free:
            out["%s=%s" % (name, "ny"[e["default"] == "0"])] = \
                "%s=%s\n" % (name, "ny"[e["default"] == "0"])
        elif name in chosen and not chosen[name]:
            out[name + "=y"] = name + "=y\n"
        elif e["type"] == "int":
            out.update(numbers(name, e, int(e["default"])))
    return out


def tls_of(text):
    m = re.search(r"^CFG_TLS_(\w+)=y$", text, re.M)
    return m.group(1).lower() if m else "mbedtls"


def there(tls):
    """Is the library installed?"""
    lib = {"mbedtls": "-lmbedtls", "bearssl": "-lbearssl"}.get(tls)
    return lib is None or run(["cc", "-shared", "-o", "/dev/null",
                               lib]).returncode == 0


def main(args):
    bench = Bench()
    every = flips()
    if args == ["sample"]:
        args = SAMPLE
    failed = passed = 0
    for label, text in every.items():
        if args and label not in args and label.split("=")[0] not in args:
            continue
        if not there(tls_of(text)):
            print("skipped %s: its library is not installed" % label)
            continue
        header, wrong = header_of(text)
        try:
            if wrong:
                raise Failure(wrong)
            bench.flip(header, tls_of(text))
            passed += 1
            print("ok %s" % label, flush=True)
        except Failure as e:
            failed += 1
            print("not ok %s\n%s" % (label, e), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

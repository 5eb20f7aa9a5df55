"""Drives the program under test: writes a configuration, runs it, tells."""
import os
import re
import resource
import signal
import struct
import subprocess
from functools import lru_cache

import pytest

from mail import Box, Maildir, same

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

# Exit codes, by what they ask of the caller.
OK, PARTIAL, PERSON, USAGE, CANTCREAT, TEMPORARY, REFUSED, CONFIG = (
    0, 1, 2, 64, 73, 75, 77, 78)


# A static program has no more than that, everywhere in these tests.
STACK = 65536


@lru_cache(maxsize=None)
def is_static(path):
    """An ELF program without an interpreter, for this machine or another."""
    with open(path, "rb") as f:
        head = f.read(64)
        if head[:4] != b"\x7fELF":
            return False
        wide, end = head[4] == 2, "<" if head[5] == 1 else ">"
        at, = struct.unpack_from(end + ("Q" if wide else "I"), head,
                                 32 if wide else 28)
        size, n = struct.unpack_from(end + "HH", head, 54 if wide else 42)
        f.seek(at)
        parts = f.read(size * n)
    return all(struct.unpack_from(end + "I", parts, i * size)[0] != 3
               for i in range(n))


def small_stack():
    resource.setrlimit(resource.RLIMIT_STACK, (STACK, STACK))


def binary():
    return os.environ.get("WHERRY", os.path.join(TOP, "wherry"))


@lru_cache(None)
def version(program):
    wrap = os.environ.get("WRAP", "").split() if program == binary() else []
    return subprocess.run(wrap + [program, "-V"], capture_output=True,
                          text=True, check=False).stdout


@lru_cache(None)
def without(program):
    """The features that this program was built without."""
    m = re.search(r"^built without: (.*)", version(program), re.M)
    return m.group(1).split() if m else []


def needs(feature):
    """Skips the test if the program under test does not have that."""
    if feature in without(binary()):
        pytest.skip("built without " + feature)


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.text = out + err

    def __repr__(self):
        return "exit %d\n--- stdout\n%s\n--- stderr\n%s" % (
            self.code, self.out[-4000:], self.err[-4000:])


class Wherry:
    """One account between server (user) and a Maildir below `dir`.

    Options: general={}, account={}, local={}, remote={} are laid over the
    defaults; a value of None removes one."""

    def __init__(self, dir, server, user, sep=".", tls="imaps", **options):
        self.dir = str(dir)
        self.server = server
        self.user = user
        self.root = os.path.join(self.dir, "mail")
        self.metadata = os.path.join(self.dir, "state")
        self.conf = os.path.join(self.dir, "conf")
        self.home = os.path.join(self.dir, "home")
        os.makedirs(self.home, exist_ok=True)
        self.local = Maildir(self.root, sep)
        self.sep = sep
        self.tls = tls
        self.options = {"general": {}, "account": {}, "local": {},
                        "remote": {}}
        self.configure(**options)

    def configure(self, **options):
        for part, values in options.items():
            self.options[part].update(values)
        port, ssl, starttls = {
            "imaps": (self.server.tls_port, None, None),  # the defaults
            "starttls": (self.server.port, "no", "yes"),
            "plain": (self.server.port, "no", "no")}[self.tls]
        sections = [
            ("general", {"accounts": "Test", "metadata": self.metadata,
                         "ui": "basic", "fsync": "no"},
             self.options["general"]),
            ("Account Test", {"localrepository": "Here",
                              "remoterepository": "There"},
             self.options["account"]),
            ("Repository Here", {"type": "Maildir",
                                 "localfolders": self.root,
                                 "sep": self.sep}, self.options["local"]),
            ("Repository There", {"type": "IMAP", "remotehost": "localhost",
                                  "remoteport": port, "ssl": ssl,
                                  "starttls": starttls,
                                  "sslcacertfile": self.server.ca or None,
                                  "remoteuser": self.user,
                                  "remotepass": "secret"},
             self.options["remote"])]
        with open(self.conf, "w") as f:
            os.fchmod(f.fileno(), 0o600)
            for name, defaults, over in sections:
                f.write("[%s]\n" % name)
                for k, v in {**defaults, **over}.items():
                    if v is not None:
                        f.write("%s = %s\n" % (k, v))
                f.write("\n")

    def env(self):
        e = {"PATH": os.environ["PATH"], "HOME": self.home,
             "LC_ALL": "C.UTF-8"}
        for k in os.environ:
            if k.endswith("SAN_OPTIONS") or k.startswith("LLVM_"):
                e[k] = os.environ[k]
        return e

    def command(self, *args, conf=True):
        words = [binary()]
        if os.environ.get("WRAP"):
            words = os.environ["WRAP"].split() + words
        self.skip_without(args)
        if conf:
            words += ["-c", self.conf]
        return words + list(args)

    def skip_without(self, args):
        """What a test asks of the program, the program has to have."""
        if not without(binary()):
            return
        text = ""
        if os.path.exists(self.conf):
            with open(self.conf, encoding="utf-8", errors="replace") as f:
                text = f.read()
        for feature, asked in (
                ("stats", "--stats" in args),
                ("show-cert", "show-cert" in args),
                ("help", "-h" in args or "--help" in args),
                ("folderfilter", "\nfolderfilter" in text),
                ("remotepasscmd", "\nremotepasscmd" in text),
                ("cram-md5", "CRAM-MD5" in text)):
            if asked:
                needs(feature)

    def start(self, *args, conf=True, prefix=()):
        words = list(prefix) + self.command(*args, conf=conf)
        small = is_static(binary()) and not os.environ.get("WRAP")
        if small and words[0] == "strace":  # needs more itself
            where = next(i for i, x in enumerate(words) if x == binary() or
                         os.path.basename(x) == "nosys")
            words[where:where] = ["prlimit", "--stack=%d" % STACK]
            small = False
        env = self.env()
        if "strace" in words:  # a process cannot be traced twice
            env["ASAN_OPTIONS"] = "detect_leaks=0"
        return subprocess.Popen(
            words, preexec_fn=small_stack if small else None,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=env, cwd=self.dir,
            start_new_session=True)

    @staticmethod
    def finish(p, timeout=120):
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            out, err = p.communicate()
            raise AssertionError("still running after %s s\n%s" % (
                timeout, Result(-9, out.decode(errors="replace"),
                                err.decode(errors="replace"))))
        return Result(p.returncode, out.decode(errors="replace"),
                      err.decode(errors="replace"))

    def run(self, *args, code=OK, timeout=120, conf=True, prefix=()):
        """Runs once and checks the exit code; code=None: any of ours."""
        p = self.start(*args, conf=conf, prefix=prefix)
        r = self.finish(p, timeout)
        if code is None:
            assert r.code >= 0, r
        elif isinstance(code, tuple):
            assert r.code in code, r
        else:
            assert r.code == code, r
        for line in r.text.splitlines():
            assert "secret" not in line or "remotepass" in line, line
        return r

    def sync(self, *args, **more):
        """Runs until exit 0, and both sides are the same."""
        r = self.run(*args, **more)
        self.check()
        return r

    def check(self):
        same(self.remote(), self.local.snapshot())
        assert self.local.leftovers() == []

    def remote(self):
        with Box(self.server, self.user) as b:
            return b.snapshot()

    def box(self):
        return Box(self.server, self.user)

    def quiet(self, *args):
        """A run that must change nothing anywhere."""
        with self.box() as b:
            before = b.marks()
        files = self.local.marks()
        mark = self.server.log_mark()
        r = self.run(*args)
        cost = self.server.cost(self.user, mark)
        with self.box() as b:
            assert b.marks() == before
        assert self.local.marks() == files
        assert (cost["bodies"], cost["appended"], cost["expunged"]) == (
            0, 0, 0), cost
        return r


def beside(a, b, name="Test2"):
    """Both accounts in the configuration of the first, that of b as name."""
    with open(b.conf) as f:
        other = f.read()
    other = other[other.index("[Account"):]
    for word in ("Test", "Here", "There"):
        other = other.replace(word, word + name[4:])
    with open(a.conf) as f:
        text = f.read()
    with open(a.conf, "w") as f:
        f.write(re.sub("(?m)^(accounts = .*)", r"\1, " + name, text) + other)


def number(text, *words):
    """The number that stands before or after the words in --stats."""
    for line in text.splitlines():
        if all(w in line.lower() for w in words):
            m = re.search(r"\d[\d,]*", line)
            if m:
                return int(m.group(0).replace(",", ""))
    return None

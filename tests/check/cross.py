#!/usr/bin/python3
"""What the build promises, checked without and with building.

	cross.py flags        CC, CFLAGS and so on are honoured, nothing is added
	cross.py sources      apt sources of both formats become deb-src lines
	cross.py same [TLS]   two static builds in different folders are the same
	cross.py dist         the release's source archive: the same, complete
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def run(*words, cwd=TOP, **env):
    clean = {k: v for k, v in os.environ.items()
             if not k.startswith("MAKE") and k != "MFLAGS"}
    r = subprocess.run(words, cwd=cwd, env={**clean, **env},
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True)
    if r.returncode != 0:
        sys.exit("%s:\n%s" % (" ".join(words), r.stdout[-3000:]))
    return r.stdout


def expect(true, what):
    if not true:
        sys.exit(what)


def flags():
    """As a distribution calls make: its words and no others."""
    out = run("make", "-n", "VARIANT=flags-check", "CC=their-cc",
              "CFLAGS=-Dtheir_cflags", "CPPFLAGS=-Dtheir_cppflags",
              "LDFLAGS=-Ltheir_ldflags", "LIBS=-ltheirs", "DESTDIR=/their",
              "PREFIX=/usr", "all", "install")
    lines = re.sub(r"\\\n", " ", out).splitlines()
    compile = [l for l in lines if " -c " in l and "their-cc" in l]
    link = [l for l in lines if l.startswith("their-cc") and " -c " not in l]
    expect(len(compile) > 40, "make -n compiles %d files" % len(compile))
    expect(len(link) == 1, "make -n links %d programs" % len(link))
    for l in compile:
        expect("-Dtheir_cflags" in l and "-Dtheir_cppflags" in l,
               "flags are not honoured: " + l)
    for w in ("-Dtheir_cflags", "-Ltheir_ldflags", "-ltheirs"):
        expect(w in link[0], "%s is not honoured: %s" % (w, link[0]))
    expect("-lmbed" not in link[0], "LIBS is not replaced: " + link[0])
    for l in compile + link:
        expect(not re.search(r" (-O\w*|-g\w*|-s|-march\S*|-static)( |$)", l),
               "a flag of ours is added: " + l)
    expect(not re.search(r"\bstrip\b|install[^\n]* -s ", out),
           "something is stripped")
    expect("/their/usr/bin/wherry" in out, "DESTDIR and PREFIX")


def sources():
    """Lines and paragraphs, with what is to be left out."""
    with tempfile.TemporaryDirectory() as d:
        old, new = os.path.join(d, "a.list"), os.path.join(d, "b.sources")
        with open(old, "w") as f:
            f.write("# deb http://no/ bookworm main\n"
                    "deb [arch=amd64 signed-by=/k.gpg] http://one/debian "
                    "bookworm main contrib # x\n"
                    "deb-src http://one/debian bookworm-updates main\n"
                    "deb http://sec/debian-security bookworm-security main\n"
                    "deb http://other/x cloud-sdk-bookworm main\n"
                    "deb http://nonfree/debian bookworm contrib\n"
                    "deb cdrom:[Debian]/ bookworm main\n")
        with open(new, "w") as f:
            f.write("Types: deb\nURIs: http://two/debian\n http://three/d\n"
                    "Suites: bookworm bookworm-updates\n# c\n"
                    "Components: main\nSigned-By: /k2.gpg\n\n"
                    "Types: deb\nEnabled: no\nURIs: http://off/\n"
                    "Suites: bookworm\nComponents: main\n\n"
                    "Types: deb\nURIs: http://inline/\nSuites: stable\n"
                    "Components: main\nSigned-By:\n -----BEGIN PGP\n .\n"
                    " abc\n")
        got = run("awk", "-v", "own=bookworm", "-v", "want=bookworm trixie",
                  "-f", "cross/sources.awk", old, new).splitlines()
    want = []
    for where in ("[signed-by=/k.gpg] http://one/debian",
                  "[signed-by=/k2.gpg] http://two/debian",
                  "[signed-by=/k2.gpg] http://three/d", "http://inline/"):
        for suite in ("bookworm", "trixie"):
            want.append("deb-src %s %s main" % (where, suite))
    expect(got == want, "wanted\n%s\ngot\n%s" % ("\n".join(want),
                                                 "\n".join(got)))


def copy(to):
    """The tree without what was built."""
    shutil.copytree(TOP, to, ignore=shutil.ignore_patterns(
        "build", "dist", ".git", "__pycache__", ".config", "demo-data"))
    os.path.exists(os.path.join(to, "wherry")) and os.unlink(
        os.path.join(to, "wherry"))


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def same(tls="bearssl"):
    """Other folder for the tree and, for one of them, for the cache too, so
    that libc and the library are built again."""
    cache = os.environ.get("CACHE", os.path.join(TOP, "build", "cache"))
    sums = []
    with tempfile.TemporaryDirectory() as d:
        for name in ("a", "some/what/longer"):
            tree = os.path.join(d, name, "tree")
            copy(tree)
            env = {"CACHE": cache}
            if name != "a":
                env["CACHE"] = os.path.join(d, "cache")
                shutil.copytree(os.path.join(cache, "src"),
                                os.path.join(d, "cache", "src"))
            run("cross/build.sh", "x86_64", tls, cwd=tree, **env)
            sums.append(digest(os.path.join(
                tree, "build", "x86_64-" + tls, "wherry-stripped")))
    expect(sums[0] == sums[1], "two builds of %s differ" % tls)


def dist():
    """No program in it: the archive alone, made twice."""
    sums = []
    with tempfile.TemporaryDirectory() as d:
        for name in ("a", "b"):
            tree = os.path.join(d, name)
            copy(tree)
            run("cross/dist.sh", cwd=tree, TARGETS=" ")
            made = os.listdir(os.path.join(tree, "dist"))
            expect(len(made) == 2 and "SHA256SUMS" in made, str(made))
            made.remove("SHA256SUMS")
            path = os.path.join(tree, "dist", made[0])
            sums.append(digest(path))
        run("tar", "-xzf", path, "-C", d)
        top = os.path.join(d, made[0][:-len(".tar.gz")])
        for f in ("Makefile", "config.h", "src/app/main.c", "LICENSE",
                  "cross/build.sh", "tests/run-check.sh"):
            expect(os.path.exists(os.path.join(top, f)), "no " + f)
        expect(os.access(os.path.join(top, "cross/build.sh"), os.X_OK),
               "cross/build.sh is not executable")
        expect(not os.path.exists(os.path.join(top, "build")), "build")
    expect(sums[0] == sums[1], "two source archives differ")


if __name__ == "__main__":
    {"flags": flags, "sources": sources, "same": same, "dist": dist}[
        sys.argv[1]](*sys.argv[2:])

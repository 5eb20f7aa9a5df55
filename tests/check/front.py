#!/usr/bin/python3
"""The targets of Kconfig, with every front end that is installed here.

What a front end writes for a preset is that preset: config/overrides.sh makes
the same of both, together with the defaults of config.h. savedefconfig gives
the preset back. Without a front end each target says which package to install.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
PRESETS = {"defconfig": "nas", "nasconfig": "nas", "tinyconfig": "tiny",
           "routerconfig": "router", "fullconfig": "full"}


def values(top, config):
    """What config.h comes to with this .config."""
    header = os.path.join(top, "o.h")
    with open(header, "w", encoding="utf-8") as f:
        subprocess.run([os.path.join(top, "config/overrides.sh"), config],
                       check=True, stdout=f)
    out = subprocess.run(["cc", "-dM", "-E", "-include", header,
                          os.path.join(top, "config.h")], check=True,
                         capture_output=True, text=True).stdout
    return dict(re.findall(r"#define (CFG_\w+) (.*)", out))


def front(top, target, path):
    return subprocess.run([os.path.join(top, "config/front.sh"), target],
                          capture_output=True, text=True, check=False,
                          env={**os.environ, "PATH": path,
                               "PYTHON": os.environ["PYTHON"]})


def one(top, target, path):
    r = front(top, target, path)
    config = os.path.join(top, ".config")
    if r.returncode or ".config: as" not in r.stdout:
        return "exit %d: %s%s" % (r.returncode, r.stdout, r.stderr)
    got = values(top, config)
    if target in PRESETS:
        want = values(top, os.path.join(
            top, "config", PRESETS[target] + ".config"))
    else:
        want = dict(got, **{n: "1" if target == "allyesconfig" else "0"
                            for n in switches(top)})
    wrong = ["%s is %s" % (k, v) for k, v in got.items() if want[k] != v]
    if wrong:
        return ", ".join(wrong)
    r = front(top, "savedefconfig", path)
    saved = os.path.join(top, "defconfig")
    if r.returncode or values(top, saved) != got:
        return "savedefconfig does not give it back"
    return None


def switches(top):
    """Features that stand outside a choice."""
    with open(os.path.join(top, "Kconfig"), encoding="utf-8") as f:
        text = re.sub(r"^choice$.*?^endchoice$", "", f.read(),
                      flags=re.S | re.M)
    return re.findall(r"^config (\w+)\n\tbool", text, re.M)


def paths(top):
    """{name of a front end: a PATH and a python that have only that}."""
    bare = os.path.join(top, "bin")
    os.mkdir(bare)
    for tool in ("sh", "awk", "env", "cat", "dirname"):
        os.symlink(shutil.which(tool), os.path.join(bare, tool))
    if shutil.which("kconfig-conf"):
        yield "kconfig-frontends", os.environ["PATH"], "false"
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import kconfiglib"], check=False,
                      stderr=subprocess.DEVNULL).returncode == 0:
        yield "kconfiglib", bare, python
    yield "none", bare, "false"


def main():
    passed, bad = 0, []
    with tempfile.TemporaryDirectory() as top:
        for name in ("config", "Kconfig", "config.h"):
            where = os.path.join(TOP, name)
            (shutil.copytree if os.path.isdir(where) else shutil.copy)(
                where, os.path.join(top, name))
        for name, path, python in paths(top):
            os.environ["PYTHON"] = python
            for target in [*PRESETS, "allyesconfig", "allnoconfig"]:
                if name == "none":
                    r = front(top, target, path)
                    said = "" if r.returncode == 69 and not r.stdout and \
                        "kconfig-frontends-nox" in r.stderr and \
                        r.stderr.count("\n") == 1 else r.stderr or "nothing"
                else:
                    said = one(top, target, path)
                passed += not said
                if said:
                    bad.append("%s: %s: %s" % (name, target, said))
    for line in bad:
        print("not ok", line)
    print("%d passed, %d failed" % (passed, len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

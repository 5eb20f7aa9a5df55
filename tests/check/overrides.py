#!/usr/bin/python3
"""config/overrides.sh turns a .config into the right header, or says why not.

Each case is a .config and what the preprocessor makes of it with config.h, or
the lines of the refusal. The Kconfig of the cases is a small one of their own
(a copy of the script stands beside it), so that they outlive any knob.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

KCONFIG = """\
menu "Numbers"
config CFG_N
\tint "A number"
\trange 1 100
\tdefault 10
\thelp
\t  A number; no word of its help counts, not even these:
\t  range 1 2
\t  config CFG_HELP
\t  choice

config CFG_M
\tint "Bounded by another"
\trange 2 CFG_N
\tdefault 5
endmenu

config CFG_P
\tbool "A parent"
\tdefault y

config CFG_C
\tbool "Its child"
\tdepends on CFG_P
\tdefault y

choice
\tprompt "One of these"
\tdefault CFG_ONE
config CFG_ONE
\tbool "One"
config CFG_TWO
\tbool "Two"
endchoice

config CFG_Q
\tbool "Behind the choice"
"""
GOOD = [
    ("", ""),
    ("# a remark\n#\n\n#CFG_N=7\n", ""),
    ("CFG_N=7\n", "CFG_N 7"),
    ("CFG_N=007\r\n", "CFG_N 7"),
    ("CFG_N=1  \n", "CFG_N 1"),
    ("CFG_N=100", "CFG_N 100"),
    ("CFG_P=y\n", "CFG_P 1"),
    ("CFG_P=n\n", "CFG_P 0 CFG_C 0"),
    ("# CFG_P is not set\n", "CFG_P 0 CFG_C 0"),
    ("# CFG_P is not set\nCFG_C=y\n", "CFG_P 0 CFG_C 1"),
    ("# CFG_C is not set\n", "CFG_C 0"),
    ("CFG_ONE=y\n# CFG_TWO is not set\n", "CFG_ONE 1 CFG_TWO 0"),
    ("CFG_TWO=y\n", "CFG_ONE 0 CFG_TWO 1"),
    ("CFG_Q=y\n", "CFG_Q 1"),
    ("CFG_M=20\nCFG_N=20\n", "CFG_N 20 CFG_M 20"),
    ("CFG_M=10\n", "CFG_M 10"),
]
BAD = [
    ("CFG_N=0\n", "1: CFG_N must be 1 to 100, not 0"),
    ("\nCFG_N=101\n", "2: CFG_N must be 1 to 100, not 101"),
    ("CFG_N=-1\n", "1: CFG_N must be 1 to 100, not -1"),
    ("CFG_N=99999999999\n", "1: CFG_N: 99999999999 has more digits"),
    ("CFG_M=11\n", "1: CFG_M must be 2 to 10, not 11"),
    ("CFG_M=6\nCFG_N=5\n", "1: CFG_M must be 2 to 5, not 6"),
    ("CFG_N=\"7\"\n", "1: CFG_N is a number, not a string"),
    ("CFG_N=0x7\n", "1: CFG_N: write 0x7 as a decimal number"),
    ("CFG_N=7k\n", "1: CFG_N is a number, not 7k"),
    ("CFG_N=y\n", "1: CFG_N is a number, not y"),
    ("CFG_N=7 # seven\n", "1: CFG_N is a number, not 7 # seven"),
    ("# CFG_N is not set\n", "1: CFG_N is a number and cannot be unset"),
    ("CFG_P=1\n", "1: CFG_P is y or n, not 1"),
    ("CFG_P=m\n", "1: CFG_P is y or n, not m"),
    ("CFG_P=\"y\"\n", "1: CFG_P is y or n, not \"y\""),
    ("CFG_P=y\nCFG_P=n\n", "2: CFG_P stands in line 1 already"),
    ("CFG_ONE=y\nCFG_TWO=y\n", "2: CFG_TWO and CFG_ONE exclude each other"),
    ("CFG_NO=y\n", "1: there is no knob CFG_NO"),
    ("# CFG_NO is not set\n", "1: there is no knob CFG_NO"),
    ("CONFIG_CFG_N=7\n", "1: there is no knob CONFIG_CFG_N"),
    ("N=7\n", "1: there is no knob N"),
    ("CFG_N =7\n", "1: not CFG_X=y, CFG_X=number"),
    ("CFG_N=\n", "1: not CFG_X=y, CFG_X=number"),
    (" CFG_N=7\n", "1: not CFG_X=y, CFG_X=number"),
    ("CFG_N 7\n", "1: not CFG_X=y, CFG_X=number"),
    ("CFG_N=7\nrubbish\nCFG_N=8\n", "2: not CFG_X=y, CFG_X=number"),
    ("#define CFG_N 7\nCFG_A=7\n", "2: there is no knob CFG_A"),
]


def run(top, text):
    path = os.path.join(top, "x.config")
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    return subprocess.run([os.path.join(top, "config/overrides.sh"), path],
                          capture_output=True, text=True, check=False)


def good(top, text, want):
    r = run(top, text)
    got = " ".join(re.findall(r"#define (CFG_\w+ \d+)", r.stdout))
    guards = len(re.findall(r"#ifndef", r.stdout))
    if r.returncode or got != want or guards != len(want.split()) // 2:
        return "%r gave %r, %s" % (text, got, r.stderr)
    return None


def bad(top, text, want):
    r = run(top, text)
    where = os.path.join(top, "x.config") + ":"
    if r.returncode == 0 or r.stdout or where + want not in r.stderr:
        return "%r: said %r, not %r" % (text, r.stderr, want)
    return None


def main():
    found = []
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(os.path.join(top, "config"))
        shutil.copy(os.path.join(TOP, "config/overrides.sh"),
                    os.path.join(top, "config"))
        with open(os.path.join(top, "Kconfig"), "w", encoding="utf-8") as f:
            f.write(KCONFIG)
        for text, want in GOOD:
            found.append(good(top, text, want))
        for text, want in BAD:
            found.append(bad(top, text, want))
        r = run(top, "CFG_N=0\nCFG_P=z\nrubbish\n")
        found.append(None if len(r.stderr.split("\n")) == 4 else
                     "not all faults are told: " + r.stderr)
    for line in filter(None, found):
        print("not ok", line)
    failed = sum(f is not None for f in found)
    print("%d passed, %d failed" % (len(found) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""The tables of README.md that are measured, between two marks each:

	<!-- figures NAME --> ... <!-- end -->

	figures.py          writes them (make figures builds and measures first)
	figures.py --check  the memory table is what ./wherry -V prints (with the
	                    mbedTLS 2.28 of Debian 12), and the table of sizes has a row for each build, within its
	                    budget (sizes differ from compiler to compiler)
"""
import os
import re
import subprocess
import sys

import size

README = os.path.join(size.TOP, "README.md")
PRESETS = ("router", "nas")
LIBRARIES = (("mbedtls", "mbedTLS 3.6"), ("bearssl", "BearSSL"))


def memory():
    """The table of wherry -V as it stands in README.md; "" if this is not
    the build that it is about: other libraries need other memory."""
    out = subprocess.run([os.path.join(size.TOP, "wherry"), "-V"],
                         capture_output=True, text=True, check=True).stdout
    if " 2.28" not in out.split("\n")[0]:
        return ""
    table = out[out.index("    bytes  object"):].rstrip().split("\n")
    return "\n".join("    " + line for line in table)


def run(name, what):
    """(peak, private dirty) in KiB of the last measured run."""
    path = os.path.join(size.folder(name), "run-%s.txt" % what)
    with open(path) as f:
        m = re.search(r"peak (\d+) KiB, private dirty (\d+) KiB", f.read())
    return int(m.group(1)), int(m.group(2))


def sizes():
    lines = ["| preset | TLS library | program, KiB | its table, KiB | peak, "
             "KiB | of it its own, KiB |", "|---|---|---|---|---|---|"]
    for preset in PRESETS:
        for library, title in LIBRARIES:
            name = "x86_64-%s-%s" % (library, preset)
            got = size.look(name)
            most = [max(n) for n in zip(*(run(name, w) for w in (
                "100000-messages", "200-MiB-message")))]
            lines.append("| %s | %s | %d | %d | %d | %d |" % (
                preset, title, -(-got["stripped"] // 1024),
                -(-got["table"] // 1024), *most))
    return "\n".join(lines)


def blocks(text):
    return {m.group(1): m.group(2) for m in re.finditer(
        r"<!-- figures (\w+) -->\n\n?(.*?)\n\n?<!-- end -->", text, re.S)}


def put(text, name, table):
    new, n = re.subn(r"(<!-- figures %s -->\n).*?(<!-- end -->)" % name,
                     lambda m: "%s\n%s\n\n%s" % (m.group(1), table,
                                                 m.group(2)), text,
                     flags=re.S)
    if n != 1:
        raise SystemExit("README.md has %d blocks \"%s\"" % (n, name))
    return new


def check(text):
    """What is wrong with README.md."""
    have = blocks(text)
    bad = []
    if have.get("memory") != (memory() or have.get("memory", "")):
        bad.append("README.md: the memory table is not what wherry -V "
                   "prints: make figures")
    want = [(p, t) for p in PRESETS for _, t in LIBRARIES]
    cells = [[c.strip() for c in line.strip("|").split("|")]
             for line in have.get("sizes", "").split("\n")[2:]]
    if [tuple(c[:2]) for c in cells] != want:
        return bad + ["README.md: the table of sizes has other rows than %s: "
                      "make figures" % want]
    for (preset, _), row, (library, _) in zip(want, cells, 2 * LIBRARIES):
        limits = size.budget("x86_64-%s-%s" % (library, preset))
        for number, column in zip(row[2:], ("stripped", "table", "peak",
                                            "dirty")):
            if not number.isdigit() or not (
                    0 < int(number) * 1024 < limits[column] + 1024):
                bad.append("README.md: %s %s, %s: %s is not within the "
                           "budget" % (*row[:2], column, number))
    return bad


def main(args):
    with open(README, encoding="utf-8") as f:
        text = f.read()
    if args == ["--check"]:
        bad = check(text)
        print("\n".join(bad) or "ok")
        return 1 if bad else 0
    if memory():
        text = put(text, "memory", memory())
    text = put(text, "sizes", sizes())
    with open(README, "w", encoding="utf-8") as f:
        f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

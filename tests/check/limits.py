#!/usr/bin/python3
"""Every knob of config.h is told where people look for it, and alike.

For each CFG_ knob: its default stands on its line of doc/LIMITS.md; Kconfig
has it with the same default, the same sentences as help, and a range that
config.h enforces; and what either of them names exists. Tests that LIMITS.md
points at exist, too.

	limits.py         the files of this tree
	limits.py DIR     those of another (the checks are tested with damaged
	                  copies: limits.py --self-test)
"""
import os
import re
import shutil
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def read(top, name):
    with open(os.path.join(top, name), encoding="utf-8") as f:
        return f.read()


def plain(text):
    return " ".join(text.split())


def knobs(text):
    """{name: (default, comment)}; knobs behind one comment share it."""
    out, comment = {}, ""
    for m in re.finditer(r"/\*(.*?)\*/|#ifndef (CFG_\w+)\n"
                         r"#define (CFG_\w+) +(\S+)\n#endif", text, re.S):
        if m.group(2) is None:
            comment = plain(re.sub(r"\n \*", "\n", m.group(1)))
        elif m.group(2) == m.group(3):
            out[m.group(2)] = (m.group(4), comment)
    return out


def enforced(text):
    """{name: (least, most or None)} from "#if X < a || X > b"."""
    out = {}
    for m in re.finditer(r"#if (CFG_\w+) < (\d+)(?: \|\| \1 > (\d+|CFG_\w+))?"
                         r"\n#error", text):
        out[m.group(1)] = (m.group(2), m.group(3))
    return out


def entries(text):
    """{name: {default, range, help}} of a Kconfig file."""
    out = {}
    for part in re.split(r"^(?=config )", text, flags=re.M)[1:]:
        name = part.split()[1]
        e = {"default": None, "range": None, "help": ""}
        lines = part.split("\n")
        for i, line in enumerate(lines[1:], 1):
            words = line.split()
            if words[:1] == ["default"]:
                e["default"] = words[1]
            elif words[:1] == ["range"]:
                e["range"] = (words[1], words[2])
            elif words[:1] == ["help"]:
                body = []
                for more in lines[i + 1:]:
                    if more.strip() and not more.startswith("\t  "):
                        break
                    body.append(more)
                e["help"] = plain("\n".join(body))
                break
        out[name] = e
    return out


def rows(text):
    """{knob: [cells]}, of the lines of tables that begin with a knob."""
    out = {}
    for line in text.split("\n"):
        m = re.match(r"\| `(CFG_\w+)` \|", line)
        if m:
            out.setdefault(m.group(1), []).append(
                [c.strip() for c in line.strip("|").split(" | ")])
    return out


def check_knob(name, default, comment, kconfig, limits, forced):
    bad = []
    e = kconfig.get(name)
    if e is None:
        bad.append("no entry in Kconfig")
    else:
        if e["default"] != default:
            bad.append("Kconfig says %s, config.h %s" % (
                e["default"], default))
        if e["help"] != comment:
            bad.append("help of Kconfig is not the comment of config.h:\n"
                       "    %s\n    %s" % (e["help"], comment))
        least, most = forced.get(name, (None, None))
        if least and (not e["range"] or e["range"][0] != least or
                      (most and e["range"][1] != most)):
            bad.append("Kconfig has range %s, config.h enforces %s to %s" % (
                e["range"], least, most))
    mine = limits.get(name, [])
    if len(mine) != 1:
        bad.append("%d rows in doc/LIMITS.md" % len(mine))
    elif mine[0][1].replace(",", "") != default:
        bad.append("doc/LIMITS.md says %s, config.h %s" % (
            mine[0][1], default))
    elif len(mine[0]) < 4 or not all(mine[0]):
        bad.append("its row in doc/LIMITS.md is not complete")
    return bad


def check_pointers(top, text):
    """`test_x.c: name` and `test_x.py: name` are there."""
    for path, names in re.findall(r"`(test_\w+\.(?:c|py)): ([\w, ]+)`", text):
        where = "tests/e2e/" if path.endswith(".py") else "tests/unit/"
        full = os.path.join(top, where + path)
        code = read(top, where + path) if os.path.exists(full) else ""
        for name in names.split(", "):
            found = re.search(r"^(?:def )?%s\(" % re.escape(name), code,
                              re.M)
            yield "%s: %s" % (path, name), (
                [] if found else ["there is no such test"])


def check(top, say=print):
    config = read(top, "config.h")
    limits_text = read(top, "doc/LIMITS.md")
    known, forced = knobs(config), enforced(config)
    kconfig, limits = entries(read(top, "Kconfig")), rows(limits_text)
    results = [(n, check_knob(n, d, c, kconfig, limits, forced))
               for n, (d, c) in known.items()]
    for name in sorted(set(re.findall(r"#ifndef (CFG_\w+)", config)) -
                       set(known)):
        results.append((name, ["its definition is not understood"]))
    for name in sorted((set(kconfig) | set(limits)) - set(known)):
        results.append((name, ["config.h does not have it"]))
    for name in sorted(set(re.findall(r"\bCFG_\w+", limits_text)) -
                       set(known) - set(limits)):
        results.append((name, ["doc/LIMITS.md names it, config.h does not"]))
    results += check_pointers(top, limits_text)
    failed = 0
    for name, bad in results:
        failed += bool(bad)
        for line in bad:
            say("not ok %s: %s" % (name, line))
    return len(results) - failed, failed


DAMAGES = [
    ("config.h", r"#define CFG_RING \d+", "#define CFG_RING 7"),
    ("config.h", r"/\* Windows of the", "/* Panes of the"),
    ("config.h", r"#ifndef CFG_RING", "#ifndef CFG_NEW\n#define CFG_NEW 1\n"
     "#endif\n#ifndef CFG_RING"),
    ("config.h", r"CFG_WINDOWS > 16", "CFG_WINDOWS > 17"),
    ("Kconfig", r"config CFG_RING", "config CFG_RINGS"),
    ("Kconfig", r"default 16384\b|default 8192\b", "default 8193"),
    ("doc/LIMITS.md", r"\| `CFG_VALUE` \|", "| `CFG_VALUES` |"),
    ("doc/LIMITS.md", r"\| `CFG_VALUE` \| 8192", "| `CFG_VALUE` | 8191"),
    ("doc/LIMITS.md", r"test_conf\.c: limits", "test_conf.c: no_such_test"),
]


def self_test():
    """Each damage to a good copy must be found."""
    failed = 0
    for name, pattern, new in DAMAGES:
        with tempfile.TemporaryDirectory() as d:
            for part in ("config.h", "Kconfig"):
                shutil.copy(os.path.join(TOP, part), d)
            for part in ("doc", "tests"):
                shutil.copytree(os.path.join(TOP, part),
                                os.path.join(d, part),
                                ignore=shutil.ignore_patterns("corpus"))
            text = read(d, name)
            hurt = re.sub(pattern, new, text, count=1)
            with open(os.path.join(d, name), "w", encoding="utf-8") as f:
                f.write(hurt)
            before = check(TOP, say=lambda _: None)[1]
            after = check(d, say=lambda _: None)[1]
            if hurt == text or after <= before:
                failed += 1
                print("not ok self-test: %s: %s was not found" % (
                    name, new.split("\n")[0]))
    return len(DAMAGES) - failed, failed


def main(args):
    if args == ["--self-test"]:
        passed, failed = self_test()
    elif args:
        passed, failed = check(args[0])
    else:
        passed, failed = (a + b for a, b in zip(check(TOP), self_test()))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

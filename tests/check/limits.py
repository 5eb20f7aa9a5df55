#!/usr/bin/python3
"""Every knob of config.h is told where people look for it, and alike.

For each CFG_ knob: its default stands on its line of doc/LIMITS.md; Kconfig
has it with the same default, the same sentences as help, and a range that
config.h enforces (a number) or as a switch that config.h holds to 0 and 1; and
what either of them names exists. A preset, config/*.config, names what there
is, within its range. Tests that LIMITS.md points at exist, too.

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


def switches(text):
    """Names that config.h holds to 0 and 1."""
    m = re.search(r"#if \(([^)]*)\) & ~1\n#error", text)
    return re.findall(r"CFG_\w+", m.group(1)) if m else []


def choices(text):
    """{member: is it the default} of the choices of a Kconfig file."""
    out = {}
    for part in re.findall(r"^choice$(.*?)^endchoice$", text, re.S | re.M):
        first = re.search(r"^\tdefault (\w+)$", part, re.M).group(1)
        for name in re.findall(r"^config (\w+)$", part, re.M):
            out[name] = name == first
    return out


def entries(text):
    """{name: {type, default, range, depends, help}} of a Kconfig file."""
    out, chosen = {}, choices(text)
    for part in re.split(r"^(?=config )", text, flags=re.M)[1:]:
        name = part.split()[1]
        e = {"type": None, "default": None, "range": None, "depends": None,
             "help": ""}
        lines = part.split("\n")
        for i, line in enumerate(lines[1:], 1):
            words = line.split()
            if words[:1] in (["bool"], ["int"]):
                e["type"] = words[0]
            elif words[:2] == ["depends", "on"]:
                e["depends"] = words[2]
            elif words[:1] == ["default"]:
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
        if e["type"] == "bool":
            on = chosen.get(name, e["default"] == "y")
            e["default"] = "1" if on else "0"
        out[name] = e
    return out


def presets(top):
    """{name: [(line number, knob, value)]} of config/*.config."""
    out = {}
    for name in sorted(os.listdir(os.path.join(top, "config"))):
        if not name.endswith(".config"):
            continue
        out[name] = []
        lines = read(top, "config/" + name).split("\n")
        for number, line in enumerate(lines, 1):
            m = re.match(r"(?:# )?(\w+)(?:=(\w+)| is not set)$", line)
            if m and (line[0] != "#" or m.group(2) is None):
                out[name].append((number, m.group(1), m.group(2) or "n"))
    return out


def check_preset(lines, known, kconfig):
    for number, name, value in lines:
        e = kconfig.get(name)
        if e is None or name not in known:
            yield "line %d: there is no %s" % (number, name)
        elif e["type"] == "bool":
            if value not in "yn":
                yield "line %d: %s is a switch" % (number, name)
        elif not value.isdigit():
            yield "line %d: %s is a number" % (number, name)
        elif not int(e["range"][0]) <= int(value) or (
                e["range"][1].isdigit() and
                int(value) > int(e["range"][1])):
            yield "line %d: %s is out of range" % (number, name)


def check_type(name, e, forced, held, kconfig):
    if e["type"] == "bool":
        if name not in held:
            yield "config.h does not hold it to 0 and 1"
        if e["range"]:
            yield "a switch has no range"
    elif e["type"] == "int":
        least, most = forced.get(name, (None, None))
        if not e["range"] or e["range"] != (least, most):
            yield "Kconfig has range %s, config.h enforces %s to %s" % (
                e["range"], least, most)
    else:
        yield "Kconfig gives no type"
    on = e["depends"]
    if on and kconfig.get(on, {}).get("type") != "bool":
        yield "depends on %s, which is no switch" % on


def rows(text):
    """{knob: [cells]}, of the lines of tables that begin with a knob."""
    out = {}
    for line in text.split("\n"):
        m = re.match(r"\| `(CFG_\w+)` \|", line)
        if m:
            out.setdefault(m.group(1), []).append(
                [c.strip() for c in line.strip("|").split(" | ")])
    return out


def check_knob(name, default, comment, kconfig, limits, forced, held):
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
        bad += check_type(name, e, forced, held, kconfig)
    mine = limits.get(name, [])
    if len(mine) != 1:
        bad.append("%d rows in doc/LIMITS.md" % len(mine))
    elif {"y": "1", "n": "0"}.get(mine[0][1], mine[0][1]) != default:
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
    held = switches(config)
    results = [(n, check_knob(n, d, c, kconfig, limits, forced, held))
               for n, (d, c) in known.items()]
    results += [(n, ["config.h does not define it"])
                for n in held if n not in known]
    for name, lines in presets(top).items():
        results.append((name, list(check_preset(lines, known, kconfig))))
    if set(presets(top)) != {n + ".config" for n in PRESETS}:
        results.append(("presets", ["there should be %s" % (PRESETS,)]))
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


PRESETS = ("full", "nas", "router", "tiny")
DAMAGES = [
    ("config.h", r"CFG_RING < 32", "CFG_RING < 31"),
    ("config.h", r"#define CFG_STATS 1", "#define CFG_STATS 0"),
    ("config.h", r"\| CFG_STATS", ""),
    ("config.h", r"#define CFG_TLS_NONE 0", "#define CFG_TLS_NONE 1"),
    ("Kconfig", r"default CFG_TLS_MBEDTLS", "default CFG_TLS_NONE"),
    ("Kconfig", r"depends on CFG_FILTERS", "depends on CFG_FILTER"),
    ("Kconfig", r"depends on CFG_FILTERS", "depends on CFG_SIEVES"),
    ("Kconfig", r"bool \"The option --stats\"", "tristate \"Stats\""),
    ("Kconfig", r"(--stats\"\n\tdefault) y", r"\1 n"),
    ("Kconfig", r"range 8 255", "range 8 256"),
    ("config/tiny.config", r"CFG_RING=", "CFG_RINGS="),
    ("config/tiny.config", r"CFG_RING=\d+", "CFG_RING=y"),
    ("config/tiny.config", r"CFG_RING=\d+", "CFG_RING=31"),
    ("config/tiny.config", r"CFG_WINDOWS=\d+", "CFG_WINDOWS=17"),
    ("config/tiny.config", r"# CFG_STATS is", "# CFG_STATISTICS is"),
    ("doc/LIMITS.md", r"\| `CFG_STATS` \| y", "| `CFG_STATS` | n"),
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
            for part in ("doc", "tests", "config"):
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

#!/usr/bin/python3
"""doc/SMALL.md's tables: what each knob, switch and preset saves, measured.

	small.py            prints them
	small.py --write    puts them into doc/SMALL.md

Built as for a small machine (-Os, sections, no debug, a shared TLS library),
with the tools of tests/check/flip.py. Text is what a stripped program has of
code and constants, memory its data and bss: what the machine gives at most.
"""
import concurrent.futures
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/check"))
import flip  # noqa: E402
import limits  # noqa: E402

FLAGS = ("CFLAGS=-Os -ffunction-sections -fdata-sections -fno-pie "
         "-fno-asynchronous-unwind-tables",
         "LDFLAGS=-Wl,--gc-sections -no-pie")
# What has to be less before a knob can be.
WITH = {"CFG_VALUE": "CFG_FILTER=4096\n"}


def measure(bench, text):
    """(text, memory) of a build with this .config."""
    header, wrong = flip.header_of(text)
    if wrong:
        raise flip.Failure(wrong)
    with open(os.path.join(TOP, flip.HEADER), "w", encoding="utf-8") as f:
        f.write(header)
    tls = flip.tls_of(text)
    if tls not in bench.commands:
        bench.commands[tls] = flip.Commands(tls, "all", FLAGS)
    todo = bench.commands[tls]
    with concurrent.futures.ThreadPoolExecutor(flip.WORKERS) as pool:
        objects = dict(zip(todo.objects, pool.map(bench.compile,
                                                  todo.objects.values())))
    (words,) = todo.programs.values()
    prog = flip.DIR + "/small"
    r = flip.run([*(objects.get(w, w) for w in words), "-o", prog])
    if r.returncode:
        raise flip.Failure(r.stderr)
    sizes = flip.run(["size", prog]).stdout.split("\n")[1].split()
    return int(sizes[0]), int(sizes[1]) + int(sizes[2])


def commas(n):
    return "{:,}".format(n)


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" + "---:|" * (len(head) - 1)
    for row in rows:
        yield "| " + " | ".join(str(c) for c in row) + " |"


def presets(bench):
    for name in ("tiny", "router", "nas", "full"):
        for tls in ("MBEDTLS", "BEARSSL", "NONE"):
            if not flip.there(tls.lower()):
                continue
            text = limits.read(TOP, "config/%s.config" % name)
            t, m = measure(bench, text + "\nCFG_TLS_%s=y\n" % tls)
            yield "`%s`" % name, tls.lower(), commas(t), commas(m)


def switches(bench, base):
    for name, text in flip.flips().items():
        if not name.endswith("=n"):
            continue
        t, m = measure(bench, text)
        yield "`%s`" % name[:-2], commas(base[0] - t), commas(base[1] - m)


def numbers(bench, base):
    kconfig = limits.entries(limits.read(TOP, "Kconfig"))
    for name, e in kconfig.items():
        if e["type"] != "int" or e["default"] == "0":
            continue
        value, mine, start = int(e["default"]), base, WITH.get(name, "")
        if value == 1:  # half of it is none: from 2
            value = 2
            start = "%s=2\n" % name
        if start:
            mine = measure(bench, start)
            start = WITH.get(name, "")
        least = max(int(e["range"][0]), value // 2)
        step = next((v for v in (least, value * 3 // 4, value * 7 // 8)
                     if v < value and
                     flip.header_of("%s%s=%d\n" % (start, name, v))[1]
                     is None), None)
        if step is None:
            yield "`%s`" % name, commas(value), "its least", "", ""
            continue
        saved = mine[1] - measure(bench, "%s%s=%d\n" % (
            start, name, step))[1]
        each = saved / (value - step)
        yield ("`%s`" % name, commas(value), commas(step), commas(saved),
               "%.1f" % each if each else "0")


def tables():
    bench = flip.Bench()
    base = measure(bench, "")
    yield "presets", table(("preset", "TLS", "text", "memory"),
                           presets(bench))
    yield "switches", table(("switch off", "text saved", "memory saved"),
                            switches(bench, base))
    yield "numbers", table(("knob", "from", "to", "memory saved",
                            "bytes for one"), numbers(bench, base))


def main(args):
    path = os.path.join(TOP, "doc/SMALL.md")
    with open(path, encoding="utf-8") as f:
        page = f.read()
    for name, lines in tables():
        text = "\n".join(lines)
        print(text + "\n", flush=True)
        page = re.sub(r"(<!-- %s -->\n).*?<!-- end -->" % name,
                      lambda m, t=text: m.group(1) + t + "\n<!-- end -->", page,
                      flags=re.S)
    if args == ["--write"]:
        with open(path, "w", encoding="utf-8") as f:
            f.write(page)


if __name__ == "__main__":
    main(sys.argv[1:])

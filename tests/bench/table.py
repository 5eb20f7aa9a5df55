"""What was measured, as text and as a figure."""
import os
import platform
import re

import aims
from figure import draw
from words import SCENARIOS, TITLES, place

def seconds(x):
    return "%.0f" % x if x >= 100 else "%.1f" % x if x >= 10 else "%.3f" % x


def size(n):
    for unit in ("B", "KB", "MB"):
        if n < 9999:
            return "%d %s" % (n, unit)
        n /= 1000
    return "%.1f GB" % n


def sentence(cell):
    """While it runs."""
    what = "%s %-14s %s %-16s" % (cell["set"], place(cell), cell["scenario"],
                                  TITLES[cell["client"]])
    if "over" in cell:
        return "%s more than %g s" % (what, cell["over"])
    if "wall" not in cell:
        return "%s failed" % what
    more = ""
    if "turns" in cell:
        more = "  %d turns (%d on one of %d connections), %s up, %s down" % (
            cell["turns"], cell["most_turns"], cell["connections"],
            size(cell["up"]), size(cell["down"]))
    if "inside" in cell:
        more += ", %s inside TLS" % size(cell["inside"])
    return "%s %8s s, cpu %s s, server %s s, %d KiB%s" % (
        what, seconds(cell["wall"]), seconds(cell["cpu"]),
        seconds(cell["server"]), cell["peak"], more)


def row(cell, reference):
    """Its columns."""
    head = [cell["set"], place(cell), SCENARIOS[cell["scenario"]],
            TITLES[cell["client"]]]
    if "over" in cell:
        return head + ["> %g" % cell["over"]] + [""] * 7
    if "wall" not in cell:
        return head + ["failed"] + [""] * 7
    ratio = ""
    if reference and cell["client"] != "mbsync":
        if "wall" in reference:
            ratio = "%.2f" % (reference["wall"] / cell["wall"])
        elif "over" in reference:
            ratio = "> %.1f" % (reference["over"] / cell["wall"])
    return head + [
        seconds(cell["wall"]), ratio, seconds(cell["cpu"]),
        "%.2f" % cell["server"], "%.1f" % (cell["peak"] / 1024),
        str(cell["turns"]) if "turns" in cell else "",
        size(cell["up"] + cell["down"]) if "up" in cell else "",
        size(cell["inside"]) if "inside" in cell else ""]


HEAD = ["set", "line", "scenario", "client", "wall s", "× mbsync", "CPU s",
        "server CPU s", "peak MiB", "turns", "on the wire", "inside TLS"]


def rows(cells):
    by = {(c["set"], place(c), c["scenario"], c["client"]): c for c in cells}
    out = []
    for key in dict.fromkeys(k[:3] for k in by):
        for client in TITLES:
            if key + (client,) in by:
                out.append(row(by[key + (client,)], by.get(
                    key + ("mbsync",))))
    return out


def text(cells):
    lines = [HEAD] + rows(cells)
    wide = [max(len(r[i]) for r in lines) for i in range(len(HEAD))]
    out, last = [], None
    for r in lines:
        if r[:3] != last:
            out += [""] if last and r[:2] != last[:2] else []
        last = r[:3]
        out.append("  ".join(
            c.ljust(w) if i < 4 else c.rjust(w)
            for i, (c, w) in enumerate(zip(r, wide))).rstrip())
    return "\n".join(out)


def short(cells):
    """For README.md: a row for each set, line and scenario, the seconds of
    every client, and what wherry gains."""
    names = [n for n in TITLES if any(c["client"] == n for c in cells)]
    lines = ["| | " + " | ".join(TITLES[n] for n in names) +
             " | × mbsync | turns: wherry, mbsync |",
             "|---" * (len(names) + 3) + "|"]
    by = {(c["set"], place(c), c["scenario"], c["client"]): c for c in cells}
    for key in dict.fromkeys(k[:3] for k in by):
        have = {n: by.get(key + (n,)) for n in names}
        r = {n: row(c, have.get("mbsync")) for n, c in have.items() if c}
        turns = ", ".join(r[n][9] or "–" for n in ("wherry", "mbsync")
                          if n in r) if any(
            r[n][9] for n in r) else ""
        lines.append("| %s, %s: %s | %s | %s | %s |" % (
            key[0], key[1], SCENARIOS[key[2]],
            " | ".join(r[n][4] if n in r else "" for n in names),
            r["wherry"][5] if "wherry" in r else "", turns))
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo") as f:
        m = re.search(r"model name\s*: (.*)", f.read())
    return {"cpu": m.group(1) if m else platform.machine(),
            "cores": os.cpu_count(), "kernel": platform.release(),
            "python": platform.python_version()}


def caption(facts):
    lines = ["%s, %d cores, Linux %s; %s." % (
        facts["cpu"], facts["cores"], facts["kernel"],
        ", ".join(facts["programs"])),
        "Sets: " + "; ".join(facts["sets"]) + ".",
        "× mbsync: how many times as fast as mbsync without COMPRESS. A turn: "
        "the client got something after it sent something.",
        "TLS; the server's mail %s. The line delays what is sent, not TCP's "
        "own handshake." % ("and the Maildirs on tmpfs, where \"disk\" does "
                            "not stand" if facts["memory"] else
                            "on a disk")]
    lines.append("Asserted by counts, not here: waits of every kind of server "
                 "with nothing changed, Gmail's and Exchange's capabilities "
                 "too (tests/e2e/test_counts.py), and that no directory is "
                 "read (test_listing.py).")
    if facts["left"]:
        lines.append("No time was left for " + ", ".join(facts["left"]) + ".")
    if facts["note"]:
        lines.append(facts["note"])
    return lines


def write(out, facts, cells, top):
    if not cells:
        print("nothing was measured")
        return
    parts = [text(cells), aims.text(cells), "\n".join(caption(facts))]
    whole = "\n\n".join(p for p in parts if p) + "\n"
    print("\n" + whole)
    with open(os.path.join(out, "bench.txt"), "w") as f:
        f.write(whole)
    # Of the static one only the memory says something.
    most = [c for c in cells if c["client"] != "wherry-nas"]
    svg = draw(most, facts)
    with open(os.path.join(out, "bench.svg"), "w") as f:
        f.write(svg)
    if top:
        with open(os.path.join(top, "doc", "bench.svg"), "w") as f:
            f.write(svg)
        readme(os.path.join(top, "README.md"),
               "\n\n".join(p for p in (
                   short(most), aims.markdown(cells),
                   "\n".join(caption(facts))) if p))


def readme(path, block):
    with open(path, encoding="utf-8") as f:
        old = f.read()
    new, n = re.subn(r"(<!-- bench -->\n).*?(<!-- end -->)",
                     lambda m: "%s\n%s\n\n%s" % (m.group(1), block,
                                                 m.group(2)), old,
                     flags=re.S)
    if n != 1:
        raise SystemExit("README.md has %d blocks \"bench\"" % n)
    with open(path, "w", encoding="utf-8") as f:
        f.write(new)

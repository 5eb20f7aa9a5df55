"""What wherry is to reach, as ratios within one run, and what it reached. They
are printed beside each other, so that a miss is seen; nothing is asserted."""
from words import SCENARIOS, place

# set, line, disk, scenarios, what, client to compare with, aim. Of
# "received" and "turns" the number itself, of that client.
AIMS = (
    ("M", "0", False, "a", "wall", "floor", 1.3),
    ("F", "0", False, "a", "wall", "floor", 1.3),
    ("L", "0", False, "a", "wall", "floor", 1.3),
    ("S", "0", False, "a", "wall", "floor", 1.3),
    ("M", "0", False, "a", "speed", "mbsync", 2),
    ("F", "0", False, "a", "speed", "mbsync", 2),
    ("L", "0", False, "a", "speed", "mbsync", 2),
    ("L", "0", False, "a", "cpu", "mbsync", 0.75),
    ("L", "0", False, "a", "server", "mbsync", 0.25),
    ("M", "100", False, "a", "speed", "mbsync", 5),
    ("F", "100", False, "a", "speed", "mbsync", 5),
    ("S", "100", False, "a", "speed", "mbsync", 3.5),
    ("L", "100", False, "a", "speed", "mbsync", 2),
    ("M", "0", True, "a", "speed", "mbsync", 5),
    ("S", "20M", False, "a", "speed", "mbsync-z", 1),
    ("M", "100", False, "b", "wall", "floor", 1.3),
    ("F", "100", False, "b", "wall", "floor", 1.3),
    ("K", "100", False, "b", "wall", "floor", 1.3),
    ("L", "0", False, "b", "speed", "mbsync", 10),
    ("M", "100", False, "c", "speed", "mbsync", 10),
    ("M", "100", False, "d", "speed", "mbsync", 10),
    ("M", "100", False, "e", "speed", "mbsync", 8),
    ("M", "100", False, "b", "turns", "wherry", 4),
    ("F", "100", False, "b", "turns", "wherry", 4),
    ("K", "100", False, "b", "turns", "wherry", 4),
    ("L", "0", False, "b", "received", "wherry", 4096),
)
ITSELF = ("received", "turns")
PEAK = 1024  # KiB of the static build, in whatever was run
WORDS = {"speed": "times as fast as {}, at least", "wall":
         "of the time of {}, at most", "cpu": "of the CPU of {}, at most",
         "server": "of the server's CPU with {}, at most",
         "turns": "turns of {}, that of TLS among them, at most",
         "received": "bytes inside TLS to {}, at most"}
NAMES = {"mbsync": "mbsync", "mbsync-z": "mbsync with COMPRESS",
         "floor": "the bare client", "wherry": "wherry"}


def measured(what, cell, other):
    """(number, sign of a bound); None if it was not measured."""
    if "wall" not in cell:
        return None
    if what in ITSELF:
        return (other[what], "") if what in other else None
    key = what if what in ("cpu", "server") else "wall"
    if what == "speed" and "over" in other:
        return other["over"] / cell["wall"], "> "
    if key not in other or key not in cell or (what != "speed" and not other[key]):
        return None
    return (other["wall"] / cell["wall"] if what == "speed"
            else cell[key] / other[key]), ""


def title(cell):
    return "%s, %s: %s" % (cell["set"], place(cell),
                           SCENARIOS[cell["scenario"]])


def rows(cells):
    """[what, aim, measured, verdict] for all that was run."""
    by = {(c["set"], c["line"], bool(c["disk"]), c["scenario"],
           c["client"]): c for c in cells}
    out = []
    for name, line, disk, scenario, what, client, aim in AIMS:
        key = (name, line, disk, scenario)
        cell, other = by.get(key + ("wherry",)), by.get(key + (client,))
        if not cell or not other:
            continue
        got = measured(what, cell, other)
        if got is None:
            continue
        ok = got[0] >= aim if what == "speed" else got[0] <= aim
        out.append([title(cell),
                    "%g %s" % (aim, WORDS[what].format(NAMES[client])),
                    ("%s%d" if what in ITSELF else "%s%.2f") % (
                        got[1], got[0]), "" if ok else "missed"])
    static = [c for c in cells if c["client"] == "wherry-nas" and "wall" in c]
    if static:
        most = max(static, key=lambda c: c["peak"])
        out.append(["most of all, " + title(most), "%d KiB of peak of wherry, "
                    "static, at most" % PEAK, "%d" % most["peak"],
                    "" if most["peak"] <= PEAK else "missed"])
    return out


HEAD = ["set, line", "aim", "measured", ""]


def text(cells):
    lines = rows(cells)
    if not lines:
        return ""
    lines = [HEAD] + lines
    wide = [max(len(r[i]) for r in lines) for i in range(len(HEAD))]
    return "\n".join("  ".join(
        c.rjust(w) if i == 2 else c.ljust(w)
        for i, (c, w) in enumerate(zip(r, wide))).rstrip() for r in lines)


def markdown(cells):
    lines = rows(cells)
    return "\n".join("| %s |" % " | ".join(r) for r in
                     [HEAD, ["---"] * len(HEAD)] + lines) if lines else ""

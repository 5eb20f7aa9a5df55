"""One figure of all cells: bars of wall seconds on a logarithmic scale, in
groups of a set, a line and a scenario. SVG by hand: the same cells give the
same bytes."""
import math

from words import SCENARIOS, TITLES, place

COLOURS = {"wherry": "#0b6e4f", "mbsync": "#c1666b", "mbsync-z": "#e0a9ab",
           "offlineimap": "#8d86c9", "floor": "#b8b8b8"}
LEFT, WIDTH, BAR, GAP = 190, 560, 9, 7


def escape(s):
    return s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def label(x, y, s, anchor="start", size=10, weight="normal"):
    return ('<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" '
            'font-weight="%s">%s</text>' % (x, y, anchor, size, weight,
                                            escape(s)))


def draw(cells, facts):
    values = [c.get("wall", c.get("over")) for c in cells
              if c.get("wall") or c.get("over")]
    low = math.floor(math.log10(max(min(values), 0.001)))
    high = math.ceil(math.log10(max(values) * 1.05))

    def x(v):
        return LEFT + WIDTH * (math.log10(max(v, 10 ** low)) - low) / max(
            high - low, 1)
    out, y = [], 50
    names = [n for n in TITLES if any(c["client"] == n for c in cells)]
    at = LEFT
    for n in names:
        out.append('<rect x="%d" y="14" width="10" height="10" fill="%s"/>'
                   % (at, COLOURS[n]))
        out.append(label(at + 14, 23, TITLES[n], size=11))
        at += 34 + 7 * len(TITLES[n])
    groups = {}
    for c in cells:
        head = "%s, %s" % (c["set"], place(c))
        groups.setdefault(head, {}).setdefault(c["scenario"], []).append(c)
    top = y - 6
    for head, scenarios in groups.items():
        out.append(label(8, y + 9, head, size=11, weight="bold"))
        y += 4
        for s in sorted(scenarios):
            bars = sorted(scenarios[s], key=lambda c: names.index(
                c["client"]))
            middle = y + len(bars) * BAR / 2 + 3.5
            out.append(label(LEFT - 6, middle, SCENARIOS[s], "end"))
            for c in bars:
                v = c.get("wall", c.get("over"))
                if v:
                    out.append(bar(x(v), y, c, v))
                y += BAR
            y += GAP
        y += GAP
    grid = []
    for e in range(low, high + 1):
        grid.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" '
                    'stroke="#ddd"/>' % (x(10 ** e), top, x(10 ** e), y))
        grid.append(label(x(10 ** e), 42, "%g s" % 10 ** e, "middle"))
    sets = facts["sets"]
    foot = [label(8, y + 14 + 13 * i, s) for i, s in enumerate(sets)]
    height = y + 20 + 13 * len(sets)
    wide = LEFT + WIDTH + 60
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'viewBox="0 0 %d %d" font-family="sans-serif">\n'
            '<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n'
            % (wide, height, wide, height, "\n".join(grid + out + foot)))


def bar(end, y, cell, value):
    said = "%.3g s" % value
    fill = COLOURS[cell["client"]]
    if "over" in cell:
        said = "> %g s" % value
        fill = fill + '" fill-opacity="0.4'
    return ('<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>' % (
        LEFT, y, max(end - LEFT, 1), BAR - 1, fill) +
        label(max(end, LEFT + 1) + 3, y + BAR - 1.5, said, size=8))

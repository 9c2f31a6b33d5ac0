"""Small pictures as SVG text: line charts, a mesh, a matrix, bars.

Colours come from the style sheet of the page: ``--c0`` ... ``--c7`` for lines (after Okabe and Ito, whose palette
colour-blind people can tell apart) and ``--h0`` ... ``--h7`` for heat, from little to much. What shares a shade is one
path.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

SHADES = 8
_DASHES = ("", "6 3", "2 3", "8 3 2 3")
Points = Sequence[tuple[float, float]]


def chart(
    lines: Sequence[tuple[str, Points]],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    steps: bool = True,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    dashed: bool = False,
) -> str:
    """Lines over two axes; the key stands below, so that it fits narrow screens.

    ``dashed`` tells lines apart by dashes as well as by colour, from the first on.
    """
    points = [p for _, line in lines for p in line]
    if not points:
        return ""
    x_low, x_high = x_range or _range([x for x, _ in points])
    y_low, y_high = y_range or _range([y for _, y in points])
    if log_x:
        x_low = max(x_low, 1e-3)
        x_high = max(x_high, x_low * 10)
    left, top, width, height = 56.0, 10.0, 300.0, 170.0

    def at_x(x: float) -> float:
        share = (
            math.log(max(x, x_low) / x_low) / math.log(x_high / x_low)
            if log_x
            else (x - x_low) / max(1e-12, x_high - x_low)
        )
        return left + width * min(1.0, max(0.0, share))

    def at_y(y: float) -> float:
        return top + height * (1 - min(1.0, max(0.0, (y - y_low) / max(1e-12, y_high - y_low))))

    parts = [f'<path class="grid" d="M{left} {top}V{top + height}H{left + width}"/>']
    for y in _ticks(y_low, y_high):
        parts.append(f'<path class="grid faint" d="M{left} {at_y(y):.1f}H{left + width}"/>')
        parts.append(f'<text x="{left - 6}" y="{at_y(y) + 4:.1f}" class="end">{_short(y)}</text>')
    for x in _decades(x_low, x_high) if log_x else _ticks(x_low, x_high):
        parts.append(f'<text x="{at_x(x):.1f}" y="{top + height + 16}" class="mid">{_short(x)}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{top + height + 34}" class="mid">{escape(x_label)}</text>')
    parts.append(f'<text class="mid" transform="translate(12 {top + height / 2}) rotate(-90)">{escape(y_label)}</text>')
    for k, (name, line) in enumerate(lines):
        if line:
            path = _stepped(line) if steps else list(line)
            d = "M" + "L".join(f"{at_x(x):.1f} {at_y(y):.1f}" for x, y in path)
            parts.append(f'<path class="line" {_stroke(k, dashed)} d="{d}"><title>{escape(name)}</title></path>')
    picture = _svg(left + width + 18, top + height + 42, parts, f"{y_label} over {x_label}", most=430)
    names = [
        f'<li><svg viewBox="0 0 26 8" width="26" height="8" aria-hidden="true"><path class="line" {_stroke(k, dashed)} '
        f'd="M0 4H26"/></svg>{escape(name)}</li>'
        for k, (name, _) in enumerate(lines)
    ]
    return f'{picture}<ul class="key">{"".join(names)}</ul>'


def mesh(picture: dict[str, Any]) -> str:
    """Tiles with their clusters, shaded by columns used; links shaded and widened by their load."""
    width, height = picture["width"], picture["height"]
    cell, tile = 56.0, 34.0
    cluster_on = {t: c for c, t in enumerate(picture["tile_of_cluster"])}
    highest = max((v for side in picture["links"].values() for row in side for v in row), default=0)
    tiles: dict[int | None, list[str]] = defaultdict(list)
    notes = []
    for t in range(width * height):
        x, y = cell * (t % width) + 12, cell * (t // width) + 12
        c = cluster_on.get(t)
        shade = None if c is None else _shade(picture["columns_used"][c], picture["columns"])
        tiles[shade].append(f"M{x:g} {y:g}h{tile:g}v{tile:g}h-{tile:g}z")
        if c is not None:
            used = f"{picture['columns_used'][c]} of {picture['columns']} columns"
            rows = f"{picture['rows_used'][c]} of {picture['rows']} rows"
            level = "high" if (shade or 0) >= SHADES / 2 else "low"
            notes.append(
                f'<text class="mid {level}" x="{x + tile / 2:g}" y="{y + tile / 2 + 4:g}">{c}'
                f"<title>cluster {c} on tile {t}: {used}, {rows}</title></text>"
            )
    links: dict[int, list[str]] = defaultdict(list)
    for x1, y1, x2, y2, load in _links(picture, cell, tile):
        if load:
            links[_shade(load, highest)].append(f"M{x1:g} {y1:g}L{x2:g} {y2:g}")
    parts = [
        f'<path class="link" stroke="var(--h{s})" stroke-width="{2 + 0.5 * s:g}" d="{"".join(d)}"/>'
        for s, d in sorted(links.items())
    ]
    parts += [
        f'<path class="tile" fill="{"none" if s is None else f"var(--h{s})"}" d="{"".join(d)}"/>'
        for s, d in tiles.items()
    ]
    if picture["io_tile"] is not None:
        t = picture["io_tile"]
        x, y = cell * (t % width) + 9, cell * (t // width) + 9
        parts.append(f'<path class="io" d="M{x:g} {y:g}h{tile + 6:g}v{tile + 6:g}h-{tile + 6:g}z"/>')
    label = f"mesh of {width} x {height} tiles; busiest link {highest} packets"
    return _svg(cell * width, cell * height, [*parts, *notes], label, most=70 * width)


def matrix(picture: dict[str, Any]) -> str:
    """Packets between clusters: source by row, reader by column; external inputs in the last row."""
    traffic = picture.get("traffic")
    if not traffic:
        return ""
    n = len(picture["tile_of_cluster"])
    cell = max(2.0, min(24.0, 300.0 / (n + 1)))
    label_width = 8.0 * max(2, len(str(n)))
    left, top = label_width + 8, 16.0
    highest = max(packets for _, _, packets in traffic)
    shaded: dict[int, list[str]] = defaultdict(list)
    for source, target, packets in traffic:
        row = n if source < 0 else source
        x, y = left + cell * target, top + cell * row
        shaded[_shade(packets, highest)].append(f"M{x:g} {y:g}h{cell:g}v{cell:g}h-{cell:g}z")
    right, inputs = left + cell * n, top + cell * n
    parts = [f'<path fill="var(--h{s})" d="{"".join(d)}"/>' for s, d in sorted(shaded.items())]
    frame = f"M{left:g} {top:g}H{right:g}V{inputs + cell:g}H{left:g}zM{left:g} {inputs:g}H{right:g}"
    parts.append(f'<path class="grid" d="{frame}"/>')
    for c in range(0, n, next(step for step in (1, 2, 5, 10, 20, 50) if cell * step > label_width + 6)):
        centre = cell * (c + 0.5)
        parts.append(f'<text class="mid" x="{left + centre:g}" y="{top - 4:g}">{c}</text>')
        parts.append(f'<text class="end" x="{left - 4:g}" y="{top + centre + 4:g}">{c}</text>')
    if cell >= 12:
        parts.append(f'<text class="end" x="{left - 4:g}" y="{inputs + cell / 2 + 4:g}">in</text>')
    label = f"traffic between {n} clusters, at most {highest} packets"
    return _svg(right + 8, inputs + cell + 2, parts, label, most=right + 8)


def bars(items: Sequence[tuple[str, float, str]], highest: float | None = None) -> str:
    """Horizontal bars: name, value, and the text that stands beside it."""
    top = highest or max((value for _, value, _ in items), default=0) or 1
    parts = []
    for k, (name, value, text) in enumerate(items):
        y = 20 * k
        parts.append(f'<text class="end" x="60" y="{y + 14}">{escape(name)}</text>')
        parts.append(f'<path class="bar" d="M66 {y + 4}h{max(0.5, 160 * value / top):.1f}v12H66z"/>')
        parts.append(f'<text x="{72 + 160 * value / top:.1f}" y="{y + 14}">{escape(text)}</text>')
    return _svg(310, 20 * len(items) + 4, parts, "bars", most=400)


def columns(picture: dict[str, Any]) -> str:
    """Occupancy of every crossbar: rows and columns used, as shares."""
    clusters = range(len(picture["tile_of_cluster"]))
    step = max(4.0, min(28.0, 400.0 / max(1, len(clusters))))
    taken: dict[str, list[str]] = {"r": [], "c": []}
    for c in clusters:
        for key, share in (
            ("r", picture["rows_used"][c] / picture["rows"]),
            ("c", picture["columns_used"][c] / picture["columns"]),
        ):
            x = 50 + step * c + (0 if key == "r" else step * 0.42)
            taken[key].append(f"M{x:.1f} 110v{-100 * share:.1f}h{step * 0.38:.1f}V110z")
    width = 56 + step * len(clusters)
    parts = [
        *(
            f'<text class="mid" x="{50 + step * (c + 0.4):.1f}" y="125">{c}</text>'
            for c in clusters[:: max(1, -(-18 // int(step)))]
        ),
        f'<path class="grid" d="M48 10V110H{width:.0f}"/><path class="grid faint" d="M48 10H{width:.0f}"/>',
        '<text class="end" x="44" y="14">100 %</text><text class="end" x="44" y="114">0</text>',
        f'<path fill="var(--c0)" d="{"".join(taken["r"])}"/><path fill="var(--c1)" d="{"".join(taken["c"])}"/>',
    ]
    legend = (
        '<ul class="key"><li><i style="background:var(--c0)"></i>rows used</li>'
        '<li><i style="background:var(--c1)"></i>columns used</li></ul>'
    )
    return _svg(width, 130, parts, "occupancy of the crossbars", most=max(200.0, width)) + legend


def _links(picture: dict[str, Any], cell: float, tile: float) -> Iterable[tuple[float, float, float, float, int]]:
    links, near, far = picture["links"], 12 + tile * 0.34, 12 + tile * 0.66
    for y, row in enumerate(links["east"]):
        for x, load in enumerate(row):
            yield cell * x + 12 + tile, cell * y + near, cell * (x + 1) + 12, cell * y + near, load
    for y, row in enumerate(links["west"]):
        for x, load in enumerate(row):
            yield cell * x + 12 + tile, cell * y + far, cell * (x + 1) + 12, cell * y + far, load
    for y, row in enumerate(links["south"]):
        for x, load in enumerate(row):
            yield cell * x + far, cell * y + 12 + tile, cell * x + far, cell * (y + 1) + 12, load
    for y, row in enumerate(links["north"]):
        for x, load in enumerate(row):
            yield cell * x + near, cell * y + 12 + tile, cell * x + near, cell * (y + 1) + 12, load


def _svg(width: float, height: float, parts: Iterable[str], label: str, most: float | None = None) -> str:
    limit = f' style="max-width:{most:.0f}px"' if most else ""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}"{limit}>'
        + "".join(parts)
        + "</svg>"
    )


def _stroke(k: int, dashed: bool = False) -> str:
    dash = _DASHES[(k if dashed else k // 8) % len(_DASHES)]
    return f'stroke="var(--c{k % 8})"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _shade(value: float, highest: float) -> int:
    return min(SHADES - 1, int(SHADES * value / highest)) if highest > 0 else 0


def _stepped(line: Points) -> list[tuple[float, float]]:
    path = [line[0]]
    for x, y in line[1:]:
        path += [(x, path[-1][1]), (x, y)]
    return path


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + max(1.0, abs(low) * 0.1))


def _ticks(low: float, high: float) -> list[float]:
    span = high - low
    if span <= 0:
        return [low]
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(f for f in (1, 2, 5, 10) if span / (step * f) <= 5)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    decades = [10.0**k for k in exponents if low <= 10.0**k]
    if len(decades) > 2:
        return decades
    return [f * 10.0**k for k in exponents for f in (1, 2, 5) if low <= f * 10.0**k <= high]


def _short(value: float) -> str:
    if value == 0:
        return "0"
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"

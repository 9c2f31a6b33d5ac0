"""Results as figures to zoom into and point at, by plotly: the extra ``viz``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from html import escape
from typing import Any

from spinemap_exact.bench.task import pictured
from spinemap_exact.errors import InvalidInput, MissingExtra
from spinemap_exact.pipeline import Front, MappingRun
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.report.front import curves

_SHADES = 6  # of links, from little to much
_BESIDE = 0.12  # of a tile: the two directions of a link lie side by side
_COLOURS = ("#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c", "#08306b")
_WAYS = {"east": (1, 0), "west": (-1, 0), "south": (0, 1), "north": (0, -1)}


def figure_of_run(run: MappingRun) -> Any:
    """Draw the mesh: clusters on tiles, shaded by columns used, and the packets on every link.

    Raises
    ------
    InvalidInput
        If there is no mapping.
    MissingExtra
        If plotly is not installed.
    """
    objects = _plotly()
    if run.mapping is None:
        raise InvalidInput(f"there is no mapping to draw: {run.headline}")
    picture = pictured(MappingProblem(run.network, run.hardware, run.traffic), run.mapping)["picture"]
    layout = {
        "title": escape(f"{run.hardware.name}: {run.headline}"),
        "xaxis": {"title": "x", "dtick": 1, "showgrid": False},
        "yaxis": {"title": "y", "dtick": 1, "showgrid": False, "autorange": "reversed", "scaleanchor": "x"},
        "template": "plotly_white",
        "showlegend": False,
    }
    return objects.Figure([_tiles(picture), *_links(picture)], layout)


def figure_of_front(front: Front) -> Any:
    """Draw what is found and what is possible at least, over the second goal.

    Raises
    ------
    InvalidInput
        If the front has no point.
    MissingExtra
        If plotly is not installed.
    """
    objects = _plotly()
    if not front.points:
        raise InvalidInput("there is no point to draw: nothing was found within any limit")
    lines, along, up = curves(front)
    traces = [
        {
            "type": "scatter",
            "name": name,
            "x": [x for x, _ in line],
            "y": [y for _, y in line],
            "mode": "lines+markers",
            "line": {"shape": "hv"},
        }
        for name, line in lines
    ]
    layout = {"xaxis": {"title": along}, "yaxis": {"title": up}, "template": "plotly_white"}
    return objects.Figure(traces, layout)


def _plotly() -> Any:
    try:
        from plotly import graph_objects
    except ImportError as missing:
        raise MissingExtra("plotly", "viz", "a plot") from missing
    return graph_objects


def _tiles(picture: dict[str, Any]) -> dict[str, Any]:
    """Columns used on every tile, an empty one left blank, under the number of its cluster."""
    width, height = picture["width"], picture["height"]
    used: list[list[int | None]] = [[None] * width for _ in range(height)]
    names, notes = [[""] * width for _ in range(height)], [["no cluster"] * width for _ in range(height)]
    for cluster, tile in enumerate(picture["tile_of_cluster"]):
        y, x = divmod(tile, width)
        columns, rows = picture["columns_used"][cluster], picture["rows_used"][cluster]
        used[y][x], names[y][x] = columns, str(cluster)
        notes[y][x] = f"cluster {cluster}: {columns} columns, {rows} rows used"
    return {
        "type": "heatmap",
        "z": used,
        "zmin": 0,
        "zmax": picture["columns"],
        "text": names,
        "texttemplate": "%{text}",
        "customdata": notes,
        "hovertemplate": "tile (%{x}, %{y})<br>%{customdata}<extra></extra>",
        "colorscale": "YlGn",
        "colorbar": {"title": "columns used"},
        "xgap": 14,
        "ygap": 14,
    }


def _links(picture: dict[str, Any]) -> list[dict[str, Any]]:
    """Links that carry packets, those of like loads in one trace; pointing at their middles tells the load."""
    loads = list(_loads(picture["links"]))
    most = max((packets for *_, packets in loads), default=0)
    alike: dict[int, list[tuple[float, float, float, float, str, int]]] = defaultdict(list)
    for x, y, way, packets in loads:
        dx, dy = _WAYS[way]
        beside_x, beside_y = -_BESIDE * dy, _BESIDE * dx
        ends = (x + beside_x, y + beside_y, x + dx + beside_x, y + dy + beside_y)
        alike[min(_SHADES - 1, _SHADES * packets // most)].append((*ends, way, packets))
    traces = []
    for shade, links in sorted(alike.items()):
        xs = [x for a, _, b, *_ in links for x in (a, (a + b) / 2, b, None)]
        ys = [y for _, a, _, b, *_ in links for y in (a, (a + b) / 2, b, None)]
        texts = [text for *_, way, packets in links for text in ("", f"{packets:,} packets {way}", "", "")]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": xs,
                "y": ys,
                "text": texts,
                "hoverinfo": "text",
                "line": {"color": _COLOURS[shade], "width": 1 + shade},
            }
        )
    return traces


def _loads(links: dict[str, list[list[int]]]) -> Iterator[tuple[int, int, str, int]]:
    """Tile where a link begins, its way, and its packets; only links that carry some."""
    for way, table in links.items():
        back_x, back_y = int(way == "west"), int(way == "north")
        for y, row in enumerate(table):
            for x, packets in enumerate(row):
                if packets:
                    yield x + back_x, y + back_y, way, packets

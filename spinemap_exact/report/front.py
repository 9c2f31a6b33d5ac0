"""A page about a front: what is found and what is proven within each limit."""

from __future__ import annotations

from html import escape

from spinemap_exact.pipeline import Front
from spinemap_exact.problems.mapping import MappingObjective
from spinemap_exact.report import svg
from spinemap_exact.report.page import figure, page, table
from spinemap_exact.units import duration_unit, energy_unit


def html_of_front(front: Front, name: str) -> str:
    """Return one page: the front as a picture and as a table."""
    title = f"{name}: energy against {str(front.second).replace('-', ' ')}"
    text = (
        "The cheapest mapping found within each limit, and what no mapping of this network within it undercuts. "
        "Between two limits the bound of the looser one holds."
    )
    header, *rows = front.rows()
    return page(title, [f"<h1>{escape(title)}</h1>", figure(_chart(front), text), table(header, rows)])


def _chart(front: Front) -> str:
    if not front.points:
        return ""
    lines, along, up = curves(front)
    low, high = min(x for _, line in lines for x, _ in line), max(x for _, line in lines for x, _ in line)
    top = max(y for _, line in lines for _, y in line)
    return svg.chart(lines, along, up, x_range=(low, max(high, low + 1e-9)), y_range=(0, top), dashed=True)


def curves(front: Front) -> tuple[list[tuple[str, list[tuple[float, float]]]], str, str]:
    """Return the steps of what is found and what is proven on a front with points, and what the axes are."""
    is_crossbars = front.second is MappingObjective.CROSSBARS
    last = max(front.second_of(point) for point in front.points)
    unit, size = energy_unit(max(point.energy_fj or 0 for point in front.points))
    along, scale = ("crossbars", 1) if is_crossbars else (f"worst latency, {(of := duration_unit(last))[0]}", of[1])
    found = [(front.second_of(point) / scale, (point.energy_fj or 0) / size) for point in front.points]
    limits = sorted(
        (last if point.limit is None else min(last, point.limit), point.bound_fj)
        for point in (*front.points, *front.others)
        if point.bound_fj is not None
    )
    # from one limit to the next the bound of the next one holds
    starts = [limits[0][0], *(limit for limit, _ in limits[:-1])] if limits else []
    proven = [(start / scale, bound / size) for start, (_, bound) in zip(starts, limits, strict=True)]
    proven += [(limits[-1][0] / scale, limits[-1][1] / size)] if limits else []
    return [("least energy found", found), ("least energy possible, at least", proven)], along, f"energy, {unit}"

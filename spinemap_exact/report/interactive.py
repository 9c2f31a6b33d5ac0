"""The curves of the report to zoom into and point at, by plotly: the extra ``viz``."""

from __future__ import annotations

from html import escape
from typing import Any

from spinemap_exact.bench.store import Run
from spinemap_exact.errors import MissingExtra
from spinemap_exact.report.profiles import cactus, found_at, performance
from spinemap_exact.report.summary import Summary

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")  # Okabe and Ito


def interactive(summary: Summary, title: str) -> str:
    """Return a page that opens offline, some 5 MB, since plotly is inside.

    Raises
    ------
    MissingExtra
        If plotly is not installed.
    """
    try:
        from plotly import graph_objects
    except ImportError as missing:
        raise MissingExtra("plotly", "viz", "an interactive report") from missing
    figures = []
    for problem in summary.problems():
        curves = (
            (_lines(summary, problem, cactus), "seconds until found", "runs close to the best", "log"),
            (_lines(summary, problem, performance), "objective / best objective", "% of all runs", "linear"),
            (_runs(summary, problem), "seconds until found", "gap to the bound, %", "log"),
            (_traces(summary, problem), "seconds", "objective and bound", "linear"),
        )
        for traces, x, y, scale in curves:
            if traces:
                layout = {
                    "title": f"{problem}: {y} over {x}",
                    "xaxis": {"title": x, "type": scale},
                    "yaxis": {"title": y},
                    "template": "plotly_white",
                }
                figures.append(graph_objects.Figure(traces, layout))
    plots = [f.to_html(full_html=False, include_plotlyjs=k == 0) for k, f in enumerate(figures)]
    name = escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title></head>'
        f'<body style="font-family:system-ui,sans-serif;max-width:1180px;margin:auto"><h1>{name}</h1>{"".join(plots)}'
        "</body></html>\n"
    )


def _lines(summary: Summary, problem: str, curve: Any) -> list[dict[str, Any]]:
    return [
        _trace(method, curve(summary, problem, method), k, mode="lines", shape="hv")
        for k, method in enumerate(summary.methods(problem))
    ]


def _runs(summary: Summary, problem: str) -> list[dict[str, Any]]:
    """A dot a run: how soon, how good."""
    traces = []
    for k, method in enumerate(summary.methods(problem)):
        runs = [r for r in summary.runs if r["problem"] == problem and r["method"] == method]
        known = [(r, 100 * gap) for r in runs if (gap := summary.gap(r)) is not None]
        if known:
            points = [(found_at(r), gap) for r, gap in known]
            traces.append(_trace(method, points, k, mode="markers") | {"text": [escape(_name(r)) for r, _ in known]})
    return traces


def _traces(summary: Summary, problem: str) -> list[dict[str, Any]]:
    """Objective and bound of every run that has both; all but the first are shown on a click."""
    traces: list[dict[str, Any]] = []
    for run in summary.runs:
        if run["problem"] == problem and any(bound is not None for _, _, bound in run.get("trace") or ()):
            shown = {"visible": True if not traces else "legendonly", "legendgroup": run["key"]}
            for k, what in ((1, "objective"), (2, "bound")):
                points = [(line[0], line[k]) for line in run["trace"] if line[k] is not None]
                traces.append(_trace(f"{_name(run)}: {what}", points, k - 1, mode="lines", shape="hv") | shown)
    return traces


def _trace(name: str, points: list[tuple[float, float]], k: int, mode: str, shape: str = "linear") -> dict[str, Any]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    colour = _COLOURS[k % len(_COLOURS)]
    look = {"line": {"color": colour, "shape": shape}, "marker": {"color": colour}}
    return {"type": "scatter", "name": escape(name), "x": xs, "y": ys, "mode": mode, **look}


def _name(run: Run) -> str:
    return f"{run['case']}, {run['method']}, seed {run['seed']}"

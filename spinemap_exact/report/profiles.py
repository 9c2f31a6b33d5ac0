"""Cactus plots and performance profiles, as points.

A performance profile is that of E. D. Dolan, J. J. Moré, Benchmarking Optimization Software with Performance Profiles,
Mathematical Programming 91, 2002, doi:10.1007/s101070100263, with the best known objective in place of the best time.
Runs without an answer count in every share and never rise a curve.
"""

from __future__ import annotations

from spinemap_exact.bench.line import seconds
from spinemap_exact.bench.store import Run
from spinemap_exact.report.summary import Summary

CLOSE = 0.01  # a run counts as good if it is within this share of the best objective
WORST_DRAWN = 2.0  # times the best objective

Points = list[tuple[float, float]]


def cactus(summary: Summary, problem: str, method: str) -> Points:
    """After so many seconds (x) so many runs (y) had an answer within `CLOSE` of the best."""
    good = [r for r in _runs(summary, problem, method) if (e := summary.excess(r)) is not None and e <= CLOSE]
    return [(time_s, float(k)) for k, time_s in enumerate(sorted(map(found_at, good)), start=1)]


def performance(summary: Summary, problem: str, method: str) -> Points:
    """Within so many times the best objective (x) lie so many percent of all runs (y)."""
    runs = _runs(summary, problem, method)
    ratios = sorted(1 + e for r in runs if (e := summary.excess(r)) is not None)
    return [(ratio, 100 * k / len(runs)) for k, ratio in enumerate(ratios, start=1)]


def found_at(run: Run) -> float:
    """When the answer of a run was found; heuristics that report nothing found it at their end."""
    for time_s, objective, _ in run.get("trace") or ():
        if objective == run["objective"]:
            return max(1e-3, float(time_s))
    return max(1e-3, float(seconds(run) or 0))


def _runs(summary: Summary, problem: str, method: str) -> list[Run]:
    return [r for r in summary.runs if r["problem"] == problem and r["method"] == method]

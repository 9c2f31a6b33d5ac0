"""Our own best: tabu search; on large meshes from what the quick methods find, on the largest annealing instead."""

from __future__ import annotations

from spinemap_exact.heuristics.placement import hilbert_force, sequential, sneap, truenorth
from spinemap_exact.kernels import tabu
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch

_FEW_TILES = 100  # up to which tabu search overtakes any start in a fraction of a second
_MOST_ON_CURVE, _MOST_ANNEALED = 100_000, 5_000  # tiles beyond which these methods get nowhere
_SHARE_QUICK = 0.1
_NO_END = 2**31  # starts in vain; with a time limit only that ends the search


def run(problem: PlacementProblem, watch: Watch, start: Placement | None = None) -> Placement | None:
    """Return the best placement that any of the methods finds from ``start`` and on their own."""
    if problem.num_clusters > problem.num_tiles:
        return None
    best = start if start is not None and not problem.violations(start) else None
    if problem.num_tiles > _FEW_TILES:
        best = _quick(problem, best, watch)
        if watch.should_stop():
            return best
    if problem.num_tiles <= tabu.MOST_TILES:
        starts = 12 if watch.remaining_s is None else _NO_END
        return _better(problem, best, tabu.search(problem, watch, best, idle_starts=starts))
    if problem.num_tiles <= _MOST_ANNEALED:
        best = _better(problem, best, sneap.run(problem, watch))
    return best


def _quick(problem: PlacementProblem, best: Placement | None, watch: Watch) -> Placement | None:
    methods = [sequential, truenorth] + [hilbert_force] * (problem.num_tiles <= _MOST_ON_CURVE)
    for method in methods:
        left = watch.remaining_s
        best = _better(problem, best, method.run(problem, watch.part(None if left is None else left * _SHARE_QUICK)))
        if watch.should_stop():
            break
    return best


def _better(problem: PlacementProblem, best: Placement | None, found: Placement | None) -> Placement | None:
    if found is None or (best is not None and problem.cost(best) <= problem.cost(found)):
        return best
    return found

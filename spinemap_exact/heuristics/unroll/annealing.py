"""Greedy rectangles improved by annealing: one crossbar less, as long as the synapses and carries still find room."""

from __future__ import annotations

import logging

import numpy as np

from spinemap_exact.heuristics.unroll import row_slices
from spinemap_exact.kernels.counting import counting_bounds
from spinemap_exact.kernels.cover_annealing import SynapseCover
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Watch

logger = logging.getLogger(__name__)

ATTEMPTS = 6


def run(problem: UnrollProblem, watch: Watch, start: PackedUnrolling | None = None) -> PackedUnrolling | None:
    """Start from ``start`` or from row slices; empty one crossbar after the other.

    Each crossbar less gets several attempts, from the best cover with one crossbar dissolved and from random ones, the
    later ones longer. Ends at the counting bound, when all attempts fail, or when time is up.
    """
    if problem.unit_fan_in is not None:
        return None
    best = start or row_slices.run(problem, watch)
    if best is None or problem.network.num_synapses == 0:
        return best
    cover = SynapseCover(problem)
    least = max(counting_bounds(problem).values())
    rng = np.random.default_rng(watch.limits.seed)
    while best.partition.num_clusters > max(1, least) and not watch.should_stop():
        better = _one_less(problem, cover, best, watch, rng)
        if better is None:
            break
        best = better
        watch.report(problem.cost(best), note="annealing")
    return best


def _one_less(
    problem: UnrollProblem, cover: SynapseCover, best: PackedUnrolling, watch: Watch, rng: np.random.Generator
) -> PackedUnrolling | None:
    crossbars = best.partition.num_clusters - 1
    synapses = problem.network.num_synapses
    for attempt in range(ATTEMPTS):
        if attempt % 2 == 0 and synapses <= 20_000:
            place = cover.random(crossbars, rng)
        else:
            place = cover.without(best, int(rng.integers(crossbars + 1)), rng)
        packed = cover.anneal(place, crossbars, watch, moves=max(6_000_000, 2_000 * synapses) << (attempt // 2))
        if packed is not None and not problem.violations(packed):
            return packed
        if watch.should_stop():
            return None
    return None

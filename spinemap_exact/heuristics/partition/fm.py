"""Passes of single moves by highest gain, each unit once, rolled back to the best prefix; restarted.

C. M. Fiduccia, R. M. Mattheyses, A Linear-Time Heuristic for Improving Network Partitions, 1982,
doi:10.1145/800263.809204. A pass may leave the limits at a price, which stands in for swaps between full clusters.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels import partition_moves as moves
from spinemap_exact.kernels.partition_search import Search, fewest_clusters, opening
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import Watch

MOST_PAIRS = 50_000  # of units and clusters; beyond it a pass, which scans them all in every step, takes minutes
_STARTS = 8  # where there is no time limit


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Descend from ``start``, then from random fillings; None if no partition within the limits was met."""
    if problem.objective is PartitionObjective.CROSSBARS:
        return fewest_clusters(problem, watch, start)
    if not Search.fits(problem) or problem.num_units == 0:
        return start
    random = np.random.default_rng(watch.limits.seed)
    best: Partition | None = None
    starts = 0
    while starts == 0 or not (watch.should_stop() or (watch.remaining_s is None and starts >= _STARTS)):
        search = Search(problem)
        if opening(search, problem, watch, random, start if starts == 0 else None, scattered=True):
            descend(search, watch, random)
            found = search.current()
            if best is None or problem.cost(found) < problem.cost(best):
                best = found
                watch.report(problem.cost(best))
        starts += 1
    return best


def descend(search: Search, watch: Watch, random: np.random.Generator) -> None:
    """Passes at a low, a middle and a high price of overflow until none of them helps."""
    scale = search.scale(random)
    stale = 0
    while stale < 3 and not watch.should_stop():
        before = search.price
        fine = scale * (0.5, 1.5, 5.0)[stale]
        moves.fiduccia_mattheyses(search.num_units, *search.arrays, search.weights, fine, search.best)
        search.set(search.best)
        stale = stale + 1 if search.price == before else 0

"""Simulated annealing on hops: the placer of SNEAP.

S. Li et al., SNEAP: A Fast and Efficient Toolchain for Mapping Large-Scale Spiking Neural Network onto NoC-based
Neuromorphic Platform, GLSVLSI 2020, doi:10.1145/3386263.3406900.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.heuristics.placement._moves import Board
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch

_SWAPS_PER_PAIR = 40
_MOST_SWAPS = 200_000


def run(problem: PlacementProblem, watch: Watch, start: Placement | None = None) -> Placement | None:
    """Swap random clusters from a random placement, accepting what is worse ever more rarely."""
    m, n = problem.num_clusters, problem.num_tiles
    if m > n:
        return None
    random = np.random.default_rng(watch.limits.seed)
    board = Board(problem, random.permutation(n)[:m])
    cost = problem.cost(board.placement)
    best, best_cost = board.placement, cost
    swaps = min(_MOST_SWAPS, _SWAPS_PER_PAIR * m * n)
    heat = max(1.0, 2.0 * cost / max(1, m))  # as much as a cluster pays on average
    cooling = (1e-3) ** (1 / max(1, swaps))
    for step in range(swaps if n > 1 else 0):
        if step % 64 == 0 and watch.should_stop():
            break
        a, b = int(random.integers(m)), int(random.integers(n))
        change = board.swap(a, b) if a != b else 0
        if change > 0 and random.random() >= np.exp(-change / heat):
            board.swap(a, b)
        else:
            cost += change
            if cost < best_cost:
                best, best_cost = board.placement, cost
                watch.report(objective=cost)
        heat *= cooling
    return best

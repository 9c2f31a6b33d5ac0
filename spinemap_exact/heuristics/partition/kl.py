"""Random order, filled to capacity, then sweeps of pairwise swaps and moves: SpiNeCluster.

A. Balaji et al., Mapping Spiking Neural Networks to Neuromorphic Hardware, 2020, arXiv:1909.01843, after
B. W. Kernighan, S. Lin, An Efficient Heuristic Procedure for Partitioning Graphs, 1970,
doi:10.1002/j.1538-7305.1970.tb01770.x. The order must be random: on sorted units the sweeps stall early.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels import partition_moves as moves
from spinemap_exact.kernels.partition_search import Search, fewest_clusters, opening
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import Watch


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Descend from ``start`` or from a random filling; None if no partition within the limits was met."""
    if problem.objective is PartitionObjective.CROSSBARS:
        return fewest_clusters(problem, watch, start)
    if not Search.fits(problem) or problem.num_units == 0:
        return start
    random = np.random.default_rng(watch.limits.seed)
    search = Search(problem)
    if not opening(search, problem, watch, random, start, scattered=True):
        return None
    best, kept = search.current(), 1
    fine = 2.0 * max(1 << 40, _most_that_is_saved(problem, search.weights))  # nothing is worth leaving the limits
    while kept and not watch.should_stop():
        order = random.permutation(search.num_units)
        kept = 0
        for first in range(0, search.num_units, 16):
            if watch.should_stop():
                break
            stop = min(search.num_units, first + 16)
            kept += moves.sweep(first, stop, order, *search.arrays, search.weights, fine)
        best = search.current()
        watch.report(problem.cost(best))
    return best


def _most_that_is_saved(problem: PartitionProblem, weights: Array) -> float:
    """All packets and all areas: no move changes more."""
    area = problem.num_units * max(crossbar.area for crossbar in problem.crossbars)
    return float(weights[0]) * problem.network.synaptic_events + float(weights[1]) * area

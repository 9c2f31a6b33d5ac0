"""Consecutive slices: units in the order of their ids, a new cluster whenever a limit is reached.

The partitioner of PACMAN (Galluppi et al., A Hierarchical Configuration System for a Massively Parallel Neural
Hardware Platform, 2012, doi:10.1145/2212908.2212934). One pass over the synapses.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.partition_moves import pour
from spinemap_exact.kernels.partition_search import all_slots
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Watch


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Slice the units; None if that needs more clusters than there are. Crossbar types are used up in their order."""
    network = problem.network
    slots = all_slots(problem)
    table = np.array([(c.rows, c.columns) for c in problem.crossbars], dtype=np.int64)
    labels = np.zeros(problem.num_units, dtype=np.int64)
    _, within = pour(
        np.arange(problem.num_units),
        network.fanin_ptr,
        network.fanin_idx,
        table[slots, 0],
        table[slots, 1],
        np.full(network.num_neurons, -1, dtype=np.int64),
        labels,
    )
    if not within:
        return None
    used, cluster = np.unique(labels, return_inverse=True)
    sliced = Partition(cluster.ravel(), slots[used])
    return None if problem.violations(sliced) else sliced

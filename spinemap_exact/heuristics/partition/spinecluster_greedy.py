"""Grow one cluster after the other around the busiest unit: the greedy variant of SpiNeCluster.

A. Balaji et al., Mapping Spiking Neural Networks to Neuromorphic Hardware, IEEE TVLSI 28(1), 2020, arXiv:1909.01843.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.heuristics.partition._growth import Clusters, symmetric_weights, within_limits
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Watch


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Seed a cluster with the unit of most spikes, add the unit with most spikes to or from it until it is full.

    Ties go to the lowest id. Units for which no cluster is left go where they cost the fewest packets.
    """
    n = problem.num_units
    clusters = Clusters(problem)
    ptr, mate, spikes = _adjacency(problem)
    busiest = np.argsort(-problem.network.spikes[:n], kind="stable")
    for seed in busiest.tolist():
        if clusters.slot_of_unit[seed] >= 0:
            continue
        c = clusters.open()
        if c is None or watch.should_stop():
            break
        # a unit that does not fit now never will: an axon that it comes to share was paid for by somebody else
        candidate = clusters.slot_of_unit < 0
        attached = np.zeros(n, dtype=np.int64)
        u = seed
        while True:
            candidate[u] = False
            if clusters.fits(u, c):
                clusters.add(u, c)
                attached[mate[ptr[u] : ptr[u + 1]]] += spikes[ptr[u] : ptr[u + 1]]
                if clusters.size[c] == clusters.max_columns[c]:
                    break
            if not candidate.any():
                break
            u = int(np.argmax(np.where(candidate, attached, -1)))
    return within_limits(problem, clusters.slot_of_unit, watch)


def _adjacency(problem: PartitionProblem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units that share synapses with each unit, in CSR form, and the spikes between them."""
    a, b, spikes = symmetric_weights(problem)
    source, target, weight = np.concatenate((a, b)), np.concatenate((b, a)), np.concatenate((spikes, spikes))
    order = np.argsort(source, kind="stable")
    ptr = np.concatenate(([0], np.cumsum(np.bincount(source, minlength=problem.num_units))))
    return ptr, target[order], weight[order]

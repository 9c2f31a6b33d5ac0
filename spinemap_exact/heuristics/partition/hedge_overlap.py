"""Grow clusters by the overlap of hyperedges, so that units share axons.

M. Ronzani, C. Silvano, arXiv:2601.16118: the network as a directed hypergraph, a hyperedge being a source with all
units that read it.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.heuristics.partition._growth import Clusters, within_limits
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Watch


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Take the hyperedge of the largest weight x overlap / size, and in it the unit that brings the fewest new axons.

    The weight are the spikes of the source, the overlap are the pins that lie in the cluster. A cluster starts from
    the heaviest hyperedge with free units. Units for which no cluster is left go where they cost the fewest packets.
    """
    network, n = problem.network, problem.num_units
    clusters = Clusters(problem)
    weight = network.spikes.astype(np.float64)
    size = network.fan_out + (np.arange(network.num_neurons) < n)
    free = network.fan_out.copy()  # readers of each source without a cluster
    while (clusters.slot_of_unit < 0).any() and not watch.should_stop():
        c = clusters.open()
        if c is None:
            break
        overlap = np.zeros(network.num_neurons, dtype=np.int64)
        refused = clusters.slot_of_unit >= 0
        open_pins = free.copy()  # readers that may still join this cluster
        while clusters.size[c] < clusters.max_columns[c] and not watch.should_stop():
            score = weight * np.maximum(overlap, 0 if overlap.any() else 1) / np.maximum(size, 1)
            score[open_pins == 0] = -1.0
            edge = int(np.argmax(score))
            if score[edge] < 0:
                break
            readers = network.fan_out_of(edge)
            u = min(readers[~refused[readers]].tolist(), key=lambda v: (clusters.fresh(v, c), v))
            refused[u] = True
            open_pins[network.fan_in_of(u)] -= 1
            if not clusters.fits(u, c):
                continue
            clusters.add(u, c)
            overlap[network.fan_in_of(u)] += 1
            overlap[u] += 1
            free[network.fan_in_of(u)] -= 1
        for u in np.flatnonzero(~refused & (network.fan_in[:n] == 0)).tolist():  # units that read nothing fill the gaps
            if not clusters.fits(u, c):
                break
            clusters.add(u, c)
    return within_limits(problem, clusters.slot_of_unit, watch)

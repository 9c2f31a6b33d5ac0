"""Stream the units once and put each where it gains most: EdgeMap.

J. Xue et al., EdgeMap: An Optimized Mapping Toolchain for Spiking Neural Network in Edge Computing, Sensors 23(14),
2023, doi:10.3390/s23146548.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.heuristics.partition._growth import Clusters, within_limits
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Watch


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Give each unit to the cluster of the highest 100 x (spikes to and from it) - 1 - 2 x size that has room.

    A new cluster opens if none fits. Units for which there is none go where they cost the fewest packets.
    """
    network, n = problem.network, problem.num_units
    clusters = Clusters(problem)
    spikes = network.spikes
    for u in range(n):
        if u % 256 == 0 and watch.should_stop():
            break
        before, after = network.fan_in_of(u), network.fan_out_of(u)
        before = before[before < n]
        known = np.concatenate((before, after))
        slot = clusters.slot_of_unit[known]
        passing = np.concatenate((spikes[before], np.full(after.size, spikes[u])))
        score = -1 - 2 * np.array(clusters.size, dtype=np.int64)
        np.add.at(score, slot[slot >= 0], 100 * passing[slot >= 0])
        by_score = np.argsort(-score, kind="stable").tolist()
        target = next((c for c in by_score if clusters.fits(u, c)), None)
        if target is None:
            target = clusters.open()
        if target is not None and clusters.fits(u, target):
            clusters.add(u, target)
    return within_limits(problem, clusters.slot_of_unit, watch)

"""Multilevel graph partition by METIS, then repair of the row limit: the partitioner of SNEAP.

S. Li et al., SNEAP: A Fast and Efficient Toolchain for Mapping Large-Scale Spiking Neural Network onto NoC-based
Neuromorphic Platform, GLSVLSI 2020, doi:10.1145/3386263.3406900; G. Karypis, V. Kumar, A Fast and High Quality
Multilevel Scheme for Partitioning Irregular Graphs, 1998, doi:10.1137/S1064827595287997.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.errors import MissingExtra
from spinemap_exact.heuristics.partition._growth import slots_of, symmetric_weights, within_limits
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Watch

_LARGEST_WEIGHT = 10**6  # METIS may be built with 32-bit integers


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Cut the graph of units, weighted by spikes in both directions, into as many parts as there may be clusters.

    Raises
    ------
    MissingExtra
        If pymetis is not installed.
    """
    try:
        import pymetis
    except ImportError as missing:
        raise MissingExtra("pymetis", "partitioners", "the heuristic sneap") from missing
    parts = min(slots_of(problem).size, problem.num_units)
    if parts < 2:
        return within_limits(problem, np.zeros(problem.num_units, dtype=np.int64), watch)
    a, b, spikes = symmetric_weights(problem)
    weight = np.maximum(1, spikes * _LARGEST_WEIGHT // max(1, int(spikes.max(initial=1)), _LARGEST_WEIGHT))
    source, target = np.concatenate((a, b)), np.concatenate((b, a))
    order = np.argsort(source, kind="stable")
    ptr = np.concatenate(([0], np.cumsum(np.bincount(source, minlength=problem.num_units))))
    _, labels = pymetis.part_graph(
        parts,
        pymetis.CSRAdjacency(ptr.tolist(), target[order].tolist()),
        eweights=np.concatenate((weight, weight))[order].tolist(),
        options=pymetis.Options(seed=watch.limits.seed),
    )
    return within_limits(problem, np.array(labels, dtype=np.int64), watch)

"""What the partition models loop over, and the numbering of clusters that they agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import gcd

import numpy as np

from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic


class Data:
    """Units, nets, clusters and crossbar types of one problem, in plain Python integers.

    A net carries the id of its source.

    Attributes
    ----------
    areas : list of int
        Area of each crossbar type in units of their common divisor.
    max_area : int or None
        In the same units; None where no choice of types exceeds it.
    """

    def __init__(self, problem: PartitionProblem) -> None:
        self.problem = problem
        self.units = range(problem.num_units)
        self.clusters = range(min(problem.max_clusters, problem.num_units))
        self.kinds = range(len(problem.crossbars))
        unit = gcd(*(c.area for c in problem.crossbars)) or 1
        self.areas = [c.area // unit for c in problem.crossbars]
        self.max_area = None if problem.max_area is None else problem.max_area // unit
        if self.max_area is not None and self.max_area >= len(self.clusters) * max(self.areas):
            self.max_area = None
        self.nets: list[int] = problem.nets.tolist()
        self.spikes: list[int] = problem.network.spikes.tolist()
        self.post: dict[int, list[int]] = {e: problem.network.fan_out_of(e).tolist() for e in self.nets}

    @property
    def counts_packets(self) -> bool:
        return self.problem.objective is PartitionObjective.PACKETS

    @cached_property
    def per_synapse(self) -> bool:
        return self.problem.traffic is Traffic.PER_SYNAPSE

    @cached_property
    def axons(self) -> list[frozenset[int]]:
        """Sources that each unit reads."""
        return [frozenset(self.problem.network.fan_in_of(u).tolist()) for u in self.units]

    def types_for(self, units: int, axons: int) -> list[int]:
        """Crossbar types that hold so many units and axons."""
        return [k for k, c in enumerate(self.problem.crossbars) if units <= c.columns and axons <= c.rows]

    def most_packets(self, net: int) -> int:
        """Packets that one spike of a net may send to one cluster."""
        return len(self.post[net]) if self.per_synapse else 1


def canonical(solution: Partition) -> tuple[list[int], dict[int, int]]:
    """Number the clusters by their lowest unit.

    Returns
    -------
    cluster_of_unit : list of int
    kind_of_cluster : dict of int to int
    """
    number: dict[int, int] = {}
    cluster_of_unit = [number.setdefault(c, len(number)) for c in solution.cluster_of_unit.tolist()]
    return cluster_of_unit, {new: int(solution.crossbar_of_cluster[old]) for old, new in number.items()}


def represented(solution: Partition) -> tuple[list[int], dict[int, int]]:
    """Name the clusters by their lowest unit.

    Returns
    -------
    lowest_of_unit : list of int
    kind_of_lowest : dict of int to int
    """
    lowest: dict[int, int] = {}
    lowest_of_unit = [lowest.setdefault(c, u) for u, c in enumerate(solution.cluster_of_unit.tolist())]
    return lowest_of_unit, {u: int(solution.crossbar_of_cluster[c]) for c, u in lowest.items()}


def packed(cluster_of_unit: Sequence[int], kind_of_cluster: Mapping[int, int]) -> Partition:
    """Return the partition with empty clusters left out."""
    used, label = np.unique(np.asarray(cluster_of_unit, dtype=np.int64), return_inverse=True)
    return Partition(label.ravel(), [kind_of_cluster[c] for c in used.tolist()])  # type: ignore[arg-type]

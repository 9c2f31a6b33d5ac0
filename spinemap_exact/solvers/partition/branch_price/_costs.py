"""What clusters cost on crossbars of each type, in integers, under the goal of one tree."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective
from spinemap_exact.solvers.partition.branch_price._graph import Instance
from spinemap_exact.solvers.partition.branch_price._mixes import Mixes, Range

_SAFE = 1 << 46  # scaled sums of costs stay below


class Costs:
    """A goal over the mixes of a problem.

    Parameters
    ----------
    mixes : Mixes
    goal : PartitionObjective
        What is minimised; where only some partition within the limits is wanted, any that is not packets.
    unit : int
        What one unit of these costs is in the objective of those who listen.

    Attributes
    ----------
    price : (num_types,) list of int
        What a crossbar of each type costs beside the packets of its cluster.
    dearest : int
        No partition costs more.
    step : int
        All costs are multiples of it.
    """

    def __init__(self, mixes: Mixes, goal: PartitionObjective, unit: int = 1) -> None:
        self.mixes, self.problem, self.goal, self.unit = mixes, mixes.problem, goal, unit
        self.packets = goal is PartitionObjective.PACKETS
        crossbars = self.problem.crossbars
        self.instances = [Instance(self.problem, c.rows, c.columns, self.packets) for c in crossbars]
        self.price: list[int] = mixes.prices(goal).tolist()
        most = self.problem.network.synaptic_events
        self.dearest = most if self.packets else max(self.price) * mixes.max_clusters
        self.step = math.gcd(*self.instances[0].spikes) or 1 if self.packets else 1
        self.too_large = 1 + self.dearest > _SAFE

    @property
    def num_types(self) -> int:
        return len(self.instances)

    @property
    def num_units(self) -> int:
        return self.problem.num_units

    def scale(self, cutoff: int) -> int:
        """Duals are held in this part of a unit: finer where costs are small, as far as sums stay safe."""
        scale = 1000
        while scale < 10**6 and cutoff * scale < 10**7:
            scale *= 10
        while scale > 1 and (1 + self.dearest) * scale > _SAFE:
            scale //= 10
        return scale

    def of(self, partition: Partition) -> int:
        match self.goal:
            case PartitionObjective.PACKETS:
                return self.problem.packets(partition)
            case PartitionObjective.CROSSBARS:
                return partition.num_clusters
            case PartitionObjective.AREA:
                return self.problem.area(partition)

    def of_column(self, cluster: frozenset[int], kind: int) -> int:
        """Price of a cluster on a crossbar of a type."""
        return self.price[kind] + (self.instances[kind].cost(cluster) if self.packets else 0)

    def least(self, node: Range, total: int, most: Sequence[int], scale: int) -> int | None:
        """Bound all partitions of a node by duals that sum to ``total``; None if no mix is allowed.

        No cluster on a crossbar of type t is worth more than ``most[t]``: the sum of its units' duals, less its
        penalties and, where they count, its packets.
        """
        if not self.packets:
            return self.mixes.least_price(node, total, most, self.price)
        bound = self.mixes.least_packets(node, total, most)
        return None if bound is None else -(-bound // (scale * self.step)) * self.step

    def enough(self, node: Range, total: float, charge: Sequence[int], scale: int, cutoff: int) -> list[int]:
        """What a cluster on each type may be worth at most, beyond its charge alike, for a scaled bound of ``total``.

        A guess at what need not be looked for, from the relaxation's ``charge`` for a crossbar of each type.
        """
        mixes = self.mixes.within(node)
        mixes = mixes[mixes @ np.array(self.price) < cutoff]
        most = int(mixes.sum(axis=1).max(initial=1))
        room = math.floor((total - int((mixes @ np.array(charge, dtype=np.int64)).max(initial=0))) / most)
        return [c + p * scale + room for c, p in zip(charge, self.price, strict=True)]

    def shares(self, clusters: Sequence[frozenset[int]]) -> Array:
        """Sum per unit of what it pays where each packet is shared by its readers in a cluster."""
        paid: Array = np.zeros(self.num_units)
        instance = self.instances[0]
        for cluster in clusters:
            readers: dict[int, list[int]] = {}
            for u in cluster:
                for k in instance.pre[u]:
                    if k not in cluster:
                        readers.setdefault(k, []).append(u)
            for k, units in readers.items():
                paid[units] += instance.spikes[k] / len(units)
        return paid

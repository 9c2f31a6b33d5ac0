"""What both assignment models of partition minimise, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Model, Value
from spinemap_exact.formulations.partition._data import Data, canonical, packed
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem


class AssignmentModel(Model[Partition]):
    """Variables by unit or net and cluster."""

    problem: PartitionProblem
    data: Data
    assign: dict[tuple[int, int], Any]
    type: dict[tuple[int, int], Any]
    enter: dict[tuple[int, int], Any]
    ship: dict[tuple[int, int], Any]

    def minimise_cost(self) -> None:
        match self.problem.objective:
            case PartitionObjective.PACKETS:
                self.minimise((self.data.spikes[e], ship) for (e, _), ship in self.ship.items())
            case PartitionObjective.CROSSBARS:
                self.minimise((1, used) for used in self.type.values())
            case PartitionObjective.AREA:
                self.minimise((self.problem.crossbars[k].area, used) for (_, k), used in self.type.items())

    def read(self, value: Value) -> Partition:
        return packed(
            [next(c for c in self.data.clusters if value(self.assign[u, c])) for u in self.data.units],
            {c: k for (c, k), used in self.type.items() if value(used)},
        )

    def values(self, solution: Partition) -> Iterable[tuple[Any, int]]:
        cluster_of_unit, kind_of_cluster = canonical(solution)
        for (u, c), assigned in self.assign.items():
            yield assigned, int(cluster_of_unit[u] == c)
        for (c, k), used in self.type.items():
            yield used, int(kind_of_cluster.get(c) == k)
        for (e, c), enter in self.enter.items():
            read = sum(cluster_of_unit[u] == c for u in self.data.post[e])
            yield enter, int(read > 0)
            if (e, c) in self.ship:
                at_home = e in self.data.units and cluster_of_unit[e] == c
                yield self.ship[e, c], 0 if at_home else (read if self.data.per_synapse else int(read > 0))

"""What both models of partition by representatives minimise, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Model, Value
from spinemap_exact.formulations.partition._data import Data, packed, represented
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem


class RepresentativesModel(Model[Partition]):
    """Variables by lowest unit of a cluster, and unit or net."""

    problem: PartitionProblem
    data: Data
    together: dict[tuple[int, int], Any]
    type: dict[tuple[int, int], Any]
    enter: dict[tuple[int, int], Any]
    ship: dict[tuple[int, int], Any]

    def minimise_cost(self) -> None:
        match self.problem.objective:
            case PartitionObjective.PACKETS:
                self.minimise((self.data.spikes[e], ship) for (e, _), ship in self.ship.items())
            case PartitionObjective.CROSSBARS:
                self.minimise((1, self.together[w, w]) for w in self.data.units)
            case PartitionObjective.AREA:
                self.minimise((self.problem.crossbars[k].area, used) for (_, k), used in self.type.items())

    def read(self, value: Value) -> Partition:
        return packed(
            [next(w for w in range(u + 1) if value(self.together[w, u])) for u in self.data.units],
            {w: k for (w, k), used in self.type.items() if value(used)},
        )

    def values(self, solution: Partition) -> Iterable[tuple[Any, int]]:
        lowest, kind = represented(solution)
        for (w, u), together in self.together.items():
            yield together, int(lowest[u] == w)
        for (w, k), used in self.type.items():
            yield used, int(kind.get(w) == k)
        for (e, w), enter in self.enter.items():
            read = sum(lowest[u] == w for u in self.data.post[e])
            yield enter, int(read > 0)
            if (e, w) in self.ship:
                at_home = e in self.data.units and lowest[e] == w
                yield self.ship[e, w], 0 if at_home else (read if self.data.per_synapse else int(read > 0))

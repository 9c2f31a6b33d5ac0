"""What all models of partition minimise, and what their net variables are at a given partition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spinemap_exact.formulations._model import Model
from spinemap_exact.formulations.partition._data import Data
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem


class PartitionModel(Model[Partition]):
    """Variables by cluster; each kind of model has its own names for clusters."""

    problem: PartitionProblem
    data: Data
    type: dict[tuple[int, int], Any]
    enter: dict[tuple[int, int], Any]
    ship: dict[tuple[int, int], Any]

    def minimise_cost(self, used: Iterable[Any]) -> None:
        """Minimise the problem's objective; ``used`` are binaries whose sum is the number of clusters."""
        match self.problem.objective:
            case PartitionObjective.PACKETS:
                self.minimise((self.data.spikes[e], ship) for (e, _), ship in self.ship.items())
            case PartitionObjective.CROSSBARS:
                self.minimise((1, one) for one in used)
            case PartitionObjective.AREA:
                self.minimise((self.problem.crossbars[k].area, one) for (_, k), one in self.type.items())

    def net_values(self, cluster_of_unit: Sequence[int]) -> Iterable[tuple[Any, int]]:
        """Say what ``enter`` and ``ship`` are where units lie in these clusters."""
        for (e, c), enter in self.enter.items():
            read = sum(cluster_of_unit[u] == c for u in self.data.post[e])
            yield enter, int(read > 0)
            if (e, c) in self.ship:
                at_home = e in self.data.units and cluster_of_unit[e] == c
                yield self.ship[e, c], 0 if at_home else (read if self.data.per_synapse else int(read > 0))

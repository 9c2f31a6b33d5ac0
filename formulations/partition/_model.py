"""What both models with a choice for each unit and cluster have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from spinemap_exact.formulations._model import Model, Words
from spinemap_exact.formulations.partition._data import Data
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem


class ClusterModel(Model[Partition]):
    """Units lie in clusters, clusters have a crossbar of some type, and nets enter clusters.

    Attributes
    ----------
    clusters : range
        Names of clusters.
    type : dict
        By cluster and crossbar type.
    enter, ship : dict
        By net and cluster, where the net may enter it.
    """

    clusters: range
    type: dict[tuple[int, int], Any]
    enter: dict[tuple[int, int], Any]
    ship: dict[tuple[int, int], Any]

    def __init__(self, problem: PartitionProblem, say: Words) -> None:
        super().__init__(say)
        self.problem, self.data = problem, Data(problem)

    @abstractmethod
    def lies(self, u: int, c: int) -> Any:
        """Return the choice that unit u lies in cluster c; None if it never does, as an external input."""

    def make_types(self) -> None:
        self.type = {(c, k): self.say.choice(f"type[{c},{k}]") for c in self.clusters for k in self.data.kinds}

    def make_nets(self, may_enter: Iterable[tuple[int, int]]) -> None:
        self.enter = {(e, c): self.say.amount(f"enter[{e},{c}]") for e, c in may_enter}
        packets = self.enter if self.data.counts_packets else ()
        self.ship = {(e, c): self.say.amount(f"ship[{e},{c}]", self.data.most_packets(e)) for e, c in packets}

    def respect_columns(self) -> None:
        for c in self.clusters:
            columns = self.say.sum(self.problem.crossbars[k].columns * self.type[c, k] for k in self.data.kinds)
            self.say.require(self.say.sum(self.members(c, self.data.units)) <= columns)

    def respect_rows(self) -> None:
        for c in self.clusters:
            rows = self.say.sum(self.problem.crossbars[k].rows * self.type[c, k] for k in self.data.kinds)
            nets = self.say.sum(self.enter[e, c] for e in self.data.nets if (e, c) in self.enter)
            self.say.require(nets <= rows)

    def respect_counts(self) -> None:
        for k, crossbar in enumerate(self.problem.crossbars):
            if crossbar.count is not None:
                self.say.require(self.say.sum(self.type[c, k] for c in self.clusters) <= crossbar.count)

    def respect_area(self) -> None:
        if self.data.max_area is not None:
            area = self.say.sum(self.data.areas[k] * used for (_, k), used in self.type.items())
            self.say.require(area <= self.data.max_area)

    def ship_unless_at_home(self) -> None:
        for (e, c), ship in self.ship.items():
            home = self.lies(e, c)
            if self.data.per_synapse:
                self.say.require(ship >= self.say.sum(self.members(c, self.data.post[e])), unless=home)
            else:
                self.say.require(ship >= self.enter[e, c] - (0 if home is None else home))

    def minimise_cost(self, used: Iterable[Any]) -> None:
        """Minimise the problem's objective; ``used`` are choices whose sum is the number of clusters."""
        match self.problem.objective:
            case PartitionObjective.PACKETS:
                self.minimise((self.data.spikes[e], ship) for (e, _), ship in self.ship.items())
            case PartitionObjective.CROSSBARS:
                self.minimise((1, one) for one in used)
            case PartitionObjective.AREA:
                self.minimise((self.problem.crossbars[k].area, one) for (_, k), one in self.type.items())

    def members(self, c: int, units: Iterable[int]) -> list[Any]:
        """Choices that these units lie in cluster c, of those that may."""
        return [lies for u in units if (lies := self.lies(u, c)) is not None]

    def values_at(self, cluster_of_unit: Sequence[int], kind: dict[int, int]) -> Iterable[tuple[Any, int]]:
        """Say what ``type``, ``enter`` and ``ship`` are where units lie in these clusters, of these types."""
        yield from ((used, int(kind.get(c) == k)) for (c, k), used in self.type.items())
        for (e, c), enter in self.enter.items():
            read = sum(cluster_of_unit[u] == c for u in self.data.post[e])
            yield enter, int(read > 0)
            if (e, c) in self.ship:
                at_home = e in self.data.units and cluster_of_unit[e] == c
                yield self.ship[e, c], 0 if at_home else (read if self.data.per_synapse else int(read > 0))

"""How both assignment models of partition are read, and what they are at a given partition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Value
from spinemap_exact.formulations.partition._data import canonical, packed
from spinemap_exact.formulations.partition._model import PartitionModel
from spinemap_exact.mapping import Partition


class AssignmentModel(PartitionModel):
    """Variables by unit or net and cluster."""

    assign: dict[tuple[int, int], Any]

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
        yield from self.net_values(cluster_of_unit)

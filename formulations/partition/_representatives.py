"""How both models of partition by representatives are read, and what they are at a given partition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Value
from spinemap_exact.formulations.partition._data import packed, represented
from spinemap_exact.formulations.partition._model import PartitionModel
from spinemap_exact.mapping import Partition


class RepresentativesModel(PartitionModel):
    """Variables by lowest unit of a cluster, and unit or net."""

    together: dict[tuple[int, int], Any]

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
        yield from self.net_values(lowest)

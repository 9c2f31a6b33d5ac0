"""What both models of placement by grid lines minimise, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Model, Value
from spinemap_exact.formulations.placement._data import Data, placed
from spinemap_exact.formulations.placement._lines import Lines
from spinemap_exact.mapping import Placement


class CutsModel(Model[Placement]):
    """Variables by cluster or pair, and tile or grid line."""

    data: Data
    lines: Lines
    at: dict[tuple[int, int], Any]
    beyond: dict[tuple[int, int], Any]
    cut: dict[tuple[int, int], Any]

    def minimise_cost(self) -> None:
        hops = [(self.data.pairs[p].both * self.lines.hop[k], cut) for (p, k), cut in self.cut.items()]
        self.minimise(hops + [(self.data.linear[c][t], at) for (c, t), at in self.at.items()])

    def read(self, value: Value) -> Placement:
        return placed(next(t for t in self.data.tiles if value(self.at[c, t])) for c in self.data.clusters)

    def values(self, solution: Placement) -> Iterable[tuple[Any, int]]:
        tile = self.data.canonical(solution)
        yield from ((at, int(tile[c] == t)) for (c, t), at in self.at.items())
        yield from ((side, int(tile[c] in self.lines.tiles_beyond[k])) for (c, k), side in self.beyond.items())
        for (p, k), cut in self.cut.items():
            sides = [tile[c] in self.lines.tiles_beyond[k] for c in (self.data.pairs[p].a, self.data.pairs[p].b)]
            yield cut, int(sides[0] != sides[1])

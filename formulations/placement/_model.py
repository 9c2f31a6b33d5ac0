"""What the models with a choice for each cluster and tile have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Model, Value, Words
from spinemap_exact.formulations.placement._data import Data, placed
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem


class TileModel(Model[Placement]):
    """Each cluster lies on one tile; at most one cluster lies on a tile.

    Attributes
    ----------
    at : dict
        Choices by cluster and tile.
    """

    def __init__(self, problem: PlacementProblem, say: Words) -> None:
        super().__init__(say)
        self.data = data = Data(problem)
        self.at = {(c, t): say.choice(f"at[{c},{t}]") for c in data.clusters for t in data.tiles}

    def place_each_cluster_once(self) -> None:
        for c in self.data.clusters:
            self.say.exactly_one(self.at[c, t] for t in self.data.tiles)

    def share_no_tile(self) -> None:
        for t in self.data.tiles:
            self.say.at_most_one(self.at[c, t] for c in self.data.clusters)

    def place_the_anchor_in_one_tile_of_each_orbit(self) -> None:
        for t in self.data.tiles:
            if t not in self.data.orbit_tiles:
                self.say.require(self.at[self.data.anchor, t] == 0)

    def minimise_cost(self, pairs: Iterable[tuple[int, Any]]) -> None:
        """Minimise what pairs of clusters cost, and what each cluster costs alone."""
        self.minimise([*pairs, *((self.data.linear[c][t], at) for (c, t), at in self.at.items())])

    def read(self, value: Value) -> Placement:
        return placed(next(t for t in self.data.tiles if value(self.at[c, t])) for c in self.data.clusters)

    def values(self, solution: Placement) -> Iterable[tuple[Any, int]]:
        tile = self.data.canonical(solution)
        yield from ((at, int(tile[c] == t)) for (c, t), at in self.at.items())
        yield from self.pair_values(tile)

    @abstractmethod
    def pair_values(self, tile: list[int]) -> Iterable[tuple[Any, int]]:
        """Say what all other variables are where clusters lie on these tiles."""

r"""Placement linearised by products of assignments, for MILP engines.

Sets        clusters a, b, c; tiles s, t; pairs p = (a, b) of clusters with traffic
Data        d_st distance from tile s to tile t, any matrix; f_ab packets from a to b; g_ct what cluster c costs on
            tile t whatever the others do
Variables   at[c,t] = 1     cluster c lies on tile t
            both[p,s,t]     at[a,s] at[b,t]
Minimise    sum_p,s,t (f_ab d_st + f_ba d_ts) both[p,s,t] + sum_c,t g_ct at[c,t]
Subject to  (A1) sum_t at[c,t] = 1                       for c     each cluster on one tile
            (A2) sum_c at[c,t] <= 1                      for t     at most one cluster on a tile
            (A3) sum_(t != s) both[p,s,t] = at[a,s]      for p, s
            (A4) sum_(s != t) both[p,s,t] = at[b,t]      for p, t
            (A5) at[anchor,t] = 0                        for t not the lowest of its orbit

W. P. Adams, T. A. Johnson, *Improved linear programming-based lower bounds for the quadratic assignment problem*,
DIMACS 16, 1994, restricted to pairs with traffic and with one set of products for both orders of a pair. Strong and
large: one variable for each pair of clusters and of tiles. ``both`` is integer because ``at`` is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Words
from spinemap_exact.formulations.placement._model import TileModel
from spinemap_exact.problems.placement import PlacementProblem


def build(problem: PlacementProblem, say: Words) -> AdamsJohnson:
    return AdamsJohnson(problem, say)


class AdamsJohnson(TileModel):
    """See the module docstring."""

    def __init__(self, problem: PlacementProblem, say: Words) -> None:
        super().__init__(problem, say)
        data = self.data
        self.both = {
            (p, s, t): say.amount(f"both[{p},{s},{t}]")
            for p in range(len(data.pairs))
            for s in data.tiles
            for t in data.tiles
            if s != t
        }
        self.place_each_cluster_once()  # A1
        self.share_no_tile()  # A2
        self.multiply_by_the_first()  # A3
        self.multiply_by_the_second()  # A4
        self.place_the_anchor_in_one_tile_of_each_orbit()  # A5
        self.minimise_cost((data.price(data.pairs[p], s, t), both) for (p, s, t), both in self.both.items())

    def multiply_by_the_first(self) -> None:
        for p, pair in enumerate(self.data.pairs):
            for s in self.data.tiles:
                products = self.say.sum(self.both[p, s, t] for t in self.data.tiles if t != s)
                self.say.require(products == self.at[pair.a, s])

    def multiply_by_the_second(self) -> None:
        for p, pair in enumerate(self.data.pairs):
            for t in self.data.tiles:
                products = self.say.sum(self.both[p, s, t] for s in self.data.tiles if s != t)
                self.say.require(products == self.at[pair.b, t])

    def pair_values(self, tile: list[int]) -> Iterable[tuple[Any, int]]:
        for (p, s, t), both in self.both.items():
            yield both, int((tile[self.data.pairs[p].a], tile[self.data.pairs[p].b]) == (s, t))

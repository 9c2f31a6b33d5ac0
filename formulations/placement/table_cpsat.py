r"""Placement as tables of pair costs, for CP-SAT.

Sets        clusters a, b; tiles s, t; pairs p = (a, b) of clusters with traffic
Data        d_st distance from tile s to tile t, any matrix; f_ab packets from a to b; g_ct what cluster c costs on
            tile t whatever the others do
Variables   tile[c]      tile of cluster c
            at[c,t] = 1  cluster c lies on tile t
            pay[p]       what pair p costs
Minimise    sum_p pay[p] + sum_c,t g_ct at[c,t]
Subject to  (T1) tile[c] all different
            (T2) (tile[a], tile[b], pay[p]) in { (s, t, f_ab d_st + f_ba d_ts) : s != t }    for p = (a, b)
            (T3) at[c,t] = 1 exactly if tile[c] = t                                          for c, t
            (T4) at[anchor,t] = 0                                   for t not the lowest of its orbit

The plain model, and the one that covers every distance matrix. (T4) breaks the symmetry of a mesh.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ortools.sat.python import cp_model

from spinemap_exact.formulations._cpsat import CpSat
from spinemap_exact.formulations._model import Value
from spinemap_exact.formulations.placement._data import placed
from spinemap_exact.formulations.placement._model import TileModel
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem


def build(problem: PlacementProblem, say: CpSat) -> Table:
    return Table(problem, say)


class Table(TileModel):
    """See the module docstring."""

    def __init__(self, problem: PlacementProblem, say: CpSat) -> None:
        super().__init__(problem, say)
        self.proto, data = say.proto, self.data
        self.tile = [say.number(f"tile[{c}]", problem.num_tiles - 1) for c in data.clusters]
        self.tuples = [
            [(s, t, data.price(pair, s, t)) for s in data.tiles for t in data.tiles if s != t] for pair in data.pairs
        ]
        self.pay = [
            self.proto.new_int_var_from_domain(cp_model.Domain.from_values([v for *_, v in tuples]), f"pay[{p}]")
            for p, tuples in enumerate(self.tuples)
        ]
        self.place_on_distinct_tiles()  # T1
        self.pay_for_the_distance()  # T2
        self.tell_tiles_apart()  # T3
        self.place_the_anchor_in_one_tile_of_each_orbit()  # T4
        self.minimise_cost((1, pay) for pay in self.pay)

    def place_on_distinct_tiles(self) -> None:
        self.proto.add_all_different(self.tile)

    def pay_for_the_distance(self) -> None:
        for pair, pay, tuples in zip(self.data.pairs, self.pay, self.tuples, strict=True):
            self.proto.add_allowed_assignments([self.tile[pair.a], self.tile[pair.b], pay], tuples)

    def tell_tiles_apart(self) -> None:
        for (c, t), at in self.at.items():
            self.proto.add(self.tile[c] == t).only_enforce_if(at)
            self.proto.add(self.tile[c] != t).only_enforce_if(~at)

    def read(self, value: Value) -> Placement:
        return placed(value(tile) for tile in self.tile)

    def pair_values(self, tile: list[int]) -> Iterable[tuple[Any, int]]:
        yield from zip(self.tile, tile, strict=True)
        for pair, pay in zip(self.data.pairs, self.pay, strict=True):
            yield pay, self.data.price(pair, tile[pair.a], tile[pair.b])

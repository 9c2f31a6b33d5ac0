r"""Placement on a mesh by the grid lines between clusters.

Sets        clusters a, b; tiles t at (x_t, y_t); grid lines l: vertical ones between columns, horizontal ones between
            rows; pairs p = (a, b) of clusters with traffic
Data        f_p packets of a pair, both ways together; h_l cost of a hop across line l; g_ct what external inputs of
            cluster c cost on tile t
Variables   at[c,t] = 1      cluster c lies on tile t
            beyond[c,l] = 1  cluster c lies right of, or below, line l
            cut[p,l] = 1     line l separates the clusters of pair p
Minimise    sum_p f_p sum_l h_l cut[p,l] + sum_c,t g_ct at[c,t]
Subject to  (C1) sum_t at[c,t] = 1                                for c      each cluster on one tile
            (C2) sum_c at[c,t] <= 1                               for t      at most one cluster on a tile
            (C3) beyond[c,l] = sum_(t beyond l) at[c,t]           for c, l
            (C4) cut[p,l] >= beyond[a,l] - beyond[b,l]            for p, l   and the other way round
            (C5) sum_l cut[p,l] >= 1                              for p      distinct tiles are a line apart
            (C6) sum_(p of c) sum_l cut[p,l] >= the distances from the best tile to its nearest so many tiles
                                                                  for c
            (C7) at[anchor,t] = 0                                 for t not the lowest of its orbit

Manhattan distance counts the grid lines between two tiles, so nothing quadratic is left. (C4) bounds cut from below
only; the objective pushes it down, and `read` looks at ``at`` alone, the only variables that MILP engines hear to be
integer. (C5) and (C6) are implied and lift the bound; (C7) breaks the symmetry of the mesh.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Words
from spinemap_exact.formulations.placement._lines import Lines
from spinemap_exact.formulations.placement._model import TileModel
from spinemap_exact.problems.placement import PlacementProblem


def build(problem: PlacementProblem, say: Words) -> Cuts:
    return Cuts(problem, say)


class Cuts(TileModel):
    """See the module docstring."""

    def __init__(self, problem: PlacementProblem, say: Words) -> None:
        super().__init__(problem, say)
        self.lines = lines = Lines(self.data)
        self.pairs = range(len(self.data.pairs))
        self.beyond = {(c, k): say.amount(f"beyond[{c},{k}]") for c in self.data.clusters for k in lines.ids}
        self.cut = {(p, k): say.amount(f"cut[{p},{k}]") for p in self.pairs for k in lines.ids}
        self.place_each_cluster_once()  # C1
        self.share_no_tile()  # C2
        self.tell_sides_from_tiles()  # C3
        self.cut_where_sides_differ()  # C4
        self.keep_pairs_apart()  # C5
        self.keep_neighbours_apart()  # C6
        self.place_the_anchor_in_one_tile_of_each_orbit()  # C7
        self.minimise_cost((self.data.pairs[p].both * lines.hop[k], cut) for (p, k), cut in self.cut.items())

    def tell_sides_from_tiles(self) -> None:
        for (c, k), side in self.beyond.items():
            self.say.require(side == self.say.sum(self.at[c, t] for t in self.lines.tiles_beyond[k]))

    def cut_where_sides_differ(self) -> None:
        for (p, k), cut in self.cut.items():
            one, other = self.beyond[self.data.pairs[p].a, k], self.beyond[self.data.pairs[p].b, k]
            self.say.require(cut >= one - other)
            self.say.require(cut >= other - one)

    def keep_pairs_apart(self) -> None:
        for p in self.pairs:
            self.say.require(self.say.sum(self.cut[p, k] for k in self.lines.ids) >= 1)

    def keep_neighbours_apart(self) -> None:
        for c in self.data.clusters:
            pairs = [p for p in self.pairs if c in (self.data.pairs[p].a, self.data.pairs[p].b)]
            if len(pairs) > 1:
                lines = self.say.sum(self.cut[p, k] for p in pairs for k in self.lines.ids)
                self.say.require(lines >= self.lines.least_lines_to(len(pairs)))

    def pair_values(self, tile: list[int]) -> Iterable[tuple[Any, int]]:
        yield from ((side, int(tile[c] in self.lines.tiles_beyond[k])) for (c, k), side in self.beyond.items())
        for (p, k), cut in self.cut.items():
            sides = [tile[c] in self.lines.tiles_beyond[k] for c in (self.data.pairs[p].a, self.data.pairs[p].b)]
            yield cut, int(sides[0] != sides[1])

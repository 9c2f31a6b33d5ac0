r"""Placement on a mesh by the grid lines between clusters, for CP-SAT.

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
only; the objective pushes it down, and `read` looks at ``at`` alone. (C5) and (C6) are implied and lift the bound;
(C7) breaks the symmetry of the mesh.
"""

from __future__ import annotations

from spinemap_exact.formulations._cpsat import CpSatModel
from spinemap_exact.formulations.placement._cuts import CutsModel
from spinemap_exact.formulations.placement._data import Data
from spinemap_exact.formulations.placement._lines import Lines
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem


def build(problem: PlacementProblem) -> CutsCpSat:
    return CutsCpSat(problem)


class CutsCpSat(CutsModel, CpSatModel[Placement]):
    """See the module docstring."""

    def __init__(self, problem: PlacementProblem) -> None:
        super().__init__()
        self.data = data = Data(problem)
        self.lines = Lines(data)
        boolean = self.proto.new_bool_var
        self.at = {(c, t): boolean(f"at[{c},{t}]") for c in data.clusters for t in data.tiles}
        self.beyond = {(c, k): boolean(f"beyond[{c},{k}]") for c in data.clusters for k in self.lines.ids}
        self.cut = {(p, k): boolean(f"cut[{p},{k}]") for p in range(len(data.pairs)) for k in self.lines.ids}
        self.place_each_cluster_once()  # C1
        self.share_no_tile()  # C2
        self.tell_sides_from_tiles()  # C3
        self.cut_where_sides_differ()  # C4
        self.keep_pairs_apart()  # C5
        self.keep_neighbours_apart()  # C6
        self.place_the_anchor_in_one_tile_of_each_orbit()  # C7
        self.minimise_cost()

    def place_each_cluster_once(self) -> None:
        for c in self.data.clusters:
            self.proto.add_exactly_one(self.at[c, t] for t in self.data.tiles)

    def share_no_tile(self) -> None:
        for t in self.data.tiles:
            self.proto.add_at_most_one(self.at[c, t] for c in self.data.clusters)

    def tell_sides_from_tiles(self) -> None:
        for (c, k), side in self.beyond.items():
            self.proto.add(side == sum(self.at[c, t] for t in self.lines.tiles_beyond[k]))

    def cut_where_sides_differ(self) -> None:
        for (p, k), cut in self.cut.items():
            one, other = self.beyond[self.data.pairs[p].a, k], self.beyond[self.data.pairs[p].b, k]
            self.proto.add_bool_or(cut, ~one, other)
            self.proto.add_bool_or(cut, one, ~other)

    def keep_pairs_apart(self) -> None:
        for p in range(len(self.data.pairs)):
            self.proto.add_bool_or(self.cut[p, k] for k in self.lines.ids)

    def keep_neighbours_apart(self) -> None:
        for c in self.data.clusters:
            pairs = [p for p, pair in enumerate(self.data.pairs) if c in (pair.a, pair.b)]
            if len(pairs) > 1:
                lines = sum(self.cut[p, k] for p in pairs for k in self.lines.ids)
                self.proto.add(lines >= self.lines.least_lines_to(len(pairs)))

    def place_the_anchor_in_one_tile_of_each_orbit(self) -> None:
        for t in self.data.tiles:
            if t not in self.data.orbit_tiles:
                self.proto.add(self.at[self.data.anchor, t] == 0)

"""What the published methods share: positions of tiles, exact swaps, and tiles for clusters that meet."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array, csr_from_pairs
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem


def positions(problem: PlacementProblem) -> tuple[Array, Array]:
    """Coordinates of the tiles; without a mesh, tiles stand on the squarest grid in the order of their ids."""
    if problem.mesh is not None:
        return problem.mesh.x, problem.mesh.y
    tile = np.arange(problem.num_tiles)
    width = int(np.ceil(np.sqrt(problem.num_tiles)))
    return tile % width, tile // width


class Board:
    """A placement that changes by swaps, with exact increments.

    Empty tiles hold clusters without traffic, so that every move is a swap.

    Attributes
    ----------
    tile : (num_tiles,) int64
        Tile of every cluster, the empty ones last.
    """

    def __init__(self, problem: PlacementProblem, tile_of_cluster: Array) -> None:
        m, n = problem.num_clusters, problem.num_tiles
        self.problem = problem
        self._has_inputs = problem.input_flow is not None
        order = np.argsort(problem.flow_from, kind="stable")
        back = np.argsort(problem.flow_to, kind="stable")
        self._out_ptr = np.searchsorted(problem.flow_from[order], np.arange(m + 1))
        self._in_ptr = np.searchsorted(problem.flow_to[back], np.arange(m + 1))
        self._out, self._out_flow = problem.flow_to[order], problem.flow[order]
        self._in, self._in_flow = problem.flow_from[back], problem.flow[back]
        used = np.asarray(tile_of_cluster, dtype=np.int64)
        self.tile = np.concatenate((used, np.setdiff1d(np.arange(n), used)))
        self.cluster_on = np.argsort(self.tile)

    @property
    def placement(self) -> Placement:
        return Placement(self.tile[: self.problem.num_clusters])

    def cost_of(self, cluster: int) -> int:
        """Cost of all flows that begin or end at a cluster, where it stands now."""
        if cluster >= self.problem.num_clusters:
            return 0
        here = self.tile[cluster]
        out = slice(self._out_ptr[cluster], self._out_ptr[cluster + 1])
        into = slice(self._in_ptr[cluster], self._in_ptr[cluster + 1])
        cost = int(self._out_flow[out] @ self.problem.between(here, self.tile[self._out[out]]))
        cost += int(self._in_flow[into] @ self.problem.between(self.tile[self._in[into]], here))
        return cost + (int(self.problem.entering(np.asarray(cluster), here)) if self._has_inputs else 0)

    def swap(self, a: int, b: int) -> int:
        """Swap the tiles of two clusters; return what that changes."""
        # flows between the two, and loops, are counted twice before and after alike: subtract one of them
        before = self.cost_of(a) + self.cost_of(b) - self._shared(a, b)
        self.tile[a], self.tile[b] = self.tile[b], self.tile[a]
        self.cluster_on[self.tile[a]], self.cluster_on[self.tile[b]] = a, b
        return self.cost_of(a) + self.cost_of(b) - self._shared(a, b) - before

    def _shared(self, a: int, b: int) -> int:
        total = 0
        for source in {a, b}:
            if source < self.problem.num_clusters:
                out = slice(self._out_ptr[source], self._out_ptr[source + 1])
                among = (self._out[out] == a) | (self._out[out] == b)
                there = self.tile[self._out[out][among]]
                total += int(self._out_flow[out][among] @ self.problem.between(self.tile[source], there))
        return total


def on_distinct_tiles(problem: PlacementProblem, x: Array, y: Array, order: Array) -> Array:
    """Tile of each cluster: in this order, each on the free tile nearest to its point; ties go to the lowest id."""
    tile_x, tile_y = positions(problem)
    free = np.ones(problem.num_tiles, dtype=np.bool_)
    tile_of_cluster = np.zeros(problem.num_clusters, dtype=np.int64)
    for c in order:
        away = np.abs(tile_x - x[c]) + np.abs(tile_y - y[c])
        tile_of_cluster[c] = np.argmin(np.where(free, away, np.inf))
        free[tile_of_cluster[c]] = False
    return tile_of_cluster


def layers(problem: PlacementProblem) -> Array:
    """Layer of each cluster: the fewest flows from a cluster that nobody feeds; circles start at their lowest id."""
    m = problem.num_clusters
    feeds = problem.flow_from != problem.flow_to
    ptr, targets, _ = csr_from_pairs(problem.flow_from[feeds], problem.flow_to[feeds], m)
    layer = np.full(m, -1, dtype=np.int64)
    front = np.setdiff1d(np.arange(m), targets)
    lowest = depth = 0
    while True:
        if front.size == 0:
            while lowest < m and layer[lowest] >= 0:
                lowest += 1
            if lowest == m:
                return layer
            front = np.array([lowest])
        layer[front] = depth
        reached = np.unique(np.concatenate([targets[ptr[c] : ptr[c + 1]] for c in front]))
        front = reached[layer[reached] < 0]
        depth += 1

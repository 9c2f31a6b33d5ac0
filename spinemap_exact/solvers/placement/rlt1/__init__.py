r"""Branch and bound on the level-1 reformulation of quadratic assignment, for any matrices.

Write a placement as an assignment x[i,p] of rows (clusters, and one row without flow for each empty tile) to tiles, and
y[i,p,j,q] = x[i,p] x[j,q]. Every product has two names, y[i,p,j,q] = y[j,q,i,p], and if x[i,p] = 1, then y[i,p,.,.] is
itself an assignment of the other rows. Three moves of cost keep the price of every placement:

    between the two names of a product: both get half of what they hold together;
    from the pairs below (i, p) to x[i,p], by the duals of their assignment problem; from x[i,p] evenly to the pairs;
    from all x to the constant, by the duals of theirs.

All costs stay non-negative, so the constant is a bound at any time. Everything is an integer: costs are scaled by 16 at
the root, remainders are shared out one by one. What would lift the bound above the best placement known is forbidden,
which makes the assignment problems around it dearer.

Branching puts one cluster on every tile in turn. Tiles that an automorphism exchanges while it keeps those already used
are alike: one of them is enough. The method is strong where flows are few and tree-like.

References
----------
P. Hahn, T. Grant, Lower bounds for the quadratic assignment problem based upon a dual formulation, Operations Research
46 (1998), doi:10.1287/opre.46.6.912.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels import tabu
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import SolveResult, Watch, conclude
from spinemap_exact.solvers.placement._bounds import cheap_bound
from spinemap_exact.solvers.placement._symmetry import automorphisms, grain
from spinemap_exact.solvers.placement.rlt1 import _ascent

logger = logging.getLogger(__name__)

ENGINE = "rlt1"
MOST_TILES = 49  # 49^4 integers take 46 MB
_SCALE = 16
_ROOT_STEPS, _NODE_STEPS = 300, 30
_WORK_PER_CALL = 2e9  # elementary steps between two looks at the clock


def solve(problem: PlacementProblem, watch: Watch, warm_start: Placement | None = None) -> SolveResult[Placement]:
    """Place clusters on up to 49 tiles with any distances; beyond that, bound the cost cheaply and say so."""
    seconds = None if watch.remaining_s is None else 0.2 * watch.remaining_s
    incumbent = tabu.search(problem, watch.part(seconds), warm_start, idle_starts=5)
    bound = min(cheap_bound(problem), problem.cost(incumbent))
    watch.report(objective=problem.cost(incumbent), dual_bound=bound)
    reason, details = "", {}
    if bound < problem.cost(incumbent):
        if problem.num_tiles > MOST_TILES:
            reason = f"fell back to a simple bound: {problem.num_tiles} tiles are more than {MOST_TILES}"
        elif problem.cost(incumbent) * _SCALE >= int(_ascent.NEVER) // 64:
            reason = "fell back to a simple bound: the costs are too large"
        else:
            search = _Search(problem, watch, incumbent)
            search.run()
            incumbent, bound = search.incumbent, min(search.cost, max(bound, search.bound))
            details["nodes"] = search.nodes
    return conclude(problem, incumbent, bound, engine=ENGINE, watch=watch, reason=reason, details=details)


@dataclass(frozen=True, eq=False)
class _Node:
    """Costs of a sub-problem, and what its rows and columns stand for.

    Parameters
    ----------
    linear : (n, n) int64
    pairs : (n, n, n, n) int64
    rows, tiles : (n,) int64
        Cluster and tile of each row and column; a row without flow is counted beyond all tiles.
    placed : tuple of (cluster, tile)
    symmetries : (num, num_tiles) int64
        Automorphisms that keep the tiles of ``placed``.
    """

    linear: Array
    pairs: Array
    rows: Array
    tiles: Array
    placed: tuple[tuple[int, int], ...]
    symmetries: Array


@dataclass(frozen=True, eq=False)
class _Open:
    """A child not yet built: row ``row`` of ``parent`` on its column ``column``."""

    bound: int
    parent: _Node
    row: int
    column: int


class _Search:
    def __init__(self, problem: PlacementProblem, watch: Watch, incumbent: Placement) -> None:
        self.problem, self.watch, self.incumbent = problem, watch, incumbent
        self.cost = problem.cost(incumbent)
        self.grain = grain(problem)
        self.nodes = 0
        self._open: list[_Open] = []
        self._least_settled: int | None = None  # bounds of what was left unfinished

    @property
    def limit(self) -> int:
        """Largest scaled cost of a placement of interest."""
        return _SCALE * (self.cost - self.grain)

    @property
    def bound(self) -> int:
        """No placement costs less than this, once the root is bounded."""
        left = [child.bound for child in self._open]
        if self._least_settled is not None:
            left.append(self._least_settled)
        scaled = min(left, default=None)
        return self.cost if scaled is None else min(self.cost, -(-scaled // (_SCALE * self.grain)) * self.grain)

    def run(self) -> None:
        """Depth first, the most promising child of a node first."""
        self._visit(self._root(), 0, _ROOT_STEPS)
        while self._open and self._least_settled is None:
            self.watch.report(dual_bound=self.bound)
            child = self._open.pop()
            if child.bound <= self.limit:
                if self.watch.should_stop():
                    self._open.append(child)
                    return
                self._visit(_build(child), child.bound, _NODE_STEPS)

    def _root(self) -> _Node:
        problem = self.problem
        n, m = problem.num_tiles, problem.num_clusters
        flow, distances = problem.flow_matrix, problem.distances
        linear = np.zeros((n, n), dtype=np.int64)
        linear[:m] = problem.linear + flow.diagonal()[:, None] * distances.diagonal()[None, :]
        pairs = np.zeros((n, n, n, n), dtype=np.int64)
        pairs[:m, :, :m, :] = flow[:, None, :, None] * distances[None, :, None, :]
        silent = (flow.sum(axis=0) + flow.sum(axis=1) + linear[:m].sum(axis=1)) == 0
        rows = np.arange(n) + n * np.concatenate((silent, np.ones(n - m, dtype=bool)))
        return _Node(_SCALE * linear, _SCALE * pairs, rows, np.arange(n), (), automorphisms(problem))

    def _visit(self, node: _Node, bound: int, steps: int) -> None:
        """Bound a sub-problem; open its children, the most promising last."""
        self.nodes += 1
        limit = self.limit
        n = len(node.linear)
        steps = steps if n > 1 else 0
        chunk = max(1, int(_WORK_PER_CALL / (n**4 * 20)))
        value = bound
        while True:
            before = value
            value, tile = _ascent.ascend(node.linear, node.pairs, value, limit, min(steps, chunk), 2)
            steps -= chunk
            self._offer(node, tile)
            if value > self.limit:
                return
            if steps <= 0 or value - before < (limit - value) // 200:
                break
            if self.watch.should_stop():
                self._settle(value)
                return
        if self.watch.should_stop():
            self._settle(value)
        elif (node.rows < self.problem.num_clusters).any():
            self._open += sorted(self._children(node, value), key=lambda child: -child.bound)

    def _settle(self, value: int) -> None:
        self._least_settled = value

    def _children(self, node: _Node, bound: int) -> list[_Open]:
        """One child for each class of tiles that the most constrained cluster can still stand on."""
        column = np.full(self.problem.num_tiles, -1)
        column[node.tiles] = np.arange(len(node.tiles))
        classes: dict[int, list[int]] = {}
        for c, t in enumerate(node.tiles):
            classes.setdefault(int(node.symmetries[:, t].min()), []).append(c)
        best: tuple[tuple[int, int], list[_Open]] | None = None
        for row in np.flatnonzero(node.rows < self.problem.num_clusters):
            dearest = {members[0]: int(node.linear[row, members].max()) for members in classes.values()}
            alive = [
                _Open(bound + extra, node, int(row), c) for c, extra in dearest.items() if bound + extra <= self.limit
            ]
            rank = len(alive), -sum(child.bound - bound for child in alive)
            if best is None or rank < best[0]:
                best = rank, alive
        assert best is not None
        return best[1]

    def _offer(self, node: _Node, tile: Array) -> None:
        """Price the placement that the cheapest assignment suggests."""
        tiles = np.empty(self.problem.num_tiles, dtype=np.int64)
        for cluster, t in node.placed:
            tiles[cluster % self.problem.num_tiles] = t
        tiles[node.rows % self.problem.num_tiles] = node.tiles[tile]
        placement = Placement(tiles[: self.problem.num_clusters])
        cost = self.problem.cost(placement)
        if cost < self.cost:
            self.cost, self.incumbent = cost, placement
            self.watch.report(objective=cost)
            logger.info("rlt1: placement of cost %d", cost)


def _build(child: _Open) -> _Node:
    parent, row, column = child.parent, child.row, child.column
    linear, pairs = _ascent.fixed(parent.linear, parent.pairs, row, column)
    tile = int(parent.tiles[column])
    return _Node(
        linear,
        pairs,
        np.delete(parent.rows, row),
        np.delete(parent.tiles, column),
        (*parent.placed, (int(parent.rows[row]), tile)),
        parent.symmetries[parent.symmetries[:, tile] == tile],
    )

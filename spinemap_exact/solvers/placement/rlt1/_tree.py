"""Branch and bound: nodes, their bounds, and the order in which they are visited."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch
from spinemap_exact.solvers.placement._symmetry import automorphisms, grain
from spinemap_exact.solvers.placement.rlt1 import _ascent

logger = logging.getLogger(__name__)

LARGEST_COST = 1 << 40
_SCALE = 64  # finer shares lift the bounds by less than one part in a thousand
_PATIENCE, _SLOW = 2, 25  # branch after more than so many rounds that each close less than 1/25 of the gap
_POWER = 4  # how the tree below a child is assumed to grow with its gap
_MEMORY = 1 << 30  # bytes that multipliers of open nodes may take
_MEMORY_OF_TRAIL = 1 << 29  # and those of the nodes visited


@dataclass(frozen=True, eq=False)
class Node:
    """A sub-problem: some clusters placed, multipliers for the others.

    Parameters
    ----------
    bound : int
        Scaled; no placement in it costs less.
    placed : tuple of (cluster, tile)
    clusters, tiles : (k,) int64
        What is left, ascending.
    alive : (k, k) bool
        Whether the cluster may lie on the tile.
    U, V : (k, k, k) int64
        Multipliers, see `_ascent`.
    symmetries : (num, num_tiles) int64
        Automorphisms that keep the tiles in use.
    """

    bound: int
    placed: tuple[tuple[int, int], ...]
    clusters: Array
    tiles: Array
    alive: Array
    U: Array
    V: Array
    symmetries: Array


@dataclass(frozen=True, eq=False)
class Visit:
    """What a node came to: its last multipliers, and how it was split.

    Parameters
    ----------
    U, V : (k, k, k) int64
    branch : (int, int) or None
        Over the tiles of cluster ``branch[1]`` (``branch[0]`` 0) or over the clusters of a tile (1).
    cells : tuple of (cluster, tile)
        The children.
    """

    U: Array
    V: Array
    branch: tuple[int, int] | None = None
    cells: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Trail:
    """All visits, by what was placed in their nodes; what a proof can be written from."""

    scale: int
    symmetries: Array
    visits: dict[frozenset[tuple[int, int]], Visit]


class Tree:
    """All placements that cost less than the incumbent, in open nodes."""

    def __init__(self, problem: PlacementProblem, watch: Watch, incumbent: Placement, bound: int) -> None:
        self.problem, self.watch, self.incumbent = problem, watch, incumbent
        self.cost = problem.cost(incumbent)
        self.grain = grain(problem)
        self.nodes = 0
        n, m = problem.num_tiles, problem.num_clusters
        flow, distances = problem.flow_matrix, problem.distances
        self.flow = np.zeros((n, n), dtype=np.int64)
        self.flow[:m, :m] = flow * _SCALE
        np.fill_diagonal(self.flow, 0)
        self.distances = np.ascontiguousarray(distances)
        self.linear = np.zeros((n, n), dtype=np.int64)
        self.linear[:m] = _SCALE * (problem.linear + np.outer(flow.diagonal(), distances.diagonal()))
        busy = np.concatenate((self.flow, self.flow.T, self.linear), axis=1)
        self.silent: Array = ~np.any(busy, axis=1)
        self.bound = bound
        self._deep: list[Node] = []
        self._bytes = 0
        self._open: list[tuple[int, int, Node]] = []
        self._ticket = count()
        self._lock = Lock()
        nothing = np.zeros((n, n, n), dtype=np.int64)
        tiles = np.arange(n)
        everywhere = np.ones((n, n), dtype=bool)
        symmetries = automorphisms(problem)
        self.trail: Trail | None = Trail(_SCALE, symmetries, {})
        self._bytes_of_trail = 0
        self._push([Node(_SCALE * bound, (), tiles, tiles, everywhere, nothing, nothing, symmetries)])

    @property
    def limit(self) -> int:
        """Largest scaled cost of a placement of interest."""
        return _SCALE * (self.cost - self.grain)

    def run(self) -> None:
        """Visit nodes until none is open or the watch stops it."""
        workers = self.watch.limits.workers
        running: dict[Future[list[Node]], Node] = {}
        with ThreadPoolExecutor(workers) as pool:
            while True:
                while len(running) < workers and not self.watch.should_stop() and (node := self._next()):
                    running[pool.submit(self._visit, node)] = node
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    del running[future]
                    self.nodes += 1
                    self._push(future.result())
                self.watch.report(dual_bound=self._proven(running.values()))
        self.bound = self._proven(())

    def _proven(self, running: Iterable[Node]) -> int:
        """No placement costs less than this, nor than the incumbent."""
        bounds = [node.bound for node in running] + [node.bound for node in self._deep]
        bounds += [bound for bound, _, _ in self._open[:1]]
        least = min((bound for bound in bounds if bound <= self.limit), default=None)
        if least is None:
            return self.cost
        return min(self.cost, max(self.bound, self._rounded_up(least)))

    def _rounded_up(self, scaled: int) -> int:
        """Least cost of a placement that is no less than ``scaled / _SCALE``."""
        return -(-scaled // (_SCALE * self.grain)) * self.grain

    def _push(self, nodes: list[Node]) -> None:
        """Open nodes; on the stack of those to be done first while memory is short."""
        nodes = sorted((node for node in nodes if node.bound <= self.limit), key=lambda node: -node.bound)
        if self._bytes > _MEMORY:
            self._deep += nodes
            return
        for node in nodes:
            self._bytes += node.U.nbytes + node.V.nbytes
            heapq.heappush(self._open, (node.bound, next(self._ticket), node))

    def _next(self) -> Node | None:
        while self._deep or self._open:
            if self._deep:
                node = self._deep.pop()
            else:
                node = heapq.heappop(self._open)[2]
                self._bytes -= node.U.nbytes + node.V.nbytes
            if node.bound <= self.limit:
                return node
        return None

    def _visit(self, node: Node) -> list[Node]:
        """Raise the bound of a node, then return its children; the node itself if there was no time for them."""
        L = self._leaders(node)
        k = len(node.clusters)
        S = _ascent.slacks(
            self.flow[np.ix_(node.clusters, node.clusters)],
            np.ascontiguousarray(self.distances[np.ix_(node.tiles, node.tiles)]),
            node.U,
            node.V,
        )
        U, V, alive = node.U.copy(), node.V.copy(), node.alive.copy()
        bound = self._fixed_cost(node)
        slow, rounds = 0, 0
        while True:
            value, columns = _ascent.lead(L, alive)
            if value >= _ascent.FORBIDDEN // 2:
                return []
            bound += int(value)
            self._offer(node, columns)
            limit = self.limit
            if bound > limit or k == 1 or self.silent[node.clusters].all():
                self._note(node.placed, Visit(U, V))
                return []
            if rounds:
                slow = slow + 1 if int(value) * _SLOW <= limit - bound else 0
            if slow > _PATIENCE:
                break
            if not node.placed:
                self.watch.report(dual_bound=self._rounded_up(max(node.bound, bound)))
            if self.watch.should_stop():
                self._note(node.placed, Visit(U, V))
                return [replace(node, bound=max(node.bound, bound), U=U, V=V, alive=alive)]
            _ascent.redistribute(S, L, U, V, alive)
            rounds += 1
        gain = _ascent.probe(S, L, alive)
        alive &= bound + gain <= self.limit
        tight = replace(node, bound=max(node.bound, bound), U=U, V=V, alive=alive)
        return self._children(tight, bound + gain)

    def _note(self, placed: tuple[tuple[int, int], ...], visit: Visit) -> None:
        """Keep what a proof needs, unless the proof gets too long."""
        with self._lock:
            self._bytes_of_trail += visit.U.nbytes + visit.V.nbytes
            if self._bytes_of_trail > _MEMORY_OF_TRAIL:
                self.trail = None
            if self.trail is not None:
                self.trail.visits[frozenset(placed)] = visit

    def _fixed_cost(self, node: Node) -> int:
        total = 0
        for a, (i, j) in enumerate(node.placed):
            total += int(self.linear[i, j])
            for p, q in node.placed[:a]:
                total += int(self.flow[i, p] * self.distances[j, q] + self.flow[p, i] * self.distances[q, j])
        return total

    def _leaders(self, node: Node) -> Array:
        """What each cluster that is left costs on each tile, multipliers included."""
        L: Array = self.linear[np.ix_(node.clusters, node.tiles)] + node.U.sum(axis=2) + node.V.sum(axis=2)
        for i, j in node.placed:
            L += np.outer(self.flow[node.clusters, i], self.distances[node.tiles, j])
            L += np.outer(self.flow[i, node.clusters], self.distances[j, node.tiles])
        return L

    def _children(self, node: Node, bounds: Array) -> list[Node]:
        """Branch on the cluster or the tile below which the tree seems smallest."""
        limit = self.limit
        k = len(node.clusters)
        first = node.symmetries[:, node.tiles].min(axis=0)
        orbits = [np.flatnonzero(first == t) for t in np.unique(first)]
        silent = np.flatnonzero(self.silent[node.clusters])
        kinds = [np.array([i]) for i in np.flatnonzero(~self.silent[node.clusters])]
        kinds += [silent] if silent.size else []
        room = max(1, limit - node.bound)
        best: tuple[float, list[tuple[int, int, int]]] | None = None
        lines = [(0, int(node.clusters[kind[0]])) for kind in kinds] + [(1, int(t)) for t in node.tiles]
        branch = lines[0]
        for line, cells in zip(lines, self._choices(k, orbits, kinds), strict=True):
            # all cells of a group are alike: the highest bound of any of them holds for each
            children = []
            for group in cells:
                bound, i, j = max((int(bounds[i, j]), i, j) for i, j in group)
                if bound <= limit:
                    children.append((bound, i, j))
            size = sum(((limit - max(node.bound, b) + 1) / room) ** _POWER for b, _, _ in children)
            if best is None or size < best[0]:
                best, branch = (size, children), line
        assert best is not None
        chosen = tuple((int(node.clusters[i]), int(node.tiles[j])) for _, i, j in best[1])
        self._note(node.placed, Visit(node.U, node.V, branch, chosen))
        return [self._child(node, i, j, max(node.bound, b)) for b, i, j in best[1]]

    def _choices(self, k: int, orbits: list[Array], kinds: list[Array]) -> list[list[list[tuple[int, int]]]]:
        rows = [[[(int(i), int(j)) for i in kind for j in orbit] for orbit in orbits] for kind in kinds]
        columns = [[[(int(i), j) for i in kind] for kind in kinds] for j in range(k)]
        return rows + columns

    def _child(self, node: Node, i: int, j: int, bound: int) -> Node:
        others = np.arange(len(node.clusters))
        rows, columns = others[others != i], others[others != j]
        tile = int(node.tiles[j])
        return Node(
            bound,
            (*node.placed, (int(node.clusters[i]), tile)),
            node.clusters[rows],
            node.tiles[columns],
            node.alive[np.ix_(rows, columns)],
            node.U[np.ix_(rows, columns, rows)],
            node.V[np.ix_(rows, columns, columns)],
            node.symmetries[node.symmetries[:, tile] == tile],
        )

    def _offer(self, node: Node, columns: Array) -> None:
        """Price the placement that the leaders suggest."""
        tiles = np.empty(self.problem.num_tiles, dtype=np.int64)
        for i, j in node.placed:
            tiles[i] = j
        tiles[node.clusters] = node.tiles[columns]
        self.accept(Placement(tiles[: self.problem.num_clusters]))

    def accept(self, placement: Placement) -> None:
        """Price a placement; it becomes the incumbent if it is better."""
        cost = self.problem.cost(placement)
        with self._lock:  # a worse cost set last would leave subtrees closed by a placement that is lost
            if cost < self.cost:
                self.cost, self.incumbent = cost, placement
                self.watch.report(objective=cost)
                logger.info("rlt1: placement of cost %d", cost)

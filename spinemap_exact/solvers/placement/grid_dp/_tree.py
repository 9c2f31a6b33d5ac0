"""Branch and bound over pairs of chains, one for the columns of the mesh and one for its rows."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.placement.grid_dp import _blocks, _empties, _paths
from spinemap_exact.solvers.placement.grid_dp._chains import Chains

logger = logging.getLogger(__name__)

SCALE = 8
_PROBING_STEPS = 2e6
_OPEN_NODES = 20_000
_PAIR_STEPS, _ROOT_STEPS, _NODE_STEPS = 80, 300, 25
_ROOT_LENGTH, _NODE_LENGTH = 0.5, 0.2
_PATIENCE = 12
_DOUBLINGS = 6.0
_MOST_TRIALS = 8  # multipliers of other roots to start from

Pair = tuple[Chains, Chains]


@dataclass(frozen=True, eq=False)
class Node:
    """A sub-problem: the chains of columns and of rows that are left, or how to get them.

    Parameters
    ----------
    bound : int
        No placement of this sub-problem costs less, times `SCALE`.
    make : callable
        Returns the chains of both directions, or sub-problems to go on with, perhaps none.
    multipliers : (num_multipliers,) int64
        To start the ascent from.
    num_clusters : int
        With one more for each empty tile whose position is known.
    depth : int
    empty : Margins or None
        Of empty tiles whose position is not known.
    """

    bound: int
    make: Callable[[], Pair | list[Node]]
    multipliers: Array
    num_clusters: int
    depth: int = 0
    empty: _empties.Margins | None = None


class Tree:
    """Best-first search by several threads; with too many open nodes it finishes one subtree before it opens the next.

    Attributes
    ----------
    climbs : list of (int, Array)
        Scaled bounds of roots, and the multipliers that gave them, of pairs alone or of pairs and triples of clusters.

    Parameters
    ----------
    num_clusters : int
    cost : int
        Of the incumbent; only cheaper placements are looked for.
    grain : int
        Every placement costs a multiple of this.
    price : callable
        Cost of a placement, given column and row of every cluster.
    watch : Watch
    """

    def __init__(
        self, num_clusters: int, cost: int, grain: int, price: Callable[[Array, Array], int], watch: Watch
    ) -> None:
        self.m, self.cost, self.grain, self.price, self.watch = num_clusters, cost, grain, price, watch
        self.climbs: list[tuple[int, Array]] = []
        self.found: tuple[Array, Array] | None = None
        self.nodes = 0
        self._heap: list[tuple[int, int, Node]] = []
        self._dive: list[Node] = []
        self._busy: dict[int, int] = {}
        self._pushed = 0
        self._turn = threading.Condition()
        self._failure: BaseException | None = None

    @property
    def limit(self) -> int:
        """Largest scaled cost of a placement of interest."""
        return SCALE * (self.cost - self.grain)

    @property
    def bound(self) -> int:
        """No placement costs less than this."""
        with self._turn:
            opened = [*(bound for bound, _, _ in self._heap[:1]), *(n.bound for n in self._dive), *self._busy.values()]
        return min(self.cost, min((self.round_up(bound) for bound in opened), default=self.cost))

    def round_up(self, scaled: int) -> int:
        """Least cost of a placement that is no less than ``scaled / SCALE``."""
        return -(-scaled // (SCALE * self.grain)) * self.grain

    def push(self, nodes: list[Node]) -> None:
        """Open some nodes."""
        with self._turn:
            nodes = [node for node in nodes if node.bound <= self.limit]
            if len(self._heap) > _OPEN_NODES:
                self._dive += sorted(nodes, key=lambda node: -node.bound)
            else:
                for node in nodes:
                    self._pushed += 1
                    heapq.heappush(self._heap, (node.bound, -self._pushed, node))
            self._turn.notify_all()

    def run(self, workers: int) -> None:
        """Work until nothing is open or the watch says stop."""
        helpers = [threading.Thread(target=self._work, daemon=True) for _ in range(workers - 1)]
        for thread in helpers:
            thread.start()
        self._work()
        for thread in helpers:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        me = threading.get_ident()
        while (node := self._take(me)) is not None:
            children = [node]  # if stopped, or defeated, the node stays open
            try:
                children = self._visit(node)
            except BaseException as failure:
                self._failure = failure
            finally:
                self.push(children)
                with self._turn:
                    del self._busy[me]
                    self._turn.notify_all()
            self.watch.report(dual_bound=self.bound)

    def _raise(self, bound: int) -> None:
        """Say how far the node in hand has come: a root may take long."""
        with self._turn:
            self._busy[threading.get_ident()] = bound
        self.watch.report(dual_bound=self.bound)

    def _take(self, me: int) -> Node | None:
        with self._turn:
            while self._failure is None and not self.watch.should_stop():
                while self._dive or self._heap:
                    node = self._dive.pop() if self._dive else heapq.heappop(self._heap)[2]
                    if node.bound <= self.limit:
                        self._busy[me] = node.bound
                        return node
                if not self._busy:
                    break
                self._turn.wait(0.05)
        return None

    def _visit(self, node: Node) -> list[Node]:
        """Bound one sub-problem and split it; no children if it holds nothing better than the incumbent."""
        self.nodes += 1
        made = node.make()
        if isinstance(made, list):
            return made
        pair: Pair | None = made
        multipliers, bound, m = node.multipliers, node.bound, node.num_clusters
        if not node.depth and node.empty is None:
            multipliers, bound = self._climb_by_pairs(*made, multipliers, bound)
        elif not node.depth:
            multipliers = self._nearest_good(*made, multipliers)
        steps, length = (_NODE_STEPS, _NODE_LENGTH) if node.depth else (_ROOT_STEPS, _ROOT_LENGTH)
        if node.depth and pair is not None:  # most of the chains go at once, before any step on them
            pair, _ = self._delete(*pair, multipliers, m)
        while True:
            if pair is None:
                return []
            x, y = pair
            value, multipliers, placed = _paths.ascend(
                m, *x.arguments, *y.arguments, multipliers, self.limit + 1, steps, length, _PATIENCE
            )
            bound = max(bound, int(value))
            if not node.depth:
                self.climbs.append((int(value), multipliers))
                self._raise(min(bound, self.limit))
            if placed:
                tables = _blocks.tables(multipliers, m)
                self._offer(x.cheapest(x.charges(*tables)), y.cheapest(y.charges(*tables)), m)
            if bound > self.limit:
                return []
            if self.watch.should_stop():
                return [replace(node, bound=bound, make=_known(x, y), multipliers=multipliers)]
            pair, estimates = self._delete(x, y, multipliers, m)
            if pair is not None and sum(c.num_arcs for c in pair) > 0.8 * (x.num_arcs + y.num_arcs):
                node = replace(node, bound=bound, make=_known(*pair), multipliers=multipliers)
                return self._place_empty_tiles(*pair, node) or self._split(*pair, estimates, node)

    def _climb_by_pairs(self, x: Chains, y: Chains, multipliers: Array, bound: int) -> tuple[Array, int]:
        """Multipliers of pairs alone are evidence that a checker can follow; they replace others if they are better."""
        start = np.zeros(self.m * (self.m - 1) // 2, dtype=np.int64)
        value, pairs, _ = _paths.ascend(
            self.m, *x.arguments, *y.arguments, start, self.limit + 1, _PAIR_STEPS, _ROOT_LENGTH, _PATIENCE
        )
        self.climbs.append((int(value), pairs))
        self._raise(min(max(bound, int(value)), self.limit))
        if value <= bound:
            return multipliers, bound
        return np.concatenate((pairs, np.zeros(len(multipliers) - len(pairs), dtype=np.int64))), int(value)

    def _nearest_good(self, x: Chains, y: Chains, multipliers: Array) -> Array:
        """The best of some multipliers to start from: those given, and the latest of other roots."""
        known = [multipliers, *(good for _, good in self.climbs[-_MOST_TRIALS:])]
        values = [
            _paths.ascend(self.m, *x.arguments, *y.arguments, start, self.limit + 1, 0, 0.0, 1)[0] for start in known
        ]
        return known[int(np.argmax(values))]

    def _place_empty_tiles(self, x: Chains, y: Chains, node: Node) -> list[Node]:
        """One child for each way to place the empty tiles; none if these are too many, or known already."""
        patterns = None if node.empty is None else _empties.patterns(node.empty)
        if not patterns:
            return []
        more = len(patterns[0])
        multipliers, m = _empties.extended(node.multipliers, self.m, more), self.m + more
        return [
            Node(node.bound, _with_empty_tiles(x, y, pattern, self.m), multipliers, m, node.depth + 1)
            for pattern in patterns
        ]

    def _delete(self, x: Chains, y: Chains, multipliers: Array, m: int) -> tuple[Pair | None, tuple[Array, Array]]:
        """Delete every block whose cheapest chain cannot be part of a better placement.

        A block forces the chain of the other direction to meet it in single clusters: the cheapest such chain counts.

        Returns
        -------
        pair
            What is left, or None.
        estimates
            For each block left in either direction, a bound for all placements with that block.
        """
        total = _blocks.constant(multipliers, m)
        tables = _blocks.tables(multipliers, m)
        estimates: list[Array] = []
        for _ in range(2):
            beyond = self._least_beside(x, y, y.charges(*tables))
            marginal = x.marginals(x.charges(*tables)) + beyond[x.block] - total
            x_left = x.restricted(marginal <= self.limit)
            if not x_left.num_arcs:
                return None, (marginal, marginal)
            estimate = np.full(len(x.blocks), np.iinfo(np.int64).max)
            np.minimum.at(estimate, x.block, marginal)
            order = np.argsort(x.blocks)
            estimates.append(estimate[order[np.searchsorted(x.blocks[order], x_left.blocks)]])
            x, y = y, x_left
        return (x, y), (estimates[0], estimates[1])

    def _least_beside(self, x: Chains, y: Chains, charge: Array) -> Array:
        """Cheapest chain of ``y`` beside each block of ``x``; any block's where that would take too long."""
        if len(x.blocks) * (y.num_arcs + len(y.blocks)) > _PROBING_STEPS:
            return np.full(len(x.blocks), y.least(charge))
        least: Array = _paths.least_compatible(x.blocks, *y[:4], y.blocks, charge, y.num_nodes)
        return least

    def _split(self, x: Chains, y: Chains, estimates: tuple[Array, Array], node: Node) -> list[Node]:
        """One child for each block that can be the line of one cluster in one direction."""
        work, m, bound = [], node.num_clusters, node.bound
        for chains, estimate in zip((x, y), estimates, strict=True):
            left = np.exp2(-_DOUBLINGS * (estimate - bound) / max(1, self.limit - bound))
            count, total = _paths.count_containing(chains.blocks, left, m)
            work.append(np.where(count == 1, np.inf, total))  # one block: decided already
        for known, across, swap in ((x, y, False), (y, x, True)):
            if np.isinf(work[int(swap)]).all():
                self._finish(known, across, swap, m)
                return []
        direction, cluster = divmod(int(np.argmin(work)), m)
        mine, other = (x, y) if direction == 0 else (y, x)
        estimate = estimates[direction]
        children = []
        for b in np.flatnonzero((mine.blocks >> cluster) & 1):
            make = _chosen(mine, other, cluster, int(mine.blocks[b]), swap=direction == 1)
            children.append(Node(max(bound, int(estimate[b])), make, node.multipliers, m, node.depth + 1))
        return children

    def _finish(self, known: Chains, other: Chains, swap: bool, m: int) -> None:
        """Solve a sub-problem whose lines are known in one direction: the best chain across them is the answer."""
        crossing = np.ones(len(other.blocks), dtype=bool)
        for block in known.blocks:
            crossing &= _meets_once(other.blocks, int(block))
        other = other.restricted(crossing[other.block])
        if other.num_arcs:
            chains = [c.cheapest(np.zeros(len(c.blocks), dtype=np.int64)) for c in (known, other)]
            first, second = chains[::-1] if swap else chains
            self._offer(first, second, m)

    def offer(self, column: Array, row: Array) -> None:
        """Price a placement."""
        cost = self.price(column, row)
        with self._turn:
            if cost >= self.cost:
                return
            self.cost, self.found = cost, (column, row)
        logger.info("grid-dp: placement of cost %d", cost)
        self.watch.report(objective=cost)

    def _offer(self, x_blocks: list[int], y_blocks: list[int], m: int) -> None:
        self.offer(_lines(x_blocks, m)[: self.m], _lines(y_blocks, m)[: self.m])


def _known(x: Chains, y: Chains) -> Callable[[], Pair | list[Node]]:
    return lambda: (x, y)


def _with_empty_tiles(
    x: Chains, y: Chains, pattern: list[tuple[int, int]], num_clusters: int
) -> Callable[[], Pair | list[Node]]:
    """Recipe for the sub-problem where the empty tiles are these."""

    def make() -> Pair | list[Node]:
        columns, rows = [c for c, _ in pattern], [r for _, r in pattern]
        return _empties.occupied(x, columns, num_clusters), _empties.occupied(y, rows, num_clusters)

    return make


def _lines(blocks: list[int], num_clusters: int) -> Array:
    line = np.empty(num_clusters, dtype=np.int64)
    for p, block in enumerate(blocks):
        line[[i for i in range(num_clusters) if (block >> i) & 1]] = p
    return line


def _meets_once(blocks: Array, block: int) -> Array:
    """True where the two sets have at most one cluster in common."""
    common = blocks & block
    meets: Array = common & (common - 1) == 0
    return meets


def _chosen(mine: Chains, other: Chains, cluster: int, block: int, swap: bool) -> Callable[[], Pair | list[Node]]:
    """Recipe for the sub-problem where ``block`` is the line of ``cluster``."""

    def make() -> Pair | list[Node]:
        with_block = ((mine.blocks >> cluster) & 1 == 0) | (mine.blocks == block)
        left = mine.restricted(with_block[mine.block])
        across = other.restricted(_meets_once(other.blocks, block)[other.block])
        if not left.num_arcs or not across.num_arcs:
            return []
        return (across, left) if swap else (left, across)

    return make

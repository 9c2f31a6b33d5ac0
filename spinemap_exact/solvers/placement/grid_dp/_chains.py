"""One direction of the mesh: chains of blocks, and all of them below a threshold as an explicit graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.placement.grid_dp import _paths, _sets

Lists = list[tuple[Array, Array]]
Values = list[Array | None]

_PAIRS_PER_CHUNK = 5 * 10**7  # pairs of sets compared between two looks at the clock


class TooManyChains(Exception):
    """The sets or arcs would not fit into the memory allowed."""


class OutOfTime(Exception):
    """The watch said stop in the middle of an extraction."""


@dataclass(frozen=True, eq=False)
class Direction:
    """Order the clusters into consecutive lines of given sizes and pay the cut at each boundary between lines.

    Parameters
    ----------
    sizes : tuple of int
        Clusters on each line; they sum to the number of clusters.
    weight : (num_clusters, num_clusters) int64
        Symmetric cost of one boundary between two clusters.
    linear : (num_lines - 1, num_clusters) int64
        What a cluster in front of a boundary pays on top.
    constant : (num_lines - 1,) int64
    leader : int or None
        A cluster that may be assumed to stand on the first half of the lines (rounded up), by reflection.
    """

    sizes: tuple[int, ...]
    weight: Array
    linear: Array
    constant: Array
    leader: int | None = None

    @property
    def num_lines(self) -> int:
        return len(self.sizes)

    @property
    def num_clusters(self) -> int:
        return len(self.weight)

    @property
    def everything(self) -> int:
        return (1 << self.num_clusters) - 1

    def reversed(self) -> Direction:
        """The same lines in opposite order; the leader stays behind."""
        return Direction(
            self.sizes[::-1], self.weight, -self.linear[::-1], (self.constant + self.linear.sum(axis=1))[::-1]
        )

    @property
    def is_symmetric(self) -> bool:
        return self.sizes == self.sizes[::-1] and not self.linear.any()


class Chains(NamedTuple):
    """Chains from the empty set to the set of all clusters, as paths of a layered graph.

    Nodes are numbered layer by layer, node 0 is the empty set and the last node the set of all clusters; arcs are
    sorted by the line they fill.

    Parameters
    ----------
    tail, head : (num_arcs,) int32
    cost : (num_arcs,) int64
        Cut at the boundary behind the line.
    block : (num_arcs,) int32
        Which of ``blocks`` fills the line.
    blocks : (num_blocks,) int64
        Bit masks of clusters, distinct.
    arc_ptr : (num_lines + 1,) int64
        First arc of each line.
    num_nodes : int
    """

    tail: Array
    head: Array
    cost: Array
    block: Array
    blocks: Array
    arc_ptr: Array
    num_nodes: int

    @property
    def num_arcs(self) -> int:
        return len(self.tail)

    def least(self, penalty: Array) -> int:
        """Value of the cheapest chain."""
        return int(_paths.forward(*self[:4], penalty, self.num_nodes)[0][-1])

    def cheapest(self, penalty: Array) -> list[int]:
        """Blocks of the cheapest chain, line by line."""
        _, last = _paths.forward(*self[:4], penalty, self.num_nodes)
        node, blocks = self.num_nodes - 1, []
        while last[node] >= 0:
            blocks.append(int(self.blocks[self.block[last[node]]]))
            node = self.tail[last[node]]
        return blocks[::-1]

    def penalties(self, multipliers: Array) -> Array:
        """What the multipliers charge for each block."""
        penalties: Array = _paths.pair_penalties(self.blocks, multipliers)
        return penalties

    def marginals(self, penalty: Array) -> Array:
        """(num_arcs,) int64: value of the cheapest chain through each arc."""
        values: Array = _paths.marginals(*self[:4], penalty, self.num_nodes)
        return values

    def restricted(self, keep: Array) -> Chains:
        """Chains made of the arcs to ``keep`` only."""
        return Chains(*_paths.restrict(*self, keep))


class Extractor:
    """Dynamic programme over sets for one direction, from both ends to the middle.

    Sets are only looked at where a line can end. A set survives if its prefix value plus a lower bound on the rest
    stays within the threshold.

    Parameters
    ----------
    cap : int
        Most sets of one layer, and most arcs.
    should_stop : callable
        Asked between chunks of work.

    Raises
    ------
    TooManyChains, OutOfTime
        Here and in all methods.
    """

    def __init__(self, direction: Direction, cap: int, should_stop: Callable[[], bool]) -> None:
        self.direction, self.cap, self.should_stop = direction, cap, should_stop
        self.middle = direction.num_lines // 2
        backward = direction.reversed()
        self._sides = [
            _Side(direction, self.middle, self),
            _Side(backward, direction.num_lines - self.middle - 1, self),
        ]
        if direction.is_symmetric:
            self._sides[1].minima = self._sides[0].minima
        for side in self._sides:
            side.find_minima()

    @property
    def floor(self) -> int:
        """A lower bound on every chain: both ends at their best."""
        return sum(side.minima[side.depth] for side in self._sides)

    def least(self) -> int:
        """Value of the cheapest chain."""
        slack = max(8, self.floor // 50)
        while True:
            chains = self.below(self.floor + slack, led=False)
            if chains is not None:
                return chains.least(np.zeros(len(chains.blocks), dtype=np.int64))
            slack *= 2

    def below(self, threshold: int, led: bool = True) -> Chains | None:
        """Return all chains of value at most ``threshold``, or None if there are none.

        Parameters
        ----------
        led : bool
            Leave out those that do not have the leader in front.
        """
        front, back = self._sides
        prefix = front.lists(threshold - back.minima[back.depth])
        suffix = back.lists(threshold - front.minima[front.depth])
        whole = self.direction.everything
        layers = [masks for masks, _ in prefix] + [whole & ~masks for masks, _ in reversed(suffix)]
        ahead: Values = [*(values for _, values in prefix), *([None] * len(suffix))]
        behind: Values = [*([None] * len(prefix)), *(values for _, values in reversed(suffix))]
        if led:
            self._respect_leader(layers, ahead, behind)
        return _Linker(self, layers, ahead, behind, threshold).link()

    def look_at_the_clock(self) -> None:
        if self.should_stop():
            raise OutOfTime

    def _respect_leader(self, layers: list[Array], ahead: Values, behind: Values) -> None:
        if self.direction.leader is None:
            return
        for p in range((self.direction.num_lines + 1) // 2, len(layers)):
            keep = (layers[p] >> self.direction.leader) & 1 == 1
            layers[p] = layers[p][keep]
            for side in (ahead, behind):
                values = side[p]
                side[p] = None if values is None else values[keep]


class _Side:
    """Prefix values of one end: layers 0 ... depth, where layer p is the sets that fill the first p lines."""

    def __init__(self, direction: Direction, depth: int, owner: Extractor) -> None:
        self.direction, self.depth, self.owner = direction, depth, owner
        self.filled = np.concatenate(([0], np.cumsum(direction.sizes))).tolist()
        self.minima = [0]
        self._least_cuts: dict[int, int] = {}

    def find_minima(self) -> None:
        """Least prefix value of each layer, found with growing limits."""
        while len(self.minima) <= self.depth:
            p = len(self.minima)
            floor = self.minima[-1] + self._least_cut(p)
            slack = max(8, abs(floor) // 100)
            while True:
                values = self.lists(floor + slack, p)[p][1]
                if values.size:
                    self.minima.append(int(values[0]))
                    break
                slack *= 2

    def lists(self, limit: int, depth: int | None = None) -> Lists:
        """Sets of each layer with a prefix value that can still end within ``limit`` at the last one, sorted by value.

        Layer ``p`` may spend ``limit`` less the least that the layers from there to the last must add.
        """
        depth = self.depth if depth is None else depth
        owner = self.owner
        found: Lists = [(np.zeros(1, np.int64), np.zeros(1, np.int64))]
        for p in range(1, depth + 1):
            allowed = limit - self._least_between(p, depth)
            masks, cuts, count, _ = self._sets(p, allowed - self.minima[p - 1])
            if count > owner.cap:
                raise TooManyChains(f"more than {owner.cap} sets of {self.filled[p]} clusters")
            values = self._values(masks, cuts, *found[-1], allowed)
            kept = np.flatnonzero(values <= allowed)
            kept = kept[np.argsort(values[kept], kind="stable")]
            found.append((masks[kept], values[kept]))
        return found

    def _least_between(self, p: int, depth: int) -> int:
        """Lower bound on the cuts of the layers behind ``p`` up to ``depth``."""
        return sum(self._least_cut(q) for q in range(p + 1, depth + 1))

    def _least_cut(self, p: int) -> int:
        if p not in self._least_cuts:
            self._least_cuts[p] = int(self._sets(p, -1)[3])
        return self._least_cuts[p]

    def _sets(self, p: int, limit: int) -> tuple[Array, Array, int, int]:
        direction, owner = self.direction, self.owner
        low = direction.num_clusters // 2
        parts, count, least = [], 0, int(_sets.FAR)
        for first, last in _chunks(1 << (direction.num_clusters - low), 2**26 >> low):
            owner.look_at_the_clock()
            *part, more, smallest = _sets.sets_below(
                direction.weight,
                direction.linear[p - 1],
                direction.constant[p - 1],
                self.filled[p],
                limit,
                owner.cap - count,
                first,
                last,
            )
            parts.append(part)
            count, least = count + more, min(least, smallest)
            if count > owner.cap:
                break
        return np.concatenate([masks for masks, _ in parts]), np.concatenate([cuts for _, cuts in parts]), count, least

    def _values(self, masks: Array, cuts: Array, before: Array, values: Array, limit: int) -> Array:
        if not len(before):  # no chain comes this far within the limit
            return np.full(len(masks), _sets.FAR, dtype=np.int64)
        found = [np.empty(0, np.int64)]
        for first, last in _chunks(len(masks), _PAIRS_PER_CHUNK // len(before)):
            self.owner.look_at_the_clock()
            found.append(_sets.prefix_values(masks[first:last], cuts[first:last], before, values, limit))
        return np.concatenate(found)


class _Linker:
    """Arcs between surviving sets, from the middle outwards, keeping what lies on a chain within the threshold."""

    def __init__(self, owner: Extractor, layers: list[Array], ahead: Values, behind: Values, threshold: int) -> None:
        self.owner, self.layers, self.ahead, self.behind, self.threshold = owner, layers, ahead, behind, threshold
        self.arcs: dict[int, tuple[Array, Array]] = {}

    def link(self) -> Chains | None:
        """Join the two ends, then walk from the middle to either end."""
        middle = self.owner.middle
        whole = self.owner.direction.everything
        before, after = _there(self.ahead[middle]), _there(self.behind[middle + 1])
        tail, head = self._pairs(self.layers[middle], before, self.layers[middle + 1], after)
        if not tail.size:
            return None
        self.arcs[middle] = tail, head
        rest = _least_by(tail, after[head], len(before))
        for p in range(middle, 0, -1):
            tail, head, rest = self._step(p, self.layers[p - 1], _there(self.ahead[p - 1]), self.layers[p], rest)
            self.arcs[p - 1] = tail, head
        tail, head = self.arcs[middle]
        rest = _least_by(head, before[tail], len(after))
        for p in range(middle + 1, self.owner.direction.num_lines):
            behind = whole & ~self.layers[p + 1]
            head, tail, rest = self._step(p, behind, _there(self.behind[p + 1]), whole & ~self.layers[p], rest)
            self.arcs[p] = tail, head
        return self._assemble()

    def _step(self, p: int, outer: Array, values: Array, inner: Array, rest: Array) -> tuple[Array, Array, Array]:
        """Arcs from the sets one layer further out to those of layer ``p`` that are on a chain."""
        alive = np.flatnonzero(rest < _sets.FAR)
        cuts = self._cuts(p, self.layers[p][alive])
        onward = rest[alive] + cuts
        near, far = self._pairs(outer, values, inner[alive], onward)
        return near, alive[far].astype(np.int32), _least_by(near, onward[far], len(outer))

    def _pairs(self, before: Array, before_values: Array, after: Array, after_values: Array) -> tuple[Array, Array]:
        owner = self.owner
        tails, heads, count = [np.empty(0, np.int32)], [np.empty(0, np.int32)], 0
        for first, last in _chunks(len(after), _PAIRS_PER_CHUNK // max(1, len(before))):
            owner.look_at_the_clock()
            tail, head, more = _sets.arcs_between(
                before, before_values, after[first:last], after_values[first:last], self.threshold, owner.cap - count
            )
            count += more
            if count > owner.cap:
                raise TooManyChains(f"more than {owner.cap} blocks between two boundaries")
            tails.append(tail)
            heads.append(head + np.int32(first))
        return np.concatenate(tails), np.concatenate(heads)

    def _cuts(self, p: int, masks: Array) -> Array:
        direction = self.owner.direction
        if p in (0, direction.num_lines):
            return np.zeros(len(masks), dtype=np.int64)
        cuts: Array = _sets.cuts(direction.weight, direction.linear[p - 1], direction.constant[p - 1], masks)
        return cuts

    def _assemble(self) -> Chains:
        lines = self.owner.direction.num_lines
        used = [np.unique(self.arcs[0][0])] + [np.unique(self.arcs[p][1]) for p in range(lines)]
        for p in range(1, lines):
            used[p] = np.intersect1d(used[p], self.arcs[p][0])
        layer_ptr = np.concatenate(([0], np.cumsum([len(nodes) for nodes in used])))
        tails, heads, costs, blocks = [], [], [], []
        for p in range(lines):
            tail, head = self.arcs[p]
            keep = np.isin(tail, used[p]) & np.isin(head, used[p + 1])
            tail, head = tail[keep], head[keep]
            tails.append(np.searchsorted(used[p], tail) + layer_ptr[p])
            heads.append(np.searchsorted(used[p + 1], head) + layer_ptr[p + 1])
            costs.append(self._cuts(p + 1, self.layers[p + 1][head]))
            blocks.append(self.layers[p + 1][head] & ~self.layers[p][tail])
        arc_ptr = np.concatenate(([0], np.cumsum([len(tail) for tail in tails])))
        distinct, block = np.unique(np.concatenate(blocks), return_inverse=True)
        return Chains(
            np.concatenate(tails).astype(np.int32),
            np.concatenate(heads).astype(np.int32),
            np.concatenate(costs),
            block.astype(np.int32),
            distinct,
            arc_ptr,
            int(layer_ptr[-1]),
        )


def _chunks(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges that cover ``total`` items, ``size`` at a time."""
    for first in range(0, total, max(1, size)):
        yield first, min(total, first + max(1, size))


def _least_by(key: Array, value: Array, size: int) -> Array:
    """Least value of each key, FAR where there is none."""
    least = np.full(size, _sets.FAR, dtype=np.int64)
    np.minimum.at(least, key, value)
    return least


def _there(values: Array | None) -> Array:
    assert values is not None
    return values

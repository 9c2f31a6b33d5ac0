"""One direction of the mesh under multipliers: its cheapest chain of blocks, and the sets on all cheap chains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.placement.grid_dp import _sets
from spinemap_exact.solvers.placement.grid_dp._blocks import Blocks

_LIST_SHARE = 4  # a set in a list takes a fraction of what a set with its arcs takes
_SETS_PER_CHUNK = 1 << 18  # sets looked at between two looks at the clock


class TooManyChains(Exception):
    """The sets or arcs would not fit into the memory allowed."""


class OutOfTime(Exception):
    """The watch said stop in the middle of the work."""


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


class Layer(NamedTuple):
    """Sets in front of one boundary, grouped by their lower halves and sorted by value in each group.

    Parameters
    ----------
    masks : (num_sets,) int64
    values : (num_sets,) int64
        Of the cheapest chain up to and with the boundary.
    before : (num_sets,) int32
        The set before on that chain.
    first : (2^half + 1,) int64
        Where the sets of each lower half start.
    floor : int
        Least value.
    """

    masks: Array
    values: Array
    before: Array
    first: Array
    floor: int


class SetLists:
    """Sets of one size whose cut at one boundary is small, enumerated as far as they have been asked for.

    Parameters
    ----------
    weight : (num_clusters, num_clusters) int64
    look_at_the_clock : callable
        Called between chunks of work; may raise `OutOfTime`.
    """

    def __init__(self, weight: Array, look_at_the_clock: Callable[[], None]) -> None:
        self.weight, self.look_at_the_clock = weight, look_at_the_clock
        self._known: dict[object, tuple[int, int, Array, Array]] = {}

    def least(self, size: int, linear: Array, constant: int) -> int:
        """Smallest cut of any set."""
        key = size, linear.tobytes(), constant
        if key not in self._known:
            masks, cuts, _, least = self._enumerate(size, linear, constant, -1, 0)
            self._known[key] = least, -1, masks, cuts
        return self._known[key][0]

    def upto(self, size: int, linear: Array, constant: int, limit: int, cap: int) -> tuple[Array, Array]:
        """At most ``cap`` sets with their cuts: all with a cut of at most ``limit``, and perhaps some more.

        Raises
        ------
        TooManyChains, OutOfTime
        """
        least = self.least(size, linear, constant)
        key = size, linear.tobytes(), constant
        _, known, masks, cuts = self._known[key]
        if limit > known and limit >= least:
            for margin in ((limit - least) // 8, 0):
                masks, cuts, count, _ = self._enumerate(size, linear, constant, limit + margin, cap)
                if count <= cap:
                    break
            else:
                raise TooManyChains(f"more than {cap} sets of {size} clusters")
            self._known[key] = least, limit + margin, masks, cuts
        return masks, cuts

    def _enumerate(
        self, size: int, linear: Array, constant: int, limit: int, cap: int
    ) -> tuple[Array, Array, int, int]:
        m = len(self.weight)
        low = m // 2
        parts, count, least = [], 0, int(_sets.FAR)
        for first, last in chunks(1 << (m - low), 2**26 >> low):
            self.look_at_the_clock()
            *part, more, smallest = _sets.sets_below(
                self.weight, linear, constant, size, limit, cap - count, first, last
            )
            parts.append(part)
            count, least = count + more, min(least, smallest)
            if count > cap:
                break
        return np.concatenate([masks for masks, _ in parts]), np.concatenate([cuts for _, cuts in parts]), count, least


class Layers:
    """Dynamic programme over sets for one direction, from both ends to the line in the middle.

    Sets are only looked at where a line can end, and only if their cut leaves the chain a chance.

    Parameters
    ----------
    direction : Direction
    blocks : Blocks
        With the sizes of all lines.
    lists : SetLists
        Shared by directions of equal weights.

    Raises
    ------
    TooManyChains, OutOfTime
        From all methods that evaluate chains.
    """

    def __init__(self, direction: Direction, blocks: Blocks, lists: SetLists) -> None:
        self.direction, self.blocks, self.lists = direction, blocks, lists
        self.middle = direction.num_lines // 2
        self.front = _Side(direction, self.middle, blocks, lists)
        self.back = _Side(direction.reversed(), direction.num_lines - self.middle - 1, blocks, lists)
        m = direction.num_clusters
        # Each boundary behind the line of a cluster counts the linear terms of that cluster.
        towards_end = np.concatenate((np.cumsum(direction.linear[::-1], axis=0)[::-1], np.zeros((1, m), np.int64)))
        self._unary = np.ascontiguousarray(towards_end.T)

    def least(self, charge: Array, guesses: list[Array], cap: int, seed: int = 0) -> tuple[int, Array]:
        """Value and lines of the cheapest chain.

        Parameters
        ----------
        charge : (num_blocks,) int64
            What each block pays.
        guesses : list of (num_clusters,) int64
            Lines of clusters to improve first: the better the value that this finds, the fewer sets are looked at.
        cap : int
            Most sets of one layer.
        """
        upper, line = self._improved(charge, guesses, seed)
        minima = self._minima(charge, line, cap)
        ahead = self.front.layers(charge, upper - 1 - self._across(charge) - minima[1], cap)
        behind = self.back.layers(charge, upper - 1 - self._across(charge) - minima[0], cap)
        if not len(ahead[-1].masks) or not len(behind[-1].masks):
            return upper, line
        joined = self._join(charge, ahead[-1], behind[-1], upper - 1)
        if joined is None:
            return upper, line
        value, near, far = joined
        return value, self._lines(ahead, near, behind, far)

    def below(
        self, charge: Array, threshold: int, guesses: list[Array], cap: int
    ) -> tuple[list[Layer], list[Layer]] | None:
        """Layers of both ends, with every set on a chain of value at most ``threshold``; None if there is none."""
        _, line = self._improved(charge, guesses, 0)
        minima = self._minima(charge, line, cap)
        room = threshold - self._across(charge)
        ahead = self.front.layers(charge, room - minima[1], cap)
        behind = self.back.layers(charge, room - minima[0], cap)
        return (ahead, behind) if len(ahead[-1].masks) and len(behind[-1].masks) else None

    def value(self, charge: Array, line: Array) -> int:
        """What the chain given by lines of clusters costs."""
        found: int = _sets.chain_value(
            line, self.direction.num_lines, self.direction.weight, self._unary, charge, *self.blocks.index
        )
        return int(found) + int(self.direction.constant.sum())

    def _improved(self, charge: Array, guesses: list[Array], seed: int) -> tuple[int, Array]:
        random = np.random.default_rng(seed)
        standard = np.repeat(np.arange(self.direction.num_lines), self.direction.sizes)
        best: tuple[int, Array] | None = None
        for start in [*guesses, *(random.permutation(standard) for _ in range(12))]:
            line = start.copy()
            _sets.swap_lines(
                line, self.direction.num_lines, self.direction.weight, self._unary, charge, *self.blocks.index
            )
            value = self.value(charge, line)
            if best is None or value < best[0]:
                best = value, line
        assert best is not None
        return best

    def _across(self, charge: Array) -> int:
        return self.blocks.least(charge, self.direction.sizes[self.middle])

    def _minima(self, charge: Array, line: Array, cap: int) -> tuple[int, int]:
        """Least values of both ends."""
        front = self.front.minimum(charge, line, cap)
        if self.direction.is_symmetric and self.front.depth == self.back.depth:
            return front, front
        return front, self.back.minimum(charge, self._backwards(line), cap)

    def _backwards(self, line: Array) -> Array:
        backwards: Array = self.direction.num_lines - 1 - line
        return backwards

    def _join(self, charge: Array, near: Layer, far: Layer, limit: int) -> tuple[int, int, int] | None:
        """Cheapest chain through a set of either end, and which two sets these are."""
        inside = self.direction.everything & ~far.masks
        best = None
        least = self._across(charge)
        for first, last in chunks(len(inside), _SETS_PER_CHUNK):
            self.lists.look_at_the_clock()
            _, values, before, which = _sets.extend(
                inside, far.values, first, last, *near, charge, least, *self.blocks.index, limit, True
            )
            if len(values):
                best = int(values[-1]), int(before[-1]), int(which[-1])
                limit = best[0] - 1
        return best

    def _lines(self, ahead: list[Layer], near: int, behind: list[Layer], far: int) -> Array:
        line = np.full(self.direction.num_clusters, self.middle, dtype=np.int64)
        for layers, at, backwards in ((ahead, near, False), (behind, far, True)):
            for p in range(len(layers) - 1, 0, -1):
                mask = int(layers[p].masks[at])
                at = int(layers[p].before[at])
                block = mask & ~int(layers[p - 1].masks[at])
                members = [i for i in range(len(line)) if block >> i & 1]
                line[members] = self.direction.num_lines - p if backwards else p - 1
        return line


class _Side:
    """Values of one end: layers 0 ... depth, where layer p is the sets that fill the first p lines."""

    def __init__(self, direction: Direction, depth: int, blocks: Blocks, lists: SetLists) -> None:
        self.direction, self.depth, self.blocks, self.lists = direction, depth, blocks, lists
        self.filled = np.concatenate(([0], np.cumsum(direction.sizes))).tolist()

    def minimum(self, charge: Array, line: Array, cap: int) -> int:
        """Least value of the last layer."""
        known = self._values_on(charge, line)
        if self.depth == 0:
            return 0
        last = self._grow(charge, known[self.depth], self.depth, cap, only_least=True)[-1]
        return last.floor if len(last.masks) else known[self.depth]

    def layers(self, charge: Array, limit: int, cap: int) -> list[Layer]:
        """Every set with a value that can still end within ``limit`` at the last layer."""
        return self._grow(charge, limit, self.depth, cap)

    def _values_on(self, charge: Array, line: Array) -> list[int]:
        """Values of the sets that a chain goes through."""
        values = [0]
        for p in range(1, self.depth + 1):
            mask = np.int64(sum(1 << int(i) for i in np.flatnonzero(line < p)))
            block = np.array([sum(1 << int(i) for i in np.flatnonzero(line == p - 1))], dtype=np.int64)
            cut = _sets.cuts(self.direction.weight, *self._terms(p), np.array([mask]))[0]
            values.append(values[-1] + int(cut) + int(charge[_sets.position(block[0], *self.blocks.index)]))
        return values

    def _grow(self, charge: Array, limit: int, depth: int, cap: int, only_least: bool = False) -> list[Layer]:
        everything = [self._layer(np.zeros(1, np.int64), *np.zeros((2, 1), np.int64))]
        for p in range(1, depth + 1):
            least_block = self.blocks.least(charge, self.direction.sizes[p - 1])
            allowed = limit - self._least_between(charge, p, depth)
            before = everything[-1]
            masks, cuts = self.lists.upto(
                self.filled[p], *self._terms(p), allowed - before.floor - least_block, _LIST_SHARE * cap
            )
            found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))]
            total, shrink = 0, only_least and p == depth
            for first, last in chunks(len(masks) if len(before.masks) else 0, _SETS_PER_CHUNK):
                self.lists.look_at_the_clock()
                *part, _ = _sets.extend(
                    masks, cuts, first, last, *before, charge, least_block, *self.blocks.index, allowed, shrink
                )
                if shrink and len(part[1]):
                    allowed = int(part[1][-1]) - 1
                found.append(tuple(part))
                total += len(part[0])
                if total > cap:
                    raise TooManyChains(f"more than {cap} sets of {self.filled[p]} clusters")
            everything.append(self._layer(*(np.concatenate(column) for column in zip(*found, strict=True))))
        return everything

    def _layer(self, masks: Array, values: Array, before: Array) -> Layer:
        return layer(masks, values, before, self.blocks.index.half)

    def _terms(self, p: int) -> tuple[Array, int]:
        return self.direction.linear[p - 1], int(self.direction.constant[p - 1])

    def _least_between(self, charge: Array, p: int, depth: int) -> int:
        """Lower bound on the cuts and charges behind ``p`` up to ``depth``."""
        return sum(
            self.lists.least(self.filled[q], *self._terms(q)) + self.blocks.least(charge, self.direction.sizes[q - 1])
            for q in range(p + 1, depth + 1)
        )


def layer(masks: Array, values: Array, before: Array, half: int) -> Layer:
    """Group sets by their lower halves, and sort them by value there."""
    cheapest = np.argsort(values, kind="stable")
    order, first = _sets.grouped(masks[cheapest], half)
    order = cheapest[order]
    floor = int(values.min()) if len(values) else int(_sets.FAR)
    return Layer(masks[order], values[order], before[order].astype(np.int32), first, floor)


def chunks(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges that cover ``total`` items, ``size`` at a time."""
    for first in range(0, total, max(1, size)):
        yield first, min(total, first + max(1, size))

"""Placement on a mesh, one direction at a time: chains of blocks, sets of clusters and their cuts.

In one direction the mesh is a row of parallel lines. A placement gives each line a *block* of clusters, so it walks a
*chain* of sets: the clusters on the first 0, 1, 2, ... lines. A flow between two clusters crosses as many borders
between lines as their lines are apart, hence

    cost of the direction = hop * sum over borders (flow across) + sum over lines (what its block pays there).

Sets are bit masks. Those of one size, in ascending order, are numbered; with members c_1 < c_2 < ... a set has the
number sum of binomials(c_k, k).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from math import comb

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.instance import Placement

NEVER = 2**62  # larger than any cost; NEVER plus a cost still fits into int64
LARGEST_COST = 2**60
_HALF = 13  # bits of a mask that are looked up together
_LOWER = 15  # clusters of which all sets are looked at together
_TOGETHER = 2**20  # sets handed out together
_NONE = (np.zeros(0, dtype=np.int64),) * 2


@dataclass(frozen=True)
class Direction:
    """The lines of a mesh across one coordinate.

    Attributes
    ----------
    room : tuple of int
        Tiles of each line.
    hop : int
        Cost of crossing a border, scaled.
    away : tuple of int
        Borders between each line and the I/O tile; all zero without one.
    """

    room: tuple[int, ...]
    hop: int
    away: tuple[int, ...]

    @property
    def num_lines(self) -> int:
        return len(self.room)

    def reversed(self) -> Direction:
        return Direction(self.room[::-1], self.hop, self.away[::-1])

    def sizes(self, n: int, line: int) -> range:
        """How many of n clusters may lie on the first ``line`` lines."""
        return range(max(0, n - sum(self.room[line:])), min(n, sum(self.room[:line])) + 1)

    def moves(self, n: int, line: int) -> list[tuple[int, int]]:
        """(clusters on the lines up to this one, clusters on it)."""
        ends, starts = self.sizes(n, line + 1), self.sizes(n, line)
        return [(t, t - s) for t in ends for s in starts if 0 <= t - s <= self.room[line]]


def directions(instance: Placement, scale: int) -> tuple[Direction, Direction]:
    """Return the lines of equal x and those of equal y. Missing tiles only leave a line with less room."""
    assert instance.coordinates is not None
    found = []
    for axis, hop in ((0, instance.hop_x), (1, instance.hop_y)):
        values = [place[axis] for place in instance.coordinates]
        lines = range(max(values) + 1)
        entry = instance.coordinates[instance.io_tile][axis] if instance.io_tile is not None else 0
        away = tuple(abs(p - entry) if instance.input_flow is not None else 0 for p in lines)
        found.append(Direction(tuple(values.count(p) for p in lines), hop * scale, away))
    return found[0], found[1]


class Sets:
    """All sets of n clusters, by size, and sums over them."""

    def __init__(self, instance: Placement) -> None:
        self.n = n = instance.num_clusters
        self.flow = np.zeros((n, n), dtype=np.int64)
        for a, b, f in instance.flows:
            if a != b:
                self.flow[a, b] += f
                self.flow[b, a] += f
        self.inputs = np.array(instance.input_flow or [0] * n, dtype=np.int64)
        self.of_size = cache(self._of_size)

    @property
    def full(self) -> int:
        return (1 << self.n) - 1

    def _of_size(self, size: int) -> Array:
        """All sets of a size, ascending: by their largest member i, then by the rest, which is a set below i."""
        if size == 0:
            return np.zeros(1, dtype=np.int64)
        rest = self.of_size(size - 1)
        parts = [rest[: comb(i, size - 1)] | 1 << i for i in range(size - 1, self.n)]
        return np.concatenate([rest[:0], *parts])

    @cached_property
    def _binomials(self) -> Array:
        return np.array([[comb(i, k) for k in range(self.n + 1)] for i in range(self.n)], dtype=np.int64)

    def number(self, masks: Array, size: int) -> Array:
        """Number of each set of one size."""
        total = np.zeros_like(masks)
        for k, c in enumerate(self.members(masks, size)):
            total += self._binomials[c, k + 1]
        return total

    def size(self, masks: Array) -> Array:
        """Number of clusters in each set."""
        return self._sums(masks, np.ones(self.n, dtype=np.int64))

    def members(self, masks: Array, size: int) -> list[Array]:
        """For sets of one size: as many arrays with one member each, ascending."""
        left, found = masks.copy(), []
        powers = 1 << np.arange(self.n)
        for _ in range(size):
            found.append(np.searchsorted(powers, left & -left))
            left &= left - 1
        return found

    def splits(self, masks: Array, size: int, block: int) -> Iterator[tuple[Array, Array]]:
        """All ways to split blocks of one size off sets of one size: numbers of what is left, and of the blocks."""
        places = self.members(masks, size)
        at = [[self._binomials[c, k + 1] for k in range(a + 1)] for a, c in enumerate(places)]
        nothing = np.zeros_like(masks)
        stack = [(0, 0, nothing, nothing)]
        while stack:
            a, taken, rest, last = stack.pop()
            if a == size:
                yield rest, last
                continue
            if taken < block:
                stack.append((a + 1, taken + 1, rest, last + at[a][taken]))
            if a - taken < size - block:
                stack.append((a + 1, taken, rest + at[a][a - taken], last))

    @cached_property
    def least_cuts(self) -> list[int]:
        """Least cut of any set of each size."""
        least = np.full(self.n + 1, NEVER, dtype=np.int64)
        _, starts = self._lower
        for high, cuts in self._cuts(self.n):
            here = least[high.bit_count() :][: len(starts) - 1]
            np.minimum(here, np.minimum.reduceat(cuts, starts[:-1]), out=here)
        found: list[int] = least.tolist()
        return found

    def cheap(self, sizes: range, hop: int, most: int) -> Iterator[tuple[Array, Array]]:
        """Sets of some sizes whose cut, times the hop, is at most ``most``, and what it is; many at a time."""
        if most < hop * min((self.least_cuts[size] for size in sizes), default=0):
            return
        lower, starts = self._lower
        found, held = [_NONE], 0
        for high, cuts in self._cuts(sizes.stop - 1):
            first, end = (min(max(0, size - high.bit_count()), len(starts) - 1) for size in (sizes.start, sizes.stop))
            part = slice(starts[first], starts[end])
            costs = hop * cuts[part]
            left = np.flatnonzero(costs <= most)
            if left.size:
                found.append((lower[part][left] | high, costs[left]))
                held += left.size
            if held > _TOGETHER:
                yield _joined(found)
                found, held = [_NONE], 0
        yield _joined(found)

    @property
    def _half(self) -> int:
        return min(self.n, _LOWER)

    @cached_property
    def _lower(self) -> tuple[Array, list[int]]:
        """All sets of the lower clusters by size, and where those of each size start, with the end."""
        size = self.size(np.arange(1 << self._half))
        return np.argsort(size, kind="stable"), np.searchsorted(np.sort(size), range(self._half + 2)).tolist()

    def _cuts(self, largest: int) -> Iterator[tuple[int, Array]]:
        """For each set of the upper clusters, not beyond a size: its cuts together with all sets of the lower ones.

        A cluster adds its flow to all others, less twice that to those that are there.
        """
        lower, half = self._lower[0], self._half
        adds = [self.flow[i].sum() - 2 * sums(self.flow[i, :half])[lower] for i in range(half, self.n)]
        twice = (2 * self.flow).tolist()
        stack: list[tuple[int, list[int], Array]] = [(half, [], self.cut(lower))]
        while stack:
            i, upper, cuts = stack.pop()
            if i == self.n:
                yield sum(1 << c for c in upper), cuts
                continue
            stack.append((i + 1, upper, cuts))
            if len(upper) < largest:
                stack.append((i + 1, [*upper, i], cuts + (adds[i - half] - sum(twice[i][c] for c in upper))))

    def cut(self, masks: Array) -> Array:
        """Flow between each set and all other clusters."""
        leaving = self._sums(masks, self.flow.sum(axis=1))
        for j in range(1, self.n):
            inside = masks >> j & 1 == 1
            leaving[inside] -= 2 * self._sums(masks[inside] & ((1 << j) - 1), self.flow[j])
        return leaving

    def entering(self, masks: Array) -> Array:
        """Input flow to each set."""
        return self._sums(masks, self.inputs)

    def _sums(self, masks: Array, weights: Array) -> Array:
        low, high = sums(weights[:_HALF]), sums(weights[_HALF:])
        total: Array = low[masks & ((1 << _HALF) - 1)] + high[masks >> _HALF]
        return total


def _joined(parts: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    masks, costs = (np.concatenate(part) for part in zip(*parts, strict=True))
    return masks, costs


def sums(weights: Array) -> Array:
    """(2^n,): sum of the weights in each set."""
    table = np.zeros(1 << len(weights), dtype=np.int64)
    for i, weight in enumerate(weights):
        table[1 << i : 2 << i] = table[: 1 << i] + weight
    return table

"""Placement on a mesh, one direction at a time: chains of blocks and the dynamic programme over sets of clusters.

In one direction the mesh is a row of parallel lines. A placement gives each line a *block* of clusters, so it walks a
*chain* of sets: the clusters on the first 0, 1, 2, ... lines. A flow between two clusters crosses as many borders
between lines as their lines are apart, hence

    cost of the direction = hop * sum over borders (flow across) + sum over lines (what its block pays there).

Sets are bit masks. Those of one size, in ascending order, are numbered; with members c_1 < c_2 < ... a set has the
number sum of binomials(c_k, k). Tables hold one int64 for each set of a size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from math import comb

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check._charges import Charges
from spinemap_exact.certificate.check._instance import Placement

NEVER = 2**62  # larger than any cost; NEVER plus a cost still fits into int64
LARGEST_COST = 2**60
_CHUNK = 2**12  # sets looked at together: what belongs to them stays near the processor
_HALF = 13  # bits of a mask that are looked up together


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

    def steps(self, n: int) -> int:
        """Pairs (set, block) that the dynamic programme looks at, from the first line to the middle."""
        return sum(comb(n, t) * comb(t, size) for line in range(self.num_lines // 2) for t, size in self.moves(n, line))


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
        self._entering = np.array(instance.input_flow or [0] * n, dtype=np.int64)
        self.of_size = cache(self._of_size)
        self.cut_of_size = cache(self._cut_of_size)

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

    def _cut_of_size(self, size: int) -> Array:
        """Cuts of all sets of a size, in the same order: what i adds is its flow, twice that to the rest taken off."""
        if size == 0:
            return np.zeros(1, dtype=np.int64)
        rest, cuts = self.of_size(size - 1), self.cut_of_size(size - 1)
        parts = [cuts[:0]]
        for i in range(size - 1, self.n):
            below = slice(comb(i, size - 1))
            parts.append(cuts[below] + self.flow[i].sum() - 2 * self._sums(rest[below], self.flow[i]))
        return np.concatenate(parts)

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

    def cut(self, masks: Array) -> Array:
        """Flow between each set and all other clusters."""
        leaving = self._sums(masks, self.flow.sum(axis=1))
        for j in range(1, self.n):
            inside = masks >> j & 1 == 1
            leaving[inside] -= 2 * self._sums(masks[inside] & ((1 << j) - 1), self.flow[j])
        return leaving

    def entering(self, masks: Array) -> Array:
        """Input flow to each set."""
        return self._sums(masks, self._entering)

    def _sums(self, masks: Array, weights: Array) -> Array:
        low, high = sums(weights[:_HALF]), sums(weights[_HALF:])
        total: Array = low[masks & ((1 << _HALF) - 1)] + high[masks >> _HALF]
        return total


def sums(weights: Array) -> Array:
    """(2^n,): sum of the weights in each set."""
    table = np.zeros(1 << len(weights), dtype=np.int64)
    for i, weight in enumerate(weights):
        table[1 << i : 2 << i] = table[: 1 << i] + weight
    return table


class Front:
    """Least costs of the first 0, 1, ..., half of the lines, for each set that they may hold.

    Attributes
    ----------
    costs : list of dict
        For each number of lines: size of the set -> table, border behind the last of the lines included.
    """

    def __init__(self, direction: Direction, sets: Sets, charges: Charges) -> None:
        self.direction, self.sets = direction, sets
        self._charged = cache(lambda size: charges.paid(sets.of_size(size)))
        self.costs: list[dict[int, Array]] = [{0: np.zeros(1, dtype=np.int64)}]

    def fill(self, wanted: dict[int, Array] | None = None) -> Front:
        """Compute all costs; those of half of the lines for the wanted sets of each size only, by number."""
        middle = self.direction.num_lines // 2
        while len(self.costs) <= middle:
            self.costs.append(self._line(len(self.costs) - 1, wanted if len(self.costs) == middle else None))
        return self

    def paid(self, line: int, size: int) -> Array:
        """What each block of a size pays on a line: its multipliers, and for its inputs."""
        paid: Array = self._charged(size)
        if self.direction.away[line]:
            away = self.direction.hop * self.direction.away[line]
            paid = paid + away * self.sets.entering(self.sets.of_size(size))
        return paid

    def _line(self, line: int, wanted: dict[int, Array] | None) -> dict[int, Array]:
        sets, n, before = self.sets, self.sets.n, self.costs[line]
        found: dict[int, Array] = {}
        for t, size in self.direction.moves(n, line):
            if t - size not in before:
                continue
            masks, paid = sets.of_size(t), self.paid(line, size)
            table = found.setdefault(t, np.full(len(masks), NEVER, dtype=np.int64))
            numbers = np.arange(len(masks)) if wanted is None else wanted[t]
            for start in range(0, len(numbers), _CHUNK):
                chosen = numbers[start : start + _CHUNK]
                best = table[chosen]
                for rest, last in sets.splits(masks[chosen], t, size):
                    np.minimum(best, before[t - size][rest] + paid[last], out=best)
                table[chosen] = best
        return {t: table + self.direction.hop * sets.cut_of_size(t) for t, table in found.items()}

    def value(self, masks: Array) -> Array:
        """Least cost of sets on half of the lines."""
        size_of, found = self.sets.size(masks), np.full(masks.shape, NEVER, dtype=np.int64)
        for t, table in self.costs[-1].items():
            mine = size_of == t
            found[mine] = table[self.sets.number(masks[mine], t)]
        return found

"""Placement on a mesh, one direction at a time: chains of blocks and the dynamic programme over all sets of clusters.

In one direction the mesh is a row of parallel lines. A placement gives each line a *block* of clusters, so it walks a
*chain* of sets: the clusters on the first 0, 1, 2, ... lines. A flow between two clusters crosses as many borders
between lines as their lines are apart, hence

    cost of the direction = hop * sum over borders (flow across) + sum over lines (what its block pays there).

Sets are bit masks; tables over all sets are int64 arrays of 2^n entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check._instance import Placement

NEVER = 2**62  # larger than any cost; NEVER plus a cost still fits into int64
LARGEST_COST = 2**60


@dataclass(frozen=True)
class Direction:
    """The lines of a mesh across one coordinate.

    Attributes
    ----------
    room : list of int
        Tiles of each line.
    hop : int
        Cost of crossing a border, scaled.
    away : list of int
        Borders between each line and the I/O tile; all zero without one.
    """

    room: list[int]
    hop: int
    away: list[int]

    @property
    def num_lines(self) -> int:
        return len(self.room)

    def reversed(self) -> Direction:
        return Direction(self.room[::-1], self.hop, self.away[::-1])

    def sizes(self, n: int, line: int) -> range:
        """How many of n clusters may lie on the first ``line`` lines."""
        return range(max(0, n - sum(self.room[line:])), min(n, sum(self.room[:line])) + 1)

    def steps(self, n: int) -> int:
        """Pairs (set, block) that the dynamic programme looks at."""
        return sum(
            comb(n, t) * comb(t, s)
            for line in range(self.num_lines)
            for t in self.sizes(n, line + 1)
            for s in self.sizes(n, line)
            if 0 <= t - s <= self.room[line]
        )


def directions(instance: Placement, scale: int) -> tuple[Direction, Direction]:
    """Return the lines of equal x and those of equal y. Missing tiles only leave a line with less room."""
    assert instance.coordinates is not None
    found = []
    for axis, hop in ((0, instance.hop_x), (1, instance.hop_y)):
        values = [place[axis] for place in instance.coordinates]
        lines = range(max(values) + 1)
        entry = instance.coordinates[instance.io_tile][axis] if instance.io_tile is not None else 0
        away = [abs(p - entry) if instance.input_flow is not None else 0 for p in lines]
        found.append(Direction([values.count(p) for p in lines], hop * scale, away))
    return found[0], found[1]


@dataclass(frozen=True)
class Sets:
    """Tables over all sets of n clusters."""

    n: int
    size: Array
    cut: Array
    entering: Array

    @classmethod
    def of(cls, instance: Placement) -> Sets:
        n = instance.num_clusters
        flow = [[0] * n for _ in range(n)]
        for a, b, f in instance.flows:
            if a != b:
                flow[a][b] += f
                flow[b][a] += f
        leaving = sums([sum(row) for row in flow])
        entering = sums([0] * n if instance.input_flow is None else instance.input_flow)
        return cls(n, sums([1] * n), leaving - 2 * pair_sums(flow), entering)

    def of_size(self, t: int) -> Array:
        return np.flatnonzero(self.size == t)


def sums(weights: list[int]) -> Array:
    """(2^n,): sum of the weights in each set."""
    table = np.zeros(1 << len(weights), dtype=np.int64)
    for i, weight in enumerate(weights):
        table[1 << i : 2 << i] = table[: 1 << i] + weight
    return table


def pair_sums(weights: list[list[int]]) -> Array:
    """(2^n,): sum of a symmetric weight over the pairs in each set."""
    table = np.zeros(1 << len(weights), dtype=np.int64)
    for i, row in enumerate(weights):
        table[1 << i : 2 << i] = table[: 1 << i] + sums(row[:i])
    return table


def prefix_costs(direction: Direction, sets: Sets, penalty: Array) -> list[Array]:
    """Least cost of the first 0, 1, 2, ... lines for each set they may hold.

    ``penalty`` is what a block pays on any line. The border after the last of the lines is not counted. Sets that the
    lines cannot hold cost `NEVER`.
    """
    costs = [np.full(1 << sets.n, NEVER, dtype=np.int64)]
    costs[0][0] = 0
    for line in range(direction.num_lines):
        block = penalty + direction.hop * direction.away[line] * sets.entering
        before = costs[-1] + direction.hop * sets.cut  # the cut of the empty set is zero
        np.minimum(before, NEVER, out=before)
        after = np.full(1 << sets.n, NEVER, dtype=np.int64)
        for t in direction.sizes(sets.n, line + 1):
            for s in direction.sizes(sets.n, line):
                if 0 <= t - s <= direction.room[line]:
                    _append(before, block, after, sets.of_size(t), t - s)
        costs.append(after)
    return costs


def _append(before: Array, block: Array, after: Array, targets: Array, size: int) -> None:
    """Improve each target set by splitting off every block of one size."""
    bits = members(targets)
    best = after[targets]
    for chosen in combinations(range(len(bits)), size):
        last = np.zeros_like(targets)
        for k in chosen:
            last |= bits[k]
        np.minimum(best, before[targets ^ last] + block[last], out=best)
    after[targets] = np.minimum(best, NEVER)


def members(masks: Array) -> list[Array]:
    """For sets of equal size t: t arrays with one member each, as bits, in ascending order."""
    left, found = masks.copy(), []
    while left.size and left[0]:
        found.append(left & -left)
        left = left & (left - 1)
    return found

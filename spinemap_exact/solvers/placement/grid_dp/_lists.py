"""One direction of the mesh, and its sets of clusters by their cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.placement.grid_dp import _sets

_ENUMERATED = 1 << 24  # sets passed between two looks at the clock
_SETS_PER_CHUNK = 1 << 18
_MOST_KEPT = 1 << 21
_NOTHING = (-1, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


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
        mirrored = self.sizes == self.sizes[::-1] and np.array_equal(self.constant, self.constant[::-1])
        return mirrored and not self.linear.any()


class SetLists:
    """Sets of one size whose cut at one boundary is small; short lists are kept.

    Parameters
    ----------
    weight : (num_clusters, num_clusters) int64
    look_at_the_clock : callable
        Called between chunks of work; may raise `OutOfTime`.
    """

    def __init__(self, weight: Array, look_at_the_clock: Callable[[], None]) -> None:
        self.weight, self.look_at_the_clock = weight, look_at_the_clock
        self._least: dict[object, int] = {}
        self._kept: dict[object, tuple[int, Array, Array]] = {}

    def least(self, size: int, linear: Array, constant: int) -> int:
        """Smallest cut of any set."""
        key = size, linear.tobytes(), constant
        if key not in self._least:
            self._least[key] = min(least for _, _, least in self._enumerated(size, linear, constant, -1))
        return self._least[key]

    def upto(self, size: int, linear: Array, constant: int, limit: int) -> Iterator[tuple[Array, Array]]:
        """Sets with a cut of at most ``limit``, and perhaps some more, with their cuts: chunk by chunk.

        Raises
        ------
        OutOfTime
        """
        key, least = (size, linear.tobytes(), constant), self.least(size, linear, constant)
        if limit < least:
            return
        known, masks, cuts = self._kept.get(key, _NOTHING)
        if limit <= known:
            for first, last in chunks(len(masks), _SETS_PER_CHUNK):
                self.look_at_the_clock()
                yield masks[first:last], cuts[first:last]
            return
        limit += (limit - least) // 8
        kept, count = [], 0
        for masks, cuts, _ in self._enumerated(size, linear, constant, limit):
            count += len(masks)
            if count <= _MOST_KEPT:
                kept.append((masks, cuts))
            yield masks, cuts
        if count <= _MOST_KEPT:
            masks, cuts = (np.concatenate(column) for column in zip(*kept, strict=True))
            self._kept[key] = limit, masks, cuts

    def _enumerated(self, size: int, linear: Array, constant: int, limit: int) -> Iterator[tuple[Array, Array, int]]:
        m = len(self.weight)
        low = m // 2
        for first, last in chunks(1 << (m - low), _ENUMERATED >> low):
            self.look_at_the_clock()
            yield _sets.sets_below(self.weight, linear, constant, size, limit, first, last)


def chunks(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges that cover ``total`` items, ``size`` at a time."""
    for first in range(0, total, max(1, size)):
        yield first, min(total, first + max(1, size))

"""Which of many listed sets are contained in a given one, and what the least of them costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.placement.listing import Listing

_IN_TABLE = 18, 24  # clusters of which tables speak, at least and at most; 2^24 sets take 64 or 128 MB
_LEFT_OUT = 3
_NARROW = 4  # lowest bits of a mask: neighbours of sets that differ in these lie too close to be one row
_NEAR, _STRIP = 16, 2**8  # bits of a mask whose sets stay near the processor together; numbers of a row at a time
_TOGETHER = 2**20  # pairs held together


class Least:
    """What the least of some sets of n clusters costs, by *beginning*: the members among the first clusters.

    Parameters
    ----------
    most : int
        Higher costs are not told apart.
    """

    def __init__(self, n: int, most: int) -> None:
        self.bits, self._beyond = min(n, max(_IN_TABLE[0], min(_IN_TABLE[1], n - _LEFT_OUT))), max(0, most + 1)
        self.table = np.full(1 << self.bits, self._beyond, dtype=np.int32 if self._beyond < 2**30 else np.int64)

    def beginnings(self, masks: Array) -> Array:
        found: Array = masks & (len(self.table) - 1)
        return found

    def add(self, masks: Array, costs: Array) -> Least:
        costs = np.minimum(costs, self._beyond).astype(self.table.dtype)
        np.minimum.at(self.table, self.beginnings(masks), costs)
        return self

    def of_subsets(self) -> Callable[[Array], Array]:
        """Return a function from sets to at most what any subset of each costs that was added. Nothing more may be."""
        _spread(self.table)
        return lambda masks: self.table[self.beginnings(masks)].astype(np.int64)


class Subsets:
    """Sets of n clusters, listed with their costs.

    Parameters
    ----------
    masks, costs : (num_sets,) int64
    most : int
        Sets that cost more are not found.
    """

    def __init__(self, n: int, masks: Array, costs: Array, most: int) -> None:
        self.masks, self.costs = masks, costs
        self._least = Least(n, most).add(masks, costs)
        begins = self._least.beginnings(masks)
        self._order = np.argsort(begins, kind="stable")
        self._begins = begins[self._order]

    def inside(self, masks: Array, spare: Array, listing: Listing) -> Iterator[tuple[Array, Array]]:
        """Pairs of a given set and a listed subset that costs no more than the given set has to spare, by position.

        The subset is built cluster by cluster, and given up where no listed set that begins like it is cheap enough.
        """
        bits, tails = self._least.bits, [self._least.table]
        for _ in range(bits):
            tails.append(tails[-1].reshape(2, -1).min(axis=0))
        tails.reverse()
        stack = [(0, np.arange(len(masks)), np.zeros(len(masks), dtype=np.int64))]
        while stack:
            c, which, begin = stack.pop()
            half = len(which) // 2
            if len(which) > _TOGETHER:
                stack += [(c, which[half:], begin[half:]), (c, which[:half], begin[:half])]
            elif c < bits:
                listing.spend(links=len(which))
                free = np.flatnonzero(masks[which] >> c & 1)
                which, begin = np.concatenate((which, which[free])), np.concatenate((begin, begin[free] | 1 << c))
                left = np.flatnonzero(tails[c + 1][begin] <= spare[which])
                stack.append((c + 1, which[left], begin[left]))
            else:
                for pair, listed in self._beginning(begin, listing):
                    good = (self.masks[listed] & ~masks[which[pair]] == 0) & (self.costs[listed] <= spare[which[pair]])
                    yield which[pair[good]], listed[good]

    def _beginning(self, begin: Array, listing: Listing) -> Iterator[tuple[Array, Array]]:
        """Listed sets of each beginning: positions of the beginning and of the set, as many as may be held together."""
        first, end = (np.searchsorted(self._begins, begin, side=side) for side in ("left", "right"))
        ends = np.cumsum(end - first)
        start = 0
        while start < len(begin):
            held = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, held + _TOGETHER, side="right")))
            some = slice(start, stop)
            count = (end - first)[some]
            listing.spend(links=int(count.sum()))
            places = np.arange(count.sum()) + np.repeat(first[some] - (np.cumsum(count) - count), count)
            yield np.repeat(np.arange(start, stop), count), self._order[places]
            start = stop


def _spread(table: Array) -> None:
    """Lower what the table says of each set to the least that it says of any subset."""
    low = min(_NEAR, len(table).bit_length() - 1)
    parts = table.reshape(-1, 1 << low)  # the lower bits are done part by part, near the processor, then the upper ones
    for part in parts:
        for i in range(low):
            pairs = part.reshape(-1, 2, 1 << i)  # without cluster i, and with it
            columns = [slice(None)] if i >= _NARROW else [slice(k, k + 1) for k in range(1 << i)]
            for k in columns:
                np.minimum(pairs[:, 1, k], pairs[:, 0, k], out=pairs[:, 1, k])
    for start in range(0, 1 << low, _STRIP):
        for i in range(len(parts).bit_length() - 1):
            pairs = parts.reshape(-1, 2, 1 << i, 1 << low)[..., start : start + _STRIP]
            np.minimum(pairs[:, 1], pairs[:, 0], out=pairs[:, 1])

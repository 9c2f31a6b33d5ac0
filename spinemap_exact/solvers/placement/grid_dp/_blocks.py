"""All blocks that can fill a line, what multipliers charge for them, and the step of a subgradient ascent."""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel

MOST_CHARGED = 2.0**60
_MOST_BLOCKS = 2_000_000


class Index(NamedTuple):
    """Where the charge of a block stands: ``offset[size] + low[lower half] + high[size of it, upper half]``.

    Parameters
    ----------
    half : int
        Clusters in the lower half.
    members : (2^16,) int64
        Members of each half.
    offset : (num_clusters + 1,) int64
    low : (2^half,) int64
    high : (longest + 1, 2^(num_clusters - half)) int64
    """

    half: int
    members: Array
    offset: Array
    low: Array
    high: Array


class Blocks:
    """Sets of clusters of some sizes, in the order of their size and then of their masks.

    Where there are too many to list, ``listed`` is false, the index maps all of them to one entry, and only zero
    multipliers may be used.
    """

    def __init__(self, num_clusters: int, sizes: set[int]) -> None:
        m, wanted = num_clusters, sorted(sizes)
        self.num_clusters = m
        self.listed = sum(comb(m, size) for size in wanted) <= _MOST_BLOCKS
        half = m // 2
        members = np.zeros(1 << 16, dtype=np.int64)
        for i in range(16):
            members[1 << i : 2 << i] = members[: 1 << i] + 1
        longest = max(wanted)
        offset = np.zeros(m + 1, dtype=np.int64)
        low = np.zeros(1 << half, dtype=np.int64)
        high = np.zeros((longest + 1, 1 << (m - half)), dtype=np.int64)
        if self.listed:
            total = 0
            for size in wanted:
                offset[size], total = total, total + comb(m, size)
            _fill_ranks(half, members, low, high)
            self.masks = np.zeros(total, dtype=np.int64)
            _list(m, np.array(wanted), offset, self.masks)
        else:
            self.masks = np.zeros(1, dtype=np.int64)
        self.index = Index(half, members, offset, low, high)
        self.sizes = wanted

    def charges(self, multipliers: Array) -> Array:
        """(num_blocks,) int64: what multipliers charge for each block."""
        if not self.listed:
            return np.zeros(1, dtype=np.int64)
        found: Array = charge_blocks(self.masks, *tables(multipliers, self.num_clusters))
        return found

    def least(self, charge: Array, size: int) -> int:
        """Least charge of any block of one size."""
        if not self.listed:
            return 0
        first = self.index.offset[size]
        return int(charge[first : first + comb(self.num_clusters, size)].min())


def num_multipliers(num_clusters: int) -> int:
    """One for each pair, then one for each triple; both in the order of the largest member, the next one, the least."""
    return comb(num_clusters, 2) + comb(num_clusters, 3)


def constant(multipliers: Array, num_clusters: int) -> int:
    """What the bound loses for its multipliers: once for pairs, twice for triples."""
    pairs = comb(num_clusters, 2)
    return int(multipliers[:pairs].sum() + 2 * multipliers[pairs:].sum())


@kernel
def _fill_ranks(half, count, low, high):  # type: ignore[no-untyped-def]
    """Colexicographic ranks: the sum of C(member, members up to it)."""
    binomial = np.zeros((65, 65), np.int64)
    for n in range(65):
        binomial[n, 0] = 1
        for k in range(1, min(n, 34) + 1):
            binomial[n, k] = binomial[n - 1, k - 1] + binomial[n - 1, k]
    for s in range(1, len(low)):
        top = 0
        while s >> (top + 1):
            top += 1
        low[s] = low[s ^ (1 << top)] + binomial[top, count[s]]
    for c in range(len(high)):
        for s in range(1, high.shape[1]):
            top = 0
            while s >> (top + 1):
                top += 1
            high[c, s] = high[c, s ^ (1 << top)] + binomial[half + top, c + count[s]]


@kernel
def _list(m, sizes, offset, masks):  # type: ignore[no-untyped-def]
    for size in sizes:
        at = offset[size]
        if size == 0:
            masks[at] = 0
            continue
        mask, end = (np.int64(1) << size) - 1, np.int64(1) << m
        while mask < end:  # the next larger number with as many bits
            masks[at] = mask
            at += 1
            lowest = mask & -mask
            ripple = mask + lowest
            mask = (((mask ^ ripple) >> 2) // lowest) | ripple


@kernel(nogil=True)
def tables(multipliers, m):  # type: ignore[no-untyped-def]
    """Multipliers as (m, m) and (m, m, m) arrays, where a pair counts for all triples that it belongs to as well.

    Multipliers may end with the pairs.
    """
    at = m * (m - 1) // 2
    pair = np.zeros((m, m), np.int64)
    triple = np.zeros((m, m, m), np.int64)
    e = 0
    for j in range(m):
        for i in range(j):
            pair[i, j] = multipliers[e]
            e += 1
    if len(multipliers) == at:
        return pair, triple
    for k in range(m):
        for j in range(k):
            for i in range(j):
                mu = multipliers[at]
                at += 1
                if mu:
                    triple[i, j, k] = mu
                    pair[i, j] += mu
                    pair[i, k] += mu
                    pair[j, k] += mu
    return pair, triple


@kernel(nogil=True)
def charge_blocks(blocks, pair, triple):  # type: ignore[no-untyped-def]
    """Charge of each block: that of its pairs; for each triple, once if it holds two of it, twice if all three."""
    found = np.zeros(len(blocks), np.int64)
    members = np.empty(64, np.int64)
    for b in range(len(blocks)):
        mask, size, k, total = blocks[b], 0, 0, np.int64(0)
        while mask:
            if mask & 1:
                for t in range(size):
                    j = members[t]
                    total += pair[j, k]
                    for s in range(t):  # three pairs count a triple inside, two would do
                        total -= triple[members[s], j, k]
                members[size] = k
                size += 1
            mask >>= 1
            k += 1
        found[b] = total
    return found


@kernel(nogil=True)
def gains(x_line, y_line, gain):  # type: ignore[no-untyped-def]
    """Slope of the bound in each multiplier, given the cheapest chains; returns whether they form a placement.

    ``gain`` may end with the pairs.
    """
    m = len(x_line)
    placed = True
    at = 0
    for j in range(m):
        for i in range(j):
            gain[at] = np.int64(x_line[i] == x_line[j]) + np.int64(y_line[i] == y_line[j]) - 1
            placed &= gain[at] <= 0
            at += 1
    if len(gain) == at:
        return placed
    for k in range(m):
        for j in range(k):
            x_jk, y_jk = int(x_line[j] == x_line[k]), int(y_line[j] == y_line[k])
            for i in range(j):
                x_shared = int(x_line[i] == x_line[j]) + int(x_line[i] == x_line[k]) + x_jk
                y_shared = int(y_line[i] == y_line[j]) + int(y_line[i] == y_line[k]) + y_jk
                gain[at] = min(x_shared, 2) + min(y_shared, 2) - 2
                at += 1
    return placed


@kernel(nogil=True)
def advance(at, smooth, gain, current, missing, length):  # type: ignore[no-untyped-def]
    """One Polyak step along averaged slopes; ``current`` becomes the rounded multipliers.

    No multiplier exceeds a limit, so that all together, those of triples twice, charge at most `MOST_CHARGED`.

    Returns
    -------
    bool
        False where there is nowhere to go.
    """
    norm = 0.0
    for e in range(len(at)):
        slope = gain[e]
        if slope < 0 and current[e] == 0:
            slope = 0
        smooth[e] = 0.3 * slope + 0.7 * smooth[e]
        norm += smooth[e] ** 2
    if norm < 1e-9:
        return False
    step = length * missing / norm
    most = MOST_CHARGED / (2 * len(at))
    for e in range(len(at)):
        at[e] = min(most, max(0.0, at[e] + step * smooth[e]))
        current[e] = np.int64(at[e] + 0.5)
    return True

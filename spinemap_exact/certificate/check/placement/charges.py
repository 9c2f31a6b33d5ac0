"""What blocks pay for clusters that they put together: multipliers of pairs and triples of clusters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb

import numpy as np

from spinemap_exact.arrays import Array

_CHUNK = 2**12  # blocks looked at together


def lengths(n: int) -> tuple[int, int]:
    """How many multipliers there may be: of all pairs, or of all pairs and triples."""
    return comb(n, 2), comb(n, 2) + comb(n, 3)


def extended(multipliers: Array, n: int, more: int) -> Array:
    """Multipliers of n clusters for more of them, zero where they are new; the old ones come first in both lists."""
    pairs, triples = multipliers[: comb(n, 2)], multipliers[comb(n, 2) :]
    found = np.zeros(lengths(more)[len(triples) > 0], dtype=np.int64)
    found[: len(pairs)] = pairs
    found[comb(more, 2) : comb(more, 2) + len(triples)] = triples
    return found


@dataclass(frozen=True)
class Charges:
    """Multipliers as tables.

    Attributes
    ----------
    total : int
        What all blocks of both directions together pay at most: once for a pair, twice for a triple.
    pair, triple : (n + 1, n + 1) and (n + 1, n + 1, n + 1) int64
        Cluster n stands for none. A pair counts for its triples as well.
    """

    total: int
    pair: Array
    triple: Array

    @classmethod
    def of(cls, n: int, multipliers: Array) -> Charges:
        """Take them in the order (0, 1), (0, 2), (1, 2), (0, 3), ..., then (0, 1, 2), (0, 1, 3), (0, 2, 3), ..."""
        pairs, triples = multipliers[: comb(n, 2)], multipliers[comb(n, 2) :]
        pair, triple = np.zeros((n + 1,) * 2, dtype=np.int64), np.zeros((n + 1,) * 3, dtype=np.int64)
        pair[pairs_of(n)] = pairs
        if triples.any():
            triple[triples_of(n)] = triples
            pair += triple.sum(axis=0) + triple.sum(axis=1) + triple.sum(axis=2)
        return cls(int(pairs.sum()) + 2 * int(triples.sum()), pair, triple)

    def paid(self, blocks: Array) -> Array:
        """What each block pays: for its pairs; and for a triple once if it holds two of it, twice if it holds all.

        Three pairs count for a triple that is inside, one for a triple of which two are inside.
        """
        if not self.pair.any():
            return np.zeros(blocks.shape, dtype=np.int64)
        parts = [self._paid(blocks[start : start + _CHUNK]) for start in range(0, len(blocks), _CHUNK)]
        return parts[0] if len(parts) == 1 else np.concatenate([blocks[:0], *parts])

    def _paid(self, blocks: Array) -> Array:
        places = self._members(blocks)
        a, b = _choices(len(places), 2)
        found: Array = self.pair[places[a], places[b]].sum(axis=0)
        if len(places) > 2 and self.triple.any():
            a, b, c = _choices(len(places), 3)
            found -= self.triple[places[a], places[b], places[c]].sum(axis=0)
        return found

    def _members(self, blocks: Array) -> Array:
        """(most, num_blocks): members of each block, ascending, then cluster n."""
        n = len(self.pair) - 1
        which, member = np.nonzero(blocks[:, None] >> np.arange(n) & 1)
        size = np.bincount(which, minlength=len(blocks))
        places = np.full((size.max(initial=0), len(blocks)), n)
        places[np.arange(len(which)) - np.repeat(np.cumsum(size) - size, size), which] = member
        return places


@cache
def _choices(size: int, chosen: int) -> Array:
    """(chosen, number of ways): all ways to choose from 0 ... size - 1, ascending."""
    return np.array([*combinations(range(size), chosen)], dtype=np.int64).reshape(-1, chosen).T


@cache
def pairs_of(n: int) -> tuple[Array, Array]:
    """All pairs i < j, by j, then i."""
    j, i = np.tril_indices(n, -1)
    return i, j


@cache
def triples_of(n: int) -> tuple[Array, Array, Array]:
    """All triples i < j < k, by k, then j, then i."""
    listed = np.array([(i, j, k) for k in range(n) for j in range(k) for i in range(j)], dtype=np.int64).reshape(-1, 3)
    return listed[:, 0], listed[:, 1], listed[:, 2]

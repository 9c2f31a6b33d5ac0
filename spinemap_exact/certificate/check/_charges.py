"""What blocks pay for clusters that they put together: multipliers of pairs and triples of clusters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb

import numpy as np

from spinemap_exact.arrays import Array


def lengths(n: int) -> tuple[int, int]:
    """How many multipliers there may be: of all pairs, or of all pairs and triples."""
    return comb(n, 2), comb(n, 2) + comb(n, 3)


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
    def of(cls, n: int, multipliers: list[int]) -> Charges:
        """Read them in the order (0, 1), (0, 2), (1, 2), (0, 3), ..., then (0, 1, 2), (0, 1, 3), (0, 2, 3), ..."""
        pairs, triples = multipliers[: comb(n, 2)], multipliers[comb(n, 2) :]
        pair, triple = np.zeros((n + 1,) * 2, dtype=np.int64), np.zeros((n + 1,) * 3, dtype=np.int64)
        j, i = np.tril_indices(n, -1)
        pair[i, j] = pairs
        if triples:
            i, j, k = triples_of(n)
            triple[i, j, k] = triples
            for a, b in ((i, j), (i, k), (j, k)):
                np.add.at(pair, (a, b), np.array(triples, dtype=np.int64))
        return cls(sum(pairs) + 2 * sum(triples), pair, triple)

    def paid(self, blocks: Array) -> Array:
        """What each block pays: for its pairs; and for a triple once if it holds two of it, twice if it holds all.

        Three pairs count for a triple that is inside, one for a triple of which two are inside.
        """
        places = self._members(blocks)
        found = np.zeros(blocks.shape, dtype=np.int64)
        for a, b in combinations(places, 2):
            found += self.pair[a, b]
        if self.triple.any():
            for a, b, c in combinations(places, 3):
                found -= self.triple[a, b, c]
        return found

    def _members(self, blocks: Array) -> list[Array]:
        """Members of each block, ascending, then cluster n: as many arrays as the largest block has members."""
        powers = 1 << np.arange(len(self.pair) - 1)
        left, found = blocks.copy(), []
        while left.any():
            found.append(np.where(left == 0, len(powers), np.searchsorted(powers, left & -left)))
            left &= left - 1
        return found


@cache
def triples_of(n: int) -> tuple[Array, Array, Array]:
    """All triples i < j < k, by k, then j, then i."""
    listed = np.array([(i, j, k) for k in range(n) for j in range(k) for i in range(j)], dtype=np.int64).reshape(-1, 3)
    return listed[:, 0], listed[:, 1], listed[:, 2]

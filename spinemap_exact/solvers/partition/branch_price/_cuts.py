"""Subset-row cuts: of the clusters that hold two units of a triple, at most one is in a partition.

M. Jepsen, B. Petersen, S. Spoorendonk, D. Pisinger, Subset-Row Inequalities Applied to the Vehicle-Routing Problem
with Time Windows, 2008, doi:10.1287/opre.1070.0449.
"""
# mypy: allow-untyped-decorators, allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numba import njit

from spinemap_exact.arrays import Array

_LEAST = 0.04  # violation worth a cut


@njit(cache=True)
def _violated(member, weight, both, most, least):
    """Triples of units that clusters of total weight above one hold two of."""
    num_clusters, n = member.shape
    triples = np.empty((most, 3), dtype=np.int64)
    excess = np.empty(most)
    size = 0
    for i in range(n):
        for j in range(i + 1, n):
            for k in range(j + 1, n):
                pairs = both[i, j] + both[i, k] + both[j, k]
                if pairs <= 1.0 + least:
                    continue
                for c in range(num_clusters):
                    if member[c, i] and member[c, j] and member[c, k]:
                        pairs -= 2.0 * weight[c]  # counted three times, wanted once
                if pairs > 1.0 + least and size < most:
                    triples[size, 0], triples[size, 1], triples[size, 2] = i, j, k
                    excess[size] = pairs - 1.0
                    size += 1
    return triples[:size], excess[:size]


def separate(
    clusters: Sequence[frozenset[int]], weights: Array, num_units: int, known: set[tuple[int, ...]], most: int
) -> list[tuple[int, ...]]:
    """Return up to ``most`` triples whose cut the fractional solution breaks, the worst first, well spread."""
    used = np.flatnonzero(weights > 1e-6)
    member = np.zeros((len(used), num_units), dtype=np.bool_)
    for i, c in enumerate(used.tolist()):
        member[i, list(clusters[c])] = True
    both = member.T.astype(float) @ (member * weights[used, None])
    triples, excess = _violated(member, weights[used], both, 200_000, _LEAST)
    chosen: list[tuple[int, ...]] = []
    share: Counter[int] = Counter()
    for i in np.argsort(-excess, kind="stable").tolist():
        triple = tuple(triples[i].tolist())
        if triple in known or any(share[u] >= 3 for u in triple):
            continue
        chosen.append(triple)
        share.update(triple)
        if len(chosen) == most:
            break
    return chosen

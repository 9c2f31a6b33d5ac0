"""Subset-row cuts: of the clusters that hold two units of a triple, at most one is in a partition.

They are Chvatal-Gomory cuts of rank one, from multipliers of 1/2 for three rows. Four and five rows have good ones as
well, which cost a pricer too much; where all clusters are at hand they are free.

M. Jepsen, B. Petersen, S. Spoorendonk, D. Pisinger, Subset-Row Inequalities Applied to the Vehicle-Routing Problem
with Time Windows, 2008, doi:10.1287/opre.1070.0449. D. Pecin, A. Pessoa, M. Poggi, E. Uchoa, H. Santos, Limited Memory
Rank-1 Cuts for Vehicle Routing Problems, 2017, doi:10.1016/j.orl.2017.02.006.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel

_LEAST = 0.04  # violation worth a cut
_FORMS = (  # multipliers and divisor
    ((2, 1, 1, 1), 3),
    ((1, 1, 1, 1, 1), 2),
    ((1, 1, 1, 1, 1), 3),
    ((2, 1, 1, 1, 1), 3),
    ((2, 2, 1, 1, 1), 3),
    ((2, 2, 1, 1, 1), 4),
    ((3, 1, 1, 1, 1), 4),
    ((3, 3, 2, 2, 1), 4),
    ((3, 2, 2, 1, 1), 5),
)
_STARTS = 80  # of the local search, for each form


@dataclass(frozen=True)
class RankOne:
    """Over the clusters C of a partition, floor(multipliers of the units in C / divisor) sums to ``most`` at most.

    For without rounding it sums to the multipliers of all units / divisor, each unit being in one cluster.
    """

    units: tuple[int, ...]
    multipliers: tuple[int, ...]
    divisor: int

    @property
    def most(self) -> int:
        return sum(self.multipliers) // self.divisor

    def counts(self, member: Array) -> Array:
        """(clusters,) float, integers: what each cluster counts."""
        counts: Array = (member[:, list(self.units)] @ np.array(self.multipliers, dtype=float)) // self.divisor
        return counts


@kernel
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


@kernel
def _climb(member, weight, multipliers, divisor, units):
    """Exchange units one by one while the count rises; return the count."""
    num_clusters, n = member.shape
    load = np.zeros(num_clusters, dtype=np.int64)
    for j in range(len(units)):
        for c in range(num_clusters):
            load[c] += multipliers[j] * member[c, units[j]]
    best = 0.0
    for c in range(num_clusters):
        best += weight[c] * (load[c] // divisor)
    rose = True
    while rose:
        rose = False
        for j in range(len(units)):
            p, old = multipliers[j], units[j]
            without = 0.0
            for c in range(num_clusters):
                load[c] -= p * member[c, old]
                without += weight[c] * (load[c] // divisor)
            chosen, most = old, best
            for u in range(n):
                taken = False
                for i in range(len(units)):
                    taken |= units[i] == u
                if taken:
                    continue
                count = without
                for c in range(num_clusters):
                    if member[c, u]:
                        count += weight[c] * ((load[c] + p) // divisor - load[c] // divisor)
                if count > most + 1e-9:
                    chosen, most = u, count
            for c in range(num_clusters):
                load[c] += p * member[c, chosen]
            if chosen != old:
                units[j], best, rose = chosen, most, True
    return best


def rank_one(
    member: Array, weights: Array, random: np.random.Generator, known: set[RankOne], most: int
) -> list[RankOne]:
    """Return up to ``most`` cuts of four or five units that the fractional solution breaks, the worst first.

    Found by local search from random units, so that there may be others.
    """
    used = np.flatnonzero(weights > 1e-6)
    held = member[used].astype(np.int64)
    excess: dict[RankOne, float] = {}
    for multipliers, divisor in _FORMS:
        if len(multipliers) > held.shape[1]:
            continue
        for _ in range(_STARTS):
            units = random.choice(held.shape[1], size=len(multipliers), replace=False)
            count = _climb(held, weights[used], np.array(multipliers), divisor, units)
            pairs = sorted(zip(units.tolist(), multipliers, strict=True))
            cut = RankOne(tuple(u for u, _ in pairs), tuple(p for _, p in pairs), divisor)
            if count > cut.most + _LEAST and cut not in known:
                excess[cut] = count - cut.most
    return sorted(excess, key=lambda cut: -excess[cut])[:most]

"""A proximal bundle method for the duals of the units: good bounds where clusters are few and large.

The bound that duals prove is a concave function,  L(duals) = sum of duals - K x (value of the best cluster, or 0).
Column generation follows the vertices of its outer model and swings for long where few large clusters make up a
solution; a quadratic term that holds the duals near the best ones so far does not. Clusters are guessed by annealing;
the exact pricer is asked only where the guesses leave room for a better bound.

K. Kiwiel, Proximity control in bundle methods for convex nondifferentiable minimization, 1990,
doi:10.1007/BF01585731.
"""
# mypy: allow-untyped-decorators, allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numba import njit

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch

_MOST_CLUSTERS = 500


@njit(cache=True)
def _nearest(weight, value, gram, meets, raw, move, tolerance, steps):
    """Minimise the model with its quadratic term over convex combinations of clusters, by pairwise exchange of weight.

    ``raw`` holds the penalties of the cuts before they are raised to zero. Changes ``weight``, ``raw``, and ``value``
    of every cluster to what it is at the minimiser.
    """
    for _ in range(steps):
        best, worst = 0, -1
        for j in range(len(value)):
            if value[j] > value[best]:
                best = j
            if weight[j] > 0.0 and (worst < 0 or value[j] < value[worst]):
                worst = j
        gap = value[best] - value[worst]
        if gap <= tolerance:
            return
        curve = gram[best, best] - 2.0 * gram[best, worst] + gram[worst, worst]
        for t in range(len(raw)):
            curve += abs(meets[best, t] - meets[worst, t])
        shift = min(weight[worst], gap / (move * max(curve, 1e-12)))
        weight[best] += shift
        weight[worst] -= shift
        for j in range(len(value)):
            value[j] -= move * shift * (gram[best, j] - gram[worst, j])
        for t in range(len(raw)):
            if meets[best, t] != meets[worst, t]:
                before = max(0.0, raw[t])
                raw[t] += move * shift * (meets[best, t] - meets[worst, t])
                change = max(0.0, raw[t]) - before
                if change != 0.0:
                    for j in range(len(value)):
                        value[j] -= meets[j, t] * change


class Oracle(Protocol):
    """What the bundle asks for; duals, penalties and values are integers in units of ``1 / scale``."""

    def guess(self, duals: Array, penalties: Array) -> list[frozenset[int]]:
        """Return clusters of good value."""

    def prove(self, duals: Array, penalties: Array, known: int, spoils: float) -> tuple[int, list[frozenset[int]]]:
        """Return a bound on all values, at least ``known``, and clusters met; a value above ``spoils`` may end it."""

    def value(self, cluster: frozenset[int], duals: Array, penalties: Array) -> int: ...

    def cost(self, cluster: frozenset[int]) -> int: ...


class Bundle:
    """The clusters known, the best duals and penalties, and the bound they prove, in units of ``1 / scale``."""

    def __init__(self, max_clusters: int, scale: int, duals: Array, oracle: Oracle) -> None:
        self.max_clusters, self.scale, self.oracle = max_clusters, scale, oracle
        self.duals = duals.astype(float)
        self.penalties = np.zeros(0)
        self.triples: list[tuple[int, ...]] = []
        # the empty cluster stands for one that is not used
        self.clusters: list[frozenset[int]] = [frozenset()]
        self.known = {frozenset[int]()}
        self.member = np.zeros((1, len(duals)))
        self.meets = np.zeros((1, 0))
        self.cost = np.zeros(1)
        self.gram = np.zeros((1, 1))
        self.weight = np.ones(1)
        self.age = np.zeros(1, dtype=np.int64)
        self.bound: int | None = None
        self.move = 2.0 * max(1.0, float(np.abs(self.duals).mean()))

    def add(self, clusters: Iterable[frozenset[int]]) -> int:
        """Add clusters; return how many are new."""
        fresh = [c for c in dict.fromkeys(clusters) if c not in self.known]
        if not fresh:
            return 0
        rows = np.zeros((len(fresh), len(self.duals)))
        for i, cluster in enumerate(fresh):
            rows[i, list(cluster)] = 1.0
        self.known.update(fresh)
        self.clusters += fresh
        self.member = np.concatenate((self.member, rows))
        self.meets = np.concatenate((self.meets, _meets(rows, self.triples)))
        self.cost = np.concatenate((self.cost, [float(self.scale * self.oracle.cost(c)) for c in fresh]))
        self.weight = np.concatenate((self.weight, np.zeros(len(fresh))))
        self.age = np.concatenate((self.age, np.zeros(len(fresh), dtype=np.int64)))
        if len(self.clusters) > _MOST_CLUSTERS + 200:
            self._forget()
        self.gram = self.member @ self.member.T
        return len(fresh)

    def _forget(self) -> None:
        idle = self.age.copy()
        idle[self.weight > 0] = -1
        idle[0] = -2
        kept = np.sort(np.argsort(idle, kind="stable")[:_MOST_CLUSTERS])
        self.clusters = [self.clusters[i] for i in kept.tolist()]
        self.known = set(self.clusters)
        self.member, self.meets, self.cost = self.member[kept], self.meets[kept], self.cost[kept]
        self.weight, self.age = self.weight[kept], self.age[kept]

    def cut(self, triples: Sequence[tuple[int, ...]]) -> None:
        """Clusters that hold two units of a triple pay a penalty from now on, zero at first."""
        self.triples += triples
        self.meets = np.concatenate((self.meets, _meets(self.member, triples)), axis=1)
        self.penalties = np.concatenate((self.penalties, np.zeros(len(triples))))
        self.move = 0.3 * float(np.abs(self.duals).mean())

    def _candidate(self) -> tuple[Array, Array, float]:
        """Duals and penalties that maximise the model near the best ones, and what the model makes of them."""
        count = self.max_clusters
        weight = self.weight / self.weight.sum()
        duals = self.duals + self.move * (1.0 - count * (weight @ self.member))
        raw = self.penalties + self.move * (count * (weight @ self.meets) - 1.0)
        value = self.member @ duals - self.meets @ np.maximum(raw, 0.0) - self.cost
        tolerance = 1e-4 * max(1.0, float(np.abs(self.duals).sum()) / count)
        _nearest(weight, value, self.gram, self.meets, raw, self.move * count, tolerance, 20_000)
        self.weight = np.where(weight > 1e-9, weight, 0.0)
        duals = self.duals + self.move * (1.0 - count * (weight @ self.member))
        self.age = np.where(self.weight > 0, 0, self.age + 1)
        penalties = np.maximum(raw, 0.0)
        return duals, penalties, float(duals.sum() - penalties.sum() - count * max(0.0, value.max()))

    def ascend(self, watch: Watch, enough: int, patience: float = 2e-4) -> None:
        """Raise the bound until ``enough``, until the model promises no more, or the time is up."""
        nulls = 0
        while not watch.should_stop():
            duals, penalties, promised = self.duals, self.penalties, np.inf
            if self.bound is not None:
                duals, penalties, promised = self._candidate()
                if promised - self.bound < patience * abs(self.bound):
                    if self.move > 1e4 * float(np.abs(self.duals).mean()):
                        return
                    self.move *= 4.0
                    continue
            duals, penalties = np.floor(duals).astype(np.int64), np.ceil(penalties).astype(np.int64)
            total = int(duals.sum()) - int(penalties.sum())
            # a cluster above this value would leave less than a tenth of what is promised
            least = -np.inf if self.bound is None else self.bound + 0.1 * (promised - self.bound)
            spoils = (total - least) / self.max_clusters
            found = self.oracle.guess(duals, penalties)
            best = max((self.oracle.value(c, duals, penalties) for c in found), default=0)
            gained = False
            if best <= spoils:
                known = max(0, best, int((self.member @ duals - self.meets @ penalties - self.cost).max()))
                most, more = self.oracle.prove(duals, penalties, known, spoils)
                found = more + found
                bound = total - self.max_clusters * most
                gained = bound >= least
                half = self.bound is not None and bound - self.bound > 0.5 * (promised - self.bound)
                if self.bound is None or bound > self.bound:
                    self.bound = bound
                    self.duals, self.penalties = duals.astype(float), penalties.astype(float)
                if self.bound >= enough:
                    return
                if not gained and all(self.oracle.value(c, duals, penalties) <= spoils for c in more):
                    self.move *= 0.3  # no cluster speaks against the duals, the proof was too hard
            fresh = self.add(found[:40])
            if gained:
                self.move *= 2.0 if half else 1.3
                nulls = 0
                continue
            nulls += 1
            if not fresh:
                self.move *= 0.5
            elif nulls % 6 == 0:
                self.move *= 0.6


def _meets(member: Array, triples: Sequence[tuple[int, ...]]) -> Array:
    """(clusters, triples) float: 1 where a cluster holds two units of a triple."""
    met: Array = np.zeros((len(member), len(triples)))
    for i, triple in enumerate(triples):
        met[:, i] = member[:, list(triple)].sum(axis=1) >= 2
    return met

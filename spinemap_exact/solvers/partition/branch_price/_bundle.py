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

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch

_MOST_CUTS = 500


@njit(cache=True)
def _nearest(weight, value, gram, move, tolerance, steps):
    """Minimise the model with its quadratic term over convex combinations of cuts, by pairwise exchange of weight.

    Changes ``weight``, and ``value`` of every cut to what it is at the minimiser.
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
        shift = min(weight[worst], gap / (move * max(curve, 1e-12)))
        weight[best] += shift
        weight[worst] -= shift
        for j in range(len(value)):
            value[j] -= move * shift * (gram[best, j] - gram[worst, j])


@dataclass
class Oracle:
    """What the bundle asks: clusters of good value, by guess, and the value of the best, proven.

    ``prove`` takes duals, a value known to be attained, and a value from which on the duals are no use; it returns a
    bound on all values and the clusters it met.
    """

    guess: Callable[[Array], list[frozenset[int]]]
    prove: Callable[[Array, int, float], tuple[int, list[frozenset[int]]]]
    cost: Callable[[frozenset[int]], int]


class Bundle:
    """The cuts known, the best duals and the bound they prove; everything in units of ``1 / scale``."""

    def __init__(self, num_units: int, max_clusters: int, scale: int, duals: Array, oracle: Oracle) -> None:
        self.num_units, self.max_clusters, self.scale, self.oracle = num_units, max_clusters, scale, oracle
        self.centre = duals.astype(float)
        self.clusters: list[frozenset[int]] = [frozenset()]
        self.known = {frozenset[int]()}
        self.member = np.zeros((1, num_units))
        self.cost = np.zeros(1)
        self.gram = np.zeros((1, 1))
        self.weight = np.ones(1)
        self.age = np.zeros(1, dtype=np.int64)
        self.bound: int | None = None
        self.most = 0
        self.move = 0.0

    def add(self, clusters: Iterable[frozenset[int]]) -> int:
        """Add cuts; return how many are new."""
        fresh = [c for c in dict.fromkeys(clusters) if c not in self.known]
        if not fresh:
            return 0
        rows = np.zeros((len(fresh), self.num_units))
        for i, cluster in enumerate(fresh):
            rows[i, list(cluster)] = 1.0
        self.known.update(fresh)
        self.clusters += fresh
        self.member = np.concatenate((self.member, rows))
        self.cost = np.concatenate((self.cost, [float(self.scale * self.oracle.cost(c)) for c in fresh]))
        self.weight = np.concatenate((self.weight, np.zeros(len(fresh))))
        self.age = np.concatenate((self.age, np.zeros(len(fresh), dtype=np.int64)))
        if len(self.clusters) > _MOST_CUTS + 200:
            self._forget()
        self.gram = self.member @ self.member.T
        return len(fresh)

    def _forget(self) -> None:
        idle = self.age.copy()
        idle[self.weight > 0] = -1
        idle[0] = -2
        kept = np.sort(np.argsort(idle, kind="stable")[:_MOST_CUTS])
        self.clusters = [self.clusters[i] for i in kept.tolist()]
        self.known = set(self.clusters)
        self.member, self.cost = self.member[kept], self.cost[kept]
        self.weight, self.age = self.weight[kept], self.age[kept]

    def _candidate(self) -> tuple[Array, float]:
        """Duals that maximise the model near the centre, and what the model makes of them."""
        count = self.max_clusters
        weight = self.weight / self.weight.sum()
        start = self.centre + self.move * (1.0 - count * (weight @ self.member))
        value = self.member @ start - self.cost
        tolerance = 1e-4 * max(1.0, float(np.abs(self.centre).sum()) / count)
        _nearest(weight, value, self.gram, self.move * count, tolerance, 20_000)
        self.weight = np.where(weight > 1e-9, weight, 0.0)
        duals = self.centre + self.move * (1.0 - count * (weight @ self.member))
        self.age = np.where(self.weight > 0, 0, self.age + 1)
        return duals, float(duals.sum() - count * max(0.0, value.max()))

    def ascend(self, watch: Watch, enough: int, patience: float = 2e-4) -> None:
        """Raise the bound until ``enough``, until the model promises no more, or the time is up."""
        self.move = 2.0 * max(1.0, float(np.abs(self.centre).mean()))
        nulls = 0
        while not watch.should_stop():
            if self.bound is None:
                duals, promised = self.centre, np.inf
            else:
                duals, promised = self._candidate()
                if promised - self.bound < patience * abs(self.bound):
                    if self.move > 1e4 * float(np.abs(self.centre).mean()):
                        return
                    self.move *= 4.0
                    continue
            whole = np.floor(duals).astype(np.int64)
            total = int(whole.sum())
            # a cluster above this value would leave less than a tenth of what is promised
            least = None if self.bound is None else self.bound + 0.1 * (promised - self.bound)
            spoils = np.inf if least is None else (total - least) / self.max_clusters
            found = self.oracle.guess(whole)
            best = max((self._value(c, whole) for c in found), default=0)
            if best <= spoils:
                known = max(0, best, int((self.member @ whole - self.cost).max()))
                most, more = self.oracle.prove(whole, known, spoils)
                found = more + found
                bound = total - self.max_clusters * most
                if self.bound is None or bound > self.bound:
                    gained = self.bound is None or bound >= (least or 0)
                    half = self.bound is not None and bound - self.bound > 0.5 * (promised - self.bound)
                    self.bound, self.most = bound, most
                    self.centre = whole.astype(float)
                    if bound >= enough:
                        return
                    if gained:
                        self.move *= 4.0 if half else 1.5
                        nulls = 0
                        self.add(found[:40])
                        continue
            nulls += 1
            if not self.add(found[:40]) and self.bound is not None:
                self.move *= 0.5
            elif nulls % 6 == 0:
                self.move *= 0.6

    def _value(self, cluster: frozenset[int], duals: Array) -> int:
        return int(sum(int(duals[u]) for u in cluster)) - self.scale * self.oracle.cost(cluster)

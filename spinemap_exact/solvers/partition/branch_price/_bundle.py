"""A proximal bundle method for the duals of the units: good bounds where clusters are few and large.

The bound that duals prove is a concave function,  L(duals) = sum of duals - K x (value of the best cluster, or 0).
Column generation follows the vertices of its outer model and swings for long where few large clusters make up a
solution; a quadratic term that holds the duals near the best ones so far does not. Clusters are guessed by annealing;
the exact pricer is asked only where the guesses leave room for a better bound.

K. Kiwiel, Proximity control in bundle methods for convex nondifferentiable minimization, 1990,
doi:10.1007/BF01585731.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price._graph import Priced
from spinemap_exact.solvers.partition.branch_price._pricer import as_integers

_MOST_CLUSTERS = 500
_MOST_GUESSES = 1000
_MISLED = 0.4  # part of the bound guessed that a proof must confirm, or the duals guessed are dropped


@kernel
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

    def guess(self, duals: Array, penalties: Array, hard: bool = False) -> list[frozenset[int]]:
        """Return clusters of good value; try ``hard`` where no proof follows."""

    def prove(self, duals: Array, penalties: Array, known: int, spoils: float) -> Priced:
        """Bound all values, by ``known`` at least; a value above ``spoils`` may end the search."""

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
        self.real = np.ones(1, dtype=bool)  # within the limits
        self.age = np.zeros(1, dtype=np.int64)
        self.bound: int | None = None
        self.trusted: int | None = None  # what guesses make of the duals
        self.origin = self.duals  # before anything was guessed
        self.move = 2.0 * max(1.0, float(np.abs(self.duals).mean()))

    def add(self, clusters: Iterable[frozenset[int]]) -> int:
        """Add clusters; return how many are new."""
        fresh = [c for c in dict.fromkeys(clusters) if c not in self.known]
        if fresh:
            self.known.update(fresh)
            self._append(fresh, fresh, np.array([float(self.scale * self.oracle.cost(c)) for c in fresh]))
        return len(fresh)

    def _shun(self, beyond: Sequence[tuple[frozenset[int], int]], duals: Array, penalties: Array) -> None:
        """Let sets that keep the oracle's bound up cost what makes them worth it, so that the model foresees it."""
        if beyond:
            rows = self._rows([units for units, _ in beyond])
            worth = rows @ duals - _meets(rows, self.triples) @ penalties
            cost = worth - np.array([float(bound) for _, bound in beyond])
            self._append([units for units, _ in beyond], [frozenset()] * len(beyond), cost)

    def _append(self, sets: Sequence[frozenset[int]], clusters: Sequence[frozenset[int]], cost: Array) -> None:
        rows, count = self._rows(sets), len(sets)
        self.clusters += clusters
        self.member = np.concatenate((self.member, rows))
        self.meets = np.concatenate((self.meets, _meets(rows, self.triples)))
        self.cost = np.concatenate((self.cost, cost))
        self.real = np.concatenate((self.real, [len(c) > 0 for c in clusters]))
        self.weight = np.concatenate((self.weight, np.zeros(count)))
        self.age = np.concatenate((self.age, np.zeros(count, dtype=np.int64)))
        if len(self.clusters) > _MOST_CLUSTERS + 200:
            idle = self.age.copy()
            idle[self.weight > 0] = -1
            idle[0] = -2
            self._keep(np.sort(np.argsort(idle, kind="stable")[:_MOST_CLUSTERS]))
        self.gram = self.member @ self.member.T

    def _rows(self, sets: Sequence[frozenset[int]]) -> Array:
        rows: Array = np.zeros((len(sets), len(self.duals)))
        for i, units in enumerate(sets):
            rows[i, list(units)] = 1.0
        return rows

    def _keep(self, kept: Array) -> None:
        self.clusters = [self.clusters[i] for i in kept.tolist()]
        self.known = set(self.clusters)
        self.member, self.meets, self.cost = self.member[kept], self.meets[kept], self.cost[kept]
        self.weight, self.age, self.real = self.weight[kept], self.age[kept], self.real[kept]
        self.gram = self.member @ self.member.T

    def cut(self, triples: Sequence[tuple[int, ...]]) -> None:
        """Clusters that hold two units of a triple pay a penalty from now on, zero at first."""
        self.triples += triples
        self.meets = np.concatenate((self.meets, _meets(self.member, triples)), axis=1)
        self.penalties = np.concatenate((self.penalties, np.zeros(len(triples))))
        self.move = 0.3 * float(np.abs(self.duals).mean())

    def _candidate(self) -> tuple[Array, Array, float]:
        """Duals and penalties that maximise the model near the best ones, and what the model makes of them."""
        count = self.max_clusters
        weight = self.weight / self.weight.sum() if self.weight.any() else np.eye(1, len(self.weight))[0]
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

    def approach(self, watch: Watch, enough: int, patience: float = 2e-3) -> None:
        """Move the duals to where guesses alone put the best bound: that proves nothing, and saves many proofs."""
        self.origin = self.duals
        trusted: int | None = None
        promised, nulls = np.inf, 0
        for _ in range(_MOST_GUESSES):
            if watch.should_stop() or (trusted is not None and trusted >= enough):
                break
            duals, penalties = self.duals, self.penalties
            if trusted is not None:
                duals, penalties, promised = self._candidate()
                if promised - trusted < patience * abs(trusted):
                    if self.move > 1e2 * float(np.abs(self.duals).mean()):
                        break
                    self.move *= 4.0
                    continue
            duals, penalties = as_integers(duals, penalties)
            total = int(duals.sum()) - int(penalties.sum())
            found = self.oracle.guess(duals, penalties, hard=nulls == 0)
            best = max([0, *(self.oracle.value(c, duals, penalties) for c in found)])
            best = max(best, int((self.member @ duals - self.meets @ penalties - self.cost)[self.real].max()))
            value = total - self.max_clusters * best
            fresh = self.add(found[:40])
            if trusted is None or value > trusted + 0.1 * (promised - trusted):
                self.move *= 1.5 if trusted is not None else 1.0
                self.duals, self.penalties, trusted, nulls = duals.astype(float), penalties.astype(float), value, 0
                continue
            # what was found meanwhile may be worth more at the best duals than all guesses made there
            worth = (self.member @ self.duals - self.meets @ self.penalties - self.cost)[self.real].max()
            trusted = min(trusted, int(self.duals.sum() - self.penalties.sum() - self.max_clusters * worth))
            nulls += 1
            if not fresh:
                self.move *= 0.5
            elif nulls % 6 == 0:
                self.move *= 0.6
        self.trusted = trusted
        self.move = 0.5 * max(1.0, float(np.abs(self.duals).mean()))  # guesses that had nothing to add let it grow

    def ascend(self, watch: Watch, enough: int, patience: float = 1e-3) -> None:
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
            duals, penalties = as_integers(duals, penalties)
            total = int(duals.sum()) - int(penalties.sum())
            # a cluster above this value would leave less than a tenth of what is promised
            least = -np.inf if self.bound is None else self.bound + 0.1 * (promised - self.bound)
            spoils = (total - least) / self.max_clusters
            found = self.oracle.guess(duals, penalties)
            best = max((self.oracle.value(c, duals, penalties) for c in found), default=0)
            if best <= spoils:
                found = self.oracle.guess(duals, penalties, hard=True) + found
                best = max((self.oracle.value(c, duals, penalties) for c in found), default=0)
            gained = False
            if best <= spoils:
                known = max(0, best, int((self.member @ duals - self.meets @ penalties - self.cost)[self.real].max()))
                priced = self.oracle.prove(duals, penalties, known, spoils)
                found = priced.clusters + found
                bound = total - self.max_clusters * priced.most
                gained = bound >= least
                half = self.bound is not None and bound - self.bound > 0.5 * (promised - self.bound)
                if self.bound is None or bound > self.bound:
                    self.bound = bound
                    self.duals, self.penalties = duals.astype(float), penalties.astype(float)
                if self.bound >= enough:
                    return
                if self.trusted is not None:
                    misled, self.trusted = bound < _MISLED * self.trusted, None
                    if misled:
                        self.duals, self.bound = self.origin, None
                        self.move = 2.0 * max(1.0, float(np.abs(self.duals).mean()))
                        continue
                if self.bound < 0 and nulls == 0:  # too much to ask for at once
                    self.duals, self.bound = 0.5 * self.duals, None
                    continue
                if not gained and all(self.oracle.value(c, duals, penalties) <= spoils for c in priced.clusters):
                    self.move *= 0.3  # no cluster speaks against the duals, the proof was too hard
                    self._shun(priced.beyond, duals, penalties)
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

"""All clusters that a better partition can hold, listed once, and the choice among them.

Let duals bound a partition from below, and let a cluster have a value so far under the best one's that any partition
with it costs as much as the incumbent. Such clusters are out; where the bound is near the incumbent, few are left. With
all of them at hand nothing need be priced any more, so that cuts of any shape are free: each round of them lifts the
bound, and the bound drops clusters. Where that stalls, pairs of units are branched on; where few clusters are left,
CP-SAT chooses.

R. Baldacci, N. Christofides, A. Mingozzi, An exact algorithm for the vehicle routing problem based on the set
partitioning formulation with additional cuts, 2008, doi:10.1007/s10107-007-0178-5.
"""

from __future__ import annotations

import copy
import heapq
import itertools
from collections.abc import Sequence

import highspy
import numpy as np
from ortools.sat.python import cp_model

from spinemap_exact.arrays import Array
from spinemap_exact.errors import EngineDefect
from spinemap_exact.result import Watch
from spinemap_exact.solvers import cpsat
from spinemap_exact.solvers.partition.branch_price._cuts import RankOne, rank_one, separate
from spinemap_exact.solvers.partition.branch_price._graph import Instance

_EXACT = 2.0**52  # sums of integers below are exact in floats
_STALLED = 5  # rounds that must lift the bound or drop clusters noticeably
_FEW = 600  # clusters that CP-SAT chooses among at once


class Selection:
    """A choice among clusters such that each unit lies in one, cheaper than ``cutoff``.

    Parameters
    ----------
    clusters : sequence of frozenset of int
        Every cluster that a partition cheaper than ``cutoff`` may hold.
    triples : sequence of tuple of int
        Subset-row cuts to begin with.
    cutoff, step : int
        Costs of interest are at most ``cutoff - step``, and multiples of ``step``.
    scale : int
        Of integer duals.
    bound : int
        Known before; only ever raised.
    """

    def __init__(
        self,
        instance: Instance,
        clusters: Sequence[frozenset[int]],
        max_clusters: int,
        triples: Sequence[tuple[int, ...]],
        cutoff: int,
        step: int,
        scale: int,
        bound: int,
    ) -> None:
        self.num_units, self.max_clusters = instance.num_units, max_clusters
        self.cutoff, self.step, self.scale, self.bound = cutoff, step, scale, bound
        self.clusters = list(clusters)
        self.cost = np.array([instance.cost(c) for c in self.clusters], dtype=np.int64)
        self.member = np.zeros((len(self.clusters), self.num_units))
        for i, cluster in enumerate(self.clusters):
            self.member[i, list(cluster)] = 1.0
        self.cuts: list[RankOne] = []
        self.counts = np.zeros((len(self.clusters), 0))  # what each cluster counts in each cut
        self.weights = np.zeros(0)  # of the clusters, in the last relaxation
        self.random = np.random.default_rng(0)
        self._add([RankOne(t, (1, 1, 1), 2) for t in triples])

    @property
    def closed(self) -> bool:
        return self.bound >= self.cutoff

    def search(self, watch: Watch) -> list[frozenset[int]] | None:
        """Branch and cut until the time is up; raises the bound. None if nothing cheaper than ``cutoff`` was found."""
        best = None
        order = itertools.count()
        waiting = [(self.bound, next(order), copy.copy(self))]
        while waiting and not watch.should_stop():
            bound, _, part = heapq.heappop(waiting)
            part.cutoff = min(part.cutoff, self.cutoff)
            if bound < self.cutoff:
                part.tighten(watch)
                pair = None if part.closed or len(part.clusters) <= _FEW else part._pair()
                if pair is None:
                    found = part.choose(watch)
                    if found is not None:
                        best, self.cutoff = found, part.cutoff
                    if not part.closed:
                        heapq.heappush(waiting, (part.bound, next(order), part))
                else:
                    for child in part._split(*pair):
                        heapq.heappush(waiting, (child.bound, next(order), child))
            self.bound = max(self.bound, min([self.cutoff, *(b for b, _, _ in waiting)]))
            watch.report(None, self.bound, f"{len(waiting)} open, {len(part.clusters)} clusters in question here")
        return best

    def _pair(self) -> tuple[int, int] | None:
        """Two units that are together by half, such that either decision drops many clusters."""
        both = np.triu(self.member.T @ (self.member * self.weights[:, None]), 1)
        half = np.minimum(both, 1.0 - both)
        if half.max() < 1e-3:
            return None
        held = self.member.sum(axis=0)
        joint = self.member.T @ self.member
        dropped = np.minimum(joint, held[:, None] + held[None, :] - 2 * joint)
        u, v = divmod(int(np.argmax(np.where(half >= 0.5 * half.max(), dropped, -1.0))), self.num_units)
        return u, v

    def _split(self, u: int, v: int) -> tuple[Selection, Selection]:
        """With both units in one cluster, and with each in its own."""
        held = self.member[:, u] + self.member[:, v]
        return self._part(held != 1), self._part(held < 2)

    def _part(self, kept: Array) -> Selection:
        part = copy.copy(self)
        part._keep(kept)
        return part

    def _keep(self, kept: Array) -> None:
        self.clusters = [c for c, stays in zip(self.clusters, kept, strict=True) if stays]
        self.cost, self.member, self.counts = self.cost[kept], self.member[kept], self.counts[kept]
        if not self.clusters:
            self.bound = self.cutoff

    def tighten(self, watch: Watch) -> None:
        """Cut and drop clusters for as long as it helps."""
        past: list[tuple[int, int]] = []
        self.weights = np.zeros(len(self.clusters))
        while self.clusters and not watch.should_stop():
            relaxed = self._relax()
            if relaxed is None:  # with this few clusters there may be no choice at all
                self.weights = np.zeros(len(self.clusters))
                return
            weights, duals, penalties = relaxed
            self.weights = weights = weights[self._prove(duals, penalties)]
            if self.closed or len(self.clusters) <= _FEW:
                return
            past.append((self.bound, len(self.clusters)))
            if len(past) > _STALLED:
                bound, left = past[-1 - _STALLED]
                if self.bound - bound < 0.05 * (self.cutoff - bound) and len(self.clusters) > 0.9 * left:
                    return
            keep = penalties > 0 if len(past) % 5 == 0 else np.ones(len(self.cuts), dtype=bool)
            self.cuts = [cut for cut, kept in zip(self.cuts, keep, strict=True) if kept]
            self.counts = self.counts[:, keep]
            known: set[tuple[int, ...]] = {cut.units for cut in self.cuts if cut.divisor == 2 and len(cut.units) == 3}
            fresh = [RankOne(t, (1, 1, 1), 2) for t in separate(self.clusters, weights, self.num_units, known, 20)]
            fresh += rank_one(self.member, weights, self.random, set(self.cuts), 40)
            if not fresh:
                return
            self._add(fresh)

    def choose(self, watch: Watch) -> list[frozenset[int]] | None:
        """Let CP-SAT choose the cheapest, which becomes the ``cutoff``; None if it found none. Raises the bound."""
        if self.closed or watch.should_stop():
            return None
        model = cp_model.CpModel()
        use = [model.new_bool_var(f"use[{i}]") for i in range(len(self.clusters))]
        for u in range(self.num_units):
            model.add_exactly_one(use[i] for i in np.flatnonzero(self.member[:, u]).tolist())
        model.add(sum(use) <= self.max_clusters)
        for k, cut in enumerate(self.cuts):
            counted = np.flatnonzero(self.counts[:, k]).tolist()
            model.add(sum(int(self.counts[i, k]) * use[i] for i in counted) <= cut.most)
        cost = sum(c * one for c, one in zip(self.cost.tolist(), use, strict=True))
        model.add(cost <= self.cutoff - self.step)
        model.minimize(cost)
        status, solver = cpsat.search(model, watch)
        if status == cp_model.MODEL_INVALID:
            raise EngineDefect(f"{cpsat.ENGINE} refuses a choice among {len(use)} clusters")
        if status == cp_model.INFEASIBLE:
            self.bound = self.cutoff
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        taken = np.array([solver.boolean_value(one) for one in use])
        self.cutoff = int(self.cost[taken].sum())
        if status == cp_model.OPTIMAL:
            self.bound = self.cutoff
        return [self.clusters[i] for i in np.flatnonzero(taken).tolist()]

    def _add(self, cuts: Sequence[RankOne]) -> None:
        if cuts:
            self.cuts = [*self.cuts, *cuts]
            self.counts = np.hstack((self.counts, np.stack([cut.counts(self.member) for cut in cuts], axis=1)))

    def _relax(self) -> tuple[Array, Array, Array] | None:
        """Weights of clusters, duals of units and penalties of cuts; None if HiGHS has no optimum."""
        lp = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("solver", "ipm"), ("run_crossover", "off")):
            lp.setOptionValue(option, value)
        none = np.array([], dtype=np.int32)
        for _ in range(self.num_units):
            lp.addRow(1.0, 1.0, 0, none, np.array([]))
        for most in (self.max_clusters, *(cut.most for cut in self.cuts)):
            lp.addRow(-highspy.kHighsInf, float(most), 0, none, np.array([]))
        size = len(self.clusters)
        table = np.hstack((self.member, np.ones((size, 1)), self.counts))
        rows, columns = np.nonzero(table)
        starts = np.searchsorted(rows, np.arange(size)).astype(np.int32)
        lp.addCols(
            size,
            self.cost.astype(float),
            np.zeros(size),
            np.full(size, highspy.kHighsInf),
            len(columns),
            starts,
            columns.astype(np.int32),
            table[rows, columns],
        )
        lp.run()
        if lp.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solution = lp.getSolution()
        duals = np.array(solution.row_dual)
        return np.array(solution.col_value), duals[: self.num_units], -duals[self.num_units + 1 :]

    def _prove(self, duals: Array, penalties: Array) -> Array:
        """Raise the bound by integer duals near these, and drop clusters; return which are kept.

        With value(C) = duals of the units of C - penalties x what C counts - cost, all scaled, the values of a
        partition's clusters sum to at least ``total`` - its cost, where ``total`` is the sum of the duals less that of
        penalties x what their cuts allow. None of at most K clusters is worth more than ``most``.
        """
        duals = np.floor(self.scale * duals)
        penalties = np.ceil(self.scale * np.maximum(penalties, 0.0))
        allowed = np.array([cut.most for cut in self.cuts], dtype=float)
        size = np.abs(duals).sum() + (penalties * np.maximum(allowed, self.num_units)).sum()
        if not size + self.scale * float(self.cost.max()) < _EXACT:
            return np.ones(len(self.clusters), dtype=bool)
        value = (self.member @ duals - self.counts @ penalties).astype(np.int64) - self.scale * self.cost
        most = max(0, int(value.max()))
        total = int(duals.sum() - penalties @ allowed)
        bound = -((self.max_clusters * most - total) // self.scale)
        self.bound = min(self.cutoff, max(self.bound, -(-bound // self.step) * self.step))
        kept: Array = value >= total - (self.max_clusters - 1) * most - self.scale * (self.cutoff - self.step)
        self._keep(kept)
        return kept

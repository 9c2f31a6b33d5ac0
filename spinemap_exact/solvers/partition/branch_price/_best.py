"""The best partition known, where better ones come from, and what a node must cost to be closed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.partition_search import Search, annealed, fewest_clusters, reannealed
from spinemap_exact.mapping import Partition
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price._costs import Costs
from spinemap_exact.solvers.partition.branch_price._master import Master, Relaxed

_BATCH = 40  # roundings


class Best:
    """The best partition known, none at first perhaps.

    Attributes
    ----------
    cutoff : int
        Only partitions that cost less are of interest.
    """

    def __init__(self, costs: Costs, watch: Watch, incumbent: Partition | None, random: np.random.Generator) -> None:
        self.costs, self.watch, self.random = costs, watch, random
        self.incumbent = incumbent
        self.objective = None if incumbent is None else costs.of(incumbent)
        self.cutoff = 1 + costs.dearest if self.objective is None else self.objective
        self.master = Master(costs, float(self.cutoff + 1))
        self.attempts = 0
        if incumbent is not None:
            self._learn(incumbent)

    def closes(self, bound: int) -> bool:
        return bound >= self.cutoff

    def gap(self, bound: int) -> int:
        return self.cutoff - bound

    @property
    def closing(self) -> float:
        """Relaxations above this close a node."""
        return self.cutoff - self.costs.step + 2e-3

    def report(self, bound: int | None, note: str = "") -> None:
        """Tell who listens, in units of the problem's objective."""
        unit, objective = self.costs.unit, self.objective
        bound = None if bound is None else unit * min(bound, self.cutoff)
        self.watch.report(None if objective is None else unit * objective, bound, note)

    def take(self, partition: Partition) -> None:
        """Keep a partition that improves on the incumbent, and its clusters."""
        cost = self.costs.of(partition)
        if (self.objective is not None and cost >= self.objective) or self.costs.problem.violations(partition):
            return
        self.objective, self.incumbent = cost, partition
        self.cutoff = min(self.cutoff, cost)
        self._learn(partition)
        self.watch.offer(partition)
        self.report(None, note="incumbent from clusters")

    def _learn(self, partition: Partition) -> None:
        """Let the clusters of a partition be columns, on every type that holds them."""
        labels = partition.cluster_of_unit
        clusters = [frozenset(np.flatnonzero(labels == c).tolist()) for c in range(partition.num_clusters)]
        self.master.add(itertools.product(clusters, range(self.costs.num_types)))

    def offer(self, clusters: Sequence[frozenset[int]]) -> None:
        """Take disjoint or overlapping clusters as a partition if they hold all units and improve on the incumbent."""
        held: set[int] = set()
        disjoint = []
        for cluster in clusters:
            if rest := cluster - held:
                disjoint.append(rest)
                held |= rest
        if len(held) == self.costs.num_units and (partition := self.costs.mixes.served(disjoint)) is not None:
            self.take(partition)

    def take_if_integral(self, relaxed: Relaxed) -> None:
        if relaxed.artificial < 1e-6:
            self.offer([self.master.clusters[i] for i in np.flatnonzero(relaxed.weights > 0.5)])

    def choose(self, time_s: float) -> None:
        """Take the best partition into clusters known so far, by an engine's branch and bound."""
        limit = self.watch.part(time_s).remaining_s
        chosen = self.master.integer(time_s if limit is None else limit)
        if chosen is not None:
            self.offer(chosen)

    def anneal(self, enough: int) -> None:
        """Improve the incumbent from outside the clusters known."""
        problem, packing = self.costs.problem, self.costs.num_types == 1 and not self.costs.packets
        if self.watch.should_stop() or not (packing or self.costs.goal is problem.objective):
            return
        left = self.watch.remaining_s
        # a count of clusters is proven by rounding up at the root more often than not: what is missing is a packing
        share = 0.3 if packing else 0.05
        part = self.watch.part(min(5.0 if left is None else share * left, 4e-3 * problem.num_units**2))
        self.attempts += 1
        improve = fewest_clusters if packing else annealed
        found = improve(problem, part, self.incumbent, target=enough, attempt=self.attempts)
        if found is not None:
            self.take(found)

    def round(self, clusters: Sequence[frozenset[int]], weights: Array, enough: int, time_share: float) -> None:
        """Draw clusters by weight, put units left over with those they are weighted with, and anneal a little.

        The best of a batch is annealed for longer, some clusters at a time.
        """
        problem, n = self.costs.problem, self.costs.num_units
        search = Search(problem)
        used = np.flatnonzero(weights > 1e-6)
        member = np.zeros((len(used), n))
        for i, c in enumerate(used.tolist()):
            member[i, list(clusters[c])] = 1.0
        both = member.T @ (member * weights[used, None])
        left = self.watch.remaining_s
        part = self.watch.part(4e-3 * n**2 if left is None else min(time_share * left, 4e-3 * n**2))
        met: list[Array] = []
        while not part.should_stop() and not self.closes(enough):
            if len(met) == _BATCH:
                best = min(met, key=lambda labels: self.costs.of(search.partition(labels)))
                again = reannealed(problem, search, best, part, self.random, 50_000 * n, enough)
                self.take(search.partition(again))
                met.clear()
            search.set(self._drawn(member, weights[used], both, len(search.slots)))
            if search.anneal(part, self.random, 100_000, 0.1):
                met.append(search.best.copy())
                self.take(search.partition(search.best))

    def _drawn(self, member: Array, weights: Array, both: Array, num_slots: int) -> Array:
        """Labels by clusters drawn, and by company for the units left over."""
        labels = np.full(member.shape[1], -1, dtype=np.int64)
        slot = 0
        for i in np.argsort(-np.log(weights) - self.random.gumbel(size=len(weights))).tolist():
            fresh = (member[i] > 0) & (labels < 0)
            if slot < num_slots and 2 * fresh.sum() >= member[i].sum() > 0:
                labels[fresh] = slot
                slot += 1
        for u in np.flatnonzero(labels < 0).tolist():
            share = np.bincount(labels[labels >= 0], weights=both[u, labels >= 0], minlength=num_slots)
            labels[u] = int(np.argmax(share + 1e-9 * self.random.random(len(share))))
        return labels

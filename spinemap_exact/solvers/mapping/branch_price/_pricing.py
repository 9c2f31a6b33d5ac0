"""The best cluster for a tile, by the minimum cut of the partition solver: reads have a price inside and outside."""
# mypy: allow-untyped-calls

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.mapping.branch_price._instance import Cluster, Instance
from spinemap_exact.solvers.partition.branch_price import _pricer as pricer
from spinemap_exact.solvers.partition.branch_price._pool import Pool

_HARVEST = 40
_NEVER = -(1 << 60)


class Pricing:
    """Nodes are items, axons, which take a row each, and the reads, which are axons as well except per synapse.

    A read costs its lower price; the rest of the price outside is an arc to the item of its source. Where the inside
    is dearer, the lower price alone is paid, which only raises what a cluster is worth.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        n, m = instance.num_items, len(instance.axons)
        axon = {k: n + j for j, k in enumerate(instance.axons)}
        if instance.per_synapse:
            self.node_of_read = n + m + np.arange(instance.num_reads)
        else:
            self.node_of_read = np.array([axon[int(k)] for k in instance.source], dtype=np.int64)
        self.num_nodes = n + m + (instance.num_reads if instance.per_synapse else 0)
        endless = {(i, axon[k]) for i in range(n) for k in instance.axons_of[i]}
        if instance.per_synapse:
            endless |= {(items[0], int(v)) for items, v in zip(instance.readers, self.node_of_read, strict=True)}
        self.inner = np.flatnonzero(instance.home >= 0)
        priced = [(int(self.node_of_read[r]), int(instance.home[r])) for r in self.inner]
        pairs = sorted(endless | set(priced))
        tails = np.array([p[0] for p in pairs] + [p[1] for p in pairs], dtype=np.int64)
        heads = np.array([p[1] for p in pairs] + [p[0] for p in pairs], dtype=np.int64)
        order = np.lexsort((heads, tails))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        half = len(pairs)
        back = np.empty(len(order), dtype=np.int64)
        back[place[:half]], back[place[half:]] = place[half:], place[:half]
        first = np.concatenate(([0], np.cumsum(np.bincount(tails, minlength=self.num_nodes)))).astype(np.int64)
        position = {pair: int(place[j]) for j, pair in enumerate(pairs)}
        self.capacity = np.zeros(len(order), dtype=np.int64)
        self.capacity[[position[pair] for pair in endless]] = pricer.INF
        self.arc_of_read = np.array([position[pair] for pair in priced], dtype=np.int64)
        weight = np.array([len(members) for members in instance.items], dtype=np.int64)
        shape = (n, m, weight, instance.rows, instance.columns, np.full(n, -1, dtype=np.int64))
        none, start = np.zeros(0, dtype=np.int64), np.zeros(n + 1, dtype=np.int64)
        cuts = (start, none, np.zeros(1, dtype=np.int64), none, none, none)
        self.closure = pricer.Closure(shape, (first, heads[order], back), (start, none), cuts)
        self.pool = Pool(n, self.num_nodes, len(order), 0, _HARVEST, most_slots=n + 400)
        self.calls = self.nodes = 0

    def best(
        self, gain: Array, outside: Array, inside: Array, decided: Array, enough: int, slack: int, watch: Watch
    ) -> tuple[int | None, list[Cluster]]:
        """Bound the worth of every cluster, and list some that are worth more than ``enough``.

        Parameters
        ----------
        gain : (num_items,) int64
        outside, inside : (num_reads,) int64
        decided : (num_items,) int8
            1 for items that every cluster holds, -1 for those that none does, 0 for others.
        enough : int
            Lower worths need no proof, and at least this is returned where no item is forced in.
        slack : int
            The bound may be that much above the best.

        Returns
        -------
        most : int or None
            None if there is no cluster.
        clusters : list of frozenset of int
        """
        self.calls += 1
        if self._overflows(gain, outside, inside):
            taken = (decided > 0) | ((decided == 0) & (gain > 0))
            return sum(gain[taken].tolist()), []
        pool, forced = self.pool, bool((decided > 0).any())
        self._root(gain, outside, inside)
        pool.counters[:] = 0
        if forced:
            pool.counters[2] = _NEVER
        queue = np.zeros(4 * (len(self.capacity) + self.num_nodes) + 16, dtype=np.int64)
        known = np.flatnonzero(decided)
        queue[: len(known)] = 2 * known + (decided[known] > 0)
        if not pricer.fix(queue, len(known), self.closure, pool.first):
            return None, []
        pool.scalar[0, pricer.BOUND] = pricer.bound_of(self.closure, pool.first)
        proof_to = _NEVER if forced else max(0, enough)
        limits = np.array([proof_to, enough, 0], dtype=np.int64)
        self._explore(np.abs(gain) + 1, int(max(1, np.abs(gain).max(initial=1))), limits, slack, watch)
        self.nodes += int(pool.counters[1])
        most = max(int(limits[0]), int(pool.counters[2]), self._frontier())
        if most == _NEVER:
            return None, []
        found = sorted(range(int(pool.counters[0])), key=lambda j: -int(pool.found_value[j]))
        return most, [frozenset(np.flatnonzero(pool.found[j]).tolist()) for j in found]

    @staticmethod
    def _overflows(*prices: Array) -> bool:
        """True if flows could grow to what passes for endless."""
        return sum(float(np.abs(x.astype(np.float64)).sum()) for x in prices) > pricer.INF / 8

    def _frontier(self) -> int:
        """What no set of an open node is worth more than."""
        left = self.pool.open
        return int(self.pool.scalar[left[0], pricer.BOUND]) if len(left) else _NEVER

    def _root(self, gain: Array, outside: Array, inside: Array) -> None:
        """Put the whole problem of a tile into the first slot."""
        pool, base = self.pool, np.minimum(outside, inside)
        base = np.where(self.instance.home >= 0, base, outside)
        pool.scalar[:] = 0
        pool.capacity[0] = self.capacity
        pool.capacity[0, self.arc_of_read] = (outside - base)[self.inner]
        pool.excess[0] = 0
        pool.excess[0, : len(gain)] = gain
        pool.excess[0, self.node_of_read] = -base
        pool.status[0] = pricer.FREE
        pool.scalar[0, pricer.OPEN] = 1

    def _explore(self, score: Array, top: int, limits: Array, slack: int, watch: Watch) -> None:
        pool, chunk = self.pool, 16
        asked = pricer.Asked(score, np.zeros(0, dtype=np.int64), top, limits)
        while not watch.should_stop():
            began = watch.elapsed_s
            if pricer.explore(chunk, self.closure, asked, pool.memory):
                return
            if (best := int(pool.counters[2])) > _NEVER:
                limits[0] = max(int(limits[0]), best + slack)
            chunk = min(4096, 2 * chunk) if watch.elapsed_s - began < 0.1 else max(1, chunk // 2)

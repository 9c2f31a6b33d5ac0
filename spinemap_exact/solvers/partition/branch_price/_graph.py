"""The pricing problem of one node of the tree: units that lie together merged, as arrays for the pricer."""
# mypy: allow-untyped-calls

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price import _pricer as pricer
from spinemap_exact.solvers.partition.branch_price import _prober as prober
from spinemap_exact.solvers.partition.branch_price._pool import Pool

_HARVEST = 200
_SHARED = 0.05  # seconds after which a search is worth threads
_BEYOND = 24  # open nodes of a search stopped early that the bundle hears of


@dataclass(frozen=True)
class Priced:
    """What pricing says: ``most`` bounds the value of every cluster, exactly so if ``complete``.

    ``beyond`` holds sets that break the limits and kept the bound up, with the bounds that they stand for.
    """

    most: int
    complete: bool
    clusters: list[frozenset[int]]
    nodes: int
    beyond: list[tuple[frozenset[int], int]] = field(default_factory=list)


@dataclass(frozen=True)
class Branching:
    """Pairs of units that must, and must not, share a cluster."""

    together: tuple[tuple[int, int], ...] = ()
    apart: tuple[tuple[int, int], ...] = ()

    def groups(self, num_units: int) -> list[tuple[int, ...]]:
        """Units joined by ``together``, every unit in one group."""
        root = list(range(num_units))

        def find(u: int) -> int:
            while root[u] != u:
                root[u] = root[root[u]]
                u = root[u]
            return u

        for u, v in self.together:
            root[find(u)] = find(v)
        members = defaultdict(list)
        for u in range(num_units):
            members[find(u)].append(u)
        return [tuple(m) for m in members.values()]

    def allows(self, cluster: frozenset[int]) -> bool:
        return all((u in cluster) == (v in cluster) for u, v in self.together) and not any(
            u in cluster and v in cluster for u, v in self.apart
        )


@dataclass
class Instance:
    """The network as plain lists, with the price of any cluster."""

    problem: PartitionProblem
    rows: int
    columns: int
    packets: bool
    pre: list[tuple[int, ...]] = field(init=False)
    unit_cost: int = field(init=False)

    def __post_init__(self) -> None:
        problem, network = self.problem, self.problem.network
        self.num_units = problem.num_units
        self.num_sources = network.num_neurons
        self.pre = [tuple(network.fan_in_of(u).tolist()) for u in range(self.num_units)]
        self.per_synapse = problem.traffic is Traffic.PER_SYNAPSE
        self.spikes = network.spikes.tolist() if self.packets else [0] * self.num_sources

    def cost(self, cluster: Iterable[int]) -> int:
        """Price of one cluster; 1 where clusters are counted."""
        if not self.packets:
            return 1
        inside = set(cluster)
        reads = [k for u in inside for k in self.pre[u] if k not in inside]
        return sum(self.spikes[k] for k in (reads if self.per_synapse else set(reads)))

    def price(self, partition: Partition) -> int:
        """Price of a partition in the same measure."""
        return self.problem.packets(partition) if self.packets else partition.num_clusters

    def feasible(self, cluster: Iterable[int]) -> bool:
        members = list(cluster)
        return len(members) <= self.columns and len({k for u in members for k in self.pre[u]}) <= self.rows


class Pricing:
    """Prices the clusters that one node of the tree allows, for any duals.

    ``feasible`` is False if the branching decisions contradict themselves. Units that must lie together and do not fit
    are in no cluster: they may fit a crossbar of another type.
    """

    def __init__(self, instance: Instance, branching: Branching, triples: Sequence[tuple[int, ...]]) -> None:
        self.instance = instance
        self.branching = branching
        self.triples = list(triples)
        self.groups = branching.groups(instance.num_units)
        self.group_of = np.empty(instance.num_units, dtype=np.int64)
        for g, members in enumerate(self.groups):
            self.group_of[list(members)] = g
        apart = {(self.group_of[u], self.group_of[v]) for u, v in branching.apart}
        apart |= {(b, a) for a, b in apart}
        self.feasible = all(a != b for a, b in apart)
        if self.feasible:
            self._build(sorted((int(a), int(b)) for a, b in apart))

    def _build(self, apart: list[tuple[int, int]]) -> None:
        instance, groups = self.instance, self.groups
        axons = sorted({k for p in instance.pre for k in p})
        num_groups, self.num_axons = len(groups), len(axons)
        first = num_groups + self.num_axons  # of the nodes of cuts
        self.num_nodes = first + len(self.triples)
        node = {k: num_groups + i for i, k in enumerate(axons)}
        endless = {(g, node[k]) for g, members in enumerate(groups) for u in members for k in instance.pre[u]}
        spikes = self._per_synapse() if instance.per_synapse else self._per_axon(node)
        # how many units of a group a triple has
        met = [Counter(self.group_of[list(triple)].tolist()) for triple in self.triples]
        members = [(g, cut, count[g]) for cut, count in enumerate(met) for g in sorted(count)]
        position = self._lay_out(endless | set(spikes) | {(g, first + cut) for g, cut, _ in members})
        self.arc_spikes = np.zeros(len(self.head), dtype=np.int64)
        self.arc_endless = np.zeros(len(self.head), dtype=bool)
        self.arc_spikes[[position[pair] for pair in spikes]] = list(spikes.values())
        self.arc_endless[[position[pair] for pair in endless]] = True
        at = np.array([position[g, first + cut] for g, cut, _ in members], dtype=np.int64)
        count = np.array([c for _, _, c in members], dtype=np.int64)
        self.arc_endless[at[count >= 2]] = True
        of_group = _grouped([(g, cut) for g, cut, _ in members], num_groups)
        ptr, group = _ragged([sorted(count) for count in met])
        cuts = (*of_group, ptr, at, group, count)
        self.weight = np.array([len(m) for m in groups], dtype=np.int64)
        alone = np.full(num_groups, -1, dtype=np.int64)
        shape = (num_groups, self.num_axons, self.weight, instance.rows, instance.columns, alone)
        graph = (self.first, self.head, self.back)
        self.closure = pricer.Closure(shape, graph, _grouped(apart, num_groups), cuts)

    def _per_synapse(self) -> dict[tuple[int, int], int]:
        """Spikes by arcs between groups; a group pays for inputs whatever else is in its cluster."""
        instance = self.instance
        self.outside = np.zeros(self.num_axons, dtype=np.int64)
        self.paid = np.zeros(len(self.groups), dtype=np.int64)
        arcs: dict[tuple[int, int], int] = {}
        for g, members in enumerate(self.groups):
            for k in (k for u in members for k in instance.pre[u] if instance.spikes[k]):
                if k >= instance.num_units:
                    self.paid[g] += instance.spikes[k]
                elif (h := int(self.group_of[k])) != g:
                    arcs[g, h] = arcs.get((g, h), 0) + instance.spikes[k]
        return arcs

    def _per_axon(self, node: dict[int, int]) -> dict[tuple[int, int], int]:
        """Spikes by arcs from an axon to the group that sends them; inputs are paid by their axon."""
        instance = self.instance
        own = [k for k in node if k < instance.num_units]
        self.outside = np.array([0 if k < instance.num_units else instance.spikes[k] for k in node], dtype=np.int64)
        self.paid = np.zeros(len(self.groups), dtype=np.int64)
        return {(node[k], int(self.group_of[k])): instance.spikes[k] for k in own if instance.spikes[k]}

    def _lay_out(self, pairs: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """Place arcs and their reverses by tail and head; return where each arc is."""
        ends = sorted(pairs)
        tails = np.array([p[0] for p in ends] + [p[1] for p in ends], dtype=np.int64)
        heads = np.array([p[1] for p in ends] + [p[0] for p in ends], dtype=np.int64)
        order = np.lexsort((heads, tails))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        half = len(ends)
        self.head = heads[order]
        self.back = np.empty(len(order), dtype=np.int64)
        self.back[place[:half]] = place[half:]
        self.back[place[half:]] = place[:half]
        self.first = np.concatenate(([0], np.cumsum(np.bincount(tails, minlength=self.num_nodes)))).astype(np.int64)
        return {pair: int(at) for pair, at in zip(ends, place[:half].tolist(), strict=True)}

    def gains(self, duals: Array) -> Array:
        """Duals per group."""
        return np.bincount(self.group_of, weights=duals, minlength=len(self.groups)).astype(np.int64)

    def value(self, cluster: Iterable[int], duals: Array, penalties: Array, scale: int) -> int:
        """Duals of a cluster minus its cost and the penalties of the cuts it meets."""
        inside = set(cluster)
        value = int(sum(int(duals[u]) for u in inside)) - scale * (
            self.instance.cost(inside) if self.instance.packets else 0
        )
        for triple, penalty in zip(self.triples, penalties.tolist(), strict=True):
            if sum(u in inside for u in triple) >= 2:
                value -= penalty
        return value

    def exact(
        self,
        duals: Array,
        penalties: Array,
        scale: int,
        proof_to: int,
        report_above: int,
        watch: Watch,
        enough: float = math.inf,
    ) -> Priced:
        """Bound the value of every cluster, in units of ``1 / scale``.

        Values up to ``proof_to`` need no proof: the answer is at least that. A value above ``enough`` ends the search.
        """
        pools = self._explore(
            duals, penalties, scale, max(0, proof_to), report_above, watch, enough, _HARVEST, every=False
        )
        frontier = max((int(pool.scalar[pool.open[0], pricer.BOUND]) for pool in pools if len(pool.open)), default=0)
        complete = not any(len(pool.open) for pool in pools)
        found = [(-int(pool.found_value[i]), i, pool) for pool in pools for i in range(pool.counters[0])]
        clusters = [self.members(pool.found[i]) for _, i, pool in sorted(found, key=lambda entry: entry[:2])]
        most = max(0, proof_to, frontier, *(int(pool.counters[2]) for pool in pools))
        nodes = sum(int(pool.counters[1]) for pool in pools)
        return Priced(most, complete, list(dict.fromkeys(clusters)), nodes, [] if complete else self._beyond(pools))

    def above(
        self, duals: Array, penalties: Array, scale: int, above: int, watch: Watch, most: int
    ) -> list[frozenset[int]] | None:
        """Return all clusters of a value above ``above``; None if they are more than ``most``, or time ran out.

        R. Baldacci, N. Christofides, A. Mingozzi, An exact algorithm for the vehicle routing problem based on the set
        partitioning formulation with additional cuts, 2008, doi:10.1007/s10107-007-0178-5.
        """
        pools = self._explore(duals, penalties, scale, above, above, watch, math.inf, most, every=True)
        if sum(int(pool.counters[3]) for pool in pools) > most or any(len(pool.open) for pool in pools):
            return None
        return [c for pool in pools for c in map(self.members, pool.found[: pool.counters[0]]) if c]

    def _explore(
        self,
        duals: Array,
        penalties: Array,
        scale: int,
        proof_to: int,
        report_above: int,
        watch: Watch,
        enough: float,
        harvest: int,
        every: bool,
    ) -> list[Pool]:
        """Run the pricer until it is done or stopped, in as many threads as there are workers if it takes long."""
        limits = np.array([proof_to, report_above, every], dtype=np.int64)
        root, advance = self._root(duals, penalties, scale, limits, harvest)
        chunk = 4
        pools, workers, start = [root], watch.limits.workers, watch.elapsed_s
        with ThreadPoolExecutor(workers) as threads:
            while any(len(p.open) for p in pools) and not watch.should_stop():
                best = max(int(p.counters[2]) for p in pools)
                if sum(int(p.counters[3]) for p in pools) > harvest if every else best > enough:
                    break
                began = watch.elapsed_s
                if workers > 1 and began - start > _SHARED:
                    pools += [self._pool(harvest) for _ in range(workers - len(pools))]
                for p in pools:
                    p.counters[2] = best
                    if not len(p.open):
                        max(pools, key=lambda other: len(other.open)).share(p)
                list((map if len(pools) == 1 else threads.map)(advance, pools, itertools.repeat(chunk)))
                chunk = min(4096, chunk * 2) if watch.elapsed_s - began < 0.1 else max(1, chunk // 2)
        return pools

    def _pool(self, harvest: int) -> Pool:
        return Pool(len(self.groups), self.num_nodes, len(self.head), len(self.closure.apart[1]), harvest)

    def _root(
        self, duals: Array, penalties: Array, scale: int, limits: Array, harvest: int
    ) -> tuple[Pool, Callable[[Pool, int], None]]:
        """A pool with the root of the pricer's tree, and what processes so many nodes of a pool."""
        num_groups = len(self.groups)
        gain = self.gains(duals) - scale * self.paid
        score = np.abs(gain) + 1
        top = int(max(1, gain.max()))
        asked = pricer.Asked(score, penalties, top, limits)
        root = self._pool(harvest)
        root.capacity[0] = np.where(self.arc_endless, pricer.INF, scale * self.arc_spikes)
        root.excess[0, :num_groups] = gain
        root.excess[0, num_groups : num_groups + self.num_axons] = -scale * self.outside
        root.excess[0, num_groups + self.num_axons :] = -penalties
        root.status[0] = pricer.FREE
        root.scalar[0, pricer.OPEN] = 1
        root.scalar[0, pricer.BOUND] = int(np.maximum(gain, 0).sum()) + scale * int(self.arc_spikes.sum())

        def advance(pool: Pool, nodes: int) -> None:
            pricer.explore(nodes, self.closure, asked, pool.memory)

        return root, advance

    def _beyond(self, pools: Sequence[Pool]) -> list[tuple[frozenset[int], int]]:
        """Of the open nodes with the largest bounds, the set that each was last bounded by."""
        still_open = [
            (int(p.scalar[i, pricer.BOUND]), i, p) for p in pools for i in p.open if p.scalar[i, pricer.PIECES]
        ]
        still_open.sort(key=lambda entry: -entry[0])
        found = []
        for bound, i, p in still_open[:_BEYOND]:
            kept = min(int(p.scalar[i, pricer.PIECES]), p.value.shape[1])
            slack = p.scalar[i, pricer.MU_ROWS] * (self.instance.rows - p.rows[i, :kept])
            slack = slack + p.scalar[i, pricer.MU_COLUMNS] * (self.instance.columns - p.columns[i, :kept])
            piece = int(np.argmax(p.value[i, :kept] + slack))
            found.append((self.members(p.chosen[i, piece]), bound))
        return found

    def members(self, chosen: Array) -> frozenset[int]:
        return frozenset(u for g in np.flatnonzero(chosen) for u in self.groups[g])

    @cached_property
    def _network(self) -> prober.Groups:
        network: prober.Groups = prober.prepare(self.instance, self.groups, self.group_of)
        return network

    def probe(
        self,
        duals: Array,
        penalties: Array,
        scale: int,
        above: int,
        seeds: Sequence[frozenset[int]],
        effort: int,
        state: Array,
    ) -> list[frozenset[int]]:
        """Anneal single clusters and return those of value above ``above``, best first; proves nothing."""
        starts = np.zeros((len(seeds), len(self.groups)), dtype=np.bool_)
        for i, cluster in enumerate(seeds):
            starts[i, self.group_of[list(cluster)]] = True
        closure, gain = self.closure, self.gains(duals)
        found, values = prober.anneal(self._network, closure, gain, penalties, scale, starts, effort, state)
        order = [i for i in np.argsort(-values, kind="stable") if values[i] > above]
        return list(dict.fromkeys(self.members(found[i]) for i in order))


def _grouped(pairs: Sequence[tuple[int, int]], size: int) -> tuple[Array, Array]:
    """Second entries by first ones."""
    lists: list[list[int]] = [[] for _ in range(size)]
    for first, second in pairs:
        lists[first].append(second)
    return _ragged(lists)


def _ragged(lists: list[list[Any]]) -> tuple[Array, Array]:
    ptr = np.concatenate(([0], np.cumsum([len(x) for x in lists]))).astype(np.int64)
    return ptr, np.array([v for x in lists for v in x], dtype=np.int64)

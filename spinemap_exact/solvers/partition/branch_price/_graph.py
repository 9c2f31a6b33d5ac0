"""The pricing problem of one node of the tree: units that lie together merged, as arrays for the pricer."""
# mypy: allow-untyped-calls

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
        axon = {k: i for i, k in enumerate(axons)}
        num_groups, num_axons, num_cuts = len(groups), len(axons), len(self.triples)
        y, z = num_groups, num_groups + num_axons
        self.num_nodes = z + num_cuts
        arcs: dict[tuple[int, int], int] = {}  # (from, to) -> capacity in units of spikes; None is infinite
        endless: set[tuple[int, int]] = set()
        self.paid = np.zeros(num_groups, dtype=np.int64)  # spikes a group pays whatever else is in its cluster
        self.outside = np.zeros(num_axons, dtype=np.int64)
        for g, members in enumerate(groups):
            for u in members:
                for k in instance.pre[u]:
                    endless.add((g, y + axon[k]))
                    if instance.per_synapse:
                        if k >= instance.num_units:
                            self.paid[g] += instance.spikes[k]
                        elif (h := int(self.group_of[k])) != g:
                            arcs[g, h] = arcs.get((g, h), 0) + instance.spikes[k]
        if not instance.per_synapse:
            for k in axons:
                if k >= instance.num_units:
                    self.outside[axon[k]] = instance.spikes[k]
                else:
                    arcs[y + axon[k], int(self.group_of[k])] = instance.spikes[k]
        member_units: list[int] = []
        member_counts: list[int] = []
        members_ptr = [0]
        for triple in self.triples:
            inside = sorted({int(self.group_of[u]) for u in triple})
            member_units += inside
            member_counts += [sum(int(self.group_of[u]) == g for u in triple) for g in inside]
            members_ptr.append(len(member_units))
        cut_arcs = [
            (g, z + cut) for cut in range(num_cuts) for g in member_units[members_ptr[cut] : members_ptr[cut + 1]]
        ]
        arcs = {pair: c for pair, c in arcs.items() if c > 0}
        pairs = sorted(endless | set(arcs) | set(cut_arcs))
        tails = np.array([p[0] for p in pairs] + [p[1] for p in pairs], dtype=np.int64)
        heads = np.array([p[1] for p in pairs] + [p[0] for p in pairs], dtype=np.int64)
        order = np.lexsort((heads, tails))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        half = len(pairs)
        self.head = heads[order]
        self.back = np.empty(len(order), dtype=np.int64)
        self.back[place[:half]] = place[half:]
        self.back[place[half:]] = place[:half]
        self.first = np.concatenate(([0], np.cumsum(np.bincount(tails, minlength=self.num_nodes)))).astype(np.int64)
        position = {pair: int(place[i]) for i, pair in enumerate(pairs)}
        self.arc_spikes = np.zeros(len(order), dtype=np.int64)
        self.arc_endless = np.zeros(len(order), dtype=bool)
        for pair, c in arcs.items():
            self.arc_spikes[position[pair]] = c
        for pair in endless:
            self.arc_endless[position[pair]] = True
        members_arc = np.array([position[pair] for pair in cut_arcs], dtype=np.int64)
        counts = np.array(member_counts, dtype=np.int64)
        self.arc_endless[members_arc[counts >= 2]] = True
        cuts_of_group = defaultdict(list)
        for cut in range(num_cuts):
            for g in member_units[members_ptr[cut] : members_ptr[cut + 1]]:
                cuts_of_group[g].append(cut)
        cut_ptr, cut_idx = _ragged([cuts_of_group[g] for g in range(num_groups)])
        partners = defaultdict(list)
        for a, b in apart:
            partners[a].append(b)
        self.apart = _ragged([partners[g] for g in range(num_groups)])
        self.cuts = (
            cut_ptr,
            cut_idx,
            np.array(members_ptr),
            members_arc,
            np.array(member_units, dtype=np.int64),
            counts,
        )
        self.weight = np.array([len(m) for m in groups], dtype=np.int64)
        alone = np.full(num_groups, -1, dtype=np.int64)
        self.shape = (num_groups, num_axons, self.weight, instance.rows, instance.columns, alone)
        self.num_axons = num_axons

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
        return Pool(len(self.groups), self.num_nodes, len(self.head), len(self.apart[1]), harvest)

    def _root(
        self, duals: Array, penalties: Array, scale: int, limits: Array, harvest: int
    ) -> tuple[Pool, Callable[[Pool, int], None]]:
        """A pool with the root of the pricer's tree, and what processes so many nodes of a pool."""
        num_groups = len(self.groups)
        gain = self.gains(duals) - scale * self.paid
        score = np.abs(gain) + 1
        top = int(max(1, gain.max()))
        graph = (self.first, self.head, self.back)
        root = self._pool(harvest)
        root.capacity[0] = np.where(self.arc_endless, pricer.INF, scale * self.arc_spikes)
        root.excess[0, :num_groups] = gain
        root.excess[0, num_groups : num_groups + self.num_axons] = -scale * self.outside
        root.excess[0, num_groups + self.num_axons :] = -penalties
        root.status[0] = pricer.FREE
        root.scalar[0, pricer.OPEN] = 1
        root.scalar[0, pricer.BOUND] = int(np.maximum(gain, 0).sum()) + scale * int(self.arc_spikes.sum())

        def advance(pool: Pool, nodes: int) -> None:
            pricer.explore(
                nodes,
                self.shape,
                graph,
                self.apart,
                self.cuts,
                score,
                penalties,
                top,
                limits,
                pool.nodes,
                pool.model,
                pool.work,
                pool.found,
                pool.found_value,
                pool.counters,
            )

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
        if not hasattr(self, "_prober_data"):
            self._prober_data = prober.prepare(self.instance, self.groups, self.group_of)
        starts = np.zeros((len(seeds), len(self.groups)), dtype=np.bool_)
        for i, cluster in enumerate(seeds):
            starts[i, self.group_of[list(cluster)]] = True
        found, values = prober.anneal(
            self._prober_data,
            self.shape,
            self.apart,
            self.cuts,
            self.gains(duals),
            penalties,
            scale,
            starts,
            effort,
            state,
            self.instance.per_synapse,
        )
        order = [i for i in np.argsort(-values, kind="stable") if values[i] > above]
        return list(dict.fromkeys(self.members(found[i]) for i in order))


def _ragged(lists: list[list[Any]]) -> tuple[Array, Array]:
    ptr = np.concatenate(([0], np.cumsum([len(x) for x in lists]))).astype(np.int64)
    return ptr, np.array([v for x in lists for v in x], dtype=np.int64)

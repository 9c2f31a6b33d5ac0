"""The pricing problem of one node of the tree: units that lie together merged, as arrays for the pricer."""
# mypy: allow-untyped-calls

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price import _pricer as pricer
from spinemap_exact.solvers.partition.branch_price import _prober as prober

_POOL_BYTES = 150_000_000
_HARVEST = 200
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

    ``feasible`` is False if the branching decisions contradict themselves or the limits.
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
        self.feasible = all(a != b for a, b in apart) and all(instance.feasible(m) for m in self.groups)
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
        self.shape = (num_groups, num_axons, self.weight, instance.rows, instance.columns)
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
        pool, model, found, found_value, counters = self._explore(
            duals, penalties, scale, max(0, proof_to), report_above, watch, enough, _HARVEST, every=False
        )
        still_open = pool[3][:, pricer.OPEN] != 0
        frontier = int(pool[3][still_open, pricer.BOUND].max()) if still_open.any() else 0
        clusters = [self.members(found[i]) for i in np.argsort(-found_value[: counters[0]], kind="stable")]
        most = max(0, proof_to, int(counters[2]), frontier)
        complete = not still_open.any()
        beyond = [] if complete else self._beyond(pool[3], model)
        return Priced(most, complete, list(dict.fromkeys(clusters)), int(counters[1]), beyond)

    def above(
        self, duals: Array, penalties: Array, scale: int, above: int, watch: Watch, most: int
    ) -> list[frozenset[int]] | None:
        """Return all clusters of a value above ``above``; None if they are more than ``most``, or time ran out.

        R. Baldacci, N. Christofides, A. Mingozzi, An exact algorithm for the vehicle routing problem based on the set
        partitioning formulation with additional cuts, 2008, doi:10.1007/s10107-007-0178-5.
        """
        pool, _, found, _, counters = self._explore(
            duals, penalties, scale, above, above, watch, math.inf, most, every=True
        )
        if counters[3] > most or (pool[3][:, pricer.OPEN] != 0).any():
            return None
        return [c for c in map(self.members, found[: counters[0]]) if c]

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
    ) -> tuple[tuple[Array, ...], tuple[Array, ...], Array, Array, Array]:
        """Run the pricer until it is done or stopped; return its open nodes, what bounds them, and the sets found."""
        num_groups, num_arcs = len(self.groups), len(self.head)
        bytes_per_node = 8 * (num_arcs + 2 * self.num_nodes) + 12 * num_groups
        slots = max(num_groups + 8, min(4000, _POOL_BYTES // bytes_per_node))
        gain = self.gains(duals) - scale * self.paid
        pool = (
            np.empty((slots, num_arcs), dtype=np.int64),
            np.empty((slots, self.num_nodes), dtype=np.int64),
            np.empty((slots, self.num_nodes), dtype=np.int8),
            np.zeros((slots, 8), dtype=np.int64),
        )
        pool[0][0] = np.where(self.arc_endless, pricer.INF, scale * self.arc_spikes)
        pool[1][0, :num_groups] = gain
        pool[1][0, num_groups : num_groups + self.num_axons] = -scale * self.outside
        pool[1][0, num_groups + self.num_axons :] = -penalties
        pool[2][0] = pricer.FREE
        pool[3][0, pricer.OPEN] = 1
        pool[3][0, pricer.BOUND] = int(np.maximum(gain, 0).sum()) + scale * int(self.arc_spikes.sum())
        keep = 12
        model = (
            np.zeros((slots, keep), dtype=np.float64),
            np.zeros((slots, keep), dtype=np.int64),
            np.zeros((slots, keep), dtype=np.int64),
            np.zeros((slots, keep, num_groups), dtype=np.bool_),
        )
        work = (
            np.zeros(self.num_nodes, dtype=np.int64),
            np.zeros(self.num_nodes, dtype=np.int64),
            np.zeros(4 * (num_arcs + self.num_nodes + len(self.apart[1])) + 16, dtype=np.int64),
            np.zeros(self.num_nodes + 1, dtype=np.int64),
        )
        found = np.zeros((max(1, harvest), num_groups), dtype=np.bool_)
        found_value = np.zeros(max(1, harvest), dtype=np.int64)
        counters = np.zeros(4, dtype=np.int64)
        score = np.abs(gain) + 1
        top = int(max(1, gain.max()))
        limits = np.array([proof_to, report_above, every], dtype=np.int64)
        graph = (self.first, self.head, self.back)
        chunk, complete = 4, False
        while not complete:
            if watch.should_stop() or (counters[3] > harvest if every else counters[2] > enough):
                break
            began = watch.elapsed_s
            complete = bool(
                pricer.explore(
                    chunk,
                    self.shape,
                    graph,
                    self.apart,
                    self.cuts,
                    score,
                    penalties,
                    top,
                    limits,
                    pool,
                    model,
                    work,
                    found,
                    found_value,
                    counters,
                )
            )
            chunk = min(4096, chunk * 2) if watch.elapsed_s - began < 0.1 else max(1, chunk // 2)
        return pool, model, found, found_value, counters

    def _beyond(self, scalar: Array, model: tuple[Array, ...]) -> list[tuple[frozenset[int], int]]:
        """Of the open nodes with the largest bounds, the set that each was last bounded by."""
        value, rows, columns, chosen = model
        candidates = np.flatnonzero((scalar[:, pricer.OPEN] != 0) & (scalar[:, pricer.PIECES] > 0))
        top = candidates[np.argsort(-scalar[candidates, pricer.BOUND], kind="stable")[:_BEYOND]]
        found = []
        for i in top.tolist():
            kept = min(int(scalar[i, pricer.PIECES]), value.shape[1])
            slack = scalar[i, pricer.MU_ROWS] * (self.instance.rows - rows[i, :kept])
            slack = slack + scalar[i, pricer.MU_COLUMNS] * (self.instance.columns - columns[i, :kept])
            piece = int(np.argmax(value[i, :kept] + slack))
            found.append((self.members(chosen[i, piece]), int(scalar[i, pricer.BOUND])))
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

"""What the published methods share: clusters that grow unit by unit, and the way back within the limits."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.partition_search import Search
from spinemap_exact.kernels.settling import MAX_CELLS, settle
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.result import Watch


def slots_of(problem: PartitionProblem) -> Array:
    """(num_slots,) int64: crossbar types of the clusters that may be opened, the largest first.

    Of one type no more than there are units: any number of clusters may be allowed.
    """
    largest_first = sorted(range(len(problem.crossbars)), key=lambda k: -problem.crossbars[k].cells)
    counts = [problem.crossbars[k].count or problem.max_clusters for k in largest_first]
    most = min(problem.max_clusters, problem.num_units)
    return np.repeat(largest_first, np.minimum(counts, most))[: problem.max_clusters].astype(np.int64)


class Clusters:
    """Clusters that grow unit by unit and never leave the limits of their crossbars.

    Attributes
    ----------
    slot_of_unit : (num_units,) int64
        -1 while a unit has no cluster.
    """

    def __init__(self, problem: PartitionProblem) -> None:
        network = problem.network
        slots = slots_of(problem)
        self.max_rows = np.array([problem.crossbars[k].rows for k in slots], dtype=np.int64)
        self.max_columns = np.array([problem.crossbars[k].columns for k in slots], dtype=np.int64)
        flat, ptr = network.fanin_idx.tolist(), network.fanin_ptr.tolist()
        self.axons_of_unit = [frozenset(flat[ptr[u] : ptr[u + 1]]) for u in range(problem.num_units)]
        self.axons: list[set[int]] = []
        self.size: list[int] = []
        self.slot_of_unit = np.full(problem.num_units, -1, dtype=np.int64)

    def open(self) -> int | None:
        """Open a cluster; None if there are as many as allowed."""
        if len(self.axons) == len(self.max_rows):
            return None
        self.axons.append(set())
        self.size.append(0)
        return len(self.axons) - 1

    def fresh(self, u: int, c: int) -> int:
        """Rows that unit ``u`` would add to cluster ``c``."""
        return len(self.axons_of_unit[u] - self.axons[c])

    def fits(self, u: int, c: int) -> bool:
        return bool(self.size[c] < self.max_columns[c] and len(self.axons[c]) + self.fresh(u, c) <= self.max_rows[c])

    def add(self, u: int, c: int) -> None:
        self.axons[c] |= self.axons_of_unit[u]
        self.size[c] += 1
        self.slot_of_unit[u] = c


def within_limits(
    problem: PartitionProblem, wish: Array, watch: Watch, settling_only: bool = False
) -> Partition | None:
    """Return a partition within the limits that keeps as many wished slots as it can; None if none was found.

    Units whose wish cannot be granted go where they cost the fewest packets; if no cluster takes one, units move and
    swap until no limit is broken (not so with ``settling_only``). Published methods know no row limit, or no limit on
    the number of clusters: this is what stands in for it.

    Parameters
    ----------
    wish : (num_units,) int64
        An index into `slots_of`, or -1.
    """
    slots = slots_of(problem)
    if problem.num_units == 0 or problem.network.num_neurons * slots.size > MAX_CELLS:
        return None
    rows = np.array([problem.crossbars[k].rows for k in slots], dtype=np.int64)
    columns = np.array([problem.crossbars[k].columns for k in slots], dtype=np.int64)
    wide_first = np.argsort(-problem.network.fan_in[: problem.num_units], kind="stable")
    labels = settle(problem.network, wish, wide_first, rows, columns)
    if (labels < 0).any():
        if settling_only:
            return None
        return _annealed(problem, np.where(labels < 0, np.maximum(wish, 0), labels), watch)
    return typed(problem, labels)


def typed(problem: PartitionProblem, labels: Array) -> Partition | None:
    """Return slots as a partition, each cluster on the smallest crossbar that is left and holds it."""
    used, cluster = np.unique(labels, return_inverse=True)
    kinds = slots_of(problem)[used]
    partition = Partition(cluster.ravel(), kinds)
    if len(problem.crossbars) > 1:
        smaller = Partition(cluster.ravel(), _smallest_types(problem, partition))
        if not problem.violations(smaller) and problem.area(smaller) < problem.area(partition):
            partition = smaller
    return None if problem.violations(partition) else partition


def symmetric_weights(problem: PartitionProblem) -> tuple[Array, Array, Array]:
    """Pairs of units ``a < b`` that a synapse joins, and the spikes that pass between them in either direction."""
    network, n = problem.network, problem.num_units
    between = (network.pre < n) & (network.pre != network.post)
    pre, post = network.pre[between].astype(np.int64), network.post[between].astype(np.int64)
    pair, position = np.unique(np.minimum(pre, post) * n + np.maximum(pre, post), return_inverse=True)
    spikes: Array = np.zeros(pair.size, dtype=np.int64)
    np.add.at(spikes, position.ravel(), network.spikes[pre])
    return pair // max(1, n), pair % max(1, n), spikes


def per_synapse(problem: PartitionProblem) -> bool:
    return problem.traffic is Traffic.PER_SYNAPSE


def _smallest_types(problem: PartitionProblem, partition: Partition) -> Array:
    rows = np.bincount(partition.reads(problem.network).cluster, minlength=partition.num_clusters)
    left = [c.count or partition.num_clusters for c in problem.crossbars]
    kinds = partition.crossbar_of_cluster.copy()
    for c in np.argsort(-(rows + partition.columns_used), kind="stable"):
        fitting = [
            k
            for k, crossbar in enumerate(problem.crossbars)
            if left[k] and rows[c] <= crossbar.rows and partition.columns_used[c] <= crossbar.columns
        ]
        kinds[c] = min(fitting, key=lambda k: problem.crossbars[k].area, default=kinds[c])
        left[kinds[c]] -= 1
    return kinds


def _annealed(problem: PartitionProblem, labels: Array, watch: Watch) -> Partition | None:
    """Anneal the overflow of these slots to zero."""
    if not Search.fits(problem):
        return None
    search = Search(problem, packing_only=True)
    # slots of a search stand in the order of the types; the n-th slot of a type is the n-th here as well
    kinds = slots_of(problem)
    translated = np.empty(kinds.size, dtype=np.int64)
    for kind in set(kinds.tolist()):
        here = np.flatnonzero(kinds == kind)
        translated[here] = np.flatnonzero(search.slots == kind)[: here.size]
    random = np.random.default_rng(watch.limits.seed)
    trials = 100_000
    for _ in range(6):
        search.set(translated[labels])
        if search.anneal(watch, random, trials, 1.0):
            found = search.partition(search.best)
            return None if problem.violations(found) else found
        if watch.should_stop():
            return None
        trials *= 2
    return None

"""Bounds that need no search: clusters by counting, packets by fan-out and by eigenvalues."""
# mypy: allow-untyped-decorators, allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spinemap_exact.arrays import Array
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.result import Watch

_MOST_STEPS = 3 * 10**8  # axons looked at: a second
_MOST_UNITS = 1500  # eigenvalues of a dense matrix: a second or two


def fewest_by_counting(problem: PartitionProblem, rows: int, columns: int) -> int:
    """Clusters that any partition needs: a column for every unit, a row somewhere for every source that is read."""
    n = problem.num_units
    if n == 0:
        return 0
    read = int((problem.network.fan_out > 0).sum())
    return max(1, -(-n // columns), -(-read // rows))


def packets_of_sources(problem: PartitionProblem, rows: int, columns: int) -> Array:
    """(num_neurons,) int64: what each source sends at least, as its readers and all they read do not fit one cluster.

    The readers of a source, with the source itself, need as many clusters as their number, their axons, or a set of
    units no two of which fit together demands. Each source is bounded alone, so the sum holds.
    """
    network, n = problem.network, problem.num_units
    clusters, local = _crowd(
        n,
        network.fanin_ptr,
        network.fanin_idx.astype(np.int64),
        network.fanout_ptr,
        network.fanout_idx.astype(np.int64),
        network.spikes > 0,
        rows,
        columns,
        _MOST_STEPS,
    )
    remote = network.fan_out - local if problem.traffic is Traffic.PER_SYNAPSE else clusters
    sent: Array = network.spikes * np.maximum(0, remote)
    return sent


@njit(cache=True)
def _crowd(num_units, fanin_ptr, fanin_idx, fanout_ptr, fanout_idx, matters, rows, columns, most_steps):
    """For each source the least number of remote clusters that read it, and the most synapses that stay local."""
    num_sources = len(fanout_ptr) - 1
    clusters = np.zeros(num_sources, dtype=np.int64)
    local = np.zeros(num_sources, dtype=np.int64)
    seen = np.full(num_sources, -1, dtype=np.int64)
    readers_of = np.zeros(num_sources, dtype=np.int64)
    steps = 0
    for k in range(num_sources):
        readers = fanout_idx[fanout_ptr[k] : fanout_ptr[k + 1]]
        if len(readers) == 0 or not matters[k]:
            continue
        own = 1 if k < num_units else 0
        loop = 0
        for u in readers:
            if u == k:
                loop = 1
        crowd = np.empty(len(readers) + own - loop, dtype=np.int64)
        if own:
            crowd[0] = k
        size = own
        for u in readers:
            if u != k:
                crowd[size] = u
                size += 1
        clusters[k] = -(-size // columns) - own
        if own:
            local[k] = min(len(readers), columns - 1 + loop)
        if steps > most_steps:
            continue
        # each cluster of readers holds the source as one row and has rows - 1 left for what else they read
        touched = 0
        for u in readers:
            for p in range(fanin_ptr[u], fanin_ptr[u + 1]):
                readers_of[fanin_idx[p]] += 1
                touched += 1
        others = 0
        for u in readers:
            for p in range(fanin_ptr[u], fanin_ptr[u + 1]):
                axon = fanin_idx[p]
                if axon != k:
                    others += -(-readers_of[axon] // columns)
                readers_of[axon] = 0
        if rows > 1:
            clusters[k] = max(clusters[k], -(-others // (rows - 1)) - own)
        # units no two of which fit together, met greedily, those of many axons first
        order = np.argsort(-(fanin_ptr[crowd + 1] - fanin_ptr[crowd]), kind="mergesort")
        clique = np.empty(size, dtype=np.int64)
        for source_first in range(own + 1):
            length = 0
            if source_first:
                clique[0] = k
                length = 1
            apart = 0
            for i in order:
                u = crowd[i]
                if source_first and u == k:
                    continue
                for p in range(fanin_ptr[u], fanin_ptr[u + 1]):
                    seen[fanin_idx[p]] = u
                fan_in = fanin_ptr[u + 1] - fanin_ptr[u]
                touched += fan_in
                fits = False
                for j in range(length):
                    v = clique[j]
                    union = fan_in
                    for p in range(fanin_ptr[v], fanin_ptr[v + 1]):
                        if seen[fanin_idx[p]] != u:
                            union += 1
                    touched += fanin_ptr[v + 1] - fanin_ptr[v]
                    if union <= rows:
                        fits = True
                        break
                    if source_first and j == 0:
                        apart += 1
                if not fits:
                    clique[length] = u
                    length += 1
            clusters[k] = max(clusters[k], length - own)
            if source_first:
                local[k] = min(local[k], len(readers) - apart)
            for i in range(size):
                for p in range(fanin_ptr[crowd[i]], fanin_ptr[crowd[i] + 1]):
                    seen[fanin_idx[p]] = -1
        steps += touched
    return clusters, local


def packets_by_eigenvalues(
    problem: PartitionProblem, rows: int, columns: int, max_clusters: int, watch: Watch | None = None
) -> int:
    """Packets that any partition into clusters of so many columns sends, by the eigenvalues of a graph.

    A cut synapse weighs its spikes, divided, where packets are shared, by the readers that one packet can serve. The
    weight of all cut edges is at least half the sum of (size of the i-th largest cluster) x (i-th smallest eigenvalue
    of the Laplacian): W. Donath, A. Hoffman, Lower Bounds for the Partitioning of Graphs, 1973,
    doi:10.1147/rd.175.0420. External inputs are counted apart. A margin covers the rounding of floats.
    Large networks are bounded block by block while ``watch`` allows.
    """
    network, n = problem.network, problem.num_units
    weight = network.spikes.astype(float)
    if problem.traffic is Traffic.PER_TILE:
        weight = weight / np.maximum(1, np.minimum(network.fan_out, columns))
    # every synapse counts in one block only, so the bounds of blocks add up
    size = n if n <= _MOST_UNITS else min(_MOST_UNITS, max(500, 2 * columns + 1))
    total = int(packets_of_sources(problem, rows, columns)[network.is_input].sum())
    for start in range(0, n, size):
        if watch is not None and watch.should_stop():
            break
        stop = min(n, start + size)
        inside = (network.pre >= start) & (network.pre < stop) & (network.post >= start) & (network.post < stop)
        pre, post = network.pre[inside], network.post[inside]
        total += _cut_by_eigenvalues(pre - start, post - start, weight[pre], stop - start, columns, max_clusters)
    return total


def _cut_by_eigenvalues(pre: Array, post: Array, weight: Array, n: int, columns: int, max_clusters: int) -> int:
    laplacian: Array = np.zeros((n, n))
    np.add.at(laplacian, (pre, post), -weight)
    laplacian += laplacian.T
    np.fill_diagonal(laplacian, 0.0)
    np.fill_diagonal(laplacian, -laplacian.sum(axis=1))
    smallest = np.linalg.eigvalsh(laplacian)[:max_clusters]
    full, rest = divmod(n, columns)
    sizes = np.array([columns] * full + [rest] * (rest > 0))[: len(smallest)]
    bound = 0.5 * float(sizes @ np.maximum(0.0, smallest[: len(sizes)]))
    margin = 1e-9 * n * n * float(np.abs(laplacian).max()) + 1e-6
    return max(0, math.ceil(bound - margin))

"""Bounds that need no search: clusters by counting, packets by fan-out and by eigenvalues."""

from __future__ import annotations

import math

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.crowds import crowds
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.result import Watch

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
    network = problem.network
    found = crowds(network, rows, columns)
    remote = network.fan_out - found.local if problem.traffic is Traffic.PER_SYNAPSE else found.remote
    sent: Array = network.spikes * np.maximum(0, remote)
    return sent


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

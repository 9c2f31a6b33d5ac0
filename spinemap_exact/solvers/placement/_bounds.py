"""A bound on any placement that takes next to no time, also for thousands of clusters."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array, dot
from spinemap_exact.problems.placement import Mesh, PlacementProblem


def cheap_bound(problem: PlacementProblem) -> int:
    """The ``k``-th heaviest flow of a cluster is no shorter than the ``k``-th nearest tile of any tile.

    On a mesh each flow counts at both of its ends, hence half of the sum is a bound; no tile has nearer neighbours than
    the one in the middle, since for each row the most columns are near it. With any matrix the flows count at their
    sources or at their targets, whichever gives more. Flows from the I/O tile are matched with all tiles, the heaviest
    with the nearest.
    """
    mesh = problem.mesh
    outside = problem.flow_from != problem.flow_to
    source, target, flow = problem.flow_from[outside], problem.flow_to[outside], problem.flow[outside]
    if mesh is None:
        apart = ~np.eye(problem.num_tiles, dtype=bool)
        rows = np.sort(problem.distances[apart].reshape(problem.num_tiles, -1), axis=1).min(axis=0)
        columns = np.sort(problem.distances.T[apart].reshape(problem.num_tiles, -1), axis=1).min(axis=0)
        return max(_matched(source, flow, rows), _matched(target, flow, columns))
    low, high = np.minimum(source, target).astype(np.int64), np.maximum(source, target)
    pair, which = np.unique(low * problem.num_clusters + high, return_inverse=True)
    both = np.zeros(len(pair), dtype=np.int64)
    np.add.at(both, which, flow)
    ends = np.concatenate((pair // problem.num_clusters, pair % problem.num_clusters))
    nearest = _nearest(mesh, problem.num_clusters)
    bound = -(-_matched(ends, np.concatenate((both, both)), nearest) // 2)
    if problem.io_tile is not None and problem.input_flow is not None:
        tiles = np.arange(mesh.num_tiles)
        away = np.sort(mesh.distance(np.full_like(tiles, problem.io_tile), tiles))[: problem.num_clusters]
        bound += dot(np.sort(problem.input_flow)[::-1], away)
    return bound


def _nearest(mesh: Mesh, count: int) -> Array:
    """Distances of at least ``count`` tiles around the middle of the mesh, ascending, the middle left out."""
    width, height = (min(lines, 2 * count + 1) for lines in (mesh.width, mesh.height))
    dx = np.abs(np.arange(width) - (width - 1) // 2)
    dy = np.abs(np.arange(height) - (height - 1) // 2)
    return np.sort((mesh.hop_x * dx[None, :] + mesh.hop_y * dy[:, None]).ravel())[1:]


def _matched(cluster: Array, flow: Array, nearest: Array) -> int:
    """Sum of each cluster's flows, the heaviest first, times the distances, the nearest first."""
    order = np.lexsort((-flow, cluster))
    cluster, flow = cluster[order], flow[order]
    rank = np.arange(len(cluster)) - np.searchsorted(cluster, cluster)
    return dot(flow, nearest[rank])

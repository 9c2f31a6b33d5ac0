"""Recognise the Manhattan distances of a grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.problems.placement import Mesh

_MOST_TRIALS = 50_000
_LONGEST = 2**31  # so that no sum of distances overflows
_MOST_HOPS = 6


def mesh_of_distances(distance: Array) -> Mesh | None:
    """Return the mesh whose tiles have these distances, or None if there is none (or none was found in time).

    Tiles may be missing from the grid, and hops may cost differently in x and y. Tile ``t`` of the mesh is row ``t`` of
    the matrix. Tiles are placed one after the other, each time the one nearest to those that stand already, at any
    position that agrees with all distances so far; a wrong choice is taken back.
    """
    tiles = len(distance)
    if tiles < 2 or distance.max() > _LONGEST or (distance != distance.T).any() or distance.diagonal().any():
        return None
    apart = np.unique(distance[np.triu_indices(tiles, 1)])
    if apart[0] <= 0:
        return None
    shortest = int(apart[0])
    for other in map(int, apart[:_MOST_HOPS]):
        for place in _embeddings(distance, shortest, other):
            return _normal(place, shortest, other)
    return None


def _embeddings(distance: Array, hop_x: int, hop_y: int) -> Iterator[Array]:
    """Yield the first embedding with these hops, if there is one."""
    tiles = len(distance)
    order, anchor = _order(distance)
    x, y = np.zeros(tiles, dtype=np.int64), np.zeros(tiles, dtype=np.int64)
    choices: list[list[tuple[int, int]]] = [[(0, 0)]]
    trials = 0
    while choices:
        if not choices[-1]:
            choices.pop()
            continue
        k = len(choices) - 1
        x[order[k]], y[order[k]] = choices[-1].pop()
        if k + 1 == tiles:
            yield np.stack([x, y])
            return
        t, near, placed = order[k + 1], anchor[k + 1], order[: k + 1]
        trials += 1 + int(distance[t, near]) // hop_x
        if trials > _MOST_TRIALS:
            return
        choices.append(
            [
                (a, b)
                for a, b in _diamond(int(x[near]), int(y[near]), int(distance[t, near]), hop_x, hop_y)
                if (hop_x * np.abs(x[placed] - a) + hop_y * np.abs(y[placed] - b) == distance[t, placed]).all()
            ]
        )


def _order(distance: Array) -> tuple[Array, Array]:
    """Nearest tile first, and for each the tile it is near to."""
    tiles = len(distance)
    order, anchor = [0], [0]
    reach, near = distance[0].astype(np.float64), np.zeros(tiles, dtype=np.int64)
    reach[0] = np.inf
    for _ in range(tiles - 1):
        t = int(reach.argmin())
        order.append(t)
        anchor.append(int(near[t]))
        closer = distance[t] < reach
        near[closer] = t
        reach = np.where(np.isfinite(reach), np.minimum(reach, distance[t]), reach)
        reach[t] = np.inf
    return np.array(order), np.array(anchor)


def _diamond(x: int, y: int, distance: int, hop_x: int, hop_y: int) -> Iterator[tuple[int, int]]:
    for step in range(distance // hop_x + 1):
        rest, odd = divmod(distance - step * hop_x, hop_y)
        if odd == 0:
            yield from {(x + step, y + rest), (x + step, y - rest), (x - step, y + rest), (x - step, y - rest)}


def _normal(place: Array, hop_x: int, hop_y: int) -> Mesh:
    """Turn and mirror a mesh until its tiles are numbered row by row, if that can be; else keep it wide."""
    meshes = []
    for swap in (False, True):
        x, y = place[::-1] if swap else place
        hops = (hop_y, hop_x) if swap else (hop_x, hop_y)
        for sign_x in (1, -1):
            for sign_y in (1, -1):
                a, b = sign_x * x, sign_y * y
                meshes.append(Mesh(a - a.min(), b - b.min(), *hops))
    return min(meshes, key=lambda mesh: (not mesh.is_full_grid, mesh.width < mesh.height))

"""Topological order along a Hilbert curve, then swaps of the highest tension.

Y. Jin et al., Mapping Very Large Scale Spiking Neuron Network to Neuromorphic Hardware, ASPLOS 2023,
doi:10.1145/3582016.3582038; the curve for any rectangle is J. Červený's generalised Hilbert curve (gilbert).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.heuristics.placement._moves import Board, layers, positions
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch


def run(problem: PlacementProblem, watch: Watch, start: Placement | None = None) -> Placement | None:
    """Place clusters along the curve, then swap neighbouring tiles, those of the highest tension first, while it pays.

    The tension between two neighbouring tiles is what swapping them saves.
    """
    m = problem.num_clusters
    if m > problem.num_tiles:
        return None
    curve = _tiles_along_curve(problem)
    tile = np.zeros(m, dtype=np.int64)
    tile[np.argsort(layers(problem), kind="stable")] = curve[:m]
    board = Board(problem, tile)
    pairs = _neighbours(problem)
    cost = problem.cost(board.placement)
    saved = True
    while saved:
        saved = False
        tension = []
        for a, b in pairs:
            if watch.should_stop():
                return board.placement
            i, j = int(board.cluster_on[a]), int(board.cluster_on[b])
            change = board.swap(i, j)
            board.swap(i, j)
            if change < 0:
                tension.append((change, a, b))
        for _, a, b in sorted(tension):
            i, j = int(board.cluster_on[a]), int(board.cluster_on[b])
            change = board.swap(i, j)
            if change >= 0:  # an earlier swap relaxed it
                board.swap(i, j)
            else:
                cost += change
                saved = True
        watch.report(objective=cost)
    return board.placement


def _tiles_along_curve(problem: PlacementProblem) -> Array:
    x, y = positions(problem)
    tile_at = {(a, b): t for t, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True))}
    width, height = int(x.max()) + 1, int(y.max()) + 1
    long_side = (0, 0, width, 0, 0, height) if width >= height else (0, 0, 0, height, width, 0)
    return np.array([tile_at[point] for point in _curve(*long_side) if point in tile_at], dtype=np.int64)


def _curve(x: int, y: int, ax: int, ay: int, bx: int, by: int) -> Iterator[tuple[int, int]]:
    """Walk a rectangle from (x, y) along (ax, ay), which is its long side, and (bx, by)."""
    width, height = abs(ax + ay), abs(bx + by)
    dax, day, dbx, dby = _sign(ax), _sign(ay), _sign(bx), _sign(by)
    if height == 1:
        yield from ((x + i * dax, y + i * day) for i in range(width))
        return
    if width == 1:
        yield from ((x + i * dbx, y + i * dby) for i in range(height))
        return
    ax2, ay2, bx2, by2 = _half(ax), _half(ay), _half(bx), _half(by)
    if 2 * width > 3 * height:
        if abs(ax2 + ay2) % 2 and width > 2:
            ax2, ay2 = ax2 + dax, ay2 + day
        yield from _curve(x, y, ax2, ay2, bx, by)
        yield from _curve(x + ax2, y + ay2, ax - ax2, ay - ay2, bx, by)
        return
    if abs(bx2 + by2) % 2 and height > 2:
        bx2, by2 = bx2 + dbx, by2 + dby
    yield from _curve(x, y, bx2, by2, ax2, ay2)
    yield from _curve(x + bx2, y + by2, ax, ay, bx - bx2, by - by2)
    yield from _curve(x + (ax - dax) + (bx2 - dbx), y + (ay - day) + (by2 - dby), -bx2, -by2, -(ax - ax2), -(ay - ay2))


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _half(value: int) -> int:
    return value // 2 if value >= 0 else -(-value // 2)


def _neighbours(problem: PlacementProblem) -> list[tuple[int, int]]:
    """Pairs of tiles one step apart."""
    x, y = positions(problem)
    tile_at = {(a, b): t for t, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True))}
    return [
        (t, tile_at[point]) for (a, b), t in tile_at.items() for point in ((a + 1, b), (a, b + 1)) if point in tile_at
    ]

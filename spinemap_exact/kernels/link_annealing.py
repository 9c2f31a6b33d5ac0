"""Annealing of tiles on the load of the busiest link, with exact loads: what lies on two tiles changes places.

Packets go along x first, then along y. A link is numbered by the tile it leaves and its direction: east, west, south,
north. An entry of traffic goes from a cluster, or from a tile if its source is negative (tile -1 - source).
"""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.compiling import inner, kernel

_EAST, _WEST, _SOUTH, _NORTH = range(4)
_NOBODY = 1 << 40  # no cluster has this number


@inner
def _route(load, squares, width, a, b, packets):
    """Add packets to the links from a to b; return the change of the sum of squares."""
    x, y, to_x, to_y = a % width, a // width, b % width, b // width
    total = squares
    while x != to_x or y != to_y:
        if x < to_x:
            link, step_x, step_y = 4 * (y * width + x) + _EAST, 1, 0
        elif x > to_x:
            link, step_x, step_y = 4 * (y * width + x) + _WEST, -1, 0
        elif y < to_y:
            link, step_x, step_y = 4 * (y * width + x) + _SOUTH, 0, 1
        else:
            link, step_x, step_y = 4 * (y * width + x) + _NORTH, 0, -1
        before = float(load[link])
        load[link] += packets
        total += float(load[link]) ** 2 - before**2
        x += step_x
        y += step_y
    return total


@inner
def _entries(load, squares, width, cluster, tile_of, first, entry, source, target, packets, sign, other):
    """Add (or take away) all traffic of a cluster, but for that with ``other``, which is counted there."""
    total = squares
    for p in range(first[cluster], first[cluster + 1]):
        e = entry[p]
        if source[e] == other or target[e] == other:
            continue
        start = -1 - source[e] if source[e] < 0 else tile_of[source[e]]
        total = _route(load, total, width, start, tile_of[target[e]], sign * packets[e])
    return total


@inner
def _both(load, squares, width, a, b, tile_of, first, entry, source, target, packets, sign):
    total = _entries(load, squares, width, a, tile_of, first, entry, source, target, packets, sign, _NOBODY)
    if b >= 0:
        total = _entries(load, total, width, b, tile_of, first, entry, source, target, packets, sign, a)
    return total


@inner
def _largest(load):
    most = 0
    for value in load:
        most = max(most, value)
    return most


@kernel
def anneal_links(tile_of, cluster_on, width, first, entry, source, target, packets, load, moves, hot, cold, seed):
    """Exchange what lies on two tiles, ``moves`` times; return the least maximum met and its tiles.

    Parameters
    ----------
    tile_of : (num_clusters,) int64
    cluster_on : (num_tiles,) int64
        -1 on an empty tile.
    first, entry : int64
        CSR: the entries of traffic of each cluster.
    source, target, packets : (num_entries,) int64
    load : (4 num_tiles,) int64
        Zeros.
    hot, cold : float
        First and last temperature, as a share of the first maximum.
    """
    np.random.seed(seed)
    tiles = len(cluster_on)
    squares = 0.0
    for e in range(len(source)):
        start = -1 - source[e] if source[e] < 0 else tile_of[source[e]]
        squares = _route(load, squares, width, start, tile_of[target[e]], packets[e])
    most = _largest(load)
    best, best_tiles = most, tile_of.copy()
    scale = float(max(1, most))
    used = max(1, 4 * tiles)
    value = most + squares / scale / used
    for k in range(moves):
        temperature = scale * hot * (cold / hot) ** (k / moves)
        a = np.random.randint(len(tile_of))
        s, t = tile_of[a], np.random.randint(tiles)
        b = cluster_on[t]
        if s == t:
            continue
        squares = _both(load, squares, width, a, b, tile_of, first, entry, source, target, packets, -1)
        _exchange(tile_of, cluster_on, a, b, s, t)
        squares = _both(load, squares, width, a, b, tile_of, first, entry, source, target, packets, 1)
        most = _largest(load)
        fresh = most + squares / scale / used
        if fresh <= value or np.random.random() < np.exp((value - fresh) / temperature):
            value = fresh
            if most < best:
                best, best_tiles = most, tile_of.copy()
            continue
        squares = _both(load, squares, width, a, b, tile_of, first, entry, source, target, packets, -1)
        _exchange(tile_of, cluster_on, a, b, t, s)
        squares = _both(load, squares, width, a, b, tile_of, first, entry, source, target, packets, 1)
    return best, best_tiles


@inner
def _exchange(tile_of, cluster_on, a, b, s, t):
    """Move cluster a from s to t, and what was there back."""
    tile_of[a] = t
    if b >= 0:
        tile_of[b] = s
    cluster_on[t], cluster_on[s] = a, b

"""Annealing of placements by swaps, with exact integer deltas in constant time; for symmetric distances."""

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.compiling import kernel

_NEVER = 20.0  # temperatures: a swap that costs more is accepted less than once in 10^8 times


@kernel
def pay(flow, distance, linear, tiles):  # type: ignore[no-untyped-def]
    """(num_clusters, num_tiles) int64: what each cluster would pay on each tile, all others staying where they are.

    Parameters
    ----------
    flow, distance : (num_tiles, num_tiles) int64
        Symmetric, with zero diagonals; flows are those of both ways together.
    """
    table = linear.copy()
    n = len(tiles)
    for i in range(n):
        for k in range(n):
            f = flow[i, k]
            if f:
                for t in range(n):
                    table[i, t] += f * distance[tiles[k], t]
    return table


@kernel
def anneal(flow, distance, table, movable, tiles, best, state, temperature, cooling, rounds, seed):  # type: ignore[no-untyped-def]
    """Try random swaps: rounds of as many as there are pairs of tiles, each a little colder than the one before.

    A swap costs two look-ups for each of its clusters; only one that is accepted touches the table, in the rows of
    the neighbours.

    Parameters
    ----------
    flow, distance : (num_tiles, num_tiles) int64
        See `pay`.
    table : (num_tiles, num_tiles) int64
        Likewise; kept up to date, as is ``tiles``.
    movable : int
        Clusters with flow come first.
    best : (num_tiles,) int64
        Best tiles so far.
    state : (2,) int64
        Cost, and cost of the best.

    Returns
    -------
    float
        Temperature at the end.
    """
    n = len(tiles)
    np.random.seed(seed)
    cluster = np.empty(n, np.int64)
    for i in range(n):
        cluster[tiles[i]] = i
    cost, best_cost = state[0], state[1]
    for _ in range(rounds):
        worst = _NEVER * temperature
        for _ in range(n * n):
            drawn = np.random.random() * movable
            i = int(drawn)
            b = int((drawn - i) * n)  # the digits that are left
            a, j = tiles[i], cluster[b]
            if i == j:
                continue
            change = table[i, b] - table[i, a] + table[j, a] - table[j, b] + 2 * flow[i, j] * distance[a, b]
            if change > 0 and (change > worst or np.random.random() >= np.exp(-change / temperature)):
                continue
            tiles[i], tiles[j] = b, a
            cluster[a], cluster[b] = j, i
            cost += change
            for k in range(n):
                f = flow[i, k] - flow[j, k]
                if f:
                    for t in range(n):
                        table[k, t] += f * (distance[b, t] - distance[a, t])
            if cost < best_cost:
                best_cost = cost
                best[:] = tiles
        temperature *= cooling
    state[0], state[1] = cost, best_cost
    return temperature

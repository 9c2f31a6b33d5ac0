"""Robust tabu search for quadratic assignment, with exact integer deltas."""

from __future__ import annotations

import numpy as np
from numba import njit

from spinemap_exact.arrays import Array
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch

MOST_TILES = 1_500  # five dense matrices of 18 MB
_OPERATIONS_PER_CHUNK = 4e7  # some 50 ms, so that the clock is read often enough


def search(problem: PlacementProblem, watch: Watch, start: Placement | None = None, idle_starts: int = 12) -> Placement:
    """Search from ``start`` and then from random placements until ``idle_starts`` in a row found nothing better.

    On more than 1,500 tiles the matrices would fill the memory: ``start`` comes back, or clusters in radial order.

    Empty tiles hold clusters without flow. The walk is that of Taillard: always the best swap that is not tabu, where a
    swap is tabu if both clusters return to tiles they left recently.

    Every start but the one in progress when the time ends depends on the seed alone: with time enough, same seed, same
    placement.

    References
    ----------
    É. Taillard, Robust taboo search for the quadratic assignment problem, Parallel Computing 17 (1991),
    doi:10.1016/S0167-8191(05)80147-4.
    """
    if problem.num_tiles > MOST_TILES:
        return start or Placement(radial_order(problem)[: problem.num_clusters])
    walk = _Walk(problem)
    random = np.random.default_rng(watch.limits.seed)
    best, best_cost = walk.completed(start), None
    idle = 0
    while idle < idle_starts:
        tiles = best if best_cost is None and start is not None else random.permutation(problem.num_tiles)
        found, cost = walk.run(tiles, int(random.integers(2**31)), watch)
        idle += 1
        if best_cost is None or cost < best_cost:
            best, best_cost, idle = found, cost, 0
            watch.report(objective=cost)
        if watch.should_stop():
            break
    return Placement(best[: problem.num_clusters])


def radial_order(problem: PlacementProblem) -> Array:
    """(num_tiles,) int64: tiles by hops from the corner (0, 0), or by distance from tile 0."""
    if problem.mesh is not None:
        return np.lexsort((problem.mesh.x, problem.mesh.x + problem.mesh.y))
    return np.argsort(problem.distances[0], kind="stable")


class _Walk:
    """Dense matrices of one problem, padded with clusters without flow to one cluster a tile."""

    def __init__(self, problem: PlacementProblem) -> None:
        n, m = problem.num_tiles, problem.num_clusters
        self.movable = m
        self.flow = np.zeros((n, n), dtype=np.int64)
        self.flow[:m, :m] = problem.flow_matrix
        self.distance = np.ascontiguousarray(problem.distances)
        self.linear = np.zeros((n, n), dtype=np.int64)
        self.linear[:m] = problem.linear
        self.steps = max(1, int(_OPERATIONS_PER_CHUNK / (8 * n * n)))
        self.patience = 1000 * n

    def completed(self, placement: Placement | None) -> Array:
        """Tiles of all clusters, those without flow on the tiles that are left."""
        n = len(self.flow)
        if placement is None:
            return np.arange(n)
        used = placement.tile_of_cluster.astype(np.int64)
        return np.concatenate((used, np.setdiff1d(np.arange(n), used)))

    def run(self, tiles: Array, seed: int, watch: Watch) -> tuple[Array, int]:
        """Walk from one start until the patience ends; return the best tiles seen and their cost."""
        n = len(self.flow)
        tiles, best = tiles.copy(), tiles.copy()
        delta = np.zeros((n, n), dtype=np.int64)
        tabu_until = np.full((n, n), -(n * n * 10), dtype=np.int64)
        cost = int((self.flow * self.distance[tiles[:, None], tiles[None, :]]).sum())
        cost += int(self.linear[np.arange(n), tiles].sum())
        state = np.array([cost, cost, 0, 0, seed], dtype=np.int64)
        _fill(self.flow, self.distance, self.linear, tiles, delta, self.movable)
        while state[2] - state[3] < self.patience:
            _steps(
                self.flow, self.distance, self.linear, self.movable, tiles, best, delta, tabu_until, state, self.steps
            )
            if watch.should_stop():
                break
        return best, int(state[1])


@njit(cache=True)
def _delta(flow, distance, linear, tiles, i, j):  # type: ignore[no-untyped-def]
    """Change of the cost if clusters ``i`` and ``j`` swap their tiles."""
    a, b = tiles[i], tiles[j]
    change = (flow[i, i] - flow[j, j]) * (distance[b, b] - distance[a, a])
    change += (flow[i, j] - flow[j, i]) * (distance[b, a] - distance[a, b])
    change += linear[i, b] - linear[i, a] + linear[j, a] - linear[j, b]
    for k in range(len(tiles)):
        if k != i and k != j:
            c = tiles[k]
            change += (flow[k, i] - flow[k, j]) * (distance[c, b] - distance[c, a])
            change += (flow[i, k] - flow[j, k]) * (distance[b, c] - distance[a, c])
    return change


@njit(cache=True)
def _fill(flow, distance, linear, tiles, delta, movable):  # type: ignore[no-untyped-def]
    for i in range(movable):
        for j in range(i + 1, len(tiles)):
            delta[i, j] = _delta(flow, distance, linear, tiles, i, j)


@njit(cache=True)
def _steps(flow, distance, linear, movable, tiles, best, delta, tabu_until, state, steps):  # type: ignore[no-untyped-def]
    """Take some steps; ``state`` holds cost, best cost, steps taken, step of the best, seed."""
    n = len(tiles)
    cost, best_cost, step, best_step = state[0], state[1], state[2], state[3]
    np.random.seed((state[4] + step) % 2**31)
    aspiration = 3 * n * n
    for _ in range(steps):
        r, s = -1, -1
        least = np.int64(2**63 - 1)
        aspired = False
        for i in range(movable):
            for j in range(i + 1, n):
                until_i, until_j = tabu_until[i, tiles[j]], tabu_until[j, tiles[i]]
                change = delta[i, j]
                wanted = cost + change < best_cost or (until_i < step - aspiration and until_j < step - aspiration)
                if aspired and not wanted:
                    continue
                if (wanted and not aspired) or (change < least and (wanted or until_i < step or until_j < step)):
                    r, s, least = i, j, change
                    aspired = aspired or wanted
        step += 1
        if r < 0:
            continue
        a, b = tiles[r], tiles[s]
        tabu_until[r, a] = step + np.random.randint((9 * n) // 10, (11 * n) // 10 + 2)
        tabu_until[s, b] = step + np.random.randint((9 * n) // 10, (11 * n) // 10 + 2)
        tiles[r], tiles[s] = b, a
        cost += least
        if cost < best_cost:
            best_cost, best_step = cost, step
            best[:] = tiles
        for i in range(movable):
            if i in (r, s):
                for j in range(i + 1, n):
                    delta[i, j] = _delta(flow, distance, linear, tiles, i, j)
                continue
            c = tiles[i]
            leave = distance[a, c] - distance[b, c]
            enter = distance[c, a] - distance[c, b]
            out, into = flow[r, i] - flow[s, i], flow[i, r] - flow[i, s]
            for j in range(i + 1, n):
                if j in (r, s):
                    delta[i, j] = _delta(flow, distance, linear, tiles, i, j)
                else:
                    d = tiles[j]
                    delta[i, j] += (out - flow[r, j] + flow[s, j]) * (leave - distance[a, d] + distance[b, d])
                    delta[i, j] += (into - flow[j, r] + flow[j, s]) * (enter - distance[d, a] + distance[d, b])
    state[0], state[1], state[2], state[3] = cost, best_cost, step, best_step

"""Robust tabu search for quadratic assignment, with exact integer deltas."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.kernels.placement_annealing import anneal, pay
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.coarse import coarsened
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch

MOST_TILES = 1_500  # six to nine dense matrices of 18 MB
LARGEST_COST = 1 << 61  # twice a cost, and a cost and a change of it, fit int64; sums on the way may wrap and come back
_POOL, _WALKS_PER_ROUND = 10, 24
_PATIENCE, _PATIENCE_ANNEALED = 40, 2  # steps without a better placement that end a walk, times the number of tiles
_FEW_TILES, _MOST_PATIENT = 16, 8.0  # up to so many tiles the search ends soonest, and how much later at most
_MOST_ANNEALED = 100  # tiles; beyond, the time is mostly over before a placement is cold
_ROUNDS = 60  # of one annealing
_HOT, _WARM, _COLD = 0.06, 0.04, 0.006  # temperatures, times what a cluster pays on average at random
_OPERATIONS_PER_CHUNK, _SWAPS_PER_CHUNK = 4e7, 100_000  # some 50 ms, so that the clock is read often enough


def search(problem: PlacementProblem, watch: Watch, start: Placement | None = None, idle_starts: int = 12) -> Placement:
    """Search from ``start`` and random placements, then from crossings of the best, until that brings nothing more.

    The search ends after ``idle_starts`` rounds of 24 starts in a row without a better placement, on more than 16 tiles
    after up to eight times as many: the best placement takes more of them to find. On more than 1,500 tiles the
    matrices would fill the memory: ``start`` comes back, or clusters in radial order.

    Empty tiles hold clusters without flow. The walk is that of Taillard: always the best swap that is not tabu, where a
    swap is tabu if both clusters return to tiles they left recently. On up to 100 tiles with symmetric distances every
    start but the one that was given is annealed first, and the walk from it is short. The first walks fill a pool.
    Those that follow start from two of its members: clusters stay where both have them, every other one takes its tile
    from either, and what is left is filled at random. Before that, the second is turned by the automorphism of the mesh
    that makes it most alike to the first. A pool that brings nothing for two rounds is replaced by a new one.

    Every walk but the one in progress when the time ends depends on the seed alone: with time enough, same seed, same
    placement.

    References
    ----------
    É. Taillard, Robust taboo search for the quadratic assignment problem, Parallel Computing 17 (1991),
    doi:10.1016/S0167-8191(05)80147-4. U. Benlic, J.-K. Hao, Memetic search for the quadratic assignment problem, Expert
    Systems with Applications 42 (2015), doi:10.1016/j.eswa.2014.08.011.
    """
    if problem.num_tiles > MOST_TILES:
        return start or Placement(radial_order(problem)[: problem.num_clusters])
    if problem.ceiling > LARGEST_COST:
        return _search_coarse(problem, watch, start, idle_starts)
    walk = _Walk(problem)
    random = np.random.default_rng(watch.limits.seed)
    best, best_cost = walk.completed(start), None
    pool: list[tuple[int, Array]] = []
    idle = idle_in_pool = 0
    longer = min(_MOST_PATIENT, max(1.0, (problem.num_tiles / _FEW_TILES) ** 3))
    patience = int(longer * idle_starts * _WALKS_PER_ROUND)
    while idle < patience:
        seed = int(random.integers(2**31))
        if best_cost is None and start is not None:
            found, cost = walk.run(best, seed, watch)
        elif len(pool) < _POOL:
            found, cost = walk.annealed(random.permutation(problem.num_tiles), _HOT, seed, watch)
        else:
            mother, father = random.choice(_POOL, 2, replace=False)
            tiles = _crossed(pool[mother][1], walk.turned(pool[father][1], pool[mother][1]), random)
            found, cost = walk.annealed(tiles, _WARM, seed, watch)
        idle, idle_in_pool = idle + 1, idle_in_pool + 1
        if best_cost is None or cost < best_cost:
            best, best_cost, idle, idle_in_pool = found, cost, 0, 0
            watch.offer(Placement(best[: problem.num_clusters]))
            watch.report(objective=cost)
        if watch.should_stop():
            break
        if idle_in_pool > max(_POOL, 2 * _WALKS_PER_ROUND):
            pool, idle_in_pool = [], 0
        walk.admit(pool, cost, found)
    return Placement(best[: problem.num_clusters])


def _search_coarse(problem: PlacementProblem, watch: Watch, start: Placement | None, idle_starts: int) -> Placement:
    """Search with costs rounded down, since these might overflow; exact costs tell whether the start was better."""
    found = search(coarsened(problem, LARGEST_COST).problem, watch.part(), start, idle_starts)
    best = found if start is None else min(start, found, key=problem.cost)
    watch.report(objective=problem.cost(best))
    return best


def _crossed(mother: Array, father: Array, random: np.random.Generator) -> Array:
    """Tiles of clusters from two parents: where they agree, then from either, then whatever is left."""
    tiles = np.where(mother == father, mother, -1)
    free = np.ones(len(tiles), dtype=bool)
    free[tiles[tiles >= 0]] = False
    for i in random.permutation(np.flatnonzero(tiles < 0)):
        parents = (mother, father) if random.random() < 0.5 else (father, mother)
        for parent in parents:
            if free[parent[i]]:
                tiles[i] = parent[i]
                free[tiles[i]] = False
                break
    tiles[tiles < 0] = random.permutation(np.flatnonzero(free))
    return tiles


def radial_order(problem: PlacementProblem) -> Array:
    """(num_tiles,) int64: tiles by hops from the corner (0, 0), or by distance from tile 0."""
    if problem.mesh is not None:
        return np.lexsort((problem.mesh.x, problem.mesh.x + problem.mesh.y))
    return np.argsort(problem.distances[0], kind="stable")


class _Walk:
    """Dense matrices of one problem, padded with clusters without flow to one cluster a tile.

    What a cluster pays on a tile for itself is linear. If distances are symmetric, flows both ways are added up, and
    one layer of matrices is enough; otherwise the second layer is the transpose of the first.
    """

    def __init__(self, problem: PlacementProblem) -> None:
        n, m = problem.num_tiles, problem.num_clusters
        self.movable = m
        flow = np.zeros((n, n), dtype=np.int64)
        flow[:m, :m] = problem.flow_matrix
        distance = problem.distances.astype(np.int64)
        self.linear = np.outer(flow.diagonal(), distance.diagonal())
        self.linear[:m] += problem.linear
        np.fill_diagonal(flow, 0)
        np.fill_diagonal(distance, 0)
        symmetric = (distance == distance.T).all()
        self.flow = np.stack((flow + flow.T,) if symmetric else (flow, flow.T))
        self.distance = np.stack((distance,) if symmetric else (distance, distance.T))
        self.turns = _turns(problem)
        self.steps = max(1, int(_OPERATIONS_PER_CHUNK / (4 * n * n)))
        self.unit = self.flow.sum() * self.distance[0].mean() / n + self.linear.mean()

    def completed(self, placement: Placement | None) -> Array:
        """Tiles of all clusters, those without flow on the tiles that are left."""
        n = len(self.linear)
        if placement is None:
            return np.arange(n)
        used = placement.tile_of_cluster.astype(np.int64)
        return np.concatenate((used, np.setdiff1d(np.arange(n), used)))

    def turned(self, tiles: Array, model: Array) -> Array:
        """The same up to an automorphism of the mesh, with as many clusters as possible where ``model`` has them."""
        images = self.turns[:, tiles]
        turned: Array = images[np.argmax((images == model)[:, : self.movable].sum(axis=1))]
        return turned

    def admit(self, pool: list[tuple[int, Array]], cost: int, tiles: Array) -> None:
        """Add tiles to a pool that is not full, or in place of the worst, if they are better and new."""
        placed = self.turns[:, tiles[: self.movable]]
        if any(cost == other and (placed == known[: self.movable]).all(axis=1).any() for other, known in pool):
            return
        if len(pool) < _POOL:
            pool.append((cost, tiles))
            return
        worst = max(range(_POOL), key=lambda member: pool[member][0])
        if cost < pool[worst][0]:
            pool[worst] = cost, tiles

    def annealed(self, tiles: Array, hot: float, seed: int, watch: Watch) -> tuple[Array, int]:
        """Anneal, then walk from the best that came of it; only walk with many tiles or one-way distances."""
        n = len(self.linear)
        if n > _MOST_ANNEALED or len(self.flow) == 2 or self.unit == 0:
            return self.run(tiles, seed, watch)
        tiles, best = tiles.copy(), tiles.copy()
        table = pay(self.flow[0], self.distance[0], self.linear, tiles)
        state = np.full(2, self.cost(tiles), dtype=np.int64)
        temperature, cooling = hot * self.unit, (_COLD / hot) ** (1 / _ROUNDS)
        rounds = max(1, _SWAPS_PER_CHUNK // (n * n))
        for first in range(0, _ROUNDS, rounds):
            if watch.should_stop():
                break
            now, chunk_seed = min(rounds, _ROUNDS - first), (seed + first) % 2**31
            matrices = self.flow[0], self.distance[0], table
            temperature = anneal(*matrices, self.movable, tiles, best, state, temperature, cooling, now, chunk_seed)
        return self.run(best, seed, watch, _PATIENCE_ANNEALED)

    def cost(self, tiles: Array) -> int:
        n = len(tiles)
        twice = int((self.flow * self.distance[:, tiles[:, None], tiles[None, :]]).sum())
        return twice // 2 + int(self.linear[np.arange(n), tiles].sum())

    def run(self, tiles: Array, seed: int, watch: Watch, patience: int = _PATIENCE) -> tuple[Array, int]:
        """Walk from one start until the patience ends; return the best tiles seen and their cost."""
        n = len(self.linear)
        cost, patience = self.cost(tiles), patience * n
        tiles, best = tiles.copy(), tiles.copy()
        apart = np.ascontiguousarray(self.distance[:, tiles[:, None], tiles[None, :]])
        delta = np.zeros((n, n), dtype=np.int64)
        tabu_until = np.zeros((n, n), dtype=np.int64)
        state = np.array([cost, cost, 0, 0, seed], dtype=np.int64)
        _fill(self.flow, apart, self.linear, tiles, delta, self.movable)
        while state[2] - state[3] < patience:
            steps = min(self.steps, patience - int(state[2] - state[3]))
            _steps(self.flow, apart, self.linear, self.movable, tiles, best, delta, tabu_until, state, steps)
            if watch.should_stop():
                break
        return best, int(state[1])


def _turns(problem: PlacementProblem) -> Array:
    """(num_turns, num_tiles) int64: reflections and exchanges of axes that change no cost; the identity first."""
    n, mesh = problem.num_tiles, problem.mesh
    identity = np.arange(n)
    if mesh is None or not mesh.is_full_grid:
        return identity[None, :]
    found = [identity]
    x, y = mesh.x, mesh.y
    for u, v in ((x, y), (y, x)):
        for tile_x in (u, u.max() - u):
            for tile_y in (v, v.max() - v):
                if tile_x.max() < mesh.width and tile_y.max() < mesh.height:
                    turn = (tile_y * mesh.width + tile_x).astype(np.int64)
                    alike = (problem.distances[turn[:, None], turn[None, :]] == problem.distances).all()
                    if alike and (problem.linear[:, turn] == problem.linear).all():
                        found.append(turn)
    return np.array(found)


@kernel
def _delta(flow, apart, linear, tiles, i, j):  # type: ignore[no-untyped-def]
    """Change of the cost if clusters ``i`` and ``j`` swap their tiles; ``apart`` is the distance between clusters.

    The sums run over all clusters, though ``i`` and ``j`` do not count: what they add is taken out again.
    """
    a, b = tiles[i], tiles[j]
    change = linear[i, b] - linear[i, a] + linear[j, a] - linear[j, b]
    for side in range(len(flow)):
        mine, theirs = flow[side, i], flow[side, j]
        here, there = apart[side, i], apart[side, j]
        for k in range(len(tiles)):
            change += (mine[k] - theirs[k]) * (there[k] - here[k])
        change += mine[j] * here[j] + theirs[i] * there[i]
    if len(flow) == 2:
        change += (flow[0, i, j] - flow[0, j, i]) * (apart[0, j, i] - apart[0, i, j])
    return change


@kernel
def _fill(flow, apart, linear, tiles, delta, movable):  # type: ignore[no-untyped-def]
    for i in range(movable):
        for j in range(i + 1, len(tiles)):
            delta[i, j] = _delta(flow, apart, linear, tiles, i, j)


@kernel
def _steps(flow, apart, linear, movable, tiles, best, delta, tabu_until, state, steps):  # type: ignore[no-untyped-def]
    """Take some steps; ``state`` holds cost, best cost, steps taken, step of the best, seed."""
    n = len(tiles)
    cost, best_cost, step, best_step = state[0], state[1], state[2], state[3]
    np.random.seed((state[4] + step) % 2**31)
    out, leave = np.empty(n, np.int64), np.empty(n, np.int64)
    for _ in range(steps):
        r, s = -1, -1
        least = np.int64(2**62)
        for i in range(movable):
            for j in range(i + 1, n):
                change = delta[i, j]
                if change < least:  # seldom, so that most swaps cost one comparison
                    allowed = tabu_until[i, tiles[j]] <= step or tabu_until[j, tiles[i]] <= step
                    if allowed or cost + change < best_cost:
                        r, s, least = i, j, change
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
        for side in range(len(flow)):
            for k in range(n):
                out[k] = flow[side, r, k] - flow[side, s, k]
                leave[k] = apart[side, r, k] - apart[side, s, k]
            for i in range(movable):
                row, f, d = delta[i], out[i], leave[i]
                for j in range(i + 1, n):
                    row[j] += (f - out[j]) * (d - leave[j])
        for side in range(len(flow)):
            for k in range(n):
                apart[side, r, k], apart[side, s, k] = apart[side, s, k], apart[side, r, k]
            for k in range(n):
                apart[side, k, r], apart[side, k, s] = apart[side, k, s], apart[side, k, r]
        for k in range(n):
            for moved in (r, s):
                i, j = min(k, moved), max(k, moved)
                if i != j and i < movable:
                    delta[i, j] = _delta(flow, apart, linear, tiles, i, j)
    state[0], state[1], state[2], state[3] = cost, best_cost, step, best_step

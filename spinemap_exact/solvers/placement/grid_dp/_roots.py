"""From a placement problem to pairs of chains: directions, profiles of empty tiles, symmetry, thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.solvers.placement._coarse import too_large
from spinemap_exact.solvers.placement.grid_dp._blocks import Blocks, constant, num_multipliers, tables
from spinemap_exact.solvers.placement.grid_dp._chains import Chains, extract
from spinemap_exact.solvers.placement.grid_dp._climb import Climb
from spinemap_exact.solvers.placement.grid_dp._empties import Margins
from spinemap_exact.solvers.placement.grid_dp._layers import Layers
from spinemap_exact.solvers.placement.grid_dp._lists import Direction, OutOfTime, SetLists, TooManyChains
from spinemap_exact.solvers.placement.grid_dp._sets import LARGEST_COST
from spinemap_exact.solvers.placement.grid_dp._tree import SCALE, Node, Pair, Tree

MOST_CLUSTERS = 31  # sets are enumerated: 2^31 of them take a quarter of a minute
MOST_PROFILES = 1500
_FEW_ARCS, _FEW_ARCS_OF_MANY = 3_000_000, 1_000_000  # at first, of one pair of profiles, of one of many
_ONE_CLIMB, _MANY_CLIMBS = (1_000_000, 0.002), (150_000, 0.05)  # arcs of a model, and the least gain
_MOST_TRIALS = 8
Profile = tuple[int, ...]


def misfit(problem: PlacementProblem) -> str:
    """Why the method does not apply, however small the costs; empty if it does."""
    mesh = problem.mesh
    if mesh is None:
        return "distances are given as a matrix, not as a mesh"
    if not mesh.is_full_grid:
        return "the mesh has missing tiles"
    if problem.num_clusters > MOST_CLUSTERS:
        return f"{problem.num_clusters} clusters, the sets of at most {MOST_CLUSTERS} are enumerated"
    for lines, length in ((mesh.width, mesh.height), (mesh.height, mesh.width)):
        if not _has_few_profiles(problem.num_clusters, lines, length):
            return f"{problem.num_tiles - problem.num_clusters} empty tiles lie on {lines} lines in too many ways"
    return ""


def obstacle(problem: PlacementProblem) -> str:
    """Why the method does not apply, or not to costs as large as these; empty if it does."""
    return misfit(problem) or too_large(problem, LARGEST_COST)


def _has_few_profiles(clusters: int, lines: int, length: int) -> bool:
    """Count ways to share ``clusters`` among the lines, one line after the other, up to `MOST_PROFILES`."""
    ways = [1] + [0] * clusters  # to share so many clusters among the lines so far
    for _ in range(lines):
        ways = [sum(ways[max(0, k - length) : k + 1]) for k in range(clusters + 1)]
        if ways[-1] > MOST_PROFILES:  # a line more is no way less
            return False
    return True


@lru_cache(maxsize=64)
def profiles(clusters: int, lines: int, length: int) -> tuple[Profile, ...]:
    """Ways to share ``clusters`` among ``lines`` of at most ``length``, the largest first; where they are few."""
    found: list[Profile] = [()]
    for left in reversed(range(lines)):
        found = [
            (*profile, size)
            for profile in found
            for size in range(min(length, clusters - sum(profile)), -1, -1)
            if clusters - sum(profile) - size <= left * length
        ]
    return tuple(found)


def realisable(columns: Profile, rows: Profile) -> bool:
    """True if some set of tiles has these numbers of clusters on its columns and rows (Gale, Ryser)."""
    biggest = sorted(columns, reverse=True)
    return all(sum(biggest[:k]) <= sum(min(size, k) for size in rows) for k in range(1, len(biggest) + 1))


@dataclass(frozen=True)
class _Axis:
    """One direction of the mesh: how long, what a hop costs, where the I/O tile stands, whether it may be reflected."""

    lines: int
    length: int
    hop: int
    io_line: int | None

    @property
    def reflects(self) -> bool:
        return self.io_line is None or 2 * self.io_line == self.lines - 1


@dataclass(eq=False)
class _Pair:
    """A profile of the columns with one of the rows, and the best that is known about it."""

    columns: Profile
    rows: Profile
    bound: int
    multipliers: Array
    tried: int = 1
    climb: Climb | None = None
    too_large: bool = False


class Roots:
    """The pairs of profiles as nodes of a tree: first their multipliers climb, then their chains are extracted.

    Multipliers that were good for one pair are tried on the others: what they give for a profile is computed once.

    Attributes
    ----------
    bound : int
        No placement costs less, also while not all roots are open.
    complete : bool
        True once every pair is open, so that the tree's own bound holds.
    """

    def __init__(self, problem: PlacementProblem, tree: Tree, cap: int) -> None:
        assert problem.mesh is not None
        self.problem, self.tree, self.cap = problem, tree, cap
        self.bound, self.complete = 0, False
        self.weight = problem.flow_matrix + problem.flow_matrix.T
        np.fill_diagonal(self.weight, 0)
        self.axes = _axes(problem, problem.mesh)
        self.exchangeable = _exchangeable(*self.axes)
        m = problem.num_clusters
        self._profiles = [profiles(m, axis.lines, axis.length) for axis in self.axes]
        self._blocks = Blocks(m, {size for both in self._profiles for profile in both for size in profile})
        self._lists = {
            axis.hop: SetLists(SCALE * axis.hop * self.weight, self._look_at_the_clock) for axis in self.axes
        }
        self._layers: dict[tuple[int, Profile], Layers] = {}
        nothing = np.zeros(num_multipliers(m), dtype=np.int64)
        self._pool = [(nothing, self._blocks.charges(nothing))]
        self._known: dict[tuple[int, Profile, int], tuple[int, Array]] = {}
        self._num_pairs = 0

    def open(self) -> None:
        """Solve both directions alone for every profile and hand the pairs that may beat the incumbent to the tree.

        Raises
        ------
        TooManyChains, OutOfTime
        """
        least: list[dict[Profile, int]] = [{}, {}]
        for d, axis in enumerate(self.axes):
            for profile in self._profiles[d]:
                if not (axis.reflects and profile > profile[::-1]):
                    least[d][profile] = self._least(d, profile, 0)[0] if axis.hop else 0
        self.bound = self.tree.round_up(min(least[0].values()) + min(least[1].values()))
        self.complete = True
        for d in (0, 1):
            if self.axes[d].hop == 0:
                self._spread(1 - d, min(least[1 - d].items(), key=lambda item: item[1]))
                return
        nodes = []
        most = self.tree.limit // 2 if self.exchangeable else self.tree.limit
        for columns, x in least[0].items():
            for rows, y in least[1].items():
                if x + y <= self.tree.limit and x <= most and realisable(columns, rows):
                    nodes.append(self._node(_Pair(columns, rows, x + y, self._pool[0][0])))
        self._num_pairs = len(nodes)
        self.tree.push(nodes)

    def direction(self, d: int, profile: Profile) -> Direction:
        """The dynamic programme of one direction and profile, scaled."""
        axis, clusters = self.axes[d], self.problem.num_clusters
        boundaries = axis.lines - 1
        linear, constant = np.zeros((boundaries, clusters), np.int64), np.zeros(boundaries, np.int64)
        if axis.io_line is not None:
            assert self.problem.input_flow is not None
            inputs = SCALE * axis.hop * self.problem.input_flow
            behind = np.arange(boundaries) >= axis.io_line  # the I/O tile is in front of the boundary
            linear[behind], constant[behind] = -inputs, inputs.sum()
            linear[~behind] = inputs
        leader = int(self.weight.sum(axis=1).argmin()) if axis.reflects and profile == profile[::-1] else None
        return Direction(profile, SCALE * axis.hop * self.weight, linear, constant, leader)

    def _look_at_the_clock(self) -> None:
        if self.tree.watch.should_stop():
            raise OutOfTime

    def _of(self, d: int, profile: Profile) -> Layers:
        if (d, profile) not in self._layers:
            lists = self._lists[self.axes[d].hop]
            self._layers[d, profile] = Layers(self.direction(d, profile), self._blocks, lists)
        return self._layers[d, profile]

    def _least(self, d: int, profile: Profile, which: int) -> tuple[int, Array]:
        """Value and lines of the cheapest chain under multipliers of the pool."""
        if (d, profile, which) not in self._known:
            guesses = [self._known[d, profile, w][1] for w in (0, which - 1) if (d, profile, w) in self._known]
            self._known[d, profile, which] = self._of(d, profile).least(self._pool[which][1], guesses, self.cap)
        return self._known[d, profile, which]

    def _spread(self, d: int, best: tuple[Profile, int]) -> None:
        """Hops in the other direction are free: any cheapest chain of direction ``d`` makes an optimal placement."""
        profile, least = best
        if least > self.tree.limit:
            return
        line = self._least(d, profile, 0)[1]
        across = np.zeros_like(line)
        for p in range(len(profile)):
            across[line == p] = np.arange(profile[p])
        self.tree.offer(*((line, across) if d == 0 else (across, line)))

    def _node(self, pair: _Pair) -> Node:
        empty = Margins(
            *(
                tuple(axis.length - size for size in sizes)
                for axis, sizes in zip(self.axes, (pair.columns, pair.rows), strict=True)
            )
        )
        unknown = empty if any(empty.columns) else None
        m = self.problem.num_clusters
        return Node(pair.bound, lambda: self._visit(pair), pair.multipliers, m, empty=unknown)

    def _visit(self, pair: _Pair) -> Pair | list[Node]:
        """Raise the bound of a pair of profiles until its chains are few enough, then extract them."""
        before = pair.bound
        try:
            if self._num_pairs > 1 and not pair.too_large:
                try:
                    return self._extracted(pair, min(self.cap, _FEW_ARCS_OF_MANY))
                except TooManyChains:
                    pair.too_large = True
            self._try_pool(pair)
            if pair.bound > before:
                return [self._node(pair)]
            climb = pair.climb
            if self._is_worth_climbing(pair):
                self._climb(pair, climb or self._new_climb(pair))
                return [self._node(pair)]
            last = not self._blocks.listed or (climb is not None and climb.exhausted)
            try:
                return self._extracted(pair, self.cap if last else min(self.cap, _FEW_ARCS))
            except TooManyChains:
                if last:
                    raise
            self._climb(pair, climb or self._new_climb(pair))
        except OutOfTime:
            pass
        return [self._node(pair)]

    def _is_worth_climbing(self, pair: _Pair) -> bool:
        """True where chains are certainly too many to extract, or where multipliers serve other pairs as well."""
        if pair.climb is None:
            return self._num_pairs > 1 and self._blocks.listed
        far = self._num_pairs > 1 or 2 * pair.climb.reach < self.tree.limit - pair.bound
        return far and not pair.climb.exhausted

    def _extracted(self, pair: _Pair, cap: int) -> Pair | list[Node]:
        x = self._chains(0, pair, cap)
        y = None if x is None else self._chains(1, pair, cap)
        return [] if x is None or y is None else (x, y)

    def _try_pool(self, pair: _Pair) -> None:
        """Try the multipliers that other pairs have found since."""
        end = len(self._pool)
        for which in range(max(pair.tried, end - _MOST_TRIALS), end):
            multipliers, _ = self._pool[which]
            total = constant(multipliers, self.problem.num_clusters)
            bound = self._least(0, pair.columns, which)[0] + self._least(1, pair.rows, which)[0] - total
            if bound > pair.bound:
                pair.bound, pair.multipliers = bound, multipliers
                pair.climb = None  # another one will start from there
        pair.tried = end

    def _new_climb(self, pair: _Pair) -> Climb:
        x, y = self._of(0, pair.columns), self._of(1, pair.rows)
        alike = self.exchangeable and pair.columns == pair.rows and not x.direction.linear.any()
        limit = self.tree.limit + 1
        arcs, gain = _ONE_CLIMB if self._num_pairs == 1 else _MANY_CLIMBS
        return Climb(x, y, alike, self._blocks, pair.multipliers, limit, self.cap, arcs, gain, self.tree.offer)

    def _climb(self, pair: _Pair, climb: Climb) -> None:
        pair.climb = climb
        climb.advance()
        if climb.bound is not None and climb.bound > pair.bound:
            pair.bound, pair.multipliers = climb.bound, climb.multipliers
            if self._num_pairs > 1:
                self._pool.append((pair.multipliers, self._blocks.charges(pair.multipliers)))

    def _chains(self, d: int, pair: _Pair, cap: int) -> Chains | None:
        """Chains of one direction that may belong to a better placement."""
        layers = self._of(d, (pair.columns, pair.rows)[d])
        across = self._of(1 - d, (pair.columns, pair.rows)[1 - d])
        charge = self._blocks.charges(pair.multipliers)
        nothing = self._pool[0][1]
        total = constant(pair.multipliers, self.problem.num_clusters)
        guess = self._least(d, layers.direction.sizes, 0)
        other = (pair.rows, pair.columns)[d]
        if pair.multipliers is self._pool[0][0]:
            least = self._least(1 - d, other, 0)[0]
        else:
            least = across.least(charge, [], self.cap)[0]
        threshold = self.tree.limit + total - least
        if d == 1 or not self.exchangeable:
            return extract(layers, charge, threshold, cap, cap)
        # Columns cost at most half of what the incumbent costs. Of the two limits take the tighter one first.
        half = self.tree.limit // 2
        if half - guess[0] < threshold - layers.least(charge, [guess[1]], self.cap)[0]:
            chains = extract(layers, nothing, half, cap, cap)
            if chains is None:
                return None
            left = chains.marginals(chains.charges(*tables(pair.multipliers, self.problem.num_clusters))) <= threshold
        else:
            chains = extract(layers, charge, threshold, cap, cap)
            if chains is None:
                return None
            left = chains.marginals(np.zeros(len(chains.blocks), np.int64)) <= half
        chains = chains.restricted(left)
        return chains if chains.num_arcs else None


def _axes(problem: PlacementProblem, mesh: Mesh) -> tuple[_Axis, _Axis]:
    io: tuple[int | None, int | None] = None, None
    if problem.io_tile is not None and problem.input_flow is not None and problem.input_flow.any():
        io = int(mesh.x[problem.io_tile]), int(mesh.y[problem.io_tile])
    return _Axis(mesh.width, mesh.height, mesh.hop_x, io[0]), _Axis(mesh.height, mesh.width, mesh.hop_y, io[1])


def _exchangeable(x: _Axis, y: _Axis) -> bool:
    """True if some automorphism of the mesh turns columns into rows, at the same costs."""
    if (x.lines, x.hop) != (y.lines, y.hop):
        return False
    if x.io_line is None or y.io_line is None:
        return True
    return x.io_line == y.io_line or x.io_line + y.io_line == x.lines - 1

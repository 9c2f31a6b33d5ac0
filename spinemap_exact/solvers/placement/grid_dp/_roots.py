"""From a placement problem to pairs of chains: directions, profiles of empty tiles, symmetry, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.solvers.placement.grid_dp._chains import Chains, Direction, Extractor
from spinemap_exact.solvers.placement.grid_dp._tree import SCALE, Node, Pair, Tree

MOST_CLUSTERS = 31  # sets are enumerated: 2^31 of them take a quarter of a minute
MOST_PROFILES = 1500
Profile = tuple[int, ...]


def obstacle(problem: PlacementProblem) -> str:
    """Why the method does not apply; empty if it does."""
    mesh = problem.mesh
    if mesh is None:
        return "distances are given as a matrix, not as a mesh"
    if not mesh.is_full_grid:
        return "the mesh has missing tiles"
    if problem.num_clusters > MOST_CLUSTERS:
        return f"{problem.num_clusters} clusters, the sets of at most {MOST_CLUSTERS} are enumerated"
    for lines, length in ((mesh.width, mesh.height), (mesh.height, mesh.width)):
        if len(profiles(problem.num_clusters, lines, length, MOST_PROFILES + 1)) > MOST_PROFILES:
            return f"{problem.num_tiles - problem.num_clusters} empty tiles lie on {lines} lines in too many ways"
    return ""


@lru_cache(maxsize=64)
def profiles(clusters: int, lines: int, length: int, most: int) -> tuple[Profile, ...]:
    """Ways to share ``clusters`` among ``lines`` of at most ``length``, at most ``most`` of them."""

    def share(left: int, lines_left: int) -> Iterator[Profile]:
        if lines_left == 0:
            yield ()
            return
        for size in range(min(length, left), max(-1, left - (lines_left - 1) * length - 1), -1):
            for rest in share(left - size, lines_left - 1):
                yield (size, *rest)

    found = []
    for profile in share(clusters, lines):
        found.append(profile)
        if len(found) == most:
            break
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


class Roots:
    """The pairs of profiles as nodes of a tree; their chains are extracted when the tree comes to them.

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
        self._least: list[dict[Profile, int]] = [{}, {}]
        self._kept: dict[tuple[int, Profile], tuple[int, Chains | None]] = {}

    def open(self) -> None:
        """Solve both directions alone for every profile and hand the pairs that may beat the incumbent to the tree.

        Raises
        ------
        TooManyChains, OutOfTime
        """
        for d in (0, 1):
            self._solve_alone(d)
        least = self._least
        self.bound = self.tree.round_up(min(least[0].values()) + min(least[1].values()))
        self.complete = True
        for d in (0, 1):
            if self.axes[d].hop == 0:
                self._spread(1 - d)
                return
        nodes = []
        nothing = np.zeros_like(self.weight)
        for columns, x in least[0].items():
            for rows, y in least[1].items():
                if x + y <= self.tree.limit and realisable(columns, rows):
                    nodes.append(Node(x + y, self._maker(columns, rows), nothing))
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

    def _extractor(self, d: int, profile: Profile) -> Extractor:
        return Extractor(self.direction(d, profile), self.cap, self.tree.watch.should_stop)

    def _solve_alone(self, d: int) -> None:
        """Cheapest chain of every profile."""
        axis = self.axes[d]
        for profile in profiles(self.problem.num_clusters, axis.lines, axis.length, MOST_PROFILES + 1):
            if axis.reflects and profile > profile[::-1]:
                continue
            self._least[d][profile] = self._extractor(d, profile).least() if axis.hop else 0

    def _spread(self, d: int) -> None:
        """Hops in the other direction are free: any cheapest chain of direction ``d`` makes an optimal placement."""
        profile, least = min(self._least[d].items(), key=lambda item: item[1])
        if least > self.tree.limit:
            return
        chains = self._extractor(d, profile).below(least)
        assert chains is not None
        blocks = chains.cheapest(np.zeros(len(chains.blocks), np.int64))
        members = [[i for i in range(self.problem.num_clusters) if (block >> i) & 1] for block in blocks]
        across = [sum(1 << line[k] for line in members if k < len(line)) for k in range(self.axes[1 - d].lines)]
        self.tree.offer(*((blocks, across) if d == 0 else (across, blocks)))

    def _maker(self, columns: Profile, rows: Profile) -> Callable[[], Pair | None]:
        def make() -> Pair | None:
            x = self._chains(0, columns, self._least[1][rows])
            y = self._chains(1, rows, self._least[0][columns])
            return None if x is None or y is None else (x, y)

        return make

    def _chains(self, d: int, profile: Profile, other: int) -> Chains | None:
        """Chains that may belong to a better placement if the other direction costs at least ``other``."""
        threshold = self.tree.limit - other
        if d == 0 and self.exchangeable:
            threshold = min(threshold, self.tree.limit // 2)
        known = self._kept.get((d, profile))
        if known is None or known[0] < threshold:
            known = threshold, self._extractor(d, profile).below(threshold)
            self._kept[d, profile] = known
        chains = known[1]
        if chains is None or known[0] == threshold:
            return chains
        left = chains.restricted(chains.marginals(np.zeros(len(chains.blocks), np.int64)) <= threshold)
        return left if left.num_arcs else None


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

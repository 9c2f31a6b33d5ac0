"""Placement by the level-1 reformulation: agreement with enumeration, bounds that hold when stopped."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import optimum, random_placement_problem

from spinemap_exact.hardware import TileGrid
from spinemap_exact.io import read_problem
from spinemap_exact.kernels import tabu
from spinemap_exact.kernels.assignment import assign
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.placement import rlt1
from spinemap_exact.solvers.placement.rlt1 import _ascent
from spinemap_exact.solvers.placement.rlt1._tree import LARGEST_COST


@pytest.fixture
def without_tabu(monkeypatch):
    """The search must find every placement by itself: it starts from an arbitrary one."""

    def any_placement(problem, watch, start=None, idle_starts=0):
        return Placement(np.random.default_rng(7).permutation(problem.num_tiles)[: problem.num_clusters])

    monkeypatch.setattr(tabu, "search", any_placement)


def solve(problem: PlacementProblem, workers: int = 1, warm_start: Placement | None = None):
    return rlt1.solve(problem, Watch(Limits(time_s=None, workers=workers)), warm_start)


@pytest.mark.usefixtures("without_tabu")
@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_enumeration_on_eight_tiles(seed):
    """Deeper trees: dense traffic on 4 x 2 tiles, one of them empty for every other seed."""
    rng = np.random.default_rng(seed)
    clusters = 8 - seed % 2
    flow = rng.integers(0, 9, (clusters, clusters))
    mesh = Mesh.of_grid(TileGrid(4, 2), hop_x=1 + seed % 3)
    io = {"io_tile": int(rng.integers(8)), "input_flow": rng.integers(0, 9, clusters)} if seed % 4 == 3 else {}
    source, target = np.nonzero(flow)
    problem = PlacementProblem(clusters, source, target, flow[source, target], mesh=mesh, **io)
    assert solve(problem).objective == optimum(problem)


def test_two_workers_prove_the_same():
    problem = random_placement_problem(8, max_tiles=8, matrix=True, empty_tiles=False)
    assert solve(problem, workers=2).objective == solve(problem).objective == optimum(problem)


@pytest.mark.parametrize("flow_per_cluster", [1, 3, 8])
def test_a_stopped_search_still_bounds(flow_per_cluster):
    """Stopped after ever more looks at the clock, on 16 tiles; the optimum is at most what tabu finds."""
    rng = np.random.default_rng(flow_per_cluster)
    source, target = rng.integers(0, 14, (2, 14 * flow_per_cluster))
    flow = np.zeros((14, 14), dtype=np.int64)
    flow[source, target] = rng.integers(1, 9, source.size)
    problem = PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(4, 4)))
    best = problem.cost(tabu.search(problem, Watch(Limits())))
    bounds = []
    for looks in (0, 1, 4, 16, 40):
        watch = _ImpatientWatch(looks)
        result = rlt1.solve(problem, watch, None)
        assert result.dual_bound <= best <= result.objective
        bounds.append(result.dual_bound)
    assert bounds[-1] > bounds[0]


class _ImpatientWatch(Watch):
    """Says stop after so many questions, those of the tabu search left out."""

    def __init__(self, looks: int) -> None:
        super().__init__(Limits(time_s=1e6, workers=1))
        self.looks = looks

    def part(self, time_s=None, workers=None):
        return Watch(Limits(time_s=0.5))

    def should_stop(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.mark.usefixtures("without_tabu")
def test_memory_ends_and_the_search_goes_deep(monkeypatch):
    monkeypatch.setattr("spinemap_exact.solvers.placement.rlt1._tree._MEMORY", 0)
    for seed in range(20):
        problem = random_placement_problem(seed, max_tiles=6, matrix=True, empty_tiles=False)
        assert solve(problem).objective == optimum(problem), seed


@pytest.mark.parametrize("seed", range(20))
def test_assignment_with_integer_duals(seed):
    """Duals that fit and add up to the cost of the assignment prove it to be the best."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    cost = rng.integers(-20, 20, (n, n))
    cost[rng.random((n, n)) < 0.2] = _ascent.FORBIDDEN
    np.fill_diagonal(cost, rng.integers(0, 99, n))
    u, v, row_of_column = np.empty((3, n), dtype=np.int64)
    value = assign(cost, u, v, row_of_column)
    assert sorted(row_of_column) == list(range(n))
    assert (u[:, None] + v[None, :] <= cost).all()
    assert value == u.sum() + v.sum() == cost[row_of_column, np.arange(n)].sum()


@pytest.mark.usefixtures("without_tabu")
def test_too_many_tiles_fall_back_and_say_so():
    problem = PlacementProblem(3, [0, 1], [1, 2], [5, 7], mesh=Mesh.of_grid(TileGrid(8, 7)))
    result = solve(problem)
    # two flows between neighbours: no two tiles are closer than one hop
    assert result.dual_bound == 12 and "56 tiles" in result.reason


def test_costs_too_large_to_scale_fall_back_and_say_so():
    distance = np.random.default_rng(0).integers(1, 9, (5, 5))
    flow = np.random.default_rng(1).integers(1, LARGEST_COST, (5, 5))
    result = solve(PlacementProblem.from_matrices(flow, distance=distance))
    assert result.status is Status.FEASIBLE and "costs may reach" in result.reason


@pytest.mark.external
@pytest.mark.parametrize(("name", "best"), [("sp0", 492), ("sp5", 1185)])
def test_proves_tree_like_placements(name, best, external_data):
    problem, _ = read_problem(external_data / f"placement/{name}.json", "placement")
    result = solve(problem)
    assert (result.status, result.objective) == (Status.OPTIMAL, best)

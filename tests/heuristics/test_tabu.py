"""Placement heuristics: feasible, repeatable, and good where the optimum is known."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import optimum, random_placement_problem

from spinemap_exact.hardware import TileGrid
from spinemap_exact.heuristics.placement import sequential, tabu
from spinemap_exact.kernels.placement_annealing import anneal, pay
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Watch


@pytest.mark.parametrize("seed", range(20))
def test_tabu_finds_the_optimum_of_small_problems(seed):
    problem = random_placement_problem(seed, max_tiles=8 if seed % 5 == 0 else 6)
    found = tabu.run(problem, Watch(Limits(time_s=None)))
    assert not problem.violations(found)
    assert problem.cost(found) == optimum(problem)


@pytest.mark.parametrize("seed", range(10))
def test_annealing_counts_its_swaps_exactly(seed):
    """Symmetric distances, directed flows, linear costs, three empty tiles."""
    random = np.random.default_rng(seed)
    m, n = 9, 12
    traffic = random.integers(0, 9, (m, m)) * (random.random((m, m)) < 0.5)
    np.fill_diagonal(traffic, 0)
    source, target = np.nonzero(traffic)
    problem = PlacementProblem(
        m,
        source,
        target,
        traffic[source, target],
        mesh=Mesh.of_grid(TileGrid(4, 3)),
        io_tile=5,
        input_flow=random.integers(0, 20, m),
    )
    flow, paid = np.zeros((n, n), dtype=np.int64), np.zeros((n, n), dtype=np.int64)
    flow[:m, :m] = traffic + traffic.T
    paid[:m] = problem.linear
    distance = problem.distances.astype(np.int64)
    tiles = random.permutation(n)
    best, state = tiles.copy(), np.full(2, problem.cost(Placement(tiles[:m])))
    table = pay(flow, distance, paid, tiles)

    anneal(flow, distance, table, m, tiles, best, state, 100.0, 0.9, 20, seed)

    assert sorted(tiles) == sorted(best) == list(range(n))
    assert state.tolist() == [problem.cost(Placement(tiles[:m])), problem.cost(Placement(best[:m]))]
    assert (table == pay(flow, distance, paid, tiles)).all()


def test_tabu_on_one_tile_and_without_traffic():
    one = PlacementProblem.from_matrices(np.zeros((1, 1), dtype=np.int64), mesh=Mesh.of_grid(TileGrid(1, 1)))
    idle = PlacementProblem.from_matrices(np.zeros((3, 3), dtype=np.int64), mesh=Mesh.of_grid(TileGrid(2, 2)))
    for problem in (one, idle):
        found = tabu.run(problem, Watch(Limits(time_s=None)))
        assert (problem.violations(found), problem.cost(found)) == ([], 0)


def test_tabu_repeats_itself_for_one_seed():
    problem = PlacementProblem.from_matrices(
        np.random.default_rng(0).integers(0, 9, (9, 9)), mesh=Mesh.of_grid(TileGrid(4, 3))
    )
    runs = [tabu.run(problem, Watch(Limits(time_s=None, seed=5))).tile_of_cluster.tolist() for _ in range(2)]
    assert runs[0] == runs[1]


def test_tabu_stops_when_asked_and_keeps_a_placement():
    problem = PlacementProblem.from_matrices(
        np.random.default_rng(0).integers(0, 9, (60, 60)), mesh=Mesh.of_grid(TileGrid(8, 8))
    )
    watch = Watch(Limits(time_s=None))
    watch.request_stop()
    assert not problem.violations(tabu.run(problem, watch))


def test_sequential_goes_outwards_from_the_corner():
    problem = PlacementProblem(4, [0], [3], [1], mesh=Mesh.of_grid(TileGrid(3, 2)))
    # hops from (0, 0): tile 0 has none, tiles 3 and 1 one, tiles 4 and 2 two
    assert sequential.run(problem, Watch(Limits())).tile_of_cluster.tolist() == [0, 3, 1, 4]


def test_sequential_needs_no_dense_matrix():
    clusters = 10_000
    problem = PlacementProblem(clusters, [0], [9999], [1], mesh=Mesh.of_grid(TileGrid(100, 100)))
    assert not problem.violations(sequential.run(problem, Watch(Limits())))
    assert "distances" not in vars(problem)

"""Placement heuristics: feasible, repeatable, and good where the optimum is known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInstance
from spinemap_exact.hardware import TileGrid
from spinemap_exact.heuristics.placement import sequential, tabu
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Watch


def random_problem(seed: int) -> PlacementProblem:
    """Directed traffic on up to 8 tiles, often with empty tiles, unequal hops and an I/O tile; or any matrices."""
    random = np.random.default_rng(seed)
    width, height = [(2, 2), (3, 2), (2, 3), (7, 1), (4, 2)][seed % 5]
    tiles = width * height
    clusters = int(random.integers(2, min(tiles, 6) + 1))
    flow = random.integers(0, 10, (clusters, clusters)) * (random.random((clusters, clusters)) < 0.6)
    if seed % 4 == 3:
        return PlacementProblem.from_matrices(flow, distance=random.integers(0, 9, (tiles, tiles)))
    source, target = np.nonzero(flow)
    mesh = Mesh.of_grid(TileGrid(width, height), *random.integers(0, 4, 2).tolist())
    with_inputs = {} if seed % 2 else {"io_tile": tiles - 1, "input_flow": random.integers(0, 9, clusters)}
    return PlacementProblem(clusters, source, target, flow[source, target], mesh=mesh, **with_inputs)


def enumerate_optimum(problem: PlacementProblem) -> int:
    """Cheapest of all placements, from the dense matrices."""
    tiles = np.array(list(permutations(range(problem.num_tiles), problem.num_clusters)))
    cost = problem.linear[np.arange(problem.num_clusters), tiles].sum(axis=1)
    for source, target, flow in zip(problem.flow_from, problem.flow_to, problem.flow, strict=True):
        cost += flow * problem.distances[tiles[:, source], tiles[:, target]]
    return int(cost.min())


@pytest.mark.parametrize("seed", range(20))
def test_tabu_finds_the_optimum_of_small_problems(seed):
    problem = random_problem(seed)
    found = tabu.run(problem, Watch(Limits(time_s=None)))
    assert not problem.violations(found)
    assert problem.cost(found) == enumerate_optimum(problem)


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


def test_too_few_tiles_are_no_problem_to_solve():
    with pytest.raises(InvalidInstance, match="3 clusters, 2 tiles"):
        PlacementProblem(3, [0], [2], [1], mesh=Mesh.of_grid(TileGrid(2, 1)))


def test_sequential_goes_outwards_from_the_corner():
    problem = PlacementProblem(4, [0], [3], [1], mesh=Mesh.of_grid(TileGrid(3, 2)))
    # hops from (0, 0): tile 0 has none, tiles 3 and 1 one, tiles 4 and 2 two
    assert sequential.run(problem, Watch(Limits())).tile_of_cluster.tolist() == [0, 3, 1, 4]


def test_sequential_needs_no_dense_matrix():
    clusters = 10_000
    problem = PlacementProblem(clusters, [0], [9999], [1], mesh=Mesh.of_grid(TileGrid(100, 100)))
    assert not problem.violations(sequential.run(problem, Watch(Limits())))
    assert "distances" not in vars(problem)

"""Exact placement: agreement with enumeration, bounds that hold when stopped, limits that are said."""

from __future__ import annotations

from itertools import permutations
from math import comb

import numpy as np
import pytest
from draws import some
from interrupted import StopsAfter
from oracle import optimum, random_placement_problem

from spinemap_exact.errors import InvalidInstance
from spinemap_exact.hardware import TileGrid
from spinemap_exact.io.qaplib import read_qaplib, read_qaplib_solution
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Status, StopReason, Watch
from spinemap_exact.solvers import load
from spinemap_exact.solvers.placement import grid_dp, rlt1
from spinemap_exact.solvers.placement._bounds import cheap_bound
from spinemap_exact.solvers.placement._choice import choose
from spinemap_exact.solvers.placement._symmetry import automorphisms
from spinemap_exact.solvers.placement.grid_dp._roots import MOST_PROFILES, _has_few_profiles, profiles, realisable

SOLVERS = {"grid-dp": grid_dp, "rlt1": rlt1}


def mesh_problem(seed: int, tiles: int = 7) -> PlacementProblem:
    return random_placement_problem(seed, max_tiles=tiles, matrix=False, missing_tiles=False)


def larger_problem(seed: int, clusters: int = 14) -> PlacementProblem:
    """Dense traffic on a 4 x 4 mesh with two empty tiles."""
    flow = np.random.default_rng(seed).integers(0, 9, (clusters, clusters))
    return PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(4, 4)))


@pytest.mark.usefixtures("without_tabu")
@pytest.mark.parametrize("hundred", some(1, 5))
def test_grid_dp_agrees_with_enumeration(hundred):
    """500 problems with directed traffic, empty tiles, unequal hops and I/O tiles."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        problem = mesh_problem(seed, tiles=8 if seed % 20 == 0 else 6)
        result = grid_dp.solve(problem, Watch(Limits(time_s=None, workers=1)))
        assert (result.status, result.objective) == (Status.OPTIMAL, optimum(problem)), seed


def least_of_all_placements(problem: PlacementProblem) -> int:
    """All injections at once, one array of costs: up to 9 tiles, where there are 362,880."""
    tiles = np.array(list(permutations(range(problem.num_tiles), problem.num_clusters)), dtype=np.intp)
    cost = problem.linear[np.arange(problem.num_clusters), tiles].sum(axis=1)
    for a, b, packets in zip(problem.flow_from, problem.flow_to, problem.flow, strict=True):
        cost += packets * problem.distances[tiles[:, a], tiles[:, b]]
    return int(cost.min())


@pytest.mark.slow
@pytest.mark.usefixtures("without_tabu")
@pytest.mark.parametrize("hundred", range(5))
def test_grid_dp_agrees_with_enumeration_up_to_nine_tiles(hundred):
    for seed in range(1000 + 100 * hundred, 1100 + 100 * hundred):
        problem = mesh_problem(seed, tiles=9)
        result = grid_dp.solve(problem, Watch(Limits(time_s=None, workers=1)))
        assert (result.status, result.objective) == (Status.OPTIMAL, least_of_all_placements(problem)), seed


@pytest.mark.usefixtures("without_tabu")
@pytest.mark.parametrize("hundred", some(1, 5))
def test_rlt1_agrees_with_enumeration(hundred):
    """500 problems, also with missing tiles and with matrices that are neither symmetric nor zero on the diagonal."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        problem = random_placement_problem(seed, max_tiles=8 if seed % 20 == 0 else 6)
        result = rlt1.solve(problem, Watch(Limits(time_s=None, workers=1)))
        assert (result.status, result.objective) == (Status.OPTIMAL, optimum(problem)), seed


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_one_tile_costs_nothing(solver):
    problem = PlacementProblem(1, [0], [0], [9], mesh=Mesh.of_grid(TileGrid(1, 1)))
    result = solver.solve(problem, Watch(Limits()))
    assert (result.status, result.objective) == (Status.OPTIMAL, 0)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_a_stopped_search_still_bounds(solver):
    problem = larger_problem(0)
    watch = Watch(Limits(time_s=None))
    watch.request_stop()
    result = solver.solve(problem, watch)
    assert result.status is Status.FEASIBLE
    assert 0 < result.dual_bound < result.objective


@pytest.mark.usefixtures("without_tabu")
@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_bounds_hold_wherever_the_search_ends(solver):
    for seed in range(6):
        problem = mesh_problem(seed, tiles=6)
        least = optimum(problem)
        for questions in (0, 1, 2, 3, 5, 8, 13, 21, 34):
            result = solver.solve(problem, StopsAfter(questions))
            assert result.dual_bound <= least <= result.objective


def test_grid_dp_says_where_memory_ends():
    result = grid_dp.solve(larger_problem(1), Watch(Limits(time_s=None, workers=1)), memory_gb=1e-6)
    assert (result.status, result.stopped_by) == (Status.FEASIBLE, StopReason.MEMORY)
    assert result.reason.startswith("memory limit: more than ")
    assert result.dual_bound > 0


def test_grid_dp_says_what_it_cannot_do():
    matrix = PlacementProblem.from_matrices([[0, 2], [1, 0]], distance=[[0, 3, 4], [1, 0, 9], [9, 9, 0]])
    result = grid_dp.solve(matrix, Watch(Limits()))
    assert result.objective == 5  # distances 3 and 1 against flows 2 and 1: the other way round costs 7
    assert result.stopped_by is StopReason.EXHAUSTED
    assert "not as a mesh" in result.reason


def test_two_threads_prove_what_one_proves():
    problem = larger_problem(2, clusters=16)
    results = [grid_dp.solve(problem, Watch(Limits(time_s=None, workers=k))) for k in (1, 2)]
    assert {r.status for r in results} == {Status.OPTIMAL}
    assert results[0].objective == results[1].objective


def test_automorphisms_of_meshes():
    """A square has eight, a rectangle four; an I/O tile in a corner leaves the square its diagonal."""

    def count(width: int, height: int, **inputs) -> int:
        mesh = Mesh.of_grid(TileGrid(width, height))
        return len(automorphisms(PlacementProblem(2, [0], [1], [1], mesh=mesh, **inputs)))

    assert (count(3, 3), count(4, 2), count(3, 3, io_tile=0, input_flow=[1, 2])) == (8, 4, 2)


@pytest.mark.parametrize("seed", range(60))
def test_cheap_bound_holds(seed):
    problem = random_placement_problem(seed, max_tiles=6)
    assert 0 <= cheap_bound(problem) <= optimum(problem)


def test_ten_thousand_clusters_have_a_bound_without_dense_matrices():
    clusters = np.arange(10_000)
    problem = PlacementProblem(
        10_000, clusters[:-1], clusters[1:], np.ones(9_999), mesh=Mesh.of_grid(TileGrid(100, 100))
    )
    assert cheap_bound(problem) == 9_999  # a path: neighbours at distance one are possible
    result = load("placement", choose(problem))(problem, Watch(Limits(time_s=None)))
    assert (result.dual_bound, result.status) == (9_999, Status.FEASIBLE)
    assert "fell back to a simple bound: " in result.reason
    assert "distances" not in vars(problem)


def test_profiles_share_out_the_empty_tiles():
    assert profiles(4, 2, 3) == ((3, 1), (2, 2), (1, 3))
    assert realisable((2, 2), (2, 2))
    assert not realisable((2, 2, 0), (3, 1))  # a row of three needs three columns
    assert realisable((2, 1, 1), (3, 1))


@pytest.mark.external
@pytest.mark.parametrize("name", ["nug12", "nug15", "nug16b", pytest.param("nug20", marks=pytest.mark.slow)])
def test_nugent_instances_are_proven(external_data, name):
    problem = read_qaplib(external_data / "qaplib" / f"{name}.dat").problem
    known, _ = read_qaplib_solution(external_data / "qaplib" / f"{name}.sln", problem)
    result = grid_dp.solve(problem, Watch(Limits(time_s=None, workers=1)))
    assert (result.status, result.objective) == (Status.OPTIMAL, known)


@pytest.mark.external
@pytest.mark.parametrize("name", ["had12", "scr12", "chr12a", "tai12a", "rou12", "esc16a"])
def test_general_matrices_are_proven(external_data, name):
    problem = read_qaplib(external_data / "qaplib" / f"{name}.dat").problem
    known, _ = read_qaplib_solution(external_data / "qaplib" / f"{name}.sln", problem)
    result = rlt1.solve(problem, Watch(Limits(time_s=None, workers=1)))
    assert (result.status, result.objective) == (Status.OPTIMAL, known)


@pytest.mark.parametrize(("width", "height"), ((1200, 1), (1, 5000), (300, 300)))
@pytest.mark.parametrize("solver", ("grid-dp", "rlt1", "semidefinite", "portfolio"))
def test_few_clusters_on_huge_meshes_need_neither_recursion_nor_matrices(solver, width, height):
    """A path of three: neighbours at distance one are possible, and none are nearer."""
    problem = PlacementProblem(3, [0, 1], [1, 2], [5, 7], mesh=Mesh.of_grid(TileGrid(width, height)))
    result = load("placement", solver)(problem, Watch(Limits(time_s=5.0, workers=1)))
    assert result.dual_bound == 12
    assert "distances" not in vars(problem) or problem.num_tiles <= 5000


@pytest.mark.parametrize(
    ("clusters", "lines", "length"),
    (pytest.param(1, 1500, 1, marks=pytest.mark.slow), (1, 1501, 1), (31, 31, 1), (4, 40, 40)),
)
def test_profiles_are_listed_up_to_a_limit(clusters, lines, length):
    """One cluster stands on any of the lines; four on 40 lines in C(43, 4) ways."""
    ways = {(1, 1500): 1500, (1, 1501): 1501, (31, 31): 1, (4, 40): comb(43, 4)}[clusters, lines]
    few = _has_few_profiles(clusters, lines, length)
    assert few == (ways <= MOST_PROFILES)
    assert not few or len(profiles(clusters, lines, length)) == ways


def test_distances_that_would_fill_the_memory_are_refused():
    with pytest.raises(InvalidInstance, match="the distances of 16384 tiles take 2 GB"):
        _ = PlacementProblem(1, [], [], [], mesh=Mesh.of_grid(TileGrid(128, 128))).distances

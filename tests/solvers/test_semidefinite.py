"""The semidefinite bound: valid for any multipliers, never above the optimum, and worth its time."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import optimum, random_placement_problem

from spinemap_exact.hardware import TileGrid
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.placement import semidefinite
from spinemap_exact.solvers.placement._symmetry import automorphisms
from spinemap_exact.solvers.placement.semidefinite._rounding import Rounding
from spinemap_exact.solvers.placement.semidefinite._splitting import Splitting, project_on_simplices, symmetric_bases


def unlimited() -> Watch:
    return Watch(Limits(time_s=None, workers=1))


@pytest.mark.parametrize("hundred", range(3))
def test_bound_never_exceeds_the_optimum(hundred):
    """Empty and missing tiles, unequal hops, I/O tiles, unsymmetric matrices, costs on the diagonal."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        problem = random_placement_problem(seed, max_tiles=6)
        least = optimum(problem)
        if problem.num_tiles == 1:
            continue
        splitting, rounding = Splitting(problem), Rounding(problem)
        for _ in range(4):
            for _ in range(5):
                splitting.step()
            assert rounding.bound(*splitting.multipliers()) <= least, seed


@pytest.mark.parametrize("seed", range(40))
def test_any_multipliers_give_a_bound(seed):
    """The bound must not depend on where the multipliers come from, nor on how large they are."""
    rng = np.random.default_rng(seed)
    problem = random_placement_problem(seed, max_tiles=6)
    n = problem.num_tiles
    size = 10.0 ** rng.integers(-2, 4)
    factor = size * rng.normal(size=(rng.integers(0, n * n), n, n))
    beside = [size * rng.normal(size=(n, n, n)) for _ in range(2)]
    assert Rounding(problem).bound(factor, *beside) <= optimum(problem)


@pytest.mark.parametrize("broken", [1e300, -1e300, np.inf, -np.inf, np.nan])
def test_a_diverged_calculation_weakens_the_bound_only(broken):
    """Integers cannot hold these multipliers; some of them, at random places, must not overflow into a bound."""
    rng = np.random.default_rng(0)
    problem = random_placement_problem(3, max_tiles=6)
    n = problem.num_tiles
    beside = [np.where(rng.random((n, n, n)) < 0.3, broken, rng.normal(size=(n, n, n))) for _ in range(2)]
    for factor in (rng.normal(size=(3, n, n)), np.full((3, n, n), broken)):
        assert Rounding(problem).bound(factor, *beside) <= optimum(problem)


def test_closes_small_problems():
    """After enough steps the bound, rounded up, meets the optimum on most problems of six tiles."""
    closed = 0
    for seed in range(30):
        result = semidefinite.solve(random_placement_problem(seed, max_tiles=6), unlimited())
        closed += result.status is Status.OPTIMAL
    assert closed >= 20


def test_stronger_than_counting_on_a_mesh_with_empty_tiles():
    """Fourteen clusters on 4 x 4 tiles: the bound of the first twenty steps already passes the simple one."""
    flow = np.random.default_rng(3).integers(0, 9, (14, 14))
    problem = PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(4, 4)))
    result = semidefinite.solve(problem, unlimited())
    assert result.trace[0].dual_bound < result.dual_bound <= result.objective
    assert result.gap < 0.05


def test_a_stopped_solver_still_bounds():
    problem = random_placement_problem(5, max_tiles=6)
    watch = unlimited()
    watch.request_stop()
    result = semidefinite.solve(problem, watch)
    assert result.dual_bound <= optimum(problem) <= result.objective


def test_one_tile_costs_nothing():
    problem = PlacementProblem(1, [0], [0], [9], mesh=Mesh.of_grid(TileGrid(1, 1)))
    assert semidefinite.solve(problem, unlimited()).status is Status.OPTIMAL


def test_too_many_tiles_are_said():
    problem = PlacementProblem(2, [0], [1], [3], mesh=Mesh.of_grid(TileGrid(10, 5)))
    result = semidefinite.solve(problem, unlimited())
    assert result.objective == 3
    assert result.dual_bound == 3 or "fell back" in result.reason


@pytest.mark.parametrize("width, height, sizes", [(1, 2, [1, 1]), (4, 3, [2, 2, 4, 4]), (3, 3, [1, 1, 2, 2, 3])])
def test_automorphisms_split_what_they_do_not_change(width, height, sizes):
    """A function on 4 x 3 tiles is even or odd along 4, with two values, and even (two) or odd (one) along 3.

    On 3 x 3 tiles there are three orbits; two irreducible representations occur once, and that of two rows twice.
    """
    mesh = Mesh.of_grid(TileGrid(width, height))
    n = mesh.num_tiles
    problem = PlacementProblem(2, [0], [1], [1], mesh=mesh)
    bases = symmetric_bases(automorphisms(problem), n)
    whole = np.hstack(bases)
    np.testing.assert_allclose(whole.T @ whole, np.eye(n), atol=1e-12)
    np.testing.assert_allclose(bases[0][:, 0], n**-0.5)
    for a, one in enumerate(bases):
        for other in bases[:a]:
            np.testing.assert_allclose(one.T @ problem.distances @ other, 0, atol=1e-9)
    assert sorted(basis.shape[1] for basis in bases) == sizes


def test_simplices():
    """Blocks of a pair sum to one, have no entry on one tile for two clusters or two tiles for one cluster."""
    n = 4
    y = np.random.default_rng(0).normal(size=(n, n, n, n))
    y += y.transpose(2, 3, 0, 1)
    project_on_simplices(y)
    np.testing.assert_allclose(y, y.transpose(2, 3, 0, 1))
    np.testing.assert_allclose(y.sum(axis=(1, 3)), 1)
    assert y.min() >= 0
    i = np.arange(n)
    assert not y[:, i, :, i][:, ~np.eye(n, dtype=bool)].any()  # two clusters on one tile
    assert not y[i, :, i, :][:, ~np.eye(n, dtype=bool)].any()  # one cluster on two tiles


def test_products_of_a_placement_are_a_fixed_point():
    """The matrix of a placement lies in both sets that the splitting projects on."""
    problem = random_placement_problem(8, max_tiles=6, matrix=True)
    n = problem.num_tiles
    x = np.eye(n)[np.random.default_rng(1).permutation(n)]
    product = np.einsum("it,ju->itju", x, x)
    projected = product.copy()
    project_on_simplices(projected)
    np.testing.assert_allclose(projected, product, atol=1e-12)
    splitting = Splitting(PlacementProblem.from_matrices(np.ones((n, n)), distance=np.arange(n * n).reshape(n, n)))
    nearest, _ = splitting._semidefinite(product.astype(np.float32))
    np.testing.assert_allclose(nearest, product, atol=1e-5)


def test_a_new_balance_of_the_residuals_leaves_the_multipliers_alone():
    """The penalty changes after every 25th step; the bound of that step is none the worse."""
    flow = np.random.default_rng(4).integers(0, 9, (12, 12))
    problem = PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(4, 3)))
    splitting, rounding = Splitting(problem), Rounding(problem)
    bounds = {}
    for step in range(1, 26):
        splitting.step()
        if step in (20, 25):
            bounds[step] = rounding.bound(*splitting.multipliers())
    assert bounds[20] < bounds[25]


def test_threads_change_nothing():
    problem = PlacementProblem.from_matrices(np.arange(144).reshape(12, 12) % 7, mesh=Mesh.of_grid(TileGrid(4, 3)))
    bounds = []
    for workers in (1, 3):
        splitting = Splitting(problem, workers)
        for _ in range(8):
            splitting.step()
        bounds.append(Rounding(problem).bound(*splitting.multipliers()))
    assert bounds[0] == bounds[1]

"""Placement between any tiles: trees of assignment problems against enumeration, and against mutation."""

from __future__ import annotations

import copy
from itertools import permutations

import numpy as np
import pytest
from certificate_cases import claim, mutants
from oracle import optimum, random_placement_problem

from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.check.placement import assign, matching
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.hardware import TileGrid
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.proofs.placement import pairs as pair_proof
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.placement.rlt1._tree import Tree


def prove(problem: PlacementProblem, bound: int):
    """Search from an arbitrary placement and no bound, so that there is always a tree to write down."""
    start = Placement(np.arange(problem.num_clusters))
    tree = Tree(problem, Watch(Limits(time_s=None, workers=1)), start, 0)
    tree.run()
    assert tree.bound == tree.cost
    return pair_proof.prove(problem, bound, tree.trail, lambda: False)


def dense(seed: int, clusters: int = 7) -> PlacementProblem:
    """Much traffic between any two clusters; eight tiles in two rows."""
    flow = np.random.default_rng(seed).integers(0, 9, (clusters, clusters))
    return PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(4, 2)))


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_certified_optimum_equals_enumeration(count):
    """Meshes and matrices, with and without empty tiles and an I/O tile."""
    for seed in range(count):
        problem = random_placement_problem(seed, max_tiles=7)
        best = optimum(problem)

        evidence = prove(problem, best)

        assert check(problem, claim(problem, best, evidence)).lower == best, seed
        with pytest.raises(CertificateRejected):
            check(problem, claim(problem, best + 1, evidence))
        with pytest.raises(CertificateRejected):
            check(problem, claim(problem, None, evidence, infeasible=True))


@pytest.mark.parametrize("seed", range(3))
def test_trees_that_branch(seed):
    """The root bound is not enough, and reflections of the mesh leave a quarter of its cases."""
    problem = dense(seed, clusters=8 - seed % 2)
    best = optimum(problem)
    evidence = prove(problem, best)
    assert any("branch" in entry for entry in evidence["tree"])
    assert check(problem, claim(problem, best, evidence)).lower == best
    without = {**evidence, "symmetries": []}
    with pytest.raises(CertificateRejected, match="is missing"):
        check(problem, claim(problem, best, without))


@pytest.mark.parametrize("count", [40, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", range(3))
def test_mutants_are_rejected_or_still_true(seed, count):
    problem = dense(seed, clusters=8 - seed % 2)
    best = optimum(problem)
    evidence = prove(problem, best)
    for path, value, mutant in mutants(evidence, np.random.default_rng(seed), count):
        for bound in (best, best + 1):
            try:
                check(problem, claim(problem, bound, copy.deepcopy(mutant)))
            except (CertificateRejected, CertificateMalformed):
                continue
            assert bound == best, f"{path} -> {value!r}"


def test_any_multipliers_and_cells_prove_nothing_false():
    """Random multipliers, and splits over a random cluster of which a random tile is left out."""
    accepted = 0
    for seed in range(40):
        problem = random_placement_problem(seed, max_tiles=4)
        best, k, rng = optimum(problem), problem.num_tiles, np.random.default_rng(seed)
        rows, columns = rng.integers(-2, 3, (2, k, k, k))
        same = np.arange(k)
        rows[same, :, same] = columns[:, same, same] = 0
        change = {"rows": rows.ravel().tolist(), "columns": columns.ravel().tolist()}
        cells = [number for tile in rng.permutation(k)[1:] for number in (0, int(tile))]
        for tree in ([], [change], [{"branch": [0, 0], "cells": cells}]):
            evidence = {"kind": "pairs", "scale": 8, "symmetries": [], "tree": tree}
            for bound in {best // 4, best // 2, best, best + 1, best + 2}:
                try:
                    check(problem, claim(problem, bound, evidence))
                except (CertificateRejected, CertificateMalformed):
                    continue
                accepted += 1
                assert bound <= best
    assert accepted


def test_a_permutation_that_changes_distances_is_no_symmetry():
    problem = dense(0)
    evidence = prove(problem, optimum(problem))
    evidence["symmetries"].append([1, 0, *range(2, 8)])
    with pytest.raises(CertificateRejected, match=r"symmetries\[\d\]: changes a distance"):
        check(problem, claim(problem, optimum(problem), evidence))


def test_bounds_on_assignments_are_the_optima():
    """Against brute force, some cells ruled out; alone and together, and wherever the search begins."""
    rng = np.random.default_rng(0)
    for k in range(1, 6):
        costs = rng.integers(-20, 20, (30, k, k))
        costs[rng.random(costs.shape) < 0.2] = assign.NEVER
        best = [min(sum(int(c[i, p[i]]) for i in range(k)) for p in permutations(range(k))) for c in costs]
        begin = assign.Start(rng.integers(-20, 20, k), rng.permutation(k))
        for start in (None, begin, assign.Start(begin.v, np.full(k, -1))):
            assert assign.bounds(costs, start=start).tolist() == best
            assert [assign.bound(c, 2**60, start)[0] for c in costs] == best


def test_a_search_that_stops_early_has_proven_enough():
    rng = np.random.default_rng(1)
    costs = rng.integers(0, 50, (40, 5, 5))
    best = assign.bounds(costs)
    for enough in (10, 30, 60):
        together = assign.bounds(costs, np.full(40, enough))
        for found in (together, np.array([assign.bound(c, enough)[0] for c in costs])):
            assert ((found == best) | (found > enough)).all()
            assert (found <= best).all()


def test_usable_cells_are_those_of_assignments():
    """Against brute force, from empty squares to full ones."""
    rng = np.random.default_rng(0)
    for k in range(1, 6):
        for _ in range(60):
            alive = rng.random((k, k)) < rng.uniform(0.3, 1.0)
            expected = np.zeros_like(alive)
            for p in permutations(range(k)):
                if alive[range(k), p].all():
                    expected[range(k), p] = True
            found = matching.usable(alive)
            assert (found is None) == (not expected.any())
            assert found is None or (found == expected).all()


def test_more_tiles_than_pairs_fit_into_memory():
    tile = np.arange(64)
    problem = PlacementProblem.from_matrices(np.ones((50, 50)), mesh=Mesh(tile % 8, tile // 8))
    evidence = {"kind": "pairs", "scale": 1, "symmetries": [], "tree": []}
    with pytest.raises(CertificateRejected, match="pairs fit into memory"):
        check(problem, claim(problem, 1, evidence))

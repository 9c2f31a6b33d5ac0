"""Placement on meshes: proofs by lines and blocks against enumeration, and against mutation."""

from __future__ import annotations

import copy
from dataclasses import replace
from math import comb

import numpy as np
import pytest
from certificate_cases import claim, mutants
from oracle import optimum, random_placement_problem

from spinemap_exact.certificate.check import check, proven_bound
from spinemap_exact.certificate.check.instance import read
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.proofs.placement import mesh as mesh_proof


def prove(problem, bound, start=None):
    return mesh_proof.prove(problem, bound, lambda: False, start)


def ring(clusters: int, width: int, height: int, seed: int) -> PlacementProblem:
    """Random flows on a full grid."""
    rng = np.random.default_rng(seed)
    flow = rng.integers(0, 9, size=(clusters, clusters))
    tile = np.arange(width * height)
    return PlacementProblem.from_matrices(np.triu(flow, 1), mesh=Mesh(tile % width, tile // width))


@pytest.mark.parametrize("count", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_certified_optimum_equals_enumeration(count):
    """Tiny meshes, some with empty or missing tiles, dear hops in one direction, or an I/O tile."""
    for seed in range(count):
        problem = random_placement_problem(seed, matrix=False)
        best = optimum(problem)

        evidence = prove(problem, best)

        assert check(problem, claim(problem, best, evidence)).lower == best, seed
        with pytest.raises(CertificateRejected):
            check(problem, claim(problem, best + 1, evidence))
        assert prove(problem, best + 1) is None or evidence["kind"] == "lines", seed


@pytest.mark.parametrize("seed", range(12))
def test_symmetry_is_used_only_where_it_is_there(seed):
    """Squares, where columns and rows may be exchanged unless the I/O tile or the hops forbid it, at any I/O tile."""
    rng = np.random.default_rng(seed)
    side, clusters = (2, 4) if seed % 3 == 0 else (3, 5)
    tile, inputs = np.arange(side**2), rng.integers(0, 9, clusters) if seed % 4 else None
    mesh = Mesh(tile % side, tile // side, 1, 1 + (seed % 5 == 0))
    flow = rng.integers(0, 9, (clusters, clusters))
    entry = None if inputs is None else int(rng.integers(side**2))
    problem = replace(PlacementProblem.from_matrices(flow, mesh=mesh), io_tile=entry, input_flow=inputs)
    best = optimum(problem)
    search = mesh_proof._Search(read(problem).instance, 8, best, lambda: False)

    evidence = search.run(np.zeros(comb(clusters, 2), dtype=np.int64))

    assert check(problem, claim(problem, best, evidence)).lower == best
    assert prove(problem, best + 1) is None
    with pytest.raises(CertificateRejected):
        check(problem, claim(problem, best + 1, evidence))


def test_a_floor_above_the_least_chain_is_refused():
    problem = ring(5, 4, 2, 0)
    best = optimum(problem)
    evidence = mesh_proof._Search(read(problem).instance, 8, best, lambda: False)._root(np.zeros(10, dtype=np.int64))[0]
    for floor, reason in ((evidence["floor"] + 1, "a chain costs less"), (None, "columns and rows differ")):
        with pytest.raises((CertificateRejected, CertificateMalformed), match=reason):
            check(problem, claim(problem, best, {**evidence, "floor": floor}))


@pytest.mark.parametrize("count", [20, pytest.param(80, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", range(4))
def test_mutants_are_rejected_or_still_true(seed, count):
    """Four trees: multipliers of pairs alone are not enough."""
    problem = ring(6, 4, 2, seed)  # two empty tiles: both directions push them to the same corner
    best = optimum(problem)
    evidence = prove(problem, best, [0] * 15)
    assert evidence["kind"] == "blocks"
    assert_mutants_claim_nothing_false(problem, best, evidence, seed, count)


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", range(4))
def test_mutants_with_triples_are_rejected_or_still_true(seed, count):
    problem = ring(8, 4, 2, seed)
    best = optimum(problem)
    search = mesh_proof._Search(read(problem).instance, 8, best, lambda: False)
    assert_mutants_claim_nothing_false(problem, best, search.run(np.zeros(28 + 56, dtype=np.int64)), seed, count)


@pytest.mark.parametrize("seed", range(30))
def test_any_multipliers_prove_true_bounds(seed):
    """Pairs and triples, on meshes with empty and missing tiles."""
    problem = random_placement_problem(seed, matrix=False)
    n, rng = problem.num_clusters, np.random.default_rng(seed)
    for length in (comb(n, 2), comb(n, 2) + comb(n, 3)):
        for most in (2, 9, 40):
            evidence = {"kind": "lines", "scale": 4, "multipliers": rng.integers(0, most, length).tolist()}
            assert proven_bound(problem, evidence, None) <= optimum(problem)


def assert_mutants_claim_nothing_false(problem, best, evidence, seed, count):
    for path, value, mutant in mutants(evidence, np.random.default_rng(seed), count):
        for bound in (best, best + 1):
            try:
                check(problem, claim(problem, bound, copy.deepcopy(mutant)))
            except (CertificateRejected, CertificateMalformed):
                continue
            assert bound == best, f"{path} -> {value!r}"


@pytest.mark.parametrize("change", [{"scale": 0}, {"scale": 2**60}, {"multipliers": [-1] * 28}, {"tree": []}])
def test_out_of_range(change):
    problem = ring(8, 4, 2, 0)
    evidence = prove(problem, optimum(problem), [0] * 28) | change
    with pytest.raises((CertificateRejected, CertificateMalformed)):
        check(problem, claim(problem, optimum(problem), evidence))


@pytest.mark.parametrize("bound", [2**40, 2**62])
def test_huge_claims_fill_neither_memory_nor_integers(bound):
    problem = ring(12, 4, 3, 0)
    evidence = {"kind": "blocks", "scale": 8, "multipliers": [0] * 66, "floor": 0, "tree": []}
    with pytest.raises(CertificateRejected):
        check(problem, claim(problem, bound, evidence))


def test_a_mesh_too_large_is_refused_before_work_begins():
    tile = np.arange(36)
    problem = PlacementProblem.from_matrices(np.ones((36, 36)), mesh=Mesh(tile % 6, tile // 6))
    evidence = {"kind": "lines", "scale": 1, "multipliers": [0] * 630}
    with pytest.raises(CertificateRejected, match="sets can be looked at"):
        check(problem, claim(problem, 1, evidence))

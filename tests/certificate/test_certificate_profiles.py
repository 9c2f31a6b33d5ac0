"""Placement on meshes with empty tiles: proofs by pairs of profiles against enumeration, and against attacks."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from certificate_cases import claim, mutants
from oracle import optimum

from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.check.instance import read
from spinemap_exact.certificate.check.placement import profiles
from spinemap_exact.certificate.check.placement.blocks import Margins
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.proofs.placement import mesh as mesh_proof

FLAWS = (CertificateMalformed, CertificateRejected)


def drawn(seed: int) -> PlacementProblem:
    """Up to four empty tiles, some with an I/O tile or dear hops in one direction."""
    rng = np.random.default_rng([seed, 7])
    width, height = [(3, 3), (4, 2), (2, 4), (3, 2), (2, 2), (5, 1)][rng.integers(6)]
    clusters = min(6, int(rng.integers(max(1, width * height - 4), width * height)))
    tile = np.arange(width * height)
    mesh = Mesh(tile % width, tile // width, 1, 1 + int(rng.random() < 0.3))
    problem = PlacementProblem.from_matrices(rng.integers(0, 9, (clusters, clusters)), mesh=mesh)
    if rng.random() < 0.5:
        return problem
    return replace(problem, io_tile=int(rng.integers(tile.size)), input_flow=rng.integers(0, 9, clusters))


def triangle(seed: int = 10) -> PlacementProblem:
    """Six clusters on a square of nine tiles, all of them connected."""
    tile, flow = np.arange(9), np.random.default_rng(seed).integers(1, 9, (6, 6))
    return PlacementProblem.from_matrices(np.triu(flow, 1), mesh=Mesh(tile % 3, tile // 3))


def prove(problem: PlacementProblem, bound: int):
    search = mesh_proof._Search(read(problem).instance, 8, bound, lambda: False)
    return search.profiles(np.zeros(comb(problem.num_clusters, 2), dtype=np.int64))


def entries(evidence) -> Counter[str]:
    return Counter(kind for pair in evidence["pairs"] for entry in pair["tree"] for kind in entry)


@pytest.mark.parametrize("count", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_certified_optimum_equals_enumeration(count):
    for seed in range(count):
        problem = drawn(seed)
        best = optimum(problem)

        evidence = prove(problem, best)

        assert check(problem, claim(problem, best, evidence)).lower == best, seed
        assert prove(problem, best + 1) in (None, evidence), seed  # the same limit where costs have a divisor
        with pytest.raises(FLAWS):
            check(problem, claim(problem, best + 1, prove(problem, best + 1) or evidence))


def test_a_pair_that_is_open_cannot_be_left_out():
    problem = triangle()
    best = optimum(problem)
    evidence = prove(problem, best)
    assert len(evidence["pairs"]) > 3
    for k in range(len(evidence["pairs"])):
        fewer = {**evidence, "pairs": evidence["pairs"][:k] + evidence["pairs"][k + 1 :]}
        with pytest.raises(CertificateRejected, match="are missing"):
            check(problem, claim(problem, best, fewer))


@pytest.mark.parametrize(
    ("surplus", "reason"),
    [
        (lambda pairs: {**pairs[0], "columns": pairs[0]["columns"][::-1], "rows": [3, 3, 0]}, "need no proof"),
        (lambda pairs: pairs[0], "once more"),
        (lambda pairs: {**pairs[0], "rows": [3, 3]}, "2 entries where 3 are due"),
        (lambda pairs: {**pairs[0], "rows": [7, 0, -1]}, "outside"),
    ],
)
def test_pairs_beyond_those_that_are_open(surplus, reason):
    problem = triangle()
    evidence = prove(problem, optimum(problem))
    evidence["pairs"].append(copy.deepcopy(surplus(evidence["pairs"])))
    with pytest.raises(CertificateRejected, match=reason):
        check(problem, claim(problem, optimum(problem), evidence))


def with_positions(problem: PlacementProblem):
    """Evidence in which every pair is told apart by positions, at once, and proven by branches alone."""
    search = mesh_proof._Search(read(problem).instance, 8, optimum(problem), lambda: False)
    pairs = []
    for pair in profiles.open_pairs(search.relaxation, None, search.limit):
        tree = [{"positions": True}]
        for tiles in pair.case.empty.tiles():
            case = pair.case.occupied(tiles)
            assert search._grow(case, np.zeros(comb(case.num_clusters, 2), dtype=np.int64), tree)
        pairs.append({"columns": list(pair.columns), "rows": list(pair.rows), "tree": tree})
    return {"kind": "profiles", "scale": 8, "shared": [], "pairs": pairs}


def test_positions_of_empty_tiles_are_all_asked_for():
    """The entries of the last position are missed, whichever pair they belong to."""
    problem = triangle()
    best, evidence = optimum(problem), with_positions(problem)
    assert check(problem, claim(problem, best, evidence)).lower == best
    assert entries(evidence)["positions"] == len(evidence["pairs"]) < entries(evidence).total()
    for k, pair in enumerate(evidence["pairs"]):
        if len(pair["tree"]) > 1:
            shorter = copy.deepcopy(evidence)
            del shorter["pairs"][k]["tree"][-1]
            with pytest.raises(CertificateRejected, match="ends before all its cases are closed"):
                check(problem, claim(problem, best, shorter))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"positions": False}, "told apart by true"),
        ({"positions": 1}, "told apart by true"),
        ({"positions": True, "shared": 0}, "exactly positions"),
        ({"shared": 1}, "outside 0"),
        ({"shared": -1}, "outside 0"),
        ({"branch": [0, 9]}, "outside"),
        ({"branch": [2, 0]}, "no direction"),
        ({"multipliers": [0] * 15}, "15 multipliers where 36 or 120 are due"),
        ({"sparse": [3, 1, 3, 1]}, "do not ascend from 0 to 119"),
        ({"sparse": [5, 1, 3, 1]}, "do not ascend"),
        ({"sparse": [120, 1]}, "do not ascend"),
        ({"sparse": [0, 1, 2]}, "without its multiplier"),
        ({"sparse": [0, -1]}, "outside 0"),
    ],
)
def test_entries_that_say_nothing(entry, reason):
    """Behind the positions there are nine clusters."""
    problem = triangle()
    evidence = {**with_positions(problem), "shared": [[]]}
    pair = max(evidence["pairs"], key=lambda pair: len(pair["tree"]))
    pair["tree"].insert(1 if "positions" not in entry else 0, entry)
    with pytest.raises(FLAWS, match=reason):
        check(problem, claim(problem, optimum(problem), evidence))


def test_positions_are_told_apart_once():
    problem = triangle()
    evidence = with_positions(problem)
    pair = max(evidence["pairs"], key=lambda pair: len(pair["tree"]))
    pair["tree"].insert(0, {"positions": True})
    with pytest.raises(CertificateRejected, match="are known, or too many"):
        check(problem, claim(problem, optimum(problem), evidence))


@pytest.mark.parametrize("count", [40, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", range(3))
def test_mutants_are_rejected_or_still_true(seed, count):
    problem = triangle((10, 3, 20)[seed])
    best = optimum(problem)
    evidence = with_positions(problem) if seed else prove(problem, best)
    for path, value, mutant in mutants(evidence, np.random.default_rng(seed), count):
        for bound in (best, best + 1):
            try:
                check(problem, claim(problem, bound, copy.deepcopy(mutant)))
            except FLAWS:
                continue
            assert bound == best, f"{path} -> {value!r}"


def test_any_multipliers_prove_nothing_false():
    """Shared ones, also where positions are known, in place of the good ones."""
    problem = triangle()
    best, rng = optimum(problem), np.random.default_rng(0)
    honest = with_positions(problem)
    for _ in range(30):
        evidence = {
            **copy.deepcopy(honest),
            "shared": [[n for pair in enumerate(rng.integers(0, 30, 15).tolist()) for n in pair]],
        }
        for pair in evidence["pairs"]:
            pair["tree"] = [{"shared": 0}, *pair["tree"]] if rng.random() < 0.5 else [{"positions": True}]
        with pytest.raises(FLAWS):
            check(problem, claim(problem, best + 1, evidence))


def test_profiles_that_go_together_are_those_of_some_set_of_tiles():
    """All sets of tiles of a mesh of four by three; and for each pair of margins the sets that have them."""
    tiles = [*product(range(4), range(3))]
    found: dict[tuple, list] = {}
    for number in range(13):
        for chosen in combinations(tiles, number):
            margins = tuple(tuple(sum(t[d] == p for t in chosen) for p in range((4, 3)[d])) for d in (0, 1))
            found.setdefault(margins, []).append([*chosen])
    for columns, rows in product(product(range(4), repeat=4), product(range(5), repeat=3)):
        if sum(columns) == sum(rows):
            assert profiles.realisable(columns, rows) == ((columns, rows) in found)
            assert sorted(Margins(columns, rows).tiles()) == sorted(found.get((columns, rows), []))


def test_too_many_positions_are_left_alone():
    """Five empty tiles on five columns and five rows lie in 120 ways, six on six in 720."""
    assert Margins((1,) * 5, (1,) * 5).are_few
    assert not Margins((1,) * 6, (1,) * 6).are_few
    assert not Margins((9, 0), (1,) * 9).are_few
    assert not Margins((0, 0), (0, 0)).are_few


@pytest.mark.parametrize(
    ("mesh", "clusters", "reason"),
    [
        (Mesh(np.arange(6) % 3, np.arange(6) // 3), 6, "empty tiles"),
        (Mesh(np.array([0, 1, 2, 0, 1]), np.array([0, 0, 0, 1, 1])), 4, "missing ones"),
        (Mesh(np.arange(80) % 10, np.arange(80) // 10), 6, "more than 1500 profiles"),
    ],
)
def test_meshes_without_profiles(mesh, clusters, reason):
    problem = PlacementProblem.from_matrices(np.ones((clusters, clusters)), mesh=mesh)
    evidence = {"kind": "profiles", "scale": 1, "shared": [], "pairs": []}
    with pytest.raises(CertificateRejected, match=reason):
        check(problem, claim(problem, 1, evidence))


@pytest.mark.parametrize("bound", [2**40, 2**62])
def test_huge_claims_fill_neither_memory_nor_integers(bound):
    tile, rng = np.arange(16), np.random.default_rng(0)
    problem = PlacementProblem.from_matrices(rng.integers(0, 9, (12, 12)), mesh=Mesh(tile % 4, tile // 4))
    evidence = {"kind": "profiles", "scale": 8, "shared": [], "pairs": []}
    with pytest.raises(CertificateRejected):
        check(problem, claim(problem, bound, evidence))

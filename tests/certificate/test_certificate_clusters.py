"""Partition: trees of duals against enumeration, and against mutation."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from certificate_cases import claim, mutants, reservoir
from oracle import optimum, random_partition_problem

from spinemap_exact import solvers
from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.check.instance import read
from spinemap_exact.certificate.check.partition.clusters import Case, Pricing
from spinemap_exact.certificate.check.witness import cluster_packets
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.proofs import best as best_proof
from spinemap_exact.proofs.partition import clusters as cluster_proof
from spinemap_exact.proofs.partition import listed as list_proof
from spinemap_exact.proofs.partition.clusters import Shares
from spinemap_exact.result import Limits, Watch


def prove(problem):
    """Solve by branch and price; return the bound and the evidence written from what it leaves."""
    result = solvers.load("partition", "branch-price")(problem, Watch(Limits(time_s=300, workers=1)))
    if result.evidence is None:
        return result, None
    return result, cluster_proof.prove(problem, result.dual_bound, result.evidence, lambda: False)


def counted(problem):
    """Clusters counted by duals of one for each unit, which the solver need not do where columns settle it."""
    proof = SimpleNamespace(duals=[1] * problem.num_units, penalties=[], scale=1)
    root = SimpleNamespace(branching=SimpleNamespace(together=(), apart=()), proof=proof)
    result = solvers.load("partition", "branch-price")(problem, Watch(Limits(time_s=300, workers=1)))
    left_behind = SimpleNamespace(triples=(), leaves=[root])
    return result, cluster_proof.prove(problem, result.dual_bound, left_behind, lambda: False)


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_certified_optimum_equals_enumeration(count):
    """Tiny problems of every traffic and objective; crossbars of one type, for which the bound is the optimum."""
    written = 0
    for seed in range(count):
        problem = random_partition_problem(seed, crossbar_types=1, max_area=False)
        best = optimum(problem)
        _, evidence = prove(problem)
        if evidence is None:  # counting settled it
            continue
        written += 1
        if best is None:
            check(problem, claim(problem, None, evidence, infeasible=True))
            continue
        assert check(problem, claim(problem, best, evidence)).lower == best, seed
        with pytest.raises(CertificateRejected):
            check(problem, claim(problem, best + 1, evidence))
        with pytest.raises(CertificateRejected):
            check(problem, claim(problem, None, evidence, infeasible=True))
    assert written > count // 5  # the others are settled by counting


@pytest.mark.parametrize(
    ("seed", "options"),
    [
        (0, {}),
        (1, {}),
        (2, {"traffic": "per-synapse"}),
        (3, {"traffic": "per-synapse"}),
        (4, {"objective": "crossbars"}),
    ],
)
def test_mutants_are_rejected_or_still_true(seed, options):
    """150 mutants of each of five trees; the bound above the proven one never passes."""
    problem = reservoir(seed, **options)
    result, evidence = prove(problem) if options.get("objective") != "crossbars" else counted(problem)
    bound = result.dual_bound
    assert result.objective == bound, "the solver proves optimality, so a bound above it is a lie"
    assert check(problem, claim(problem, bound, evidence)).lower == bound
    for path, value, mutant in mutants(evidence, np.random.default_rng(seed), 150):
        for claimed in (bound, bound + 1):
            try:
                check(problem, claim(problem, claimed, mutant))
            except (CertificateRejected, CertificateMalformed):
                continue
            assert claimed == bound, f"{path} -> {value!r}"


@pytest.mark.parametrize("traffic", ["per-tile", "per-synapse"])
def test_shares_are_found_down_to_the_dearest_cluster(traffic):
    """For any duals and penalties, a pricing tree shows the worth of the best cluster, and not one less."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        instance = read(reservoir(seed, units=7, traffic=traffic)).instance
        case, triples = Case(instance), [[0, 1, 2], [2, 4, 6]]
        duals, penalties = (rng.integers(0, 10**9, size).tolist() for size in (7, 2))
        clusters = [c for size in range(4) for c in itertools.combinations(range(7), size)]
        dearest = max(
            sum(duals[u] for u in c)
            - 10**7 * cluster_packets(instance, set(c))
            - sum(p for p, t in zip(penalties, triples, strict=True) if len({*c} & {*t}) > 1)
            for c in clusters
            if case.fits(sum(1 << u for u in c))
        )
        pricing = Pricing(case, case.items(10**7, triples, penalties), duals)
        assert Shares(pricing, dearest, lambda: False).tree() is not None, seed
        assert Shares(pricing, dearest - 1, lambda: False).tree() is None, seed


def test_a_tree_is_searched_for_where_the_solver_left_none():
    problem = reservoir(0)
    result, _ = prove(problem)
    found = best_proof.certificate(problem, replace(result, evidence=None), Watch(Limits(time_s=100, workers=1)))
    assert (found.lower, found.evidence["kind"]) == (result.objective, "clusters")
    hurried = best_proof.certificate(problem, replace(result, evidence=None), Watch(Limits(time_s=5, workers=1)))
    assert hurried.lower < result.objective


def test_a_list_or_the_root_is_certified_where_the_tree_takes_too_long(monkeypatch):
    problem = reservoir(1)
    result, _ = prove(problem)
    root = result.evidence.root.bound
    assert root < result.objective

    def slow(problem, claim, left_behind, should_stop):
        return None if len(left_behind.leaves) > 1 else prove_in_time(problem, claim, left_behind, should_stop)

    prove_in_time = cluster_proof.prove
    monkeypatch.setattr(cluster_proof, "prove", slow)
    listed = best_proof.certificate(problem, result, Watch(Limits(time_s=100, workers=1)))
    assert (listed.lower, listed.evidence["kind"]) == (result.objective, "listed")
    monkeypatch.setattr(list_proof, "prove", lambda *_: None)
    found = best_proof.certificate(problem, result, Watch(Limits(time_s=100, workers=1)))
    assert (found.lower, found.upper) == (root, result.objective)


def test_a_dropped_case_is_missed():
    problem = reservoir(1)
    result, evidence = prove(problem)
    entries = evidence["tree"]
    for k in range(len(entries)):
        fewer = {**evidence, "tree": entries[:k] + entries[k + 1 :]}
        with pytest.raises((CertificateRejected, CertificateMalformed)):
            check(problem, claim(problem, result.dual_bound, fewer))

"""Partition: lists of clusters against enumeration, and against attacks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from certificate_cases import claim, mutants, reservoir
from oracle import optimum, random_partition_problem

from spinemap_exact import solvers
from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import read
from spinemap_exact.certificate.check.partition.clusters import MAX_WORK, Case, Goal, Pricing, walk
from spinemap_exact.certificate.check.partition.listed import Lister
from spinemap_exact.certificate.check.witness import cluster_packets
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.proofs import best as best_proof
from spinemap_exact.proofs.partition import clusters as cluster_proof
from spinemap_exact.proofs.partition import listed as list_proof
from spinemap_exact.proofs.partition.listed import Lists
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.partition import branch_price
from spinemap_exact.solvers.partition.branch_price import _tree

FLAWS = (CertificateMalformed, CertificateRejected)


def watch() -> Watch:
    return Watch(Limits(time_s=300, workers=1))


def prove(problem):
    """Solve, and prove the optimum by a list from the duals of the root, as where a choice among clusters ended it.

    Nodes are listed in few steps, so that there are several.
    """
    result = solvers.load("partition", "branch-price")(problem, watch())
    root = getattr(result.evidence, "root", None)
    if root is None or result.objective is None:
        return result, None
    return result, list_proof.prove(problem, result.objective, result.evidence, watch(), most_steps=12)


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_certified_optimum_equals_enumeration(count):
    written = 0
    for seed in range(count):
        problem = random_partition_problem(seed, crossbar_types=1, max_area=False)
        if problem.objective != "packets":
            continue
        best = optimum(problem)
        _, evidence = prove(problem)
        if evidence is None:  # counting settled it
            continue
        written += 1
        assert check(problem, claim(problem, best, evidence)).lower == best, seed
        with pytest.raises(CertificateRejected):
            check(problem, claim(problem, best + 1, evidence))
        with pytest.raises(CertificateRejected):
            check(problem, claim(problem, None, evidence, infeasible=True))
    assert written > count // 10


@pytest.mark.parametrize(
    ("seed", "options"), [(0, {}), (1, {}), (4, {}), (2, {"traffic": "per-synapse"}), (3, {"traffic": "per-synapse"})]
)
def test_mutants_are_rejected_or_still_true(seed, options):
    problem = reservoir(seed, **options)
    result, evidence = prove(problem)
    bound = result.objective
    assert check(problem, claim(problem, bound, evidence)).lower == bound
    for path, value, mutant in mutants(evidence, np.random.default_rng(seed), 150):
        for claimed in (bound, bound + 1):
            try:
                check(problem, claim(problem, claimed, mutant))
            except FLAWS:
                continue
            assert claimed == bound, f"{path} -> {value!r}"


@pytest.mark.parametrize("traffic", ["per-tile", "per-synapse"])
def test_the_list_holds_every_cluster_above_the_limit(traffic):
    """For any duals, penalties and limit, and however early nodes are listed; worths by enumeration."""
    scale, listed = 10**5, 0
    for seed, most_steps in itertools.product(range(6), (1, 20, 1000)):
        rng = np.random.default_rng(seed)
        instance = read(reservoir(seed, units=7, traffic=traffic)).instance
        case, triples = Case(instance), [[0, 1, 2], [2, 4, 6]]
        duals, penalties = rng.integers(0, 10**7, 7).tolist(), rng.integers(0, 10**6, 2).tolist()
        worth = {
            sum(1 << u for u in c): sum(duals[u] for u in c)
            - scale * cluster_packets(instance, set(c))
            - sum(p for p, t in zip(penalties, triples, strict=True) if len({*c} & {*t}) > 1)
            for size in range(1, 4)
            for c in itertools.combinations(range(7), size)
        }
        worth = {c: w for c, w in worth.items() if case.fits(c)}
        above = int(np.quantile(list(worth.values()), 0.5))
        pricing = Pricing(case, case.items(scale, triples, penalties), duals)
        tree = Lists(pricing, above, lambda: False, most_steps).tree()
        budget = Budget(MAX_WORK)
        lister = Lister(pricing, scale, list(zip(triples, penalties, strict=True)), above, budget)
        walk(pricing, above, Field(tree, "pricing"), budget, lister.enumerate)
        assert lister.found == {c: w for c, w in worth.items() if w > above}, (seed, most_steps)
        listed += len(lister.found)
    assert listed > 0


def test_a_limit_that_two_clusters_may_share_is_rejected():
    """2 above + (K - 2) m must stay below what a cheaper partition needs; at that, it is rejected."""
    problem = reservoir(1)
    result, evidence = prove(problem)
    instance = read(problem).instance
    goal = Goal.of(instance, result.objective, evidence["scale"])
    case = Case(instance)
    worth = [
        sum(evidence["duals"][u] for u in c)
        - goal.scale * cluster_packets(instance, set(c))
        - sum(p for p, t in zip(evidence["penalties"], evidence["triples"], strict=True) if len({*c} & {*t}) > 1)
        for size in range(1, 4)
        for c in itertools.combinations(range(problem.num_units), size)
        if case.fits(sum(1 << u for u in c))
    ]
    need = sum(evidence["duals"]) - sum(evidence["penalties"]) - goal.scale * goal.beyond
    limit = -(((goal.clusters - 2) * max(0, *worth) - need) // 2)
    assert evidence["above"] < limit < max(worth)
    limit_evidence = Lists(
        Pricing(case, case.items(goal.scale, evidence["triples"], evidence["penalties"]), evidence["duals"]),
        limit,
        lambda: False,
        most_steps=1000,
    ).tree()
    with pytest.raises(CertificateRejected, match="two clusters worth"):
        check(problem, claim(problem, result.objective, {**evidence, "above": limit, "pricing": limit_evidence}))


def test_a_node_that_is_closed_instead_of_listed_is_rejected():
    problem = reservoir(1)
    result, evidence = prove(problem)
    entries = evidence["pricing"]
    lists = [k for k, entry in enumerate(entries) if isinstance(entry, dict)]
    assert lists
    for k in lists:
        closed = {**evidence, "pricing": [*entries[:k], entries[k]["list"], *entries[k + 1 :]]}
        with pytest.raises(CertificateRejected):
            check(problem, claim(problem, result.objective, closed))


def test_a_tree_cut_short_is_missed():
    problem = reservoir(1)
    result, evidence = prove(problem)
    for k in range(len(evidence["pricing"])):
        with pytest.raises(CertificateRejected, match="ends before all its cases"):
            check(problem, claim(problem, result.objective, {**evidence, "pricing": evidence["pricing"][:k]}))


def test_other_objectives_are_refused():
    packets, clusters = reservoir(0), reservoir(0, objective="crossbars")
    _, evidence = prove(packets)
    with pytest.raises(CertificateRejected, match="bounds packets"):
        check(clusters, claim(clusters, 1, evidence))


@pytest.mark.parametrize("traffic", ["per-tile", "per-synapse"])
def test_a_choice_among_listed_clusters_is_certified(traffic, monkeypatch):
    """The solver lists after one node and leaves what that began with; the tree of another solve is not needed."""
    monkeypatch.setattr(_tree, "_PATIENCE", 1)
    monkeypatch.setattr(_tree._cuts, "separate", lambda *_: [])
    monkeypatch.setattr(cluster_proof, "search", None)
    listed = 0
    for seed in range(6):
        problem = reservoir(seed, traffic=traffic)
        result = solvers.load("partition", "branch-price")(problem, watch())
        if not isinstance(result.evidence, branch_price.Listing):  # the root settled it
            continue
        listed += 1
        found = best_proof.certificate(problem, result, watch())
        assert (found.lower, found.upper, found.evidence["kind"]) == (result.objective, result.objective, "listed")
    assert listed > 0


def test_the_root_alone_is_certified_where_the_list_takes_too_long(monkeypatch):
    monkeypatch.setattr(_tree, "_PATIENCE", 1)
    monkeypatch.setattr(list_proof, "prove", lambda *_: None)
    problem = reservoir(1)
    result = solvers.load("partition", "branch-price")(problem, watch())
    assert isinstance(result.evidence, branch_price.Listing)
    monkeypatch.setattr(best_proof, "_LEAST_SEARCH_S", 60.0)  # no search of the writer's own
    found = best_proof.certificate(problem, result, Watch(Limits(time_s=30, workers=1)))
    assert (found.lower, found.evidence["kind"]) == (result.evidence.root.bound, "clusters")

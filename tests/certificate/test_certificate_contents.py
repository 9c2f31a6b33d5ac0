"""Evidence of what crossbars hold: against all mappings of tiny networks, from any values, and changed everywhere."""

from __future__ import annotations

import copy
from random import Random

import numpy as np
import pytest
from ask import mapping_problem
from certificate_cases import claim, mutants
from crossbar_contents import best, ring, some_values

from spinemap_exact.certificate import check
from spinemap_exact.certificate.check.field import LARGEST
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.proofs import best as best_proof
from spinemap_exact.proofs.mapping import contents as content_proof
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.mapping import contents
from spinemap_exact.solvers.mapping.contents._instance import Instance

FLAWS = (CertificateMalformed, CertificateRejected)
SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 540))]


def never() -> bool:
    return False


def watch(time_s=2.0):
    return Watch(Limits(time_s, 1, 0))


def drawn(seed):
    draw = Random(seed)
    return mapping_problem(draw, "energy", draw.choice([0, 0, 7]))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_values_prove_more_than_the_optimum(seed):
    """Values drawn at random prove what the best content leaves of them, unless it is more than any mapping costs."""
    problem, least = drawn(seed)
    instance = Instance(problem)
    if instance.too_large:
        pytest.skip("costs too large to price")
    for k in range(4):
        values = some_values(instance, Random(4 * seed + k))
        most = best(instance, values)
        bound = instance.bound(values, most)
        found = contents.Evidence(values, most, bound)
        assert content_proof.prove(problem, least + 1, found, never) is None
        evidence = content_proof.prove(problem, bound, found, never)
        if evidence is None:  # per synapse, what is lost is bounded; and huge values leave flows no exact price
            assert instance.per_synapse or values.total > 2**35
        elif values.total + int(values.synapses.sum()) < LARGEST // 2:
            assert check.verified(problem, evidence, bound).lower == bound
            with pytest.raises(FLAWS):
                check.verified(problem, evidence, least + 1)


@pytest.mark.parametrize("seed", range(20))
def test_what_the_solver_claims_is_verified(seed):
    problem, least = drawn(seed)
    result = contents.solve(problem, watch(0.5))
    found = [e for e in result.evidence if isinstance(e, contents.Evidence)]
    if not found:  # priced trees prove as much
        return
    certificate = best_proof.certificate(problem, result, watch(20.0))
    assert certificate.lower == result.dual_bound <= least


def proven():
    """Half a ring in each of two crossbars costs 220: 6 local reads of 10, 4 packets of 40."""
    problem = ring(6, 5, 3)
    result = contents.solve(problem, watch())
    certificate = best_proof.certificate(problem, result, watch(20.0))
    assert certificate.lower == 220 and certificate.evidence["kind"] == "contents"
    return problem, certificate.evidence


def test_no_change_of_the_evidence_proves_more():
    problem, evidence = proven()
    accepted = 0
    for path, value, changed in mutants(evidence, np.random.default_rng(1), 600):
        for lower in (220, 221):
            try:
                check.check(problem, claim(problem, lower, changed))
            except FLAWS:
                continue
            assert lower == 220, (path, value)
            accepted += 1
    assert accepted < 400  # some numbers have room


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("synapses", lambda e: [x + 10**9 for x in e["synapses"]], "its carry costs"),
        ("synapses", lambda e: [-1, *e["synapses"][1:]], "lies outside 0"),
        ("axons", lambda e: [-1, *e["axons"][1:]], "lies outside 0"),
        ("neurons", lambda e: [0] * len(e["neurons"]), "the values do not add up to the claim"),
        ("neurons", lambda e: [10**9, *e["neurons"][1:]], "the claim allows"),
        ("pricing", lambda e: e["pricing"][:-1], "the tree ends before"),
        ("pricing", lambda e: [*e["pricing"], [0, 0]], "entries that belong to no case"),
        ("scale", lambda e: 0, "lies outside 1"),
    ],
)
def test_each_rule_is_checked(key, value, reason):
    problem, evidence = proven()
    forged = copy.deepcopy(evidence)
    forged[key] = value(evidence)
    with pytest.raises(FLAWS, match=reason):
        check.check(problem, claim(problem, 220, forged))

"""The checker against enumeration, and against those who want it to accept a lie."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from certificate_cases import claim, mutants
from draws import some
from oracle import optimum, random_problem, random_unroll_problem

from spinemap_exact import heuristics
from spinemap_exact.certificate import format
from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.heuristics.placement.sequential import run as place_in_sequence
from spinemap_exact.proofs import best as best_proof
from spinemap_exact.result import Limits, Watch, conclude

KINDS = ("packing", "unroll", "partition", "placement")


def tiny(kind, seed):
    # the ways to unroll four neurons are too many for a quick test
    return random_unroll_problem(seed, neurons=3, axons=5) if kind == "unroll" else random_problem(kind, seed)


def solved(problem):
    """The result of a solver that knows the optimum and leaves no evidence."""
    watch = Watch(Limits(time_s=5))
    best = optimum(problem)
    return best, conclude(problem, None, best, engine="oracle", watch=watch, infeasible=best is None)


@pytest.mark.parametrize("quarter", some(1, 4))
@pytest.mark.parametrize("kind", KINDS)
def test_certified_optimum_equals_enumeration(kind, quarter):
    """200 tiny problems of each kind; one above the optimum is never accepted."""
    for seed in range(50 * quarter, 50 * quarter + 50):
        problem = tiny(kind, seed)
        best, result = solved(problem)

        written = best_proof.certificate(problem, result)

        verified = check(problem, written)
        assert (verified.lower, verified.infeasible) == (best, best is None), f"{kind} {seed}"
        if best is not None and (written.evidence["kind"] != "exhaustive" or seed % 8 == 0):  # trying all takes time
            with pytest.raises(CertificateRejected):
                check(problem, claim(problem, best + 1, written.evidence))
            with pytest.raises(CertificateRejected):
                check(problem, claim(problem, None, written.evidence, infeasible=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_never_passes_for_another_instance(kind):
    written = [best_proof.certificate(p, solved(p)[1]) for p in (tiny(kind, seed) for seed in range(8))]
    for seed in range(8):
        for other in range(8):
            if seed != other:
                with pytest.raises(CertificateRejected, match=r"instance|scope"):
                    check(tiny(kind, seed), written[other])


def test_the_witness_is_priced_again():
    problem = random_problem("placement", 3)
    placement = place_in_sequence(problem, Watch(Limits()))
    watch = Watch(Limits(time_s=5))
    written = best_proof.certificate(problem, conclude(problem, placement, None, engine="test", watch=watch))
    assert check(problem, written).upper == problem.cost(placement)
    lie = {**vars(written), "upper": written.upper - 1}
    with pytest.raises(CertificateRejected, match="upper: claims"):
        check(problem, Certificate(**lie))


def optimal_certificate(problem):
    """Witness and evidence together, for the attacks below."""
    watch = Watch(Limits(time_s=5))
    if problem.kind == "packing":
        return problem, np.arange(problem.num_items)
    if problem.kind == "placement":
        return problem, place_in_sequence(problem, watch)
    if problem.kind == "partition":
        return problem, heuristics.load("partition", "sequential")(problem, watch)
    return problem, heuristics.load("unroll", "chain")(problem, watch)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_mutants_are_rejected_or_still_true(kind, seed):
    """150 mutants of each of 16 certificates."""
    problem, solution = optimal_certificate(tiny(kind, seed))
    best = optimum(problem)
    watch = Watch(Limits(time_s=5))
    result = conclude(problem, solution, best, engine="oracle", watch=watch, infeasible=best is None)
    written = best_proof.certificate(problem, result)
    table = json.loads(json.dumps({"format": format.FORMAT, "version": format.VERSION, **vars(written)}))
    accepted = 0
    for path, value, mutant in mutants(table, np.random.default_rng([seed, 7]), 150):
        try:
            verified = check(problem, format.from_bytes(json.dumps(mutant).encode()))
        except (CertificateRejected, CertificateMalformed):
            continue
        accepted += 1
        said = f"{path} -> {value!r}"
        assert verified.lower is None or verified.lower <= best, said
        assert verified.upper is None or verified.upper >= best, said
        assert verified.infeasible == (best is None), said
    assert accepted < 75


def test_the_checker_loads_nothing_that_it_judges():
    code = """
import sys
import spinemap_exact.certificate.check
loaded = {m.removeprefix('spinemap_exact.') for m in sys.modules if m.startswith('spinemap_exact.')}
wrong = [m for m in loaded if m.split('.')[0] in
         ('problems', 'solvers', 'heuristics', 'formulations', 'evaluate', 'kernels', 'pipeline', 'result')]
wrong += [m for m in ('ortools', 'pulp', 'highspy', 'numba', 'networkx', 'scipy') if m in sys.modules]
sys.exit(' '.join(wrong) or None)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr

"""Unrolling: evidence by crossbars that hold all neurons of a block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from certificate_cases import claim, mutants

from spinemap_exact.certificate.check import check, proven_bound
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.instances.generators import layered
from spinemap_exact.kernels.counting import counting_bounds
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.solvers.unroll.cover.full_crossbars import blocks_of, raise_bound, refutes


def five_axons() -> tuple[UnrollProblem, dict]:
    """Five axons feed four neurons, 3 x 4 crossbars: 5 axons and 4 carries fill the 9 rows of three crossbars.

    With one row for each axon, three of them in one full crossbar leave no room there for carries, and two full
    crossbars leave one row for the four of them. A fourth crossbar is necessary.
    """
    problem = UnrollProblem(layered((5, 4)), 3, 4)
    return problem, {"kind": "full-crossbars", "crossbars": 3, "blocks": [[5, 6, 7, 8]]}


def test_five_axons_need_a_fourth_crossbar():
    problem, evidence = five_axons()
    assert max(counting_bounds(problem).values()) == 3
    assert check(problem, claim(problem, 4, evidence)).lower == 4
    assert proven_bound(replace(problem, objective="units"), evidence, None) == 0
    check(replace(problem, max_crossbars=3), claim(replace(problem, max_crossbars=3), None, evidence, infeasible=True))


def test_one_crossbar_more_is_not_refuted():
    problem, evidence = five_axons()
    with pytest.raises(CertificateRejected, match="are left in the best of all cases"):
        check(problem, claim(problem, 5, {**evidence, "crossbars": 4}))


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([[5]], "fewer than two neurons"),
        ([[5, 6, 6]], "one of them twice"),
        ([[5, 6], [6, 7]], "a neuron of another block"),
        ([[5, 4]], "an external input"),
        ([[5, 9]], "lies outside"),
    ],
)
def test_blocks_that_are_none(blocks, reason):
    problem, evidence = five_axons()
    with pytest.raises(CertificateRejected, match=reason):
        check(problem, claim(problem, 4, {**evidence, "blocks": blocks}))


def test_mutants_are_rejected_or_still_true():
    """300 mutants; five crossbars are never proven where four suffice."""
    problem, evidence = five_axons()
    for path, value, mutant in mutants(evidence, np.random.default_rng(5), 300):
        try:
            check(problem, claim(problem, 5, mutant))
        except (CertificateRejected, CertificateMalformed):
            continue
        raise AssertionError(f"{path} -> {value!r}")


def test_solver_and_checker_agree():
    """100 layers, some with a few synapses missing, one or two blocks each: the same crossbars are refuted."""
    rng = np.random.default_rng(8)
    raised = 0
    for _ in range(100):
        neurons, axons = int(rng.integers(4, 9)), int(rng.integers(6, 30))
        pre, post = np.nonzero(rng.random((axons, neurons)) < rng.choice([1, 1, 1, 0.95]))
        is_input = np.arange(neurons + axons) >= neurons
        network = Network.from_synapses(pre + neurons, post, np.ones(neurons + axons), is_input=is_input)
        problem = UnrollProblem(network, int(rng.integers(3, 12)), int(rng.integers(neurons, 12)))
        cut = neurons if rng.random() < 0.7 else int(rng.integers(2, neurons + 1))
        chosen = [tuple(range(cut))] + ([tuple(range(cut, neurons))] if neurons - cut > 1 else [])
        counted = max(counting_bounds(problem).values())
        for crossbars in range(counted - 1, counted + 2):
            evidence = {"kind": "full-crossbars", "crossbars": crossbars, "blocks": [list(b) for b in chosen]}
            if refutes(problem, blocks_of(problem, chosen), crossbars):
                assert proven_bound(problem, evidence, None) == crossbars + 1
                raised += crossbars >= counted
            else:
                with pytest.raises(CertificateRejected):
                    proven_bound(problem, evidence, None)
    assert raised > 5


def test_the_network_784_100_10():
    problem = UnrollProblem(layered((784, 100, 10)), 128, 128)
    bound, evidence = raise_bound(problem, 12)
    assert proven_bound(problem, evidence, None) == bound == 13

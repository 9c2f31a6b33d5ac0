"""Unrolling: evidence by how many synapses fit where so many axons meet so many neurons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracle
import pytest
from certificate_cases import mutants

from spinemap_exact.certificate.check import proven_bound
from spinemap_exact.certificate.check.unroll import shapes
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.proofs.best import _as_specified
from spinemap_exact.solvers.unroll.cover.shapes import bound_by_shapes


def sparse(seed: int, neurons: int = 5, axons: int = 7, rows: int = 4, columns: int = 3) -> UnrollProblem:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((axons, neurons)) < 0.4)
    is_input = np.arange(neurons + axons) >= neurons
    network = Network.from_synapses(pre + neurons, post, np.ones(neurons + axons), is_input=is_input)
    return UnrollProblem(network, rows, columns)


@pytest.mark.parametrize("size", [(5, 7, 4, 3), (30, 60, 12, 16)])
def test_the_bound_is_that_of_the_solver(size):
    for seed in range(20):
        problem = sparse(seed, *size)
        bound, evidence = bound_by_shapes(problem)
        evidence = _as_specified(evidence)
        assert proven_bound(problem, evidence, None) == bound > 0
        assert proven_bound(replace(problem, objective="units"), evidence, None) == 0
        assert proven_bound(replace(problem, max_crossbars=bound - 1), evidence, None) is None


@pytest.mark.parametrize("seed", range(8))
def test_no_values_prove_more_than_the_optimum(seed):
    problem = sparse(seed, 4, 5, 3, 3)
    optimum = oracle.optimum(problem)
    evidence = _as_specified(bound_by_shapes(problem)[1])
    for _, _, mutant in mutants(evidence, np.random.default_rng(seed), 100):
        try:
            assert proven_bound(problem, mutant, None) <= optimum
        except (CertificateRejected, CertificateMalformed):
            continue


def test_too_many_pairs_are_refused(monkeypatch):
    monkeypatch.setattr(shapes, "MAX_STEPS", 20)
    with pytest.raises(CertificateRejected, match="steps"):
        proven_bound(sparse(0), _as_specified(bound_by_shapes(sparse(0))[1]), None)

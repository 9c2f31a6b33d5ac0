"""Unrolling and bin packing: values of items, synapses, carries and units."""

from __future__ import annotations

import numpy as np
import pytest
from certificate_cases import claim, mutants
from oracle import optimum, random_packing_problem, random_unroll_problem

from spinemap_exact.certificate.check import check, proven_bound
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.network import Network
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.unroll import UnrollProblem


def dense(inputs: int, neurons: int, rows: int, columns: int) -> UnrollProblem:
    pre, post = np.divmod(np.arange(inputs * neurons), neurons)
    is_input = np.arange(neurons + inputs) >= neurons
    network = Network.from_synapses(pre + neurons, post, np.ones(neurons + inputs), is_input=is_input)
    return UnrollProblem(network, rows, columns)


def test_a_dense_layer_by_its_synapses():
    """Six inputs, two neurons, crossbars of 3 x 2: at most six synapses each, and a carry takes a place of two."""
    problem = dense(6, 2, 3, 2)
    evidence = {"kind": "patterns", "synapses": [1] * 12, "carries": [2, 2], "units": [2, 2]}
    # 12 - 4 + 2 * 3 * 2 = 20 in all, for t = ceil(5/2) = 3; a crossbar of both neurons is worth 3 rows of 2
    assert proven_bound(problem, evidence, None) == 4


@pytest.mark.parametrize("seed", range(60))
def test_any_values_prove_true_bounds_of_unrollings(seed):
    problem = random_unroll_problem(seed, neurons=3, axons=5)
    rng = np.random.default_rng(seed)
    neurons = problem.network.num_units
    for _ in range(5):
        evidence = {
            "kind": "patterns",
            "synapses": rng.integers(0, 9, problem.network.num_synapses).tolist(),
            "carries": rng.integers(0, 9, neurons).tolist(),
            "units": rng.integers(0, 9, neurons).tolist(),
        }
        assert proven_bound(problem, evidence, None) <= optimum(problem)


def packing(seed: int) -> tuple[PackingProblem, dict]:
    """Sizes just above a third, a quarter and half of the bin, with the values that fractions suggest."""
    problem = PackingProblem(np.array([26, 26, 34, 34, 34, 51, 51, 51, 10 + seed]), 100)
    return problem, {"kind": "duals", "duals": [0, 2, 3, 6]}


@pytest.mark.parametrize("seed", range(4))
def test_mutants_of_item_values_are_rejected_or_still_true(seed):
    """150 mutants of each of four certificates."""
    problem, evidence = packing(seed)
    best = optimum(problem)
    for path, value, mutant in mutants(evidence, np.random.default_rng(seed), 150):
        try:
            check(problem, claim(problem, best + 1, mutant))
        except (CertificateRejected, CertificateMalformed):
            continue
        raise AssertionError(f"{path} -> {value!r}")


@pytest.mark.parametrize("seed", range(100))
def test_any_values_prove_true_bounds_of_packings(seed):
    problem = random_packing_problem(seed)
    rng = np.random.default_rng(seed)
    kinds = len(set(problem.sizes.tolist()))
    for _ in range(5):
        evidence = {"kind": "duals", "duals": rng.integers(0, 50, kinds).tolist()}
        assert proven_bound(problem, evidence, None) <= optimum(problem)


def test_mutants_of_patterns_are_rejected_or_still_true():
    """300 mutants; the bound above the optimum never passes."""
    problem = dense(4, 2, 3, 2)
    evidence = {"kind": "patterns", "synapses": [1] * 8, "carries": [2, 2], "units": [2, 2]}
    best = optimum(problem)
    check(problem, claim(problem, 2, evidence))  # 8 - 4 + 2 * 2 * 2 = 12 in all, 6 a crossbar
    for path, value, mutant in mutants(evidence, np.random.default_rng(1), 300):
        try:
            check(problem, claim(problem, best + 1, mutant))
        except (CertificateRejected, CertificateMalformed):
            continue
        raise AssertionError(f"{path} -> {value!r}")

"""Networks of identical neurons and axons: bounds by classes hold, and every solver agrees with enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import oracle
import pytest

from spinemap_exact import solvers
from spinemap_exact.kernels.counting import counting_bounds
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Limits, SolveResult, Watch
from spinemap_exact.solvers.unroll.cover.class_patterns import ClassPatternBound

VARIANTS = {"trees": {}, "stars": {"max_depth": 1}, "pairs": {"unit_fan_in": 2}}


def twins(seed: int, neurons: int = 3, axons: int = 4, **options) -> UnrollProblem:
    """Two kinds of neurons and of axons, each several times."""
    rng = np.random.default_rng([seed, 7])
    kinds = np.array([[1, 1], [1, 0], [0, 1]])[rng.permutation(3)[:2]]
    matrix = kinds[np.ix_(rng.integers(2, size=axons), rng.integers(2, size=neurons))]
    pre, post = np.nonzero(matrix)
    network = Network.from_synapses(
        pre + neurons, post, np.ones(neurons + axons, dtype=int), is_input=np.arange(neurons + axons) >= neurons
    )
    return UnrollProblem(network, rows=int(rng.integers(2, 4)), columns=int(rng.integers(1, 4)), **options)


def dense(axons: int, neurons: int, rows: int, columns: int) -> UnrollProblem:
    pre, post = np.divmod(np.arange(axons * neurons), neurons)
    inputs = np.arange(neurons + axons) >= neurons
    return UnrollProblem(
        Network.from_synapses(pre + neurons, post, np.ones(neurons + axons, dtype=int), is_input=inputs), rows, columns
    )


def watch() -> Watch:
    return Watch(Limits(time_s=120, workers=1))


def solve(problem: UnrollProblem) -> SolveResult:
    return solvers.load("unroll", "cover")(problem, watch())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", range(5))
def test_solver_agrees_with_enumeration(variant, seed):
    problem = twins(seed, **VARIANTS[variant])
    best = oracle.optimum(problem)

    result = solve(problem)

    assert (result.objective, result.dual_bound) == (best, best)


@pytest.mark.parametrize("seed", range(25))
def test_no_bound_exceeds_the_optimum(seed):
    problem = twins(seed)
    best = oracle.optimum(problem)
    if problem.network.num_synapses == 0 or not ClassPatternBound.fits(problem):
        return

    bound = ClassPatternBound(problem).raise_to(None, watch())

    assert best is not None
    assert bound is not None
    assert bound <= best


@pytest.mark.parametrize(("axons", "neurons", "rows", "columns"), [(5, 3, 3, 2), (7, 4, 4, 3), (5, 4, 3, 4)])
def test_no_pattern_is_worth_more_than_the_evidence_says(axons, neurons, rows, columns):
    """Every pattern of a dense layer by plain loops: axons, carries of either type, columns of either type."""
    problem = dense(axons, neurons, rows, columns)
    patterns = ClassPatternBound(problem)
    bound = patterns.raise_to(None, watch())
    evidence = patterns.evidence
    units = max(1, -(-(axons - 1) // (rows - 1)))
    (pi_lean,), (pi_rich,) = evidence["pi"]
    (mu_lean, mu_rich), (nu_lean, nu_rich), (rho,) = evidence["mu"], evidence["nu"], evidence["rho"]

    for x, lean, rich, q_lean, q_rich in product(range(rows + 1), *[range(columns + 1)] * 2, *[range(rows + 1)] * 2):
        if x > axons or x + q_lean + q_rich > rows or lean + rich > min(columns, neurons):
            continue
        if (q_lean and not lean) or (q_rich and not rich) or (lean and x < axons - rows * (units - 1)):
            continue
        worth = x * (pi_lean * lean + pi_rich * rich + rho) + mu_lean * (q_lean - lean) + mu_rich * (q_rich - rich)
        assert worth + nu_lean * lean + nu_rich * rich <= evidence["worth"]

    values = [
        axons * (pi_lean * lean + pi_rich * (neurons - lean) + rho * -(-neurons // columns))
        - mu_lean * lean
        - mu_rich * (neurons - lean)
        + nu_lean * units * lean
        + nu_rich * (units + 1) * (neurons - lean)
        for lean in range(neurons + 1)
    ]
    assert bound == -(-min(values) // evidence["worth"])


def test_carries_without_room_cost_more_units():
    """316 axons to 316 neurons on 128x128: counting asks for 13 crossbars, rows for axons and 2 carries a neuron.

    With no more than three units a neuron has at least 60 of its axons in each crossbar, hence two carries in 68 rows
    that a crossbar has at most besides; there is not enough room for all, and the others have three carries.
    """
    problem = dense(316, 316, 128, 128)

    assert max(counting_bounds(problem).values()) == 13
    assert ClassPatternBound(problem).raise_to(None, watch()) == 14


def test_many_classes_are_left_to_other_bounds():
    assert not ClassPatternBound.fits(oracle.random_unroll_problem(0, neurons=1, axons=1, rows=1))
    rng = np.random.default_rng(0)
    pre, post = np.nonzero(rng.random((20, 12)) < 0.5)
    network = Network.from_synapses(pre + 12, post, np.ones(32, dtype=int), is_input=np.arange(32) >= 12)
    assert not ClassPatternBound.fits(UnrollProblem(network, 8, 8))

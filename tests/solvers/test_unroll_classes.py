"""Networks of identical neurons and axons: bounds by classes hold, and every solver agrees with enumeration."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import oracle
import pytest

from spinemap_exact import solvers
from spinemap_exact.kernels.counting import counting_bounds
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Limits, SolveResult, Watch
from spinemap_exact.solvers.unroll.cover import shapes
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


def test_counts_close_what_annealing_and_bounds_leave_open():
    """65 axons to 11 neurons on 16x16: slices need eight crossbars, and neither counting nor patterns exclude seven."""
    result = solve(dense(65, 11, 16, 16))

    assert (result.objective, result.dual_bound) == (8, 8)
    assert result.formulation == "classes"


def test_many_classes_are_left_to_other_bounds():
    assert not ClassPatternBound.fits(oracle.random_unroll_problem(0, neurons=1, axons=1, rows=1))
    rng = np.random.default_rng(0)
    pre, post = np.nonzero(rng.random((20, 12)) < 0.5)
    network = Network.from_synapses(pre + 12, post, np.ones(32, dtype=int), is_input=np.arange(32) >= 12)
    assert not ClassPatternBound.fits(UnrollProblem(network, 8, 8))


def sparse(seed: int, neurons: int = 6, axons: int = 7) -> UnrollProblem:
    rng = np.random.default_rng([seed, 9])
    pre, post = np.nonzero(rng.random((axons, neurons)) < rng.uniform(0.2, 0.9))
    inputs = np.arange(neurons + axons) >= neurons
    network = Network.from_synapses(pre + neurons, post, np.ones(neurons + axons, dtype=int), is_input=inputs)
    return UnrollProblem(network, rows=int(rng.integers(2, 6)), columns=int(rng.integers(1, 6)))


@pytest.mark.parametrize("seed", range(12))
def test_no_axons_and_neurons_share_more_synapses_than_counted(seed):
    problem = sparse(seed)
    network = problem.network
    synapses = set(zip(network.pre.tolist(), network.post.tolist(), strict=True))
    axons = np.flatnonzero(network.fan_out).tolist()

    most = shapes.densest(problem)

    for x, y in product(range(problem.rows + 1), range(problem.columns + 1)):
        between = (
            sum((k, i) in synapses for k in chosen for i in readers)
            for chosen in combinations(axons, min(x, len(axons)))
            for readers in combinations(problem.neurons.tolist(), y)
        )
        assert max(between) <= most[x, y]


@pytest.mark.parametrize("seed", range(12))
def test_shapes_never_claim_more_than_the_optimum(seed):
    problem = oracle.random_unroll_problem(seed, neurons=3, axons=6)
    if not shapes.fits(problem):
        return

    bound, evidence = shapes.bound_by_shapes(problem)

    best = oracle.optimum(problem)
    assert best is not None
    assert bound <= best
    assert evidence["bound"] == bound


def test_a_sparse_crossbar_holds_less_than_its_cells():
    """64 lines over the field of 11, at 8 points each: any two neurons have at most one axon in common.

    On 16x16, W <= 16 x 15: e^2 <= 16 (e + 240) allows 70 synapses, where each of 16 neurons reads 8 axons.
    """
    slope, offset, t = (each.ravel() for each in np.mgrid[0:8, 0:8, 0:8])
    line, point = slope * 8 + offset, t * 11 + (slope * t + offset) % 11
    inputs = np.arange(64 + 88) >= 64
    network = Network.from_synapses(point + 64, line, np.ones(64 + 88, dtype=int), is_input=inputs)

    assert shapes.densest(UnrollProblem(network, 16, 16))[16, 16] == 70

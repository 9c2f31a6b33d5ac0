"""The bound from crossbars that hold all neurons of a block, against enumeration."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations, combinations_with_replacement, pairwise, product

import numpy as np
import oracle
import pytest

from spinemap_exact import heuristics, solvers
from spinemap_exact.instances.generators import layered
from spinemap_exact.kernels.counting import counting_bounds
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.unroll.cover.full_crossbars import blocks_of, raise_bound, refutes


def is_enough(problem: UnrollProblem, crossbars: int) -> bool:
    """Try all columns of all crossbars, then all rows: much faster than `oracle.optimum`, and without trees.

    Carries find rows if no set of neurons has more carries than rows are free beside them (Hall).
    """
    network, rows = problem.network, problem.rows
    neurons = problem.neurons.tolist()
    readers = [frozenset(network.fanout_idx[a:b].tolist()) for a, b in pairwise(network.fanout_ptr)]
    columns = [frozenset(c) for n in range(1, problem.columns + 1) for c in combinations(neurons, n)]
    for held in combinations_with_replacement(columns, crossbars):
        count = Counter(i for c in held for i in c)
        carries = sum(count.values()) - len(neurons)
        if len(count) < len(neurons) or carries + sum(map(bool, readers)) > crossbars * rows:
            continue
        filled = {(0,) * crossbars}
        for needed in filter(None, readers):
            ways = [
                way
                for way in product((0, 1), repeat=crossbars)
                if needed <= frozenset().union(*(c for c, row in zip(held, way, strict=True) if row))
            ]
            filled = {
                total
                for before in filled
                for way in ways
                if max(total := tuple(a + b for a, b in zip(before, way, strict=True))) <= rows
                and sum(total) + carries <= crossbars * rows
            }
        for used in filled:
            if all(
                sum(count[i] - 1 for i in some)
                <= sum(rows - u for u, c in zip(used, held, strict=True) if c & set(some))
                for n in range(1, len(neurons) + 1)
                for some in combinations(neurons, n)
            ):
                return True
    return False


def dense(seed: int, neurons: int, axons: int, rows: int) -> UnrollProblem:
    """Return a nearly complete layer with columns for all or almost all neurons, or two such layers."""
    rng = np.random.default_rng([seed, 11])
    connected = rng.random((axons, neurons)) < rng.choice([1, 0.95, 0.85])
    if rng.random() < 0.2 and neurons > 3:
        connected[: axons // 2, :2] = connected[axons // 2 :, 2:] = False
    pre, post = np.nonzero(connected)
    is_input = np.arange(neurons + axons) >= neurons
    network = Network.from_synapses(pre + neurons, post, np.ones(neurons + axons), is_input=is_input)
    return UnrollProblem(network, rows, int(rng.integers(max(2, neurons - 1), neurons + 2)))


def bound_of(problem: UnrollProblem, chosen: list[tuple[int, ...]]) -> int:
    bound = max(counting_bounds(problem).values())
    while refutes(problem, blocks_of(problem, chosen), bound):
        bound += 1
    return bound


def choices(neurons: list[int]) -> list[list[tuple[int, ...]]]:
    """All blocks, and all pairs of disjoint ones."""
    sets = [s for n in range(2, len(neurons) + 1) for s in combinations(neurons, n)]
    return [[s] for s in sets] + [[s, t] for s in sets for t in sets if not set(s) & set(t)]


@pytest.mark.parametrize("seed", range(40))
def test_both_enumerations_agree(seed):
    problem = oracle.random_unroll_problem(seed, neurons=3, axons=5)
    crossbars = 1
    while not is_enough(problem, crossbars):
        crossbars += 1

    assert crossbars == oracle.optimum(problem)


@pytest.mark.parametrize("seed", [10, 22, 80, 89])
def test_a_raised_bound_is_true(seed):
    """Nearly dense layers for which some block proves more than counting does."""
    rng = np.random.default_rng([seed, 12])
    problem = dense(seed, int(rng.integers(2, 5)), int(rng.integers(4, 9)), int(rng.integers(2, 6)))
    bound = max(bound_of(problem, chosen) for chosen in choices(problem.neurons.tolist()))

    assert bound == 1 + max(counting_bounds(problem).values())
    assert not is_enough(problem, bound - 1)


@pytest.mark.slow
def test_no_block_proves_too_much():
    """1500 layers, every block and pair of blocks; some 40 bounds lie above counting."""
    for seed in range(1500):
        rng = np.random.default_rng([seed, 12])
        problem = dense(seed, int(rng.integers(2, 5)), int(rng.integers(4, 9)), int(rng.integers(2, 6)))
        bound = max(bound_of(problem, chosen) for chosen in choices(problem.neurons.tolist()))
        if max(counting_bounds(problem).values()) < bound <= 5:
            assert not is_enough(problem, bound - 1), seed


def test_twelve_crossbars_do_not_hold_784_100_10():
    """The case that the module's docstring goes through; a construction needs 13."""
    problem = UnrollProblem(layered((784, 100, 10)), 128, 128)
    watch = Watch(Limits(time_s=30))

    result = solvers.load("unroll", "cover")(problem, watch, heuristics.load("unroll", "row-slices")(problem, watch))

    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, 13, 13)
    assert result.evidence["kind"] == "full-crossbars"
    assert solvers.load("unroll", "cover")(replace(problem, max_crossbars=12), watch).status is Status.INFEASIBLE


def test_homogeneous_units_are_counted_as_if_merged():
    """Two units of a neuron in one full crossbar are one: t must be that of the rows, not that of the unit fan-in."""
    problem = UnrollProblem(layered((9, 4)), 10, 12)
    # 9 axons and 4 x 1 carries of pairs of units; merged, everything fits into one crossbar of 9 rows
    assert raise_bound(replace(problem, unit_fan_in=5), 1) == (1, {})
    assert blocks_of(replace(problem, unit_fan_in=5), [(9, 10, 11, 12)])[0].fewest.tolist() == [1] * 4

"""Bin packing by patterns: results against enumeration, bounds against the checker, parts against plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import oracle
import pytest

from spinemap_exact import solvers
from spinemap_exact.certificate import check
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.proofs.best import certificate
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.packing import patterns
from spinemap_exact.solvers.packing._choice import choose
from spinemap_exact.solvers.packing.patterns import _cover, _knapsack
from spinemap_exact.solvers.packing.patterns._bounds import Values, martello_toth
from spinemap_exact.solvers.packing.patterns._dive import dive
from spinemap_exact.solvers.packing.patterns._items import Classes
from spinemap_exact.solvers.packing.patterns._master import Master


def watch(time_s: float | None = None) -> Watch:
    return Watch(Limits(time_s=time_s, workers=1))


def triplets(bins: int, seed: int) -> PackingProblem:
    """Three items fill each bin of 1000 without a gap: no packing has fewer bins."""
    rng = np.random.default_rng(seed)
    first = rng.integers(380, 491, size=bins)
    second = rng.integers(250, (1000 - first) // 2 + 1)
    return PackingProblem(rng.permutation(np.concatenate((first, second, 1000 - first - second))), 1000)


def proper_patterns(classes: Classes) -> list[tuple[int, ...]]:
    """All patterns that fit and hold no more items than there are."""
    ranges = [range(d + 1) for d in classes.demand.tolist()]
    sizes, capacity = classes.sizes.tolist(), classes.capacity
    return [p for p in itertools.product(*ranges) if sum(s * a for s, a in zip(sizes, p, strict=True)) <= capacity]


def random_values(classes: Classes, seed: int) -> np.ndarray:
    """Values of which some are zero."""
    rng = np.random.default_rng(seed)
    return np.maximum(0, rng.integers(-5, 30, size=classes.num_classes))


def test_patterns_are_the_choice():
    problem = oracle.random_packing_problem(0)
    assert choose(problem) == "patterns"
    assert "patterns" in solvers.names("packing")


@pytest.mark.parametrize("seeds", [range(s, s + 20) for s in range(0, 200, 20)], ids=str)
def test_agrees_with_enumeration(seeds):
    for seed in seeds:
        problem = oracle.random_packing_problem(seed, items=3 + seed % 6)

        result = patterns.solve(problem, watch())

        assert (result.status, result.objective) == (Status.OPTIMAL, oracle.optimum(problem)), f"seed {seed}"
        assert check.check(problem, certificate(problem, result)).lower == result.dual_bound
        # the evidence alone, without what the certificate writer adds for tiny instances
        assert check.proven_bound(problem, result.evidence, None) == result.dual_bound, f"seed {seed}"


@pytest.mark.parametrize("seed", range(3))
def test_triplets_are_packed_without_a_gap(seed):
    problem = triplets(12, seed)

    result = patterns.solve(problem, watch())

    # the sizes add up to 12 bins, and were made from 12 full ones
    assert (result.status, result.objective) == (Status.OPTIMAL, 12)
    assert check.proven_bound(problem, result.evidence, None) == 12


@pytest.mark.parametrize("seed", range(5))
def test_uniform_instances_are_closed_with_a_bound_that_checks(seed):
    problem = PackingProblem(np.random.default_rng(seed).integers(20, 101, size=80), 150)

    result = patterns.solve(problem, watch())

    assert result.status is Status.OPTIMAL
    assert check.proven_bound(problem, result.evidence, None) == result.dual_bound


def test_many_equal_items_cost_no_more_than_one():
    problem = PackingProblem(np.repeat([3, 4], 100_000), 10)

    result = patterns.solve(problem, watch())

    # 50,000 bins 3 3 4 leave 50,000 fours, two a bin. Let a three be worth 1 and a four 2: no bin holds more than 4
    # (3 3 4 and 4 4), and all items are worth 300,000
    assert (result.objective, result.dual_bound) == (75_000, 75_000)


def test_the_bound_rises_where_the_relaxation_rounded_up_falls_short():
    """The relaxation needs 2.992 bins, every packing four: the smallest such instances have ten items."""
    problem = PackingProblem([9, 12, 12, 16, 16, 46, 46, 54, 69, 77, 102], 155)

    result = patterns.solve(problem, watch())

    assert (result.status, result.dual_bound, result.vouched_by.trust) == (Status.OPTIMAL, 4, "attested")
    # no values of the items prove more than the relaxation
    assert check.proven_bound(problem, result.evidence, None) == 3


def test_a_time_limit_leaves_a_packing_and_a_bound():
    problem = triplets(40, 0)

    result = patterns.solve(problem, watch(1e-3))

    assert problem.violations(result.incumbent) == []
    assert result.dual_bound == 40  # the volume says so at once


def test_large_capacities_are_left_to_cheap_bounds():
    """A table over a capacity of 10^9 would not fit; two items above half of it share no bin."""
    problem = PackingProblem([5 * 10**8 + 1, 5 * 10**8 + 2, 10**8], 10**9)

    result = patterns.solve(problem, watch())

    assert (result.objective, result.dual_bound) == (2, 2)


def test_a_warm_start_is_kept_where_it_is_better():
    problem = PackingProblem([5, 4, 3, 3, 3, 2], 10)  # best fit: 5 4, 3 3 3, and 2 fits neither
    packing = np.array([0, 1, 1, 1, 0, 0])  # 5 3 2 and 4 3 3

    assert patterns.solve(problem, watch(), packing).objective == 2
    assert patterns.solve(problem, watch(), np.zeros(6, dtype=np.int64)).objective == 2  # overfull: set aside


@pytest.mark.parametrize("seed", range(40))
def test_most_valuable_pattern_against_all(seed):
    classes = Classes.of(oracle.random_packing_problem(seed, items=8))
    values = random_values(classes, seed)

    most, pattern = _knapsack.most_valuable(classes, values)

    assert most == max(int(values @ p) for p in proper_patterns(classes)) == int(values @ pattern)
    assert tuple(pattern) in proper_patterns(classes)


@pytest.mark.parametrize("seed", range(40))
def test_maximal_patterns_against_all(seed):
    classes = Classes.of(oracle.random_packing_problem(seed, items=8))
    values = random_values(classes, seed)
    every = proper_patterns(classes)
    best = max(int(values @ p) for p in every)
    least, waste = best * 3 // 4, classes.capacity // 2
    larger = {tuple(np.add(p, unit)) for p in every for unit in np.eye(classes.num_classes, dtype=int)} & set(every)
    assert larger  # some pattern is not maximal

    found = _knapsack.maximal_patterns(classes, values, least, waste, limit=10_000)

    def maximal(p: tuple[int, ...]) -> bool:
        return not any(tuple(np.add(p, unit)) in larger for unit in np.eye(classes.num_classes, dtype=int))

    wanted = {p for p in every if values @ p >= least and classes.capacity - classes.sizes @ p <= waste and maximal(p)}
    assert set(map(tuple, found.tolist())) == wanted
    assert len(found) == len(wanted)
    assert wanted == set() or _knapsack.maximal_patterns(classes, values, least, waste, len(wanted) - 1) is None


@pytest.mark.parametrize("seed", range(40))
def test_martello_toth_values_are_worth_no_more_than_claimed(seed):
    problem = oracle.random_packing_problem(seed, items=8)
    classes = Classes.of(problem)

    values = martello_toth(classes)

    assert max(int(values.of_class @ p) for p in proper_patterns(classes)) <= values.most
    assert values.bound(classes) == martello_toth_by_hand(problem) <= oracle.optimum(problem)


def martello_toth_by_hand(problem: PackingProblem) -> int:
    """The larger of L2 as published and the number of items above half the capacity."""
    sizes, capacity = problem.sizes.tolist(), problem.capacity
    bounds = [sum(2 * s > capacity for s in sizes)]
    for t in range(capacity // 2 + 1):
        alone = [s for s in sizes if s > capacity - t]
        large = [s for s in sizes if capacity - t >= s > capacity / 2]
        small = [s for s in sizes if capacity / 2 >= s >= t]
        overflow = sum(small) - (len(large) * capacity - sum(large))
        bounds.append(len(alone) + len(large) + max(0, -(-overflow // capacity)))
    return max(bounds)


@pytest.mark.parametrize("seed", range(20))
def test_dives_and_choices_cover_all_items(seed):
    """Each by itself, asked for the optimum and for one bin less."""
    problem = oracle.random_packing_problem(seed, items=8)
    classes, optimum = Classes.of(problem), oracle.optimum(problem)
    for fewer in (0, 1):
        dived = dive(Master(classes), classes, optimum - fewer, watch(), np.random.default_rng(seed))
        loose = Values(np.zeros(classes.num_classes, dtype=np.int64), 1)  # excludes nothing by value
        listed = _cover.useful_patterns(classes, loose, max(1, optimum - fewer), 10_000)
        chosen = _cover.choose(classes, listed, optimum - fewer, watch())
        if fewer:
            assert dived is None
            assert chosen is _cover.Answer.NO
            continue
        for packed in filter(None, (dived, chosen)):
            packing = classes.bins(problem, packed)
            assert problem.violations(packing) == []
            assert problem.cost(packing) == optimum
        assert isinstance(chosen, list)

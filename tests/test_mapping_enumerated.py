"""What is said of whole mappings of tiny networks, against every mapping there is; interrupted at any moment, too."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress

import pytest
from ask import StopsAfter
from enumerate_stages import TooLarge
from oracle import optimum, random_free_mapping_problem, random_mapping_problem

from spinemap_exact import solvers
from spinemap_exact.pipeline.solve import solve_problem
from spinemap_exact.problems.mapping import MappingObjective
from spinemap_exact.result import Limits, Status, Watch

GOALS = list(MappingObjective)


def is_true(result, least: int | None) -> bool:
    """Nothing false is said of a problem whose optimum is ``least``; None if it has no solution."""
    if least is None:
        return result.incumbent is None
    return (
        result.status is not Status.INFEASIBLE
        and (result.dual_bound is None or result.dual_bound <= least)
        and (result.objective is None or result.objective >= least)
    )


def agree(seeds, goal: MappingObjective, time_s: float) -> Counter:
    """Map at once as users do, and prove with the model of trees."""
    reached = Counter()
    for seed in seeds:
        problem = random_free_mapping_problem(seed, goal)
        try:
            least = optimum(problem)
        except TooLarge:  # one in a hundred has too many mappings to try
            continue
        _, found = solve_problem(problem, Watch(Limits(time_s, 1, seed)))
        assert is_true(found, least), seed
        if goal is not MappingObjective.BOTTLENECK:  # of which the model says nothing
            proven = solvers.load("mapping", "trees-cpsat")(problem, Watch(Limits(60, 1)), found.incumbent)
            assert (proven.objective, proven.dual_bound) == (least, least), seed
        reached.update(all=1, best=found.objective == least, bound=found.dual_bound == least)
    return reached


@pytest.mark.parametrize("goal", GOALS)
def test_agrees_with_every_mapping_there_is(goal):
    reached = agree(range(6), goal, 0.2)
    assert reached["best"] >= reached["all"] / 2


@pytest.mark.slow
@pytest.mark.parametrize("goal", GOALS)
def test_agrees_with_every_mapping_of_hundreds_of_networks(goal):
    reached = agree(range(1000, 1200), goal, 0.3)
    assert reached["best"] >= 0.9 * reached["all"]


def interrupt(seeds) -> Counter:
    """Stop after any number of questions whether to stop, or out of time at once."""
    stopped = Counter()
    for seed in seeds:
        rng = random.Random(seed)
        problem = (random_free_mapping_problem, random_mapping_problem)[seed % 2](seed // 2)
        stop = StopsAfter(int(2 ** rng.uniform(0, 9)))
        _, found = solve_problem(problem, Watch(Limits(rng.choice((0.001, 0.02, 0.2, 1.0)), 1, seed), stop=stop))
        with suppress(TooLarge):  # a few have too many mappings to try
            assert is_true(found, optimum(problem)), seed
            stopped[str(found.status)] += 1
    return stopped


def test_nothing_false_is_said_when_interrupted():
    interrupt(range(40))


@pytest.mark.slow
def test_nothing_false_is_said_in_thousands_of_interrupted_runs():
    reached = interrupt(range(10_000, 12_000))
    assert reached.total() >= 1_950

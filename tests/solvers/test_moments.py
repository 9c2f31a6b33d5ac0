"""The bound by moments of clusters, against every partition there is, and what the checker says of its evidence."""

from __future__ import annotations

import random

import numpy as np
import pytest
from oracle import optimum, random_partition_problem

from spinemap_exact.certificate import check
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective
from spinemap_exact.solvers.partition.moments._block import Block, Case
from spinemap_exact.solvers.partition.moments._rounding import Frame, evidence, total
from spinemap_exact.solvers.partition.moments._splitting import Splitting


def draw(seed: int):
    """A problem of packets with a solution, and some seeds."""
    rng = random.Random(seed)
    while True:
        problem = random_partition_problem(rng.randrange(10**6), objective=PartitionObjective.PACKETS)
        least = optimum(problem)
        if least is not None and problem.num_units:
            return problem, least, rng.sample(range(problem.num_units), rng.randrange(0, min(4, problem.num_units)))


def bounds(problem, seeds, steps: int) -> tuple[float, int, dict]:
    """The bound in floating point, in integers, and what proves it."""
    case = Case.of(problem)
    blocks = [Block(case, set(seeds[:k]), seed) for k, seed in enumerate(seeds)] + [Block(case, set(seeds))]
    splitting = Splitting(case, blocks, Partition(np.arange(problem.num_units)))
    for _ in range(steps):
        splitting.step()
    frames, found = [Frame.of(case, block) for block in blocks], splitting.multipliers()
    value = total(frames, [f.left(m) for f, m in zip(frames, found, strict=True)]) / 2
    return value, *evidence(frames, found, int(value), splitting.unit)


@pytest.mark.parametrize("seed", range(25))
def test_no_bound_is_above_the_best_partition(seed):
    problem, least, seeds = draw(seed)
    value, proven, table = bounds(problem, seeds, steps=(1, 7, 60)[seed % 3])
    assert max(value, proven) <= least + 1e-3 * max(1, least)
    assert max(0, proven) == check.verified(problem, table, None).lower <= least


def test_half_of_a_matrix_stands_for_both():
    """Products that single precision leaves unequal on both sides once bounded a problem by 3 whose optimum is 2."""
    problem, least, seeds = draw(1081)
    _, proven, table = bounds(problem, seeds, steps=150)
    assert proven == check.verified(problem, table, None).lower <= least == 2


@pytest.mark.slow
def test_no_bound_is_above_the_best_partition_of_hundreds():
    reached = []
    for seed in range(1000, 1500):
        problem, least, seeds = draw(seed)
        _, proven, table = bounds(problem, seeds, steps=150)
        assert max(0, proven) == check.verified(problem, table, None).lower <= least, seed
        reached.append(1.0 if least == 0 else proven / least)
    assert np.mean(reached) > 0.8

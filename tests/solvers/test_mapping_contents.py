"""Bounds by what crossbars may hold, against all mappings of tiny networks and against all contents."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from ask import mapping_problem
from crossbar_contents import best, ring, some_values

from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.mapping import contents
from spinemap_exact.solvers.mapping.contents._instance import Instance
from spinemap_exact.solvers.mapping.contents._pricing import Pricing

SEEDS = [*range(25), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(25, 660))]


def watch(time_s=2.0):
    return Watch(Limits(time_s, 1, 0))


def drawn(seed):
    """A tiny network on a chip that holds it, and the least energy of all its mappings."""
    rng = Random(seed)
    return mapping_problem(rng, "energy", idle_cell_fj=rng.choice((0, 0, 0, 7)))


def priced(problem):
    """Arrays of a problem, unless its costs are beyond the pricer's integers."""
    instance = Instance(problem)
    if instance.too_large:
        pytest.skip("costs too large to price")
    return instance


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mapping_costs_less(seed):
    problem, least = drawn(seed)
    result = contents.solve(problem, watch(0.3))
    assert result.dual_bound <= least


@pytest.mark.parametrize("seed", SEEDS)
def test_any_values_prove_a_bound(seed):
    problem, least = drawn(seed)
    instance = priced(problem)
    for k in range(6):
        values = some_values(instance, Random(6 * seed + k))
        assert instance.bound(values, best(instance, values)) <= least


@pytest.mark.parametrize("seed", range(20))
def test_pricing_finds_the_best_content(seed):
    problem, _ = drawn(seed)
    instance = priced(problem)
    pricing = Pricing(instance)
    for k in range(3):
        values = some_values(instance, Random(3 * seed + k))
        most, complete, _ = pricing.best(values, 0, watch())
        assert complete
        # per synapse, the pricer takes the lesser of two losses where both may be due
        assert most >= best(instance, values)
        if not instance.per_synapse:
            assert most == best(instance, values)


def test_a_ring_that_fits_reads_locally():
    # 6 axons of 10 spikes, each read once at home
    assert contents.solve(ring(6, 6, 6), watch()).dual_bound == 60


def test_half_a_ring_reads_beyond_its_ends():
    """Two crossbars of three neurons: each holds its own three axons and the two beyond its ends."""
    problem = ring(6, 5, 3)
    # at each end of the cut two axons are sent over: 4 packets of 10 spikes over a hop; and 6 local reads
    assert contents.solve(problem, watch()).dual_bound == 60 + 4 * 40
    # splitting a neuron costs a carry over a hop, no less than the packet that it saves
    assert contents.solve(replace(problem, max_crossbars=2), watch()).dual_bound == 60 + 4 * 40


def test_other_objectives_are_refused():
    with pytest.raises(Exception, match="do not cover the objective crossbars"):
        contents.solve(replace(ring(6, 6, 6), objective="crossbars"), watch())

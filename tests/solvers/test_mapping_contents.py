"""Bounds by what crossbars may hold, against all mappings of tiny networks and against all contents."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from ask import mapping_problem

from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.mapping import contents
from spinemap_exact.solvers.mapping.contents._instance import Instance, Values
from spinemap_exact.solvers.mapping.contents._pricing import Pricing

SEEDS = [*range(60), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(60, 660))]


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


def some_values(instance, draw):
    """Any values within their ranges, from nothing to far beyond what anything costs."""
    dear = draw.choice([1, 10, int(instance.carry.sum() + instance.outside.sum()) + 1, 10**9])
    neurons = [draw.randrange(-dear // 4, dear) for _ in range(instance.num_neurons)]
    synapses = [draw.choice([0, draw.randrange(c + 1), c]) for c in (instance.scale * instance.carry).tolist()]
    axons = [draw.choice([0, draw.randrange(dear)]) for _ in range(instance.num_axons)]
    return Values(*(np.array(v, dtype=np.int64) for v in (neurons, synapses, axons)), instance.scale)


def worth(instance, values, somas, axons):
    """By the definition; None if the content does not fit."""
    pairs = list(enumerate(zip(instance.pre.tolist(), instance.post.tolist(), strict=True)))
    partial = {i for _, (k, i) in pairs if i in somas and k not in axons}
    if len(somas) > instance.columns or len(axons) + len(partial) > instance.rows:
        return None
    total = sum(int(values.neurons[i]) for i in somas) + sum(int(values.axons[k]) for k in axons)
    for e, (k, i) in pairs:
        lost = int(values.synapses[e])
        if i in somas and instance.per_synapse and instance.home[k] >= 0 and instance.home[k] not in somas:
            far = values.scale * int(instance.outside[k] - instance.inside[k])
            total -= min(lost, far) if k in axons else lost
        elif i in somas and k not in axons:
            total -= lost
    if not instance.per_synapse:
        for k in axons:
            total -= values.scale * int((instance.inside if instance.home[k] in somas else instance.outside)[k])
    return total


def best(instance, values):
    """What the best content is worth, of all of them; nothing is a content, too."""
    found = []
    for bits in product((False, True), repeat=instance.num_neurons + instance.num_axons):
        somas = {i for i in range(instance.num_neurons) if bits[i]}
        axons = {k for k in range(instance.num_axons) if bits[instance.num_neurons + k]}
        found.append(worth(instance, values, somas, axons))
    return max(value for value in found if value is not None)


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


@pytest.mark.parametrize("seed", range(40))
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


def ring(neurons, rows, columns, tiles=2):
    """Each neuron reads the two beside it; 10 spikes each, packets, hops and local reads cost 1, 3 and 1."""
    post = np.repeat(np.arange(neurons), 2)
    pre = (post + np.tile([1, -1], neurons)) % neurons
    network = Network.from_synapses(pre, post, np.full(neurons, 10))
    costs = CostModel(packet_fj=1, hop_x_fj=3, hop_y_fj=3, local_fj=1)
    return MappingProblem(network, Hardware("ring", TileGrid(tiles, 1), (Crossbar(rows, columns),), costs))


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

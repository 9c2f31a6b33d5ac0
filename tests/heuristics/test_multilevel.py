"""Multilevel partition: exact increments, levels that say the same, and networks too large for the rest."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import random_network

from spinemap_exact.hardware import Crossbar
from spinemap_exact.heuristics.partition import multilevel, sequential
from spinemap_exact.instances.generators import random_sparse
from spinemap_exact.kernels import multilevel as kernel
from spinemap_exact.kernels.multilevel import Level
from spinemap_exact.mapping import Partition
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.result import Limits, Watch


def grouped(seed: int) -> tuple[Network, Level, np.ndarray]:
    """A small network with self loops and inputs, its units in five groups, and the group of each unit."""
    random = np.random.default_rng(seed)
    network = random_network(random, 14, 3, density=0.3)
    parent = np.concatenate((np.arange(5), random.integers(0, 5, 9)))
    return network, Level.finest(network).coarser(network, parent), parent


@pytest.mark.parametrize("seed", range(6))
def test_a_coarser_level_says_what_its_groups_read(seed):
    network, level, parent = grouped(seed)
    for g in range(5):
        synapses = network.pre[parent[network.post] == g]
        sources, mult = np.unique(synapses, return_counts=True)
        span = slice(level.pin_ptr[g], level.pin_ptr[g + 1])
        assert level.pin_idx[span].tolist() == sources.tolist()
        assert level.pin_mult[span].tolist() == mult.tolist()
        own = level.own_idx[level.own_ptr[g] : level.own_ptr[g + 1]]
        assert sorted(own.tolist()) == np.flatnonzero(parent == g).tolist()


@pytest.mark.parametrize("traffic", Traffic)
@pytest.mark.parametrize("seed", range(6))
def test_refinement_saves_what_it_says_it_saves(seed, traffic):
    network, level, parent = grouped(seed)
    problem = PartitionProblem(network, (Crossbar(12, 8),), 3, traffic)
    random = np.random.default_rng(seed)
    wide = np.full(3, 100, dtype=np.int64)
    count = np.zeros((network.num_neurons, 3), dtype=np.int16)
    rows, columns = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    label = np.full(5, -1, dtype=np.int64)
    state = (level.arrays, network.spikes, count, rows, columns, wide, wide, traffic is Traffic.PER_SYNAPSE)
    assert kernel.settle(random.permutation(5), label, *state) == 0
    label_before = label.copy()
    for start in random.integers(0, 3, (4, 5)):  # four starts, reached from where the last one ended
        for g in range(5):
            if start[g] != label[g]:
                kernel._move(g, label[g], start[g], label, level.arrays, count, rows, columns)
        before = cost(problem, label[parent])
        saved = kernel.refine(0, 5, random.permutation(5), label, *state)
        assert before - saved == cost(problem, label[parent])
    partition = Partition.from_labels(label[parent])
    used = [c for c in range(3) if columns[c]]
    assert columns[used].tolist() == partition.columns_used.tolist()
    assert rows[used].tolist() == np.bincount(partition.reads(network).cluster, minlength=len(used)).tolist()
    assert label_before.min() >= 0


def cost(problem, labels):
    return problem.cost(Partition.from_labels(labels))


def test_it_beats_slices_and_keeps_the_limits():
    problem = PartitionProblem(random_sparse(400, 2400, seed=2), (Crossbar(64, 40),), 40)
    found = multilevel.run(problem, Watch(Limits(time_s=None)))
    assert problem.violations(found) == []
    assert problem.cost(found) < 0.8 * problem.cost(sequential.run(problem, Watch(Limits())))


def test_the_same_seed_gives_the_same_partition():
    problem = PartitionProblem(random_sparse(300, 1500, seed=3), (Crossbar(64, 32),), 30)
    runs = [multilevel.run(problem, Watch(Limits(time_s=None, seed=4))).cluster_of_unit.tolist() for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.slow
def test_a_million_synapses():
    problem = PartitionProblem(random_sparse(20_000, 1_000_000, seed=1), (Crossbar(512, 512),), 2200)
    found = multilevel.run(problem, Watch(Limits(time_s=None)))
    assert problem.violations(found) == []
    assert problem.cost(found) < problem.cost(sequential.run(problem, Watch(Limits())))


@pytest.mark.parametrize("traffic", Traffic)
def test_a_start_is_refined_and_never_lost(traffic):
    network = random_sparse(300, 2400, seed=3)
    problem = PartitionProblem(network, (Crossbar(128, 24),), 40, traffic)
    start = sequential.run(problem, Watch(Limits(time_s=None)))
    assert start is not None
    found = multilevel.run(problem, Watch(Limits(time_s=None)), start)
    assert problem.violations(found) == []
    assert problem.cost(found) < problem.cost(start)
    watch = Watch(Limits(time_s=None))
    watch.request_stop()
    assert problem.cost(multilevel.run(problem, watch, start)) <= problem.cost(start)

"""Bounds of every goal of whole mappings hold, are certified, and are no larger than the least of all mappings."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from ask import network_of
from draw import mapping as draw_mapping
from draw import random_mapping
from oracle import optimum, random_free_mapping_problem
from whole import hardware_of

from spinemap_exact import heuristics, solvers
from spinemap_exact.certificate.check import check
from spinemap_exact.errors import CertificateRejected
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.heuristics.mapping._links import relieved, traffic_of
from spinemap_exact.kernels.link_annealing import anneal_links
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.proofs.best import certificate
from spinemap_exact.result import Limits, Watch

GOALS = ["mean-latency", "worst-latency", "crossbars"]


def bounded(problem: MappingProblem):
    return solvers.load("mapping", "priced-trees")(problem, Watch(Limits(5, 1)))


@pytest.mark.parametrize("goal", GOALS)
def test_what_is_bounded_is_certified_and_true(goal):
    for seed in range(12):
        problem = random_free_mapping_problem(seed, MappingObjective(goal))
        least, result = optimum(problem), bounded(problem)
        if least is None:
            continue
        proof = certificate(problem, result)
        told = check(problem, proof)
        assert told.lower == result.dual_bound <= least, seed
        with pytest.raises(CertificateRejected):
            check(problem, replace(proof, lower=least + 1))


def test_no_mapping_loads_its_busiest_link_less():
    held = 0
    for seed in range(120):
        rng = random.Random(seed)
        instance = draw_mapping(rng)
        if max(instance["network"]["spikes"]) > 2**40:  # sums might leave int64
            continue
        network = network_of(instance["network"])
        problem = MappingProblem(network, hardware_of(instance), instance["traffic"], "bottleneck")
        result = bounded(problem)
        assert check(problem, certificate(problem, result)).lower == result.dual_bound
        for _ in range(5):
            m = {name: np.array(values) for name, values in random_mapping(instance, rng).items()}
            unrolling = Unrolling(m["unit_of_synapse"], m["neuron_of_unit"], m["parent_of_unit"])
            tiles, cluster = np.unique(m["cluster_of_unit"], return_inverse=True)
            found = Mapping(unrolling, Partition(cluster), Placement(tiles))
            if not problem.violations(found):
                held += 1
                assert result.dual_bound <= problem.cost(found), seed
    assert held > 40


def test_one_more_on_the_busiest_link_is_rejected():
    problem = three_axons(2)
    proof = certificate(problem, bounded(problem))
    assert check(problem, proof).lower == 7
    with pytest.raises(CertificateRejected):
        check(problem, replace(proof, lower=8))


def test_loads_that_annealing_keeps_are_those_of_the_evaluator():
    """Whatever is exchanged, the least maximum that is told is the load of the busiest link on the tiles returned."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n, io_tile = 6, 4 if seed % 2 else None
        pre, post = np.nonzero(rng.random((n + 2, n)) < 0.4)
        network = Network.from_synapses(pre, post, rng.integers(1, 50, n + 2), is_input=np.arange(n + 2) >= n)
        hardware = Hardware("mesh", TileGrid(3, 3, io_tile), (Crossbar(8, 1),))
        problem = MappingProblem(network, hardware, objective="bottleneck", unrolling=Unrolling.identity(network))
        start = Mapping(problem.unrolling, Partition(np.arange(n)), Placement(rng.permutation(9)[:n]))
        found = relieved(problem, Watch(Limits(0.1, 1, seed)), start)
        assert problem.cost(found) <= problem.cost(start)
        traffic = traffic_of(problem, found)
        on_tile = np.full(9, -1)
        on_tile[found.placement.tile_of_cluster] = np.arange(n)
        tiles, load = found.placement.tile_of_cluster.astype(np.int64), np.zeros(36, dtype=np.int64)
        most, best = anneal_links(tiles, on_tile, 3, *traffic, load, 500, 0.5, 0.01, seed)
        assert most == problem.cost(replace(found, placement=Placement(best)))
        assert load.max(initial=0) == problem.cost(replace(found, placement=Placement(tiles)))


def three_axons(tiles: int) -> MappingProblem:
    """A neuron that reads three inputs of 7 spikes on crossbars of two rows: two axons go together and 14 spikes on."""
    network = Network.from_synapses([1, 2, 3], [0, 0, 0], [1, 7, 7, 7], is_input=[False, True, True, True])
    costs = CostModel(packet_fj=1, hop_x_fj=1, hop_y_fj=1)
    hardware = Hardware("line", TileGrid(tiles, 1), (Crossbar(2, 2),), costs)
    return MappingProblem(network, hardware, objective="bottleneck")


def test_a_carry_loads_a_link():
    # 14 spikes make a hop; on two tiles there are two links, on three tiles four
    assert bounded(three_axons(2)).dual_bound == 7
    assert bounded(three_axons(3)).dual_bound == 4
    found = heuristics.load("mapping", "best-effort")(three_axons(3), Watch(Limits(0.5, 1)))
    assert three_axons(3).cost(found) == 14


def test_tiles_are_exchanged_until_no_link_is_shared():
    """Four neurons in a ring on a line of four tiles, one to a tile: in a row, two of the flows overlap everywhere."""
    network = Network.from_synapses([0, 1, 2, 3], [1, 2, 3, 0], [9, 9, 9, 9])
    costs = CostModel(packet_fj=1, hop_x_fj=1, hop_y_fj=1)
    problem = MappingProblem(
        network, Hardware("mesh", TileGrid(2, 2), (Crossbar(1, 1),), costs), objective="bottleneck"
    )
    found = heuristics.load("mapping", "anneal")(problem, Watch(Limits(1, 1)))
    # around the mesh every flow has a link of its own; 4 flows of 9 spikes make a hop each on 8 links: 36 / 8 or more
    assert problem.cost(found) == 9
    assert bounded(problem).dual_bound <= 9

"""What any mapping costs at least, against all mappings of tiny networks."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from ask import mapping_problem

from spinemap_exact.bounds import Prices, least_total_latency_ps, least_worst_latency_ps, network_bound
from spinemap_exact.bounds.network import _Counting
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.network import Network

SEEDS = [*range(60), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(60, 660))]


def drawn(seed, objective):
    """A tiny network on a chip that holds it, and the least of an objective over all its mappings."""
    rng = Random(seed)
    return mapping_problem(rng, objective, idle_cell_fj=rng.choice((0, 0, 0, 7)))  # then feasible is all that it is


def some_prices(counting, draw):
    """Any prices within their ranges, those of rows also far beyond what a spike costs."""
    spikes = counting.network.spikes
    price = (counting.outside * draw.choice([0.0, 0.5, 1.0])).astype(np.int64)
    if counting.traffic == "per-synapse":
        price = np.zeros_like(price)
    row = draw.choice([0, 1, 5, min(2**40, draw.randrange(1 + 2 * int(spikes.max()) * counting.carry)), 2**40])
    above = np.maximum(0, spikes - draw.choice(spikes.tolist())) * draw.choice([0, 1, counting.carry // 2])
    return Prices(price, np.minimum(row, above), row)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mapping_costs_less_energy(seed):
    problem, least = drawn(seed, "energy")
    assert network_bound(problem.network, problem.hardware, problem.traffic, problem.max_crossbars).energy_fj <= least


@pytest.mark.parametrize("seed", SEEDS)
def test_any_prices_prove_a_bound(seed):
    problem, least = drawn(seed, "energy")
    counting = _Counting(problem.network, problem.hardware, problem.traffic, problem.most_crossbars)
    for k in range(4):
        try:
            claimed = counting.energy(some_prices(counting, Random(4 * seed + k)))
        except ValueError:  # the charges are not in order
            continue
        assert claimed <= least


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mapping_is_faster_in_total(seed):
    problem, least = drawn(seed, "mean-latency")
    assert least_total_latency_ps(problem.network, problem.hardware) <= least


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mapping_has_a_faster_slowest_spike(seed):
    problem, least = drawn(seed, "worst-latency")
    assert (least_worst_latency_ps(problem.network, problem.hardware) or 0) <= least


def one_neuron(inputs, rows, tiles=4, **costs):
    """A neuron that reads inputs of 1, 2, 4, ... spikes; packets and hops cost 1, a crossbar has one column."""
    spikes = np.array([0, *(1 << k for k in range(inputs))])
    pre = np.arange(1, inputs + 1)
    network = Network.from_synapses(pre, np.zeros(inputs, dtype=int), spikes, is_input=np.arange(inputs + 1) > 0)
    return network, Hardware("row", TileGrid(tiles, 1), (Crossbar(rows, 1),), CostModel(**costs))


def test_a_neuron_that_fits_reads_its_inputs_and_carries_nothing():
    network, hardware = one_neuron(3, rows=3)
    # 1 + 2 + 4 spikes, a packet each
    assert network_bound(network, hardware).energy_fj == 7
    # of the slowest spike a packet
    assert least_worst_latency_ps(network, hardware) == 1


def test_a_neuron_of_one_input_more_carries_two():
    network, hardware = one_neuron(4, rows=3)
    # 15 packets, and the carry of the inputs of 1 and 2 spikes: a packet and a hop for each of 3 spikes
    assert network_bound(network, hardware).energy_fj == 15 + 2 * 3
    assert least_worst_latency_ps(network, hardware) == 1 + 2


def test_a_synapse_costs_once_for_each_carry_more():
    network, hardware = one_neuron(4, rows=3, synapse_fj=10, synapse_ps=10)
    # 15 spikes enter by a packet and a synapse, 3 are carried over a packet, a hop and a synapse
    assert network_bound(network, hardware).energy_fj == 15 * 11 + 3 * 12
    assert least_total_latency_ps(network, hardware) == 15 * 11 + 3 * 12
    assert least_worst_latency_ps(network, hardware) == 11 + 12


def test_on_one_tile_no_packet_makes_a_hop():
    network, hardware = one_neuron(4, rows=3, tiles=1)
    assert network_bound(network, hardware).energy_fj == 15 + 3


def test_the_cheaper_direction_counts_where_both_are_there():
    network, hardware = one_neuron(4, rows=3, hop_x_fj=5, hop_y_fj=2)
    assert network_bound(network, hardware).energy_fj == 15 + 3 * 6
    square = replace(hardware, grid=TileGrid(2, 2))
    assert network_bound(network, square).energy_fj == 15 + 3 * 3


def test_readers_that_fill_two_crossbars_are_sent_two_packets():
    """Three neurons read one input of 5 spikes, two columns; a third crossbar has nothing to read."""
    pre, post = np.array([3, 3, 3]), np.array([0, 1, 2])
    network = Network.from_synapses(pre, post, np.array([0, 0, 0, 5]), is_input=np.array([0, 0, 0, 1], dtype=bool))
    hardware = Hardware("three", TileGrid(3, 1), (Crossbar(1, 2),))
    assert network_bound(network, hardware).energy_fj == 2 * 5
    assert network_bound(network, hardware, "per-synapse").energy_fj == 3 * 5


def test_the_home_of_a_source_has_a_column_less_for_its_readers():
    """Neuron 0 feeds 1 and 2 with 5 spikes; a packet and a hop cost 2, local reads nothing."""
    network = Network.from_synapses(np.array([0, 0]), np.array([1, 2]), np.array([5, 0, 0]))
    two, three = (Hardware("row", TileGrid(3, 1), (Crossbar(1, columns),)) for columns in (2, 3))
    # of two columns one is for neuron 0 itself; or both readers lie together elsewhere: one packet in either case
    assert network_bound(network, two).energy_fj == 10
    assert network_bound(network, three).energy_fj == 0
    # each reader outside of the home is sent its own packet
    assert network_bound(network, two, "per-synapse").energy_fj == 10


def test_idle_cells_are_those_that_no_synapse_and_no_carry_takes():
    """One input of a spike on a crossbar of 3 x 2: one cell of six is used."""
    network, _ = one_neuron(1, rows=3)
    hardware = Hardware("one", TileGrid(1, 1), (Crossbar(3, 2),), CostModel(idle_cell_fj=100))
    # by counting alone, carries might take the two rows without an axon: 6 - 1 - 2 cells are idle for certain
    assert network_bound(network, hardware).energy_fj == 1 + 300

"""Slices ordered by spikes: mappings made from the cheapest trees."""

from __future__ import annotations

import numpy as np
import pytest

from spinemap_exact.bounds import network_bound
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.heuristics.mapping import spike_slices
from spinemap_exact.instances import load
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.result import Limits, Watch

WATCH_S = 20.0


def mapped(network: Network, hardware: Hardware):
    problem = MappingProblem(network, hardware)
    found = spike_slices.run(problem, Watch(Limits(time_s=WATCH_S)))
    return problem, found


def dense(spikes: list[int], neurons: int) -> Network:
    """External inputs with these spikes, all read by all neurons."""
    inputs = len(spikes)
    pre, post = np.repeat(np.arange(inputs) + neurons, neurons), np.tile(np.arange(neurons), inputs)
    counts = np.array([0] * neurons + spikes)
    return Network.from_synapses(pre, post, counts, is_input=np.arange(neurons + inputs) >= neurons)


def test_the_digits_take_a_quarter_of_what_proven_stages_take():
    problem, found = mapped(*load("digits-64-32-10"))
    # three stages, each proven optimal, end at 19.24e9; the bound of any mapping is 4.86e9
    assert 4_856_680_676 <= problem.cost(found) < 5_400_000_000


def test_one_neuron_keeps_its_busy_inputs():
    """R = 3, spikes 9 8 7 1 1: 9 and 8 are read at the soma, 7 1 1 below: 9 spikes on the carry, 26 packets read."""
    costs = CostModel(packet_fj=1, hop_x_fj=2, hop_y_fj=2)
    problem, found = mapped(dense([9, 8, 7, 1, 1], 1), Hardware("tiny", TileGrid(2, 1), (Crossbar(3, 4),), costs))
    # reads 9 + 8 + 7 + 1 + 1 = 26 packets at 1; the carry 9 spikes at packet 1 and hop 2
    assert problem.cost(found) == 26 + 9 * 3
    assert network_bound(problem.network, problem.hardware).energy_fj <= 26 + 9 * 3


@pytest.mark.parametrize("tiles", [3, 4, 6, 9])
def test_few_tiles_make_companies_larger(tiles):
    """20 neurons of 12 inputs on 8x20: more tiles never cost more, and nothing breaks a limit."""
    network = dense([100, 90, 80, 70, 60, 50, 5, 4, 3, 2, 1, 1], 20)
    problem, found = mapped(network, Hardware("line", TileGrid(tiles, 1), (Crossbar(8, 20),)))
    if found is not None:
        assert not problem.violations(found)
        assert found.partition.num_clusters <= tiles
    else:
        assert tiles < 6


def test_what_does_not_fit_is_nothing():
    _, found = mapped(dense([1] * 12, 20), Hardware("one", TileGrid(1, 1), (Crossbar(8, 20),)))
    assert found is None

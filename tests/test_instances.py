"""What ships: every instance loads, and holds what its sources hold."""

from __future__ import annotations

import numpy as np
import pytest

from spinemap_exact import instances
from spinemap_exact.errors import InvalidInput
from spinemap_exact.heuristics.placement import tabu
from spinemap_exact.io import read_network, read_problem_file
from spinemap_exact.result import Limits, Watch

DIGITS = ("digits-64-32-10", "digits-64-100-10")


@pytest.mark.parametrize("name", instances.names())
def test_every_instance_loads_and_says_where_it_comes_from(name):
    network, hardware = instances.load(name)
    entry = instances.instances()[name]
    assert entry.origin and entry.description
    assert hardware.name == entry.hardware.stem
    assert not network.spikes_assumed or "assumed" in entry.description
    # necessary for a mapping to exist: columns for all neurons, cells for all synapses
    assert network.num_units <= hardware.grid.num_tiles * hardware.crossbar.columns
    assert network.num_synapses <= hardware.grid.num_tiles * hardware.crossbar.cells


@pytest.mark.parametrize("name", DIGITS)
def test_the_digits_networks_are_dense(name):
    hidden = int(name.split("-")[2])
    network, _hardware = instances.load(name)
    # 64 pixels to every hidden neuron, every hidden neuron to 10 classes; no trained weight is exactly zero
    assert network.num_synapses == 64 * hidden + hidden * 10
    assert (network.num_inputs, network.num_units) == (64, hidden + 10)
    assert sorted(set(network.fan_in[~network.is_input].tolist())) == sorted({64, hidden})
    assert {p.name: p.size for p in network.populations} == {"input": 64, "hidden": hidden, "out": 10}


def test_both_digits_networks_saw_the_same_images():
    small, large = (instances.load(name)[0] for name in DIGITS)
    assert np.array_equal(small.spikes[small.is_input], large.spikes[large.is_input])


@pytest.mark.parametrize("name", DIGITS)
def test_the_native_file_is_the_nir_graph_with_its_recording(name):
    stem = instances.FOLDER / name
    both, notes = read_network(f"{stem}.nir", spikes=f"{stem}.spikes.csv")
    native, _hardware = instances.load(name)
    assert notes == []
    assert native.digest == both.digest
    assert np.array_equal(native.weights, both.weights)
    assert native.populations == both.populations


def test_files_stay_small():
    assert {p.name: p.stat().st_size for p in instances.FOLDER.iterdir() if p.stat().st_size > 200_000} == {}


def test_an_unknown_instance_lists_those_there_are():
    with pytest.raises(InvalidInput, match="unknown instance 'digits'; known: digits-64-32-10, digits-64-32-10-16x16"):
        instances.load("digits")


@pytest.mark.parametrize("name", instances.core_graphs())
def test_core_graphs_have_the_optimum_of_the_literature(name):
    graph = instances.core_graphs()[name]
    found = read_problem_file(graph.file, "noc", mesh=graph.mesh)
    problem = found.problem
    assert problem.num_clusters == 12
    # tabu search needs a blink for the optimum of 12 cores on 16 tiles; that it is one is for the solvers to prove
    placement = tabu.run(problem, Watch(Limits(time_s=2.0, workers=1)))
    assert problem.cost(placement) == graph.optimum * found.scale


def test_every_flow_of_mwd_can_run_over_one_hop():
    graph = instances.core_graphs()["mwd"]
    problem = read_problem_file(graph.file, "noc", mesh=graph.mesh).problem
    # the sum of the weights: no placement with one core a tile costs less
    assert int(problem.flow.sum()) == graph.optimum

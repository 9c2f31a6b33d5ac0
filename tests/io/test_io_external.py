"""Files written by other tools: the counts that their authors state, or that follow from the layers by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io import read_network, read_problem_file
from spinemap_exact.io.core_graph import read_core_graph
from spinemap_exact.io.qaplib import read_qaplib, read_qaplib_solution

pytestmark = pytest.mark.external

HIDDEN_SPIKES = "nir/braille_hidden_spikes.csv"


def test_braille_of_40_hidden_neurons_with_recorded_spikes(external_data: Path) -> None:
    network, notes = read_network(
        external_data / "nir/braille_noDelay_noBias_subtract.nir", spikes=external_data / HIDDEN_SPIKES
    )

    assert (network.num_neurons, network.num_inputs) == (12 + 40 + 7, 12)
    # dense 12 -> 40, recurrent 40 -> 40 with its 40 self loops, dense 40 -> 7; no weight of the file is zero
    assert network.num_synapses == 12 * 40 + 40 * 40 + 40 * 7
    hidden = next(p for p in network.populations if p.name == "lif1.lif")
    # rows h3,5 and h34,26 of the CSV; all its counts add up to 118
    assert (network.spikes[hidden.start + 3], network.spikes[hidden.start + 34], network.spikes.sum()) == (5, 26, 118)
    assert not network.spikes_assumed
    assert any("h0" in note and "lif1.lif" in note for note in notes)
    assert "40 self loops kept" in notes


def test_braille_of_38_hidden_neurons(external_data: Path) -> None:
    path = external_data / "nir/braille_noDelay_bias_zero.nir"
    network, notes = read_network(path)

    assert (network.num_neurons, network.num_inputs) == (12 + 38 + 7, 12)
    assert network.num_synapses == 12 * 38 + 38 * 38 + 38 * 7
    assert network.spikes_assumed and any("assumed" in note for note in notes)
    with pytest.raises(InvalidInput, match=r"counts 40 neurons h0 \.\.\.: no population has that many"):
        read_network(path, spikes=external_data / HIDDEN_SPIKES)


def test_sinabs_convolutional_network(external_data: Path) -> None:
    network, _ = read_network(external_data / "nir/cnn_sinabs.nir")

    # input 2x34x34, IF 16x16x16 twice, 8x8x8, 256, 10; the sum pools have no neurons of their own
    assert [p.size for p in network.populations] == [4096, 4096, 512, 256, 10, 2312]
    # taps of a kernel on one axis, those in the padding left out:
    #   5 wide, stride 2, padding 1 on 34: 16 outputs of 5, the first loses 1: 79
    #   3 wide, padding 1 on 16: 16 * 3 - 2 = 46;  on 8: 22, each reading a pooled pair: 44
    # the last pool hands each of its 512 inputs to all 256 neurons of the dense layer
    layers = 2 * 16 * 79**2 + 16 * 16 * 46**2 + 16 * 8 * 44**2 + 512 * 256 + 256 * 10
    assert network.num_synapses == layers == 1_122_848


def test_norse_leaves_shapes_to_the_reader(external_data: Path) -> None:
    network, _ = read_network(external_data / "nir/lif_norse.nir")
    assert (network.num_neurons, network.num_inputs, network.num_synapses) == (2, 1, 1)


@pytest.mark.parametrize("entry", ["", "config.json"])
def test_sonata_circuit_of_420_nodes(external_data: Path, entry: str) -> None:
    network, notes = read_network(external_data / "sonata/300_intfire" / entry)

    assert [(p.name, p.size) for p in network.populations] == [("v1", 300), ("lgn", 90), ("tw", 30)]
    assert network.num_inputs == 90 + 30
    assert network.num_synapses == 61_560 + 17_160 + 9_000 == 87_720
    # recorded of v1, fed through lgn and tw
    assert network.spikes.sum() == 4_322 + 2_738 + 295 == 7_355
    assert network.window_s == 3.0
    assert not network.spikes_assumed
    assert any("contacts" in note for note in notes)


def test_sonata_circuit_without_its_simulation(external_data: Path) -> None:
    network, notes = read_network(external_data / "sonata/300_intfire/circuit_config.json")
    assert network.spikes_assumed and (network.spikes == 1).all()
    assert any("assumed" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "neurons", "synapses"),
    [
        ("pole_original", 15, 30),
        ("magic_original_network", 38, 120),
        ("pole_converted", 72, 188),
        ("magic_converted", 102, 304),
    ],
)
def test_tennlab_networks(external_data: Path, name: str, neurons: int, synapses: int) -> None:
    network, _ = read_network(external_data / f"tennlab/{name}.json")
    assert (network.num_neurons, network.num_synapses, network.num_inputs) == (neurons, synapses, 0)
    assert network.weights is not None


def test_celegans_has_303_neurons_with_chemical_synapses(external_data: Path) -> None:
    path = external_data / "celegans/aconnectome_white_1986_whole.csv"
    network, notes = read_network(path, where={"type": "chemical"})

    assert (network.num_neurons, network.num_synapses) == (303, 2386)
    assert any("575 lines of 2,961 left out" in note for note in notes)
    # six glia-like cells have gap junctions only
    assert read_network(path)[0].num_neurons == 309


@pytest.mark.parametrize(
    ("name", "transposed", "width", "height"),
    [
        ("nug12", True, 4, 3),
        ("nug15", True, 5, 3),
        ("nug16b", True, 4, 4),
        ("nug20", True, 5, 4),
        ("nug25", True, 5, 5),
        ("nug30", True, 6, 5),
        ("sko42", True, 7, 6),
        ("tho30", True, 10, 3),
        ("scr12", False, 4, 3),
        ("had12", True, 5, 5),  # 12 tiles of a 5 x 5 grid
    ],
)
def test_qaplib_grids_are_recognised(external_data: Path, name: str, transposed: bool, width: int, height: int) -> None:
    qap = read_qaplib(external_data / f"qaplib/{name}.dat")

    mesh = qap.problem.mesh
    assert mesh is not None
    assert (qap.transposed, mesh.width, mesh.height) == (transposed, width, height)
    assert mesh.is_full_grid == (name != "had12")
    objective, placement = read_qaplib_solution(external_data / f"qaplib/{name}.sln", qap.problem)
    assert qap.problem.cost(placement) == objective


@pytest.mark.parametrize("name", ["chr12a", "esc16a", "rou12", "tai12a"])
def test_qaplib_matrices_that_are_no_grid(external_data: Path, name: str) -> None:
    qap = read_qaplib(external_data / f"qaplib/{name}.dat")
    assert qap.problem.mesh is None
    objective, placement = read_qaplib_solution(external_data / f"qaplib/{name}.sln", qap.problem)
    assert qap.problem.cost(placement) == objective


@pytest.mark.parametrize(
    ("name", "mesh", "cores", "flows", "scale", "weight"),
    [
        ("pip", "4x2", 8, 8, 1, 576),
        ("mwd", "4x4", 12, 12, 1, 1120),
        ("mpeg4", "4x4", 12, 26, 4, 4 * 3466),  # 13 pairs, half of the published weight in each direction
        ("dvopd", "4x8", 32, 44, 1, 8762),
    ],
)
def test_core_graphs(
    external_data: Path, name: str, mesh: str, cores: int, flows: int, scale: int, weight: int
) -> None:
    graph = read_core_graph(external_data / f"noc/{name}.csv", mesh)
    assert (graph.problem.num_clusters, len(graph.problem.flow), graph.scale) == (cores, flows, scale)
    assert graph.problem.flow.sum() == weight


@pytest.mark.parametrize("kind", ["partition", "unroll", "placement"])
def test_every_problem_of_the_development_data(external_data: Path, kind: str) -> None:
    files = sorted(p for p in (external_data / kind).glob("*.json") if p.stem != "known")
    assert len(files) == {"partition": 26, "unroll": 13, "placement": 20}[kind]
    for path in files:
        assert read_problem_file(path, kind).problem.kind == kind
        if kind != "placement":
            network, _ = read_network(path)
            assert np.array_equal(network.is_input, np.sort(network.is_input))

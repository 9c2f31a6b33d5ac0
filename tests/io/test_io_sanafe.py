"""What SANA-FE simulates of an exported mapping costs what we print."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinemap_exact import evaluate, instances
from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.io import sanafe as export
from spinemap_exact.io.mapping_file import read_mapping
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network

# input 0 feeds neurons 1 and 2 on tiles 1 (x = 1, y = 0) and 4 (x = 1, y = 1) of a 3x2 mesh; 1 feeds itself and 2
NETWORK = Network.from_synapses([0, 0, 1, 1], [1, 2, 1, 2], [3, 2, 0], is_input=[True, False, False])
COSTS = CostModel(packet_fj=7, hop_x_fj=20, hop_y_fj=11, local_fj=7, synapse_fj=3)
MAPPING = Mapping(Unrolling.identity(NETWORK), Partition(np.array([0, 1])), Placement(np.array([1, 4])))


def chip(io_tile=None, **costs) -> Hardware:
    return Hardware("a chip", TileGrid(3, 2, io_tile), (Crossbar(4, 2),), replace(COSTS, **costs))


def test_tiles_are_counted_column_by_column_and_inputs_lie_beside_what_reads_them(tmp_path):
    notes = export.write_sanafe(tmp_path, MAPPING, NETWORK, chip())
    lines = (tmp_path / export.NETWORK).read_text().splitlines()
    # x = 1, y = 0 is the third tile of columns of two, x = 1, y = 1 the fourth; a copy of the input is on each
    assert [line.strip() for line in lines[lines.index("mappings:") + 1 :]] == [
        "- units.0: [core: 2.0, soma: 'replay[0]']",
        "- units.1: [core: 3.0, soma: 'replay[0]']",
        "- inputs.0: [core: 2.1, soma: 'replay[0]']",
        "- inputs.1: [core: 3.1, soma: 'replay[0]']",
    ]
    assert "        - 0: [spikes: [1, 1, 1]]" in lines and "        - 0: [spikes: [1, 1]]" in lines
    assert notes == ["one window is 3 time steps"]


def test_an_input_tile_holds_each_input_once(tmp_path):
    export.write_sanafe(tmp_path, MAPPING, NETWORK, chip(io_tile=5))
    text = (tmp_path / export.NETWORK).read_text()
    assert "- inputs.0: [core: 5.1, " in text and "inputs.1" not in text  # x = 2, y = 1


def test_what_is_priced_otherwise_is_said(tmp_path):
    # neuron 1 reads its own 2 spikes at home: as messages they cost 7 instead of 2 each
    notes = export.write_sanafe(tmp_path, MAPPING, NETWORK, chip(local_fj=2, idle_cell_fj=1))
    assert notes[0] == "SANA-FE prices local reads as messages: 10 fJ more"
    assert notes[1] == "SANA-FE knows no price of idle cells: 12 fJ less"  # 2 crossbars of 8 cells, 4 synapses


def test_more_spikes_than_a_file_should_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_MOST_SPIKES", 4)
    with pytest.raises(InvalidInput, match="8 spikes are too many for SANA-FE"):
        export.write_sanafe(tmp_path, MAPPING, NETWORK, chip())


def simulated(folder, mapping, network, hardware, steps) -> dict:
    sanafe = pytest.importorskip("sanafe", reason="SANA-FE is not installed: pip install -e '.[sanafe]'")
    export.write_sanafe(folder, mapping, network, hardware)
    architecture = sanafe.load_arch(str(folder / export.ARCHITECTURE))
    simulator = sanafe.SpikingChip(architecture)
    simulator.load(sanafe.load_net(str(folder / export.NETWORK), architecture))
    return simulator.sim(int(steps), timing_model="simple")["energy"]


@pytest.mark.parametrize("io_tile", [None, 0, 5])
def test_each_price_is_theirs(tmp_path, io_tile):
    hardware = chip(io_tile)
    ours = evaluate(NETWORK, hardware, MAPPING).energy_fj
    theirs = simulated(tmp_path, MAPPING, NETWORK, hardware, 3)
    assert theirs["synapse"] == pytest.approx(ours.synapse * 1e-15, rel=1e-12)
    assert theirs["network"] == pytest.approx((ours.hop + ours.packet + ours.local) * 1e-15, rel=1e-12)
    assert theirs["total"] == pytest.approx(ours.total * 1e-15, rel=1e-12)


@pytest.mark.parametrize(
    "name", ["small-world-32", "layered-16-24-8", "random-200", pytest.param("digits-64-32-10", marks=pytest.mark.slow)]
)
def test_shipped_mappings_cost_the_same(tmp_path, name):
    network, hardware = instances.load(name)
    mapping = read_mapping(instances.instances()[name].reference, network, hardware)
    ours = evaluate(network, hardware, mapping).energy_fj
    steps = mapping.unrolling.unit_network(network).spikes.max()
    theirs = simulated(tmp_path, mapping, network, hardware, steps)
    assert theirs["network"] == pytest.approx((ours.hop + ours.packet + ours.local) * 1e-15, rel=1e-12)

"""Mappings as tables: each unit a line that people and other tools read, and the way back."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from spinemap_exact import evaluate, instances
from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.io.mapping_file import read_mapping, write_mapping
from spinemap_exact.io.pacman import write_pacman
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network, Population

# inputs 0 ... 3 feed neuron 4, neuron 4 feeds 5
NETWORK = Network.from_synapses(
    [0, 1, 2, 3, 4],
    [4, 4, 4, 4, 5],
    [6, 5, 4, 3, 2, 1],
    is_input=np.arange(6) < 4,
    populations=[Population("in, raw", 0, 4), Population("out", 4, 6)],
)
HARDWARE = Hardware("test", TileGrid(3, 2), (Crossbar(3, 2),))
# unit 2 reads inputs 0, 1, 2 on tile 5 and sends them to unit 0, which reads input 3 beside unit 1 on tile 1
MAPPING = Mapping(
    Unrolling([2, 2, 2, 0, 1], [4, 5, 4], [-1, -1, 0]), Partition(np.array([0, 0, 1])), Placement(np.array([1, 5]))
)
TABLE = """\
unit,neuron,name,population,parent,cluster,tile,x,y,column,rows,sources
0,4,out[0],out,,0,1,1,0,0,0 2,3 u2
1,5,out[1],out,,0,1,1,0,1,1,4
2,4,out[0],out,0,1,5,2,1,0,0-2,0-2
"""


def read(folder, text: str, hardware=HARDWARE) -> Mapping:
    (folder / "m.csv").write_text(text)
    return read_mapping(folder / "m.csv", NETWORK, hardware)


def same(a: Mapping, b: Mapping) -> bool:
    parts = ("unrolling", "partition", "placement")
    return all(getattr(a, part).digest == getattr(b, part).digest for part in parts)


def test_a_line_says_where_a_unit_lies_and_what_it_takes(tmp_path):
    write_mapping(tmp_path / "m.csv", MAPPING, NETWORK, HARDWARE)
    assert (tmp_path / "m.csv").read_text() == TABLE


def test_what_was_written_is_read_back(tmp_path):
    assert same(read(tmp_path, TABLE), MAPPING)
    assert same(read(tmp_path, TABLE, hardware=None), MAPPING)


def test_a_neuron_may_have_a_name_of_its_own_beside_its_population(tmp_path):
    named = Network.from_matrix(
        [[0, 1, 0], [0, 0, 1], [0, 0, 0]], names=["a", "b;c", "x[0]"], populations={"x": range(2)}
    )
    mapping = Mapping(Unrolling.identity(named), Partition([0, 0, 1]), Placement([0, 4]))
    write_mapping(tmp_path / "m.csv", mapping, named, HARDWARE)
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert [line.split(",")[2:4] for line in lines[1:]] == [["a", "x"], ['"b;c"', "x"], ["x[0]", "x[0]"]]
    assert same(read_mapping(tmp_path / "m.csv", named, HARDWARE), mapping)


@pytest.mark.parametrize("name", ["digits-64-32-10", "layered-16-24-8", "random-200"])
def test_references_survive_the_way(tmp_path, name):
    network, hardware = instances.load(name)
    reference = read_mapping(instances.instances()[name].reference, network, hardware)
    write_mapping(tmp_path / "m.csv", reference, network, hardware)
    again = read_mapping(tmp_path / "m.csv", network, hardware)
    assert same(again, reference)
    assert evaluate(network, hardware, again).energy_fj == evaluate(network, hardware, reference).energy_fj


@pytest.mark.parametrize(
    "text",
    [
        "neuron,tile\n4,1\n5,5\n",
        "neuron,x,y\n5,2,1\n4,1,0\n",
        "name,tile\nout[0],1\nout[1],5\n",
        "name,x,y,neuron\nout[0],1,0,4\nout[1],2,1,5\n",
        '"name",tile\n"in, raw[2]",0\nout[0],1\nout[1],5\n',  # inputs lie nowhere
        "neuron,tile,cluster\n4,1,70\n5,5,90\n",
    ],
)
def test_a_neuron_has_a_number_or_a_name_and_a_tile_a_number_or_coordinates(tmp_path, text):
    mapping = read(tmp_path, text)
    assert mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit].tolist() == [1, 5]
    assert mapping.unrolling.digest == Unrolling.identity(NETWORK).digest


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("0,4,out[0]", "0,5,out[0]", "line 2 of {}: 'out[0]' is neuron 4, not 5"),
        (
            "out[1],out",
            "off[1],out",
            "line 3 of {}: 'off[1]' names no neuron; there are in, raw[0 ... 3], out[0 ... 1]",
        ),
        ("out[1],out", "out[2],out", "line 3 of {}: 'out[2]' names no neuron"),
        ("0,1,1,0,1,1,4", "0,1,2,0,1,1,4", "line 3 of {}: tile 1 is not at x = 2, y = 0 of the 3x2 mesh"),
        ("2,4,out[0],out,0", "1,4,out[0],out,0", "{} places unit 1 twice"),
        ("2,4,out[0],out,0,1", "2,4,out[0],out,0,0", "line 4 of {}: cluster 0 is on tile 1, not 5"),
        ("out,0,1,5", "out,,1,5", "line 2 of {}: u2 is read, but its parent is not unit 0"),
        ("3 u2", "3", "line 4 of {}: unit 0 does not read the carry of unit 2"),
        ("0-2,0-2", "0-1,0-1", "{}: no unit of neuron 4 reads neuron 2"),
        ("0-2,0-2", "0-3,0-3", "{}: two units of neuron 4 read neuron 3"),
        ("0 2,3 u2", "0 2,3 5 u2", "{}: neuron 4 does not read neuron 5"),
        ("0-2,0-2", "0-2,0-9999999999", "line 4 of {}: '0-9999999999' is neither a neuron, a range nor a unit"),
        ("0-2,0-2", "0-2,2-0", "line 4 of {}: sources '2-0' are none, or named twice"),
        ("0-2,0-2", "0-2,zero", "line 4 of {}: 'zero' is neither"),
        (",column", ",colour", "{} has a column 'colour' that is not understood"),
        ("sources\n", "sources\n9,9,out[1],out,,0,1,1,0,1,,\n", "{} names neuron 9, outside 0 ... 5"),
    ],
)
def test_a_contradiction_is_named_with_its_line(tmp_path, before, after, reason):
    assert before in TABLE
    with pytest.raises(InvalidInput, match=re.escape(reason.format(tmp_path / "m.csv"))):
        read(tmp_path, TABLE.replace(before, after))


def test_several_units_need_to_say_what_they_read(tmp_path):
    with pytest.raises(InvalidInput, match="places neuron 4 twice: columns unit and sources are needed"):
        read(tmp_path, "unit,neuron,tile\n0,4,1\n1,5,1\n2,4,5\n")


def test_placements_for_pacman_name_clusters_and_chips(tmp_path):
    write_pacman(tmp_path / "p.json", MAPPING, HARDWARE)
    assert json.loads((tmp_path / "p.json").read_text()) == [
        {"vertex_label": "cluster_0", "x": 1, "y": 0, "p": 1},
        {"vertex_label": "cluster_1", "x": 2, "y": 1, "p": 1},
    ]

"""Mappings survive the way to a file and back, and foreign ones are read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.io.mapping_file import read_mapping, write_mapping
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network

# external input 0 and neuron 1 feed neuron 2; neuron 2 feeds neuron 3
NETWORK = Network.from_synapses([0, 1, 2], [2, 2, 3], [5, 4, 3, 2], is_input=np.array([True, False, False, False]))
HARDWARE = Hardware("test", TileGrid(2, 2), (Crossbar(2, 2),))
MIXED = Hardware("mixed", TileGrid(2, 2), (Crossbar(2, 2, count=1), Crossbar(4, 4, count=3)))


def unrolled() -> Mapping:
    """Neuron 2 gets a second unit: units 0, 1, 2 are neurons 1, 2, 3, and unit 3 carries the input for unit 1."""
    unrolling = Unrolling(np.array([3, 1, 2]), np.array([1, 2, 3, 2]), np.array([-1, -1, -1, 1]))
    return Mapping(unrolling, Partition(np.array([0, 1, 0, 1])), Placement(np.array([3, 0])))


def plain() -> Mapping:
    return Mapping(Unrolling.identity(NETWORK), Partition(np.array([1, 0, 0])), Placement(np.array([2, 1])))


def same(a: Mapping, b: Mapping) -> bool:
    parts = ("unrolling", "partition", "placement")
    return all(getattr(a, part).digest == getattr(b, part).digest for part in parts)


@pytest.mark.parametrize("mapping", [plain(), unrolled()], ids=["plain", "unrolled"])
@pytest.mark.parametrize("name", ["mapping.json", "mapping.json.gz"])
def test_round_trip(tmp_path: Path, mapping: Mapping, name: str) -> None:
    write_mapping(tmp_path / name, mapping, NETWORK, HARDWARE)

    assert same(read_mapping(tmp_path / name, NETWORK, HARDWARE), mapping)
    first = (tmp_path / name).read_bytes()
    write_mapping(tmp_path / name, mapping, NETWORK, HARDWARE)
    assert (tmp_path / name).read_bytes() == first


def test_round_trip_with_several_crossbar_types(tmp_path: Path) -> None:
    mapping = Mapping(
        Unrolling.identity(NETWORK), Partition(np.array([1, 0, 0]), np.array([1, 0])), Placement(np.array([2, 0]))
    )
    write_mapping(tmp_path / "m.json", mapping, NETWORK, MIXED)
    assert same(read_mapping(tmp_path / "m.json", NETWORK, MIXED), mapping)


@pytest.mark.parametrize(
    "table",
    [
        {"cluster_of_unit": [1, 0, 0], "tile_of_cluster": [2, 1]},
        {"cluster_of_neuron": [1, 0, 0], "tile_of_cluster": [2, 1]},
        {"cluster_of_neuron": [-1, 1, 0, 0], "tile_of_cluster": [2, 1]},
        {"cluster_of_neuron": [None, 1, 0, 0], "tile_of_cluster": [2, 1]},
    ],
)
def test_mappings_of_other_tools(tmp_path: Path, table: dict[str, list[int]]) -> None:
    (tmp_path / "m.json").write_text(json.dumps(table))
    assert same(read_mapping(tmp_path / "m.json", NETWORK, HARDWARE), plain())


def test_a_csv_of_tiles(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("neuron,tile\n3,2\n1,1\n2,1\n")
    mapping = read_mapping(tmp_path / "m.csv", NETWORK, HARDWARE)

    assert mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit].tolist() == [1, 1, 2]
    assert mapping.violations(NETWORK, HARDWARE) == []


@pytest.mark.parametrize(
    "text",
    [
        "neuron,x,y\n3,0,1\n1,1,0\n2,1,0\n",  # tile y * 2 + x
        "y;x;neuron\n1;0;3\n0;1;1\n0;1;2\n",
        "id tile\n3 2\n1 1.0\n2 1\n",
        ",neuron,tile\n0,3,2\n1,1,1\n2,2,1\n",
    ],
)
def test_columns_of_tiles_and_places(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    mapping = read_mapping(tmp_path / "m.csv", NETWORK, HARDWARE)
    assert mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit].tolist() == [1, 1, 2]


def test_places_need_hardware(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("neuron,x,y\n1,0,0\n2,0,0\n3,0,0\n")
    with pytest.raises(InvalidInput, match="names tiles by x and y, which only hardware can tell"):
        read_mapping(tmp_path / "m.csv", NETWORK)


def test_crossbar_types_follow_the_tiles_where_a_file_names_none(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("1,0\n2,3\n3,3\n")
    # tile 0 has the one crossbar of the first type, tiles 1 to 3 those of the second
    mapping = read_mapping(tmp_path / "m.csv", NETWORK, MIXED)
    assert mapping.partition.crossbar_of_cluster.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"cluster_of_unit": [0, 0], "tile_of_cluster": [0]}, "cluster_of_unit has 2 entries for 3 units"),
        ({"cluster_of_neuron": [0], "tile_of_cluster": [0]}, "cluster_of_neuron has 1 entries for 3 neurons"),
        ({"cluster_of_unit": [0, 0, 0], "tile_of_cluster": [0, 1]}, "tile_of_cluster has 2 entries for 1 clusters"),
        ({"cluster_of_unit": [0, 0, 2], "tile_of_cluster": [0, 1, 2]}, "cluster 1 holds no unit"),
        ({"cluster_of_unit": [0, 0, 0]}, "no entry tile_of_cluster"),
        ({"tile_of_cluster": [0]}, "no entry cluster_of_unit or cluster_of_neuron"),
        ({"cluster_of_unit": [0, 0.5, 0], "tile_of_cluster": [0]}, "cluster_of_unit[1] is 0.5, not a whole number"),
        ({"cluster_of_unit": [0, 2**40, 0], "tile_of_cluster": [0]}, "cluster_of_unit[1] is 1099511627776"),
        ({"cluster_of_unit": [0, -1, 0], "tile_of_cluster": [0]}, "cluster -1 is negative"),
        ({"unit_of_synapse": [0, 1, 2], "cluster_of_unit": [0]}, "has unit_of_synapse, but no neuron_of_unit"),
        (
            {"unit_of_synapse": [0, 0, 0], "neuron_of_unit": [1, 2, 3], "parent_of_unit": [-1, -1, -1]},
            "synapse 0 -> 2 ends at unit 0 of neuron 1",
        ),
        ({"network": "0", "cluster_of_unit": [0, 0, 0], "tile_of_cluster": [0]}, "a mapping of another network"),
        ({"hardware": "0", "cluster_of_unit": [0, 0, 0], "tile_of_cluster": [0]}, "a mapping of another hardware"),
        ({"version": 99}, "has version 99"),
        ({"format": "something"}, "has the format 'something'"),
    ],
)
def test_bad_mappings_are_refused_with_a_reason(tmp_path: Path, table: dict[str, object], reason: str) -> None:
    (tmp_path / "m.json").write_text(json.dumps(table))
    with pytest.raises(InvalidInput, match=re.escape(reason)) as caught:
        read_mapping(tmp_path / "m.json", NETWORK, HARDWARE)
    assert "m.json" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,0\n2,0\n", "places 2 of 3 neurons; neuron 3 has no tile"),
        ("1,0\n1,0\n", "places neuron 1 twice"),
        ("9,0\n", "names neuron 9, outside 0 ... 3"),
        ("1,x\n", "the tile of neuron 1 is 'x', not a number"),
        ("1\n", "line 1 of"),
        ("1,0,0\n2,0,1\n3,1,0\n", "has 3 columns, the first line has 2"),
        ("neuron,x,y,p\n1,0,0,3\n", "has a column 'p' that is not understood; wanted: neuron,tile or neuron,x,y"),
        ("neuron,tile,x,y\n1,0,1,0\n", "line 2 of"),
        ("neuron,x\n1,0\n", "has the columns neuron, x; wanted"),
        ("neuron,x,y\n1,2,0\n", "places neuron 1 at x = 2, y = 0, outside the 2x2 mesh"),
        ("neuron,x,y\n1,0,-1\n", "places neuron 1 at x = 0, y = -1, outside the 2x2 mesh"),
    ],
)
def test_bad_tables_of_tiles(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        read_mapping(tmp_path / "m.csv", NETWORK, HARDWARE)

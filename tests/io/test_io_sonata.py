"""A SONATA circuit small enough to count by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io import read_network

h5py = pytest.importorskip("h5py")


def nodes(folder: Path, name: str, types: list[int], virtual: set[int], ids: list[int] | None = None) -> dict[str, str]:
    with h5py.File(folder / f"{name}_nodes.h5", "w") as file:
        file[f"nodes/{name}/node_type_id"] = np.array(types)
        if ids is not None:
            file[f"nodes/{name}/node_id"] = np.array(ids)
    kinds = "".join(f"{t} {'virtual' if t in virtual else 'point_process'} 'a b'\n" for t in sorted(set(types)))
    (folder / f"{name}_types.csv").write_text("node_type_id model_type note\n" + kinds.replace("'", '"'))
    return {"nodes_file": f"$NET/{name}_nodes.h5", "node_types_file": f"${{NET}}/{name}_types.csv"}


def edges(folder: Path, source: str, target: str, pairs: list[tuple[int, int]], **extra: Any) -> dict[str, str]:
    name = f"{source}_{target}"
    with h5py.File(folder / f"{name}_edges.h5", "w") as file:
        group = file.create_group(f"edges/{source}_to_{target}")
        for side, population, column in (("source", source, 0), ("target", target, 1)):
            group[f"{side}_node_id"] = np.array([p[column] for p in pairs], dtype=np.uint64)
            group[f"{side}_node_id"].attrs["node_population"] = population
        group["edge_type_id"] = np.full(len(pairs), 7)
        if extra:
            group["edge_group_id"] = np.zeros(len(pairs), dtype=int)
            group["edge_group_index"] = np.arange(len(pairs))
        for key, values in extra.items():
            group[f"0/{key}"] = np.array(values)
    (folder / f"{name}_types.csv").write_text("edge_type_id syn_weight\n7 0.5\n")
    return {"edges_file": f"$NET/{name}_edges.h5", "edge_types_file": f"$NET/{name}_types.csv"}


def spikes(path: Path, **ids: list[int]) -> None:
    with h5py.File(path, "w") as file:
        for name, who in ids.items():
            file["spikes/gids" if name == "gids" else f"spikes/{name}/node_ids"] = np.array(who, dtype=np.uint64)


@pytest.fixture
def circuit(tmp_path: Path) -> Path:
    """Four cells, of which node id 3 is virtual, fed by two virtual nodes of another population."""
    net = tmp_path / "net"
    net.mkdir()
    table = {
        "manifest": {"$BASE": ".", "$NET": "$BASE/net"},
        "networks": {
            "nodes": [nodes(net, "cells", [1, 1, 1, 2], {2}, [0, 1, 2, 3]), nodes(net, "lgn", [5, 5], {5})],
            "edges": [
                edges(net, "cells", "cells", [(0, 1), (1, 2), (3, 0), (1, 1)], nsyns=[1, 2, 1, 1]),
                edges(net, "lgn", "cells", [(0, 0), (1, 2), (0, 0)], nsyns=[1, 1, 1]),
            ],
        },
    }
    (tmp_path / "circuit_config.json").write_text(json.dumps(table))
    simulation = {
        "manifest": {"$OUT": "./output"},
        "run": {"tstop": 500.0},
        "node_sets_file": "sets.json",
        "inputs": {
            "a": {"input_type": "spikes", "input_file": "lgn.h5", "node_set": "LGN"},
            "b": {"input_type": "current"},
        },
        "output": {"output_dir": "$OUT", "spikes_file": "spikes.h5"},
    }
    (tmp_path / "simulation_config.json").write_text(json.dumps(simulation))
    (tmp_path / "sets.json").write_text(json.dumps({"LGN": {"population": "lgn"}}))
    (tmp_path / "output").mkdir()
    spikes(tmp_path / "output" / "spikes.h5", cells=[0, 2, 2, 2])
    spikes(tmp_path / "lgn.h5", gids=[1, 1])
    both = {"network": "./circuit_config.json", "simulation": "./simulation_config.json"}
    (tmp_path / "config.json").write_text(json.dumps(both))
    return tmp_path


@pytest.mark.parametrize("entry", ["", "config.json"])
def test_nodes_edges_and_spikes(circuit: Path, entry: str) -> None:
    network, notes = read_network(circuit / entry)

    assert [(p.name, p.start, p.stop) for p in network.populations] == [("cells", 0, 4), ("lgn", 4, 6)]
    assert network.is_input.tolist() == [False, False, False, True, True, True]
    # four edges among the cells; lgn 0 -> cell 0 is listed twice
    pairs = list(zip(network.pre.tolist(), network.post.tolist(), strict=True))
    assert pairs == [(0, 1), (1, 1), (1, 2), (3, 0), (4, 0), (5, 2)]
    # 0.5 a contact: edge 1 -> 2 has two contacts, and 4 -> 0 is two edges
    assert network.weights is not None and network.weights.tolist() == [0.5, 0.5, 1.0, 0.5, 1.0, 0.5]
    assert network.spikes.tolist() == [1, 0, 3, 0, 0, 2]
    assert network.window_s == 0.5
    assert "1 synapse listed more than once: merged, their weights added" in notes
    assert "7 edges stand for 8 contacts: one synapse for each edge" in notes
    assert "1 self loop kept" in notes


def test_a_folder_without_config_json(circuit: Path) -> None:
    (circuit / "config.json").unlink()
    assert read_network(circuit)[0].spikes.sum() == 6


def test_a_circuit_alone_has_no_spikes(circuit: Path) -> None:
    network, notes = read_network(circuit / "circuit_config.json")
    assert network.spikes_assumed
    assert any("assumed" in note for note in notes)


def test_a_simulation_that_has_not_run(circuit: Path) -> None:
    (circuit / "output" / "spikes.h5").unlink()
    network, notes = read_network(circuit)
    assert network.spikes_assumed
    assert "the simulation names spikes.h5 for its spikes, but there is no such file" in notes


def test_spikes_given_by_the_user_win(circuit: Path) -> None:
    spikes(circuit / "other.h5", cells=[1], lgn=[0])
    assert read_network(circuit, spikes=circuit / "other.h5")[0].spikes.tolist() == [0, 1, 0, 0, 1, 0]


def test_node_ids_in_any_order(circuit: Path) -> None:
    # the virtual node now has id 0 and stands last in the file
    nodes(circuit / "net", "cells", [1, 1, 1, 2], {2}, [3, 1, 2, 0])
    with pytest.raises(InvalidInput, match="is an external input, yet"):
        read_network(circuit)  # since 3 -> 0 and 4 -> 0 feed it


@pytest.mark.parametrize("size", [0, 10, 800])
@pytest.mark.parametrize("name", ["net/cells_nodes.h5", "net/lgn_cells_edges.h5", "output/spikes.h5", "lgn.h5"])
def test_truncated_files(circuit: Path, name: str, size: int) -> None:
    path = circuit / name
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InvalidInput, match=f"{path.name} is truncated or not an HDF5 file"):
        read_network(circuit)


def test_missing_files_are_named(circuit: Path) -> None:
    for name in ("net/cells_nodes.h5", "net/cells_types.csv", "lgn.h5", "circuit_config.json"):
        content = (circuit / name).read_bytes()
        (circuit / name).unlink()
        with pytest.raises(InvalidInput, match=Path(name).name):
            read_network(circuit)
        (circuit / name).write_bytes(content)


def test_contradictions_are_named(circuit: Path) -> None:
    net = circuit / "net"
    cases = [
        (lambda: edges(net, "cells", "cells", [(0, 4)]), "names node 4 of cells, outside 0 ... 3"),
        (lambda: edges(net, "cells", "cells", [(0, 3)]), "neuron 3 is an external input, yet neuron 0 feeds it"),
        (lambda: nodes(net, "cells", [1, 1], set(), [0, 5]), "the node ids of cells are not 0 ... 1"),
        (lambda: nodes(net, "lgn", [5], {5}), "names node 1 of lgn, outside 0 ... 0"),
        (lambda: spikes(circuit / "lgn.h5", gids=[2]), "has a spike of neuron 2, outside 0 ... 1"),
        (lambda: spikes(circuit / "output" / "spikes.h5", v1=[0]), "has spikes of v1; the circuit has cells, lgn"),
    ]
    kept = {path: path.read_bytes() for path in circuit.rglob("*") if path.is_file()}
    for spoil, reason in cases:
        spoil()
        with pytest.raises(InvalidInput, match=re.escape(reason)):
            read_network(circuit)
        for path, content in kept.items():
            path.write_bytes(content)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"network": "$HERE/c.json"}, "variable in '$HERE/c.json', which its manifest does not define"),
        ({"network": "config.json"}, "is no SONATA circuit: it has no table of networks"),
        ({"networks": {"nodes": [{}]}}, "has an entry without nodes_file"),
        ({"networks": {"nodes": 3}}, "networks.nodes is not a list of tables"),
        ({"networks": {}}, "the network is empty"),
        ({"manifest": 3, "networks": {}}, "manifest is not a table"),
        (
            {"manifest": {"$A": "$B", "$B": "$A"}, "network": "$A"},
            "variable in '$A', which its manifest does not define",
        ),
        (
            {"manifest": {"$A": "$B" * 50, "$B": "$C" * 50, "$C": "$D" * 50, "$D": "x"}, "network": "$A"},
            "the variable 'B' of its manifest grows without end",
        ),
        ({"network": "x" * 300}, "names the file 'xxxxx"),
        ({"networks": {"nodes": [{"nodes_file": "/dev/zero"}]}}, "/dev/zero is a device or pipe, not a file"),
    ],
)
def test_bad_configurations(tmp_path: Path, table: dict[str, Any], reason: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(table))
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        read_network(tmp_path)


def test_a_folder_without_any_configuration(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=re.escape(f"{tmp_path} is a folder without a SONATA config.json")):
        read_network(tmp_path)

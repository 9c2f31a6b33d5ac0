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
from spinemap_exact.network import Network

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


def test_a_simulation_that_has_not_run_has_the_spikes_it_was_fed(circuit: Path) -> None:
    (circuit / "output" / "spikes.h5").unlink()
    network, notes = read_network(circuit)
    # lgn.h5 has two spikes of the second lgn node; nobody recorded the four cells
    assert network.spikes.tolist() == [0, 0, 0, 0, 0, 2]
    assert not network.spikes_assumed
    assert "the simulation names spikes.h5 for its spikes, but there is no such file" in notes
    assert "4 neurons of populations without recorded spikes: counted as zero spikes" in notes


def test_a_simulation_without_any_recording_is_assumed(circuit: Path) -> None:
    (circuit / "output" / "spikes.h5").unlink()
    simulation = json.loads((circuit / "simulation_config.json").read_text())
    (circuit / "simulation_config.json").write_text(json.dumps({**simulation, "inputs": {}}))
    assert read_network(circuit)[0].spikes_assumed


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


def write_nodes(path: Path, size_of: dict[str, int], models: dict[str, Any] | None = None) -> None:
    """Populations without node types; ``models`` holds what the HDF5 file itself says of each."""
    with h5py.File(path, "w") as file:
        for name, size in size_of.items():
            file[f"nodes/{name}/node_type_id"] = np.full(size, -1)
            for key, values in (models or {}).get(name, {}).items():
                file[f"nodes/{name}/{key}"] = values


def write_edges(path: Path, name: str, ends: str, pairs: list[tuple[int, int]], **datasets: Any) -> None:
    with h5py.File(path, "a") as file:
        group = file.create_group(f"edges/{name}")
        for side, population, column in zip(("source", "target"), ends.split(">"), (0, 1), strict=True):
            group[f"{side}_node_id"] = np.array([p[column] for p in pairs], dtype=np.uint64)
            group[f"{side}_node_id"].attrs["node_population"] = population
        for key, values in datasets.items():
            group[key.replace("__", "/")] = np.array(values)


def write_circuit(folder: Path, nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> Path:
    (folder / "circuit_config.json").write_text(json.dumps({"networks": {"nodes": nodes, "edges": edges}}))
    return folder


def test_populations_are_virtual_where_the_configuration_says_so(tmp_path: Path) -> None:
    write_nodes(tmp_path / "n.h5", {"relay": 2, "cell": 3})
    write_edges(tmp_path / "e.h5", "in", "relay>cell", [(0, 0), (1, 2)])
    about = {"relay": {"type": "virtual"}, "cell": {"type": "biophysical"}}
    write_circuit(tmp_path, [{"nodes_file": "n.h5", "populations": about}], [{"edges_file": "e.h5"}])

    network, notes = read_network(tmp_path)

    assert network.is_input.tolist() == [True, True, False, False, False]
    assert not any("virtual" in note for note in notes)


def test_only_listed_populations_are_the_circuit(tmp_path: Path) -> None:
    write_nodes(tmp_path / "n.h5", {"a": 2, "left_out": 30, "z": 1})
    write_edges(tmp_path / "e.h5", "a_z", "a>z", [(0, 0), (1, 0)])
    write_edges(tmp_path / "e.h5", "z_out", "z>left_out", [(0, 29)])
    listed = {"nodes_file": "n.h5", "populations": {"z": {}, "a": {"type": "virtual"}}}
    write_circuit(tmp_path, [listed], [{"edges_file": "e.h5", "populations": {"a_z": {"type": "chemical"}}}])

    network, notes = read_network(tmp_path)

    # in the order of the configuration: z is neuron 0, a 0 and a 1 are 1 and 2
    assert [(p.name, p.start, p.stop) for p in network.populations] == [("z", 0, 1), ("a", 1, 3)]
    assert list(zip(network.pre.tolist(), network.post.tolist(), strict=True)) == [(1, 0), (2, 0)]
    assert "1 node of z without a model type: read as neurons" in notes


@pytest.mark.parametrize(
    ("about", "of_edges", "reason"),
    [
        ({"b": {}}, {}, "lists the population 'b', which"),
        ({"a": {"type": "astrocyte"}}, {}, "a is of the type 'astrocyte'; read are virtual, "),
        ({"a": {"type": 3}}, {}, "a is of the type 3"),
        (["a"], {}, "the populations of n.h5 are not a table of tables"),
        ({"a": {}}, {"gaps": {"type": "electrical"}}, "gaps is of the type 'electrical'; read are chemical"),
    ],
)
def test_populations_that_are_not_understood_are_refused(
    tmp_path: Path, about: Any, of_edges: dict[str, Any], reason: str
) -> None:
    write_nodes(tmp_path / "n.h5", {"a": 2})
    write_edges(tmp_path / "e.h5", "gaps", "a>a", [(0, 1)])
    write_circuit(
        tmp_path, [{"nodes_file": "n.h5", "populations": about}], [{"edges_file": "e.h5", "populations": of_edges}]
    )
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        read_network(tmp_path)


def test_a_configuration_that_contradicts_its_node_types_is_refused(circuit: Path) -> None:
    table = json.loads((circuit / "circuit_config.json").read_text())
    table["networks"]["nodes"][1]["populations"] = {"lgn": {"type": "biophysical"}}
    (circuit / "circuit_config.json").write_text(json.dumps(table))
    with pytest.raises(InvalidInput, match="has virtual nodes in lgn, which the configuration calls biophysical"):
        read_network(circuit)


def test_model_types_of_the_nodes_themselves_come_first(tmp_path: Path) -> None:
    """Four nodes in two groups: words in one, numbers into a library in the other."""
    texts = h5py.string_dtype()
    about = {
        "node_group_id": [0, 1, 1, 0],
        "node_group_index": [1, 0, 1, 0],
        "0/model_type": np.array(["virtual", "biophysical"], dtype=texts),
        "1/model_type": np.array([1, 0]),
        "1/@library/model_type": np.array(["virtual", "point_neuron"], dtype=texts),
    }
    write_nodes(tmp_path / "n.h5", {"a": 4}, {"a": about})
    (tmp_path / "t.csv").write_text("node_type_id model_type\n-1 virtual\n")
    write_circuit(tmp_path, [{"nodes_file": "n.h5", "node_types_file": "t.csv"}], [])

    # node 0 is entry 1 of group 0: biophysical; node 1 is number 1 of the library, node 2 number 0; node 3 entry 0
    assert read_network(tmp_path)[0].is_input.tolist() == [False, False, True, True]


def one_population_of_edges(folder: Path, types: str | None, **datasets: Any) -> Path:
    write_nodes(folder / "n.h5", {"a": 4})
    write_edges(folder / "e.h5", "a_a", "a>a", [(0, 1), (1, 2), (2, 3), (3, 0)], **datasets)
    entry = {"edges_file": "e.h5"}
    if types is not None:
        (folder / "t.csv").write_text(types)
        entry["edge_types_file"] = "t.csv"
    return write_circuit(folder, [{"nodes_file": "n.h5"}], [entry])


TWO_GROUPS = {"edge_group_id": [0, 5, 0, 5], "edge_group_index": [1, 0, 0, 1], "edge_type_id": [8, 8, 9, 9]}


def test_attributes_of_edges_override_those_of_types(tmp_path: Path) -> None:
    """Edges 0 and 2 are entries 1 and 0 of group 0; types have 3.0 and 10.0."""
    types = "edge_type_id nsyns syn_weight\n8 NULL 3.0\n9 5 10.0\n"
    datasets = {"0__nsyns": [2, 4], "5__syn_weight": [0.5, 0.25]}
    network, notes = read_network(one_population_of_edges(tmp_path, types, **TWO_GROUPS, **datasets))

    # contacts: own 4 and 2 in group 0; edge 1 of type 8 states none: 1; edge 3 of type 9: 5
    # weights: types 3 and 10 for edges 0 and 2, own 0.5 and 0.25 for 1 and 3
    assert network.weights is not None and network.weights.tolist() == [3 * 4, 0.5 * 1, 10 * 2, 0.25 * 5]
    assert "4 edges stand for 12 contacts: one synapse for each edge" in notes


def test_edges_of_one_group_need_no_index(tmp_path: Path) -> None:
    network, _ = read_network(one_population_of_edges(tmp_path, None, **{"0__syn_weight": [1.0, 2.0, 3.0, 4.0]}))
    assert network.weights is not None and network.weights.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("types", "datasets", "reason"),
    [
        (None, {"0__syn_weight": [1.0, 2.0]}, "2 edges of 4 lack syn_weight"),
        ("edge_type_id syn_weight\n8 1.0\n9 NULL\n", {}, "2 edges of 4 lack syn_weight"),
        ("edge_type_id syn_weight\n8 x\n9 1\n", {}, "have a syn_weight that is not a number"),
        (None, {"0__nsyns": [1.5, 1]}, "a number of contacts (nsyns) that cannot be"),
        (None, {"0__nsyns": [-1, 1]}, "a number of contacts (nsyns) that cannot be"),
        (None, {"0__nsyns": [1]}, "entry 1 of 1 nsyns is asked for"),
    ],
)
def test_attributes_that_are_missing_or_cannot_be(
    tmp_path: Path, types: str | None, datasets: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        read_network(one_population_of_edges(tmp_path, types, **TWO_GROUPS, **datasets))


def replaying(folder: Path, inputs: dict[str, Any], **simulation: Any) -> tuple[Network, list[str]]:
    write_nodes(folder / "n.h5", {"relay": 3, "cell": 1})
    nodes = {"nodes_file": "n.h5", "populations": {"relay": {"type": "virtual"}, "cell": {}}}
    table = {"networks": {"nodes": [nodes]}, "run": {"tstop": 1}, "inputs": inputs, **simulation}
    (folder / "config.json").write_text(json.dumps(table))
    return read_network(folder)


def test_spikes_fed_as_text(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("timestamps population node_ids\n0.5 relay 2\n0.7 relay 0\n3 relay 2\n")
    network, _ = replaying(tmp_path, {"a": {"input_type": "spikes", "module": "csv", "input_file": "in.csv"}})
    assert network.spikes.tolist() == [1, 0, 2, 0]


def test_spikes_fed_under_the_other_name(tmp_path: Path) -> None:
    spikes(tmp_path / "in.h5", relay=[1, 1, 1])
    network, notes = replaying(
        tmp_path, {"a": {"input_type": "spikes", "spike_file": "in.h5", "node_set": "cell"}}, node_set="some"
    )
    assert network.spikes.tolist() == [0, 3, 0, 0]
    assert "the simulation runs only the node set 'some': the whole circuit is read" in notes


def test_a_replay_names_the_source_of_its_spikes(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("neuron,time\n2,0.5\n2,0.75\n")
    about = {"input_type": "spikes", "module": "synapse_replay", "spike_file": "in.csv", "node_set": "cell"}
    with pytest.raises(InvalidInput, match="names spikes without saying of which population"):
        replaying(tmp_path, {"a": about})
    assert replaying(tmp_path, {"a": {**about, "source": "relay"}})[0].spikes.tolist() == [0, 0, 2, 0]


def test_edges_are_chemical_under_either_name(tmp_path: Path) -> None:
    write_nodes(tmp_path / "n.h5", {"a": 2})
    write_edges(tmp_path / "e.h5", "a_a", "a>a", [(0, 1)])
    of_edges = {"edges_file": "e.h5", "populations": {"a_a": {"type": "chemical_synapse"}}}
    assert read_network(write_circuit(tmp_path, [{"nodes_file": "n.h5"}], [of_edges]))[0].num_synapses == 1


def test_spikes_that_are_replayed_and_recorded_count_once(tmp_path: Path) -> None:
    spikes(tmp_path / "in.h5", relay=[1], cell=[0, 0])
    spikes(tmp_path / "out.h5", cell=[0, 0, 0])
    network, notes = replaying(
        tmp_path, {"a": {"input_type": "spikes", "input_file": "in.h5"}}, output={"spikes_file": "out.h5"}
    )
    assert network.spikes.tolist() == [0, 1, 0, 3]
    assert "in.h5 replays spikes of cell that the output has: not counted again" in notes


def test_text_that_is_no_events_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInput, match="has no columns timestamps and node_ids"):
        replaying(tmp_path, {"a": {"input_type": "spikes", "input_file": "in.csv"}})

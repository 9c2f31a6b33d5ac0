"""SONATA circuits with their recorded spikes: HDF5 files named by a JSON configuration.

Nodes of ``model_type`` virtual are external inputs. The populations follow one another in the order of the
configuration, and so do their nodes. An edge is one synapse however many contacts (``nsyns``) it stands for; its weight
is ``syn_weight`` of the edge or of its type, times the contacts. Edge populations that list a pair twice are merged.

Spikes are those that the simulation recorded (``output``) and those that it was fed (``inputs`` of type spikes), in the
layout ``spikes/POPULATION/node_ids`` or the older ``spikes/gids``.

K. Dai et al., *The SONATA data format for efficient description of large-scale network models*, PLOS Computational
Biology 16(2), 2020, doi:10.1371/journal.pcbi.1007696.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import cut, read_json_table, shown
from spinemap_exact.io._draft import Draft
from spinemap_exact.io._files import plural, read_rows
from spinemap_exact.io._hdf5 import Group, read_hdf5
from spinemap_exact.io.spike_counts import count_ids, sonata_spikes
from spinemap_exact.network import Network, Population

_PURPOSE = "reading SONATA circuits"
_OF_NODES = ("node_type_id", "node_id")
_OF_EDGES = (
    *("source_node_id", "target_node_id", "node_population", "edge_type_id"),
    *("edge_group_id", "edge_group_index", "nsyns", "syn_weight"),
)
_LONGEST_NAME, _LONGEST_PATH = 255, 4_000
_MOST_CONTACTS = 2**31
_CONFIGS = ("config.json", "circuit_config.json", "simulation_config.json")


def is_config(table: dict[str, Any]) -> bool:
    """Tell a circuit or simulation configuration, or one that names both, by its entries."""
    return "networks" in table or "network" in table


def read_sonata(
    path: str | Path, *, spikes: str | Path | None = None, weight_threshold: float = 0.0
) -> tuple[Network, list[str]]:
    """Read a circuit, given its configuration or the folder that holds it.

    Raises
    ------
    InvalidInput
        If a file is missing, truncated or contradicts another one.
    """
    circuit, simulation = _configurations(Path(path))
    nodes, draft = _Nodes(), Draft(0, np.empty(0, np.int64), np.empty(0, np.int64))
    for entry in circuit.list("networks", "nodes"):
        nodes.read(circuit.file(entry, "nodes_file"), circuit.optional_file(entry, "node_types_file"))
    edges = [
        edge
        for entry in circuit.list("networks", "edges")
        for edge in _read_edges(
            circuit.file(entry, "edges_file"), circuit.optional_file(entry, "edge_types_file"), nodes
        )
    ]
    contacts = sum(e.contacts for e in edges)
    if contacts > sum(len(e.source) for e in edges):
        listed = sum(len(e.source) for e in edges)
        draft.notes.append(f"{plural(listed, 'edge')} stand for {contacts:,} contacts: one synapse for each edge")
    draft.num_neurons, draft.populations = nodes.size, tuple(nodes.populations.values())
    draft.is_input = np.concatenate([*nodes.is_virtual, np.empty(0, dtype=bool)])
    if edges:
        draft.pre, draft.post = np.concatenate([e.source for e in edges]), np.concatenate([e.target for e in edges])
        weights = [e.weights for e in edges if e.weights is not None]
        if len(weights) == len(edges):
            draft.weights = np.concatenate(weights)
        elif weights:
            draft.notes.append("some edge populations have no weights: all weights are left out")
    if simulation is not None:
        run = simulation.table.get("run")
        tstop = run.get("tstop") if isinstance(run, dict) else None
        # a number too large for a float is no duration either
        draft.window_s = tstop / 1000 if isinstance(tstop, int | float) and 0 <= tstop < 1e15 else None
        if spikes is None:
            draft.spikes = _recorded(simulation, nodes, draft.notes)
    return draft.finish(None if spikes is None else Path(spikes), weight_threshold)


@dataclass
class _Config:
    """A configuration file: its table, with the variables of its manifest replaced."""

    path: Path
    table: dict[str, Any]
    variables: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> _Config:
        table = read_json_table(path)
        manifest = table.get("manifest", {})
        if not isinstance(manifest, dict):
            raise InvalidInput(f"{path}: manifest is not a table")
        if strange := [name for name, value in manifest.items() if not isinstance(value, str | int | float)]:
            raise InvalidInput(f"{path}: the variable {shown(strange[0])} of its manifest is no text")
        return cls(path, table, {name.strip("${}"): str(value) for name, value in manifest.items()})

    def list(self, *keys: str) -> list[dict[str, Any]]:
        found: Any = self.table
        for key in keys:
            found = found.get(key, {}) if isinstance(found, dict) else {}
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            if found == {}:
                return []
            raise InvalidInput(f"{self.path}: {'.'.join(keys)} is not a list of tables")
        return found

    def file(self, entry: dict[str, Any], key: str) -> Path:
        if not isinstance(entry.get(key), str):
            raise InvalidInput(f"{self.path} has an entry without {key}")
        return self.resolve(entry[key])

    def optional_file(self, entry: dict[str, Any], key: str) -> Path | None:
        return self.file(entry, key) if entry.get(key) not in (None, "NULL", "") else None

    def resolve(self, text: str) -> Path:
        """Paths are relative to the configuration that names them."""
        file = self.path.parent / self.expand(text)
        if not str(file).isprintable() or max(map(len, file.parts)) > _LONGEST_NAME or len(str(file)) > _LONGEST_PATH:
            raise InvalidInput(f"{self.path} names the file {shown(text)}, as no file can be called")
        return file

    def expand(self, text: str) -> str:
        for _ in range(10):  # variables may name variables
            if "$" not in text:
                return text
            for name in sorted(self.variables, key=len, reverse=True):
                for spelt in ("${" + name + "}", "$" + name):
                    if text.count(spelt) * len(self.variables[name]) > _LONGEST_PATH:
                        raise InvalidInput(f"{self.path}: the variable {shown(name)} of its manifest grows without end")
                    text = text.replace(spelt, self.variables[name])
        raise InvalidInput(f"{self.path} uses the variable in {shown(text)}, which its manifest does not define")


def _configurations(path: Path) -> tuple[_Config, _Config | None]:
    """Find the circuit, and the simulation if one is named or stands beside the circuit in a folder."""
    beside = None
    if path.is_dir():
        found = [path / name for name in _CONFIGS if (path / name).is_file()]
        if not found:
            raise InvalidInput(f"{path} is a folder without a SONATA {', '.join(_CONFIGS)}")
        path, beside = found[0], next((p for p in found[1:] if p.name == _CONFIGS[2]), None)
    main = _Config.read(path)
    simulation = main if "run" in main.table or "output" in main.table else None
    if isinstance(main.table.get("simulation"), str):
        simulation = _Config.read(main.resolve(main.table["simulation"]))
    elif simulation is None and beside is not None:
        simulation = _Config.read(beside)
    circuit = main
    if isinstance(main.table.get("network"), str):
        circuit = _Config.read(main.resolve(main.table["network"]))
    if not isinstance(circuit.table.get("networks"), dict):
        raise InvalidInput(f"{circuit.path} is no SONATA circuit: it has no table of networks")
    return circuit, simulation


@dataclass
class _Nodes:
    """Node populations one after the other."""

    populations: dict[str, Population] = field(default_factory=dict)
    is_virtual: list[Array] = field(default_factory=list)
    position_of_id: dict[str, Array] = field(default_factory=dict)
    size: int = 0

    def read(self, path: Path, types: Path | None) -> None:
        kinds = {} if types is None else _types(types, "node_type_id", "model_type")
        for name, group in read_hdf5(path, "sonata", _PURPOSE, _OF_NODES).group("nodes").groups():
            if name in self.populations:
                raise InvalidInput(f"{path} defines the population {name}, which another file defines too")
            type_ids = group.integers("node_type_id")
            size = len(type_ids)
            if "node_id" in group:
                self.position_of_id[name] = _positions(path, name, group.integers("node_id"), size)
            distinct, which = np.unique(type_ids, return_inverse=True)
            virtual = np.array([kinds.get(int(t)) == "virtual" for t in distinct], dtype=bool)[which]
            self.is_virtual.append(virtual if size else np.empty(0, dtype=bool))
            self.populations[name] = Population(name, self.size, self.size + size)
            self.size += size

    def neurons(self, path: Path, name: str, ids: Array) -> Array:
        """Turn node ids of a population into neurons."""
        if name not in self.populations:
            raise InvalidInput(f"{path} names the population {name}; the circuit has {', '.join(self.populations)}")
        population = self.populations[name]
        outside = (ids < 0) | (ids >= population.size)
        if outside.any():
            raise InvalidInput(f"{path} names node {ids[outside][0]} of {name}, outside 0 ... {population.size - 1}")
        local = self.position_of_id[name][ids] if name in self.position_of_id else ids
        return local + population.start


def _positions(path: Path, name: str, ids: Array, size: int) -> Array:
    if len(ids) != size or (np.sort(ids) != np.arange(size)).any():
        raise InvalidInput(f"{path}: the node ids of {name} are not 0 ... {size - 1}")
    return np.argsort(ids)


def _types(path: Path, key: str, column: str) -> dict[int, str]:
    """One column of a types file, by type id; the separator is a blank."""
    rows = [[cell for cell in row if cell] for _, row in read_rows(path, " ")]
    if not rows or key not in rows[0]:
        raise InvalidInput(f"{path} has no column {key}")
    if column not in rows[0]:
        return {}
    kind, value = rows[0].index(key), rows[0].index(column)
    try:
        return {int(row[kind]): row[value] for row in rows[1:] if len(row) > value and row[value] != "NULL"}
    except (ValueError, IndexError) as defect:
        raise InvalidInput(f"{path} has a line without a whole number for {key}") from defect


@dataclass(frozen=True)
class _Edges:
    source: Array
    target: Array
    weights: Array | None
    contacts: int


def _read_edges(path: Path, types: Path | None, nodes: _Nodes) -> list[_Edges]:
    weight_of_type = {} if types is None else _types(types, "edge_type_id", "syn_weight")
    found = []
    for name, group in read_hdf5(path, "sonata", _PURPOSE, _OF_EDGES).group("edges").groups():
        source, target = (
            nodes.neurons(path, group.text(f"{side}@node_population"), group.integers(side))
            for side in ("source_node_id", "target_node_id")
        )
        if len(source) != len(target):
            raise InvalidInput(f"{path}: {name} has {len(source)} sources and {len(target)} targets")
        contacts = _per_edge(group, "nsyns", len(source))
        weights = _per_edge(group, "syn_weight", len(source))
        if contacts is not None and not (np.abs(contacts) < _MOST_CONTACTS).all():
            raise InvalidInput(f"{group.where}: an edge has a number of contacts (nsyns) that cannot be")
        if weights is None and weight_of_type:
            weights = _weights_of_types(path, group.integers("edge_type_id"), weight_of_type)
        if weights is not None and contacts is not None:
            weights = weights * contacts
        total = len(source) if contacts is None else int(contacts.sum())
        found.append(_Edges(source, target, weights, total))
    return found


def _per_edge(group: Group, key: str, edges: int) -> Array | None:
    """An attribute of every edge, collected from the groups that hold it; None if one group lacks it."""
    if "edge_group_id" not in group or "edge_group_index" not in group:
        return None
    ids, index = group.integers("edge_group_id"), group.integers("edge_group_index")
    values = np.zeros(edges)
    if ids.shape != (edges,) or index.shape != (edges,):
        raise InvalidInput(f"{group.where}: edge_group_id and edge_group_index do not cover all {edges} edges")
    for kind in np.unique(ids).tolist():
        if str(kind) not in group or key not in group.group(str(kind)):
            return None
        stored, here = group.group(str(kind)).numbers(key), ids == kind
        asked = index[here]
        if outside := asked[(asked < 0) | (asked >= len(stored))].tolist():
            raise InvalidInput(f"{group.where}: an edge asks for entry {outside[0]} of {len(stored)} {key}")
        values[here] = stored[asked]
    return values


def _weights_of_types(path: Path, type_ids: Array, weight_of_type: dict[int, str]) -> Array:
    distinct, which = np.unique(type_ids, return_inverse=True)
    missing = [int(t) for t in distinct if int(t) not in weight_of_type]
    if missing:
        raise InvalidInput(f"{path} has edges of type {missing[0]}, for which the edge types state no syn_weight")
    try:
        weights: Array = np.array([float(weight_of_type[int(t)]) for t in distinct])[which]
    except ValueError as defect:
        raise InvalidInput(f"the edge types of {path} have a syn_weight that is not a number") from defect
    return weights


def _recorded(simulation: _Config, nodes: _Nodes, notes: list[str]) -> Array | None:
    """Spike counts of all nodes, from the output and from the inputs of type spikes."""
    counts = np.zeros(nodes.size, dtype=np.int64)
    heard: set[str] = set()
    output = simulation.table.get("output")
    if isinstance(output, dict) and isinstance(output.get("spikes_file"), str):
        folder = simulation.file({"output_dir": ".", **output}, "output_dir")
        file = simulation.resolve(str(folder.absolute() / simulation.expand(output["spikes_file"])))
        if not file.is_file():
            notes.append(f"the simulation names {file.name} for its spikes, but there is no such file")
            return None
        for name, ids in sonata_spikes(file).items():
            _count(file, _only(nodes, simulation, name), ids, nodes, counts, heard)
    inputs = simulation.table.get("inputs")
    for entry in inputs.values() if isinstance(inputs, dict) else ():
        if isinstance(entry, dict) and entry.get("input_type") == "spikes":
            file = simulation.file(entry, "input_file")
            for name, ids in sonata_spikes(file).items():
                population = name or _only(nodes, simulation, entry.get("node_set"))
                _count(file, population, ids, nodes, counts, heard)
    if not heard:
        return None
    silent = sum(p.size for name, p in nodes.populations.items() if name not in heard)
    if silent:
        notes.append(f"{plural(silent, 'neuron')} of populations without recorded spikes: counted as zero spikes")
    return counts


def _count(file: Path, name: str, ids: Array, nodes: _Nodes, counts: Array, heard: set[str]) -> None:
    if name not in nodes.populations:
        raise InvalidInput(f"{file} has spikes of {cut(name)}; the circuit has {', '.join(nodes.populations)}")
    population = nodes.populations[name]
    heard.add(name)
    local = count_ids(file, ids, population.size)
    counts[nodes.neurons(file, name, np.arange(population.size))] += local


def _only(nodes: _Nodes, simulation: _Config, node_set: Any) -> str:
    """The population that a node set stands for; an older spike file without names belongs to the only one."""
    if node_set is None or node_set == "all":
        if len(nodes.populations) == 1:
            return next(iter(nodes.populations))
        raise InvalidInput(f"{simulation.path} names spikes without saying of which population")
    names = {name.lower(): name for name in nodes.populations}
    if isinstance(node_set, str) and node_set.lower() not in names and "node_sets_file" in simulation.table:
        node_set = read_json_table(simulation.file(simulation.table, "node_sets_file")).get(node_set, node_set)
    if isinstance(node_set, dict):
        node_set = node_set.get("population")
    if not isinstance(node_set, str):
        raise InvalidInput(f"{simulation.path} names {shown(node_set)} where a set of nodes belongs")
    return names.get(node_set.lower(), node_set)

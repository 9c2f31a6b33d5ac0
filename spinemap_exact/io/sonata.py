"""SONATA circuits with their recorded spikes: HDF5 files named by a JSON configuration.

A circuit is what its configuration lists: where an entry names ``populations``, others in the file do not belong to it.
External inputs are the populations that the configuration calls ``virtual``, and the nodes whose ``model_type`` is
virtual, in the HDF5 file or else by their node type. The populations follow one another in the order of the
configuration, and so do their nodes. An edge is one synapse however many contacts (``nsyns``) it stands for; its weight
is ``syn_weight`` of the edge or else of its type, times the contacts. Edge populations that list a pair twice are
merged.

Spikes are those that the simulation recorded (``output``) and those that it was fed (``inputs`` of type spikes), in the
layout ``spikes/POPULATION/node_ids`` or the older ``spikes/gids``, or as CSV.

K. Dai et al., *The SONATA data format for efficient description of large-scale network models*, PLOS Computational
Biology 16(2), 2020, doi:10.1371/journal.pcbi.1007696.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import cut, shown
from spinemap_exact.io._draft import Draft
from spinemap_exact.io._files import plural, read_rows
from spinemap_exact.io._hdf5 import Group, read_hdf5
from spinemap_exact.io._sonata_config import Config, configurations
from spinemap_exact.io._sonata_spikes import recorded_spikes
from spinemap_exact.network import Network, Population

_PURPOSE = "reading SONATA circuits"
_OF_NODES = ("node_type_id", "node_id", "node_group_id", "node_group_index", "model_type")
_OF_EDGES = (
    *("source_node_id", "target_node_id", "node_population", "edge_type_id"),
    *("edge_group_id", "edge_group_index", "nsyns", "syn_weight"),
)
_MOST_CONTACTS = 2**31
_VIRTUAL = "virtual"
_NEURONS = (_VIRTUAL, "biophysical", "single_compartment", "point_neuron", "point_process", "point_soma")
_SYNAPSES = ("chemical", "chemical_synapse")  # the latter by tools of before the specification


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
    circuit, simulation = configurations(Path(path))
    nodes, draft = _Nodes(), Draft(0, np.empty(0, np.int64), np.empty(0, np.int64))
    for entry in circuit.list("networks", "nodes"):
        nodes.read(circuit, entry)
    edges = [edge for entry in circuit.list("networks", "edges") for edge in _read_edges(circuit, entry, nodes)]
    draft.notes += nodes.notes
    contacts, listed = sum(e.contacts for e in edges), sum(len(e.source) for e in edges)
    if contacts > listed:
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
        _attach_simulation(draft, simulation, nodes, with_spikes=spikes is None)
    return draft.finish(None if spikes is None else Path(spikes), weight_threshold)


def _attach_simulation(draft: Draft, simulation: Config, nodes: _Nodes, *, with_spikes: bool) -> None:
    run = simulation.table.get("run")
    tstop = run.get("tstop") if isinstance(run, dict) else None
    # a number too large for a float is no duration either
    draft.window_s = tstop / 1000 if isinstance(tstop, int | float) and 0 <= tstop < 1e15 else None
    if (part := simulation.table.get("node_set")) is not None:
        draft.notes.append(f"the simulation runs only the node set {shown(part)}: the whole circuit is read")
    if with_spikes:
        draft.spikes = recorded_spikes(simulation, nodes.populations, nodes.neurons, draft.notes)


@dataclass
class _Nodes:
    """Node populations one after the other."""

    populations: dict[str, Population] = field(default_factory=dict)
    is_virtual: list[Array] = field(default_factory=list)
    position_of_id: dict[str, Array] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    size: int = 0

    def read(self, circuit: Config, entry: dict[str, Any]) -> None:
        path, types = circuit.file(entry, "nodes_file"), circuit.optional_file(entry, "node_types_file")
        kinds = {} if types is None else _types(types, "node_type_id", "model_type")
        content = read_hdf5(path, "sonata", _PURPOSE, _OF_NODES).group("nodes")
        for name, stated, group in _listed(circuit, entry, path, content, _NEURONS):
            if name in self.populations:
                raise InvalidInput(f"{path} defines the population {name}, which another file defines too")
            type_ids = group.integers("node_type_id")
            size = len(type_ids)
            if "node_id" in group:
                self.position_of_id[name] = _positions(path, name, group.integers("node_id"), size)
            self.is_virtual.append(self._virtual(path, name, stated, _model_types(group, type_ids, kinds)))
            self.populations[name] = Population(name, self.size, self.size + size)
            self.size += size

    def _virtual(self, path: Path, name: str, stated: str | None, models: list[str | None]) -> Array:
        """Which nodes are external inputs: as the configuration says, or else the files."""
        virtual = np.array([model == _VIRTUAL for model in models], dtype=bool)
        if stated == _VIRTUAL:
            return np.ones(len(models), dtype=bool)
        if stated is not None:
            if virtual.any():
                raise InvalidInput(f"{path} has virtual nodes in {cut(name)}, which the configuration calls {stated}")
        elif unsaid := models.count(None):
            self.notes.append(f"{plural(unsaid, 'node')} of {cut(name)} without a model type: read as neurons")
        return virtual

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


def _listed(
    circuit: Config, entry: dict[str, Any], path: Path, content: Group, kinds: tuple[str, ...]
) -> Iterator[tuple[str, str | None, Group]]:
    """The populations of a file that belong to the circuit, and the type that the configuration gives each."""
    found = dict(content.groups())
    listed = entry.get("populations")
    if listed is None:
        yield from ((name, None, group) for name, group in found.items())
        return
    if not isinstance(listed, dict) or not all(isinstance(about, dict) for about in listed.values()):
        raise InvalidInput(f"{circuit.path}: the populations of {path.name} are not a table of tables")
    for name, about in listed.items():
        stated = about.get("type")
        if name not in found:
            raise InvalidInput(f"{circuit.path} lists the population {shown(name)}, which {path} does not hold")
        if stated is not None and stated not in kinds:
            readable = ", ".join(kinds)
            raise InvalidInput(f"{circuit.path}: {cut(name)} is of the type {shown(stated)}; read are {readable}")
        yield name, stated, found[name]


def _model_types(group: Group, type_ids: Array, kinds: dict[int, str]) -> list[str | None]:
    """The model type of every node: its own where the HDF5 file has one, else that of its node type."""
    models: list[str | None] = [kinds.get(t) for t in type_ids.tolist()]
    ids, index = _groups_of(group, "node", len(type_ids))
    for kind in np.unique(ids).tolist():
        if str(kind) not in group or "model_type" not in group.group(str(kind)):
            continue
        stored, here = _words(group.group(str(kind)), "model_type"), np.flatnonzero(ids == kind)
        for node, entry in zip(here.tolist(), _within(group, index[here], len(stored), "model_type"), strict=True):
            models[node] = stored[entry]
    return models


def _words(group: Group, key: str) -> list[str]:
    """An attribute that is text, or numbers into a list of words that ``@library`` keeps."""
    if "@library" in group and key in group.group("@library"):
        words = group.group("@library").texts(key)
        return [words[k] for k in _within(group, group.integers(key), len(words), key)]
    return group.texts(key)


def _groups_of(group: Group, of: str, size: int) -> tuple[Array, Array]:
    """The group that holds the attributes of each node or edge, and the place in it; without them there is one."""
    keys = f"{of}_group_id", f"{of}_group_index"
    if not all(key in group for key in keys):
        return np.zeros(size, dtype=np.int64), np.arange(size)
    ids, index = (group.integers(key) for key in keys)
    if ids.shape != (size,) or index.shape != (size,):
        raise InvalidInput(f"{group.where}: {' and '.join(keys)} do not cover all {size} {of}s")
    return ids, index


def _within(group: Group, asked: Array, size: int, key: str) -> list[int]:
    if outside := asked[(asked < 0) | (asked >= size)].tolist():
        raise InvalidInput(f"{group.where}: entry {outside[0]} of {size} {key} is asked for")
    places: list[int] = asked.tolist()
    return places


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


def _read_edges(circuit: Config, entry: dict[str, Any], nodes: _Nodes) -> Iterator[_Edges]:
    path, types = circuit.file(entry, "edges_file"), circuit.optional_file(entry, "edge_types_file")
    of_type = {} if types is None else {key: _types(types, "edge_type_id", key) for key in ("nsyns", "syn_weight")}
    content = read_hdf5(path, "sonata", _PURPOSE, _OF_EDGES).group("edges")
    for name, _, group in _listed(circuit, entry, path, content, _SYNAPSES):
        source, target = (
            nodes.neurons(path, group.text(f"{side}@node_population"), group.integers(side))
            for side in ("source_node_id", "target_node_id")
        )
        if len(source) != len(target):
            raise InvalidInput(f"{path}: {name} has {len(source)} sources and {len(target)} targets")
        contacts, counted = _attribute(path, group, "nsyns", len(source), of_type)
        weights, weighted = _attribute(path, group, "syn_weight", len(source), of_type)
        contacts[~counted] = 1
        if not ((contacts >= 0) & (contacts < _MOST_CONTACTS) & (contacts == np.floor(contacts))).all():
            raise InvalidInput(f"{group.where}: an edge has a number of contacts (nsyns) that cannot be")
        if weighted.any() and not weighted.all():
            raise InvalidInput(
                f"{group.where}: {plural(int((~weighted).sum()), 'edge')} of {len(source)} lack syn_weight"
            )
        yield _Edges(source, target, weights * contacts if weighted.any() else None, int(contacts.sum()))


def _attribute(
    path: Path, group: Group, key: str, edges: int, of_type: dict[str, dict[int, str]]
) -> tuple[Array, Array]:
    """An attribute of every edge, its own or else that of its type; and which edges have it."""
    values, known = np.zeros(edges), np.zeros(edges, dtype=bool)
    if stated := of_type.get(key):
        distinct, which = np.unique(group.integers("edge_type_id"), return_inverse=True)
        if which.shape != (edges,):
            raise InvalidInput(f"{group.where}: edge_type_id does not cover all {edges} edges")
        try:
            values = np.array([float(stated.get(t, 0)) for t in distinct.tolist()])[which]
        except ValueError as defect:
            raise InvalidInput(f"the edge types of {path} have a {key} that is not a number") from defect
        known = np.array([t in stated for t in distinct.tolist()], dtype=bool)[which]
    ids, index = _groups_of(group, "edge", edges)
    for kind in np.unique(ids).tolist():
        if str(kind) in group and key in group.group(str(kind)):
            own, here = group.group(str(kind)).numbers(key), ids == kind
            values[here], known[here] = own[_within(group, index[here], len(own), key)], True
    return values, known

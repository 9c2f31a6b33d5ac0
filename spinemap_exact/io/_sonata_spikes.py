"""Spikes of a SONATA simulation: what it recorded (``output``) and what it was fed (``inputs`` of type spikes)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import cut, read_json_table, shown
from spinemap_exact.io._files import plural, whole_number
from spinemap_exact.io._sonata_config import Config
from spinemap_exact.io.spike_counts import count_ids, sonata_spikes
from spinemap_exact.io.spike_events import read_events
from spinemap_exact.network import Population

NeuronsOf = Callable[[Path, str, Array], Array]
_TEXT = (".csv", ".txt", ".dat", ".gdf")


def recorded_spikes(
    simulation: Config, populations: Mapping[str, Population], neurons_of: NeuronsOf, notes: list[str]
) -> Array | None:
    """Count the spikes of all nodes; None if nothing was recorded.

    Parameters
    ----------
    simulation : Config
    populations : mapping of str to Population
    neurons_of : callable
        Turns the node ids of a population, both named by a file, into neurons.
    notes : list of str
        Told what is missing.
    """
    recorded = _Recorded(simulation, populations, neurons_of, notes)
    recorded.count_output()
    recorded.count_inputs()
    if not recorded.heard:
        return None
    silent = sum(p.size for name, p in populations.items() if name not in recorded.heard)
    if silent:
        notes.append(f"{plural(silent, 'neuron')} of populations without recorded spikes: counted as zero spikes")
    return recorded.counts


@dataclass
class _Recorded:
    simulation: Config
    populations: Mapping[str, Population]
    neurons_of: NeuronsOf
    notes: list[str]
    heard: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.counts = np.zeros(sum(p.size for p in self.populations.values()), dtype=np.int64)

    def count_output(self) -> None:
        output = self.simulation.table.get("output")
        if not isinstance(output, dict) or not isinstance(output.get("spikes_file"), str):
            return
        folder = self.simulation.file({"output_dir": ".", **output}, "output_dir")
        file = self.simulation.resolve(str(folder.absolute() / self.simulation.expand(output["spikes_file"])))
        if not file.is_file():
            self.notes.append(f"the simulation names {file.name} for its spikes, but there is no such file")
            return
        for name, ids in _spikes_of(file).items():
            self._count(file, name or self._population_of(None), ids)

    def count_inputs(self) -> None:
        recorded = frozenset(self.heard)
        inputs = self.simulation.table.get("inputs")
        for entry in inputs.values() if isinstance(inputs, dict) else ():
            if not isinstance(entry, dict) or entry.get("input_type") != "spikes":
                continue
            key = "spike_file" if "spike_file" in entry else "input_file"
            file = self.simulation.file(entry, key)
            for stated, ids in _spikes_of(file).items():
                # a replay names the source of its spikes, if at all, and under node_set their target
                key = "source" if entry.get("module") == "synapse_replay" else "node_set"
                name = stated or self._population_of(entry.get(key))
                if name in recorded:
                    self.notes.append(
                        f"{file.name} replays spikes of {cut(name)} that the output has: not counted again"
                    )
                else:
                    self._count(file, name, ids)

    def _count(self, file: Path, name: str, ids: Array) -> None:
        if name not in self.populations:
            raise InvalidInput(f"{file} has spikes of {cut(name)}; the circuit has {', '.join(self.populations)}")
        size = self.populations[name].size
        self.heard.add(name)
        self.counts[self.neurons_of(file, name, np.arange(size))] += count_ids(file, ids, size)

    def _population_of(self, node_set: Any) -> str:
        """The population that a node set stands for; a spike file without names belongs to the only one."""
        path, table = self.simulation.path, self.simulation.table
        if node_set is None or node_set == "all":
            if len(self.populations) == 1:
                return next(iter(self.populations))
            raise InvalidInput(f"{path} names spikes without saying of which population")
        names = {name.lower(): name for name in self.populations}
        if isinstance(node_set, str) and node_set.lower() not in names and "node_sets_file" in table:
            node_set = read_json_table(self.simulation.file(table, "node_sets_file")).get(node_set, node_set)
        if isinstance(node_set, dict):
            node_set = node_set.get("population")
        if not isinstance(node_set, str):
            raise InvalidInput(f"{path} names {shown(node_set)} where a set of nodes belongs")
        return names.get(node_set.lower(), node_set)


def _spikes_of(file: Path) -> Mapping[str | None, Array]:
    """Who spiked, once for each spike, by population."""
    if file.suffix.lower() not in _TEXT:
        return sonata_spikes(file)
    events = read_events(file)
    if events is None:
        raise InvalidInput(f"{file} has no columns timestamps and node_ids: no spike events")
    return {
        population: np.repeat([whole_number(name, f"{file}: a node id") for name in spikes], list(spikes.values()))
        for population, spikes in events.spikes.items()
    }

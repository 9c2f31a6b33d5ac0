"""Spike counts as text, and the neurons that a text names.

The columns are ``neuron,spikes`` and optionally ``input`` (1 or 0), with or without a header, which may also name a
``population``; or spike events, see `spike_events`. A neuron is named by its id, by its own name, or by population and
position in it (``lif1[3]``, ``lif1.3``, ``lif1:3``). Names of one prefix and a running number (``h0 ... h39``) stand
for the one population that has as many neurons, if there is only one; not so in events, which name only who spiked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import cut, read_text, shown
from spinemap_exact.io._files import plural, whole_number
from spinemap_exact.io._recording import Recording, silent_note
from spinemap_exact.io._tables import Table, read_table, whole_id
from spinemap_exact.io.spike_events import NEURON, POPULATION, is_event_file, read_events
from spinemap_exact.network import Population

ASSUMED = "# no recording was given: these counts are assumed"
_TEXT = (".csv", ".tsv", ".txt", ".dat", ".gdf")
_COLUMNS = {
    "neuron": NEURON,
    "spikes": ("spikes", "count", "counts", "spike_count", "num_spikes", "n_spikes"),
    "input": ("input", "is_input"),
    "population": POPULATION,
}
_NUMBERED = re.compile(r"(?P<prefix>.*?)[\[.:/_]?(?P<index>\d+)\]?$")
_YES, _NO = ("1", "true", "yes"), ("0", "false", "no", "")


def is_count_table(path: Path) -> bool:
    """Tell a text file of counts by its name."""
    return path.suffix.lower() in _TEXT


@dataclass(frozen=True)
class CountTable:
    """A text file of counts: names of neurons, their spikes, and which are external inputs."""

    path: Path
    names: tuple[str, ...]
    spikes: tuple[int, ...]
    inputs: tuple[bool, ...] | None = None
    assumed: bool = False
    populations: tuple[str, ...] = ()  # that a column names; of one alone, names go without it
    is_complete: bool = True  # events name only those neurons that spiked
    notes: tuple[str, ...] = ()

    def resolve(self, num_neurons: int, populations: tuple[Population, ...], is_input: Array | None) -> Recording:
        """Find the neuron of every line."""
        known = np.zeros(num_neurons, dtype=bool) if is_input is None else is_input
        names, whose = self._names_in(num_neurons, populations)
        ids, notes = _neurons_of_names(self.path, names, num_neurons, populations, known, self.is_complete)
        twice = np.flatnonzero(np.bincount(ids, minlength=num_neurons) > 1)
        if twice.size:
            name = self.names[int(np.flatnonzero(ids == twice[0])[-1])]
            raise InvalidInput(f"{self.path} counts the spikes of neuron {cut(name)} twice")
        counts = np.zeros(num_neurons, dtype=np.int64)
        counts[ids] = self.spikes
        marked = is_input
        if self.inputs is not None:
            marked = known.copy()
            marked[ids] = self.inputs
        return Recording(counts, marked, notes=[*self.notes, *whose, *notes, *silent_note(num_neurons - len(ids))])

    def _names_in(self, num_neurons: int, populations: tuple[Population, ...]) -> tuple[tuple[str, ...], list[str]]:
        """The names as the network may know them."""
        if not self.populations:
            return self.names, []
        if len(self.populations) == 1 and (not populations or _is_all_named(populations, num_neurons)):
            return self.names, [f"the neurons of {cut(self.populations[0])} are read as those of the whole network"]
        known = [p.name for p in populations]
        if unknown := [name for name in self.populations if name not in known]:
            there = ", ".join(known[:20]) or "none"
            raise InvalidInput(f"{self.path} names the population {shown(unknown[0])}; the network has {there}")
        if len(self.populations) > 1:
            return self.names, []
        return tuple(_full_name(self.populations[0], name) for name in self.names), []


def read_count_table(path: Path) -> CountTable:
    """Read a text file of counts, or of spike events, without knowing the network."""
    if (events := read_events(path)) is not None:
        lines = [(owner, name, n) for owner, spikes in events.spikes.items() for name, n in spikes.items()]
        return _count_table(path, lines, is_complete=False, notes=tuple(events.notes))
    if is_event_file(path):
        raise InvalidInput(f"{path} holds no spike events")
    table = read_table(path, _COLUMNS)
    table.refuse_unread("counts have the columns neuron, spikes, input and population")
    column = table.column or _columns_without_header(table)
    if missing := [thing for thing in ("neuron", "spikes") if thing not in column]:
        raise InvalidInput(f"{path} has no column {missing[0]}; wanted: neuron,spikes[,input], or neuron,time")
    if not table.rows:
        raise InvalidInput(f"{path} holds no spike counts")
    lines, inputs = [], []
    for number, cells in table.rows:
        if len(cells) <= max(column.values()):
            raise InvalidInput(f"line {number} of {path} has {plural(len(cells), 'column')}; wanted: neuron,spikes")
        name = cells[column["neuron"]]
        counted = f"line {number} of {path}: the spike count of neuron {cut(name)}"
        value = whole_number(cells[column["spikes"]], counted)
        if value < 0:
            raise InvalidInput(f"{counted} is {value}, which is negative")
        lines.append((cells[column["population"]] if "population" in column else None, name, value))
        if "input" in column:
            inputs.append(_is_marked(path, number, cells[column["input"]]))
    marked = tuple(inputs) if "input" in column else None
    return _count_table(path, lines, inputs=marked, assumed=f"{ASSUMED}\n" in read_text(path))


def _columns_without_header(table: Table) -> dict[str, int]:
    width = max((len(cells) for _, cells in table.rows), default=0)
    if width > 3:
        raise InvalidInput(f"{table.path} has {width} columns and no header; wanted: neuron,spikes[,input]")
    return {"neuron": 0, "spikes": 1} | ({"input": 2} if width > 2 else {})


def _is_marked(path: Path, number: int, mark: str) -> bool:
    if mark.lower() not in _YES + _NO:
        raise InvalidInput(f"line {number} of {path} marks an input with {shown(mark)}, not with 1 or 0")
    return mark.lower() in _YES


def _count_table(path: Path, lines: list[tuple[str | None, str, int]], **about: Any) -> CountTable:
    """Make a table of lines (population, neuron, spikes)."""
    owners = dict.fromkeys(population or None for population, _, _ in lines)
    names = tuple(name if len(owners) == 1 else _full_name(population, name) for population, name, _ in lines)
    populations = tuple(name for name in owners if name is not None)
    return CountTable(path, names, tuple(count for _, _, count in lines), populations=populations, **about)


def _full_name(population: str | None, neuron: str) -> str:
    return f"{population}[{neuron}]" if population else neuron


def _neurons_of_names(
    path: Path,
    names: tuple[str, ...],
    num_neurons: int,
    populations: tuple[Population, ...],
    is_input: Array,
    is_complete: bool,
) -> tuple[Array, list[str]]:
    by_name = {p.name: p for p in populations}
    # where every neuron has its own name, a number is a name as well, not a position
    all_named = _is_all_named(populations, num_neurons)
    ids = np.empty(len(names), dtype=np.int64)
    stand_in: tuple[str, Population] | None = None
    notes = []
    for line, name in enumerate(names):
        if name in by_name and by_name[name].size == 1:
            ids[line] = by_name[name].start
            continue
        name = whole_id(name)
        if not all_named and re.fullmatch(r"[+-]?\d+", name):
            ids[line] = _position(path, name, name, num_neurons)
            continue
        found = _NUMBERED.fullmatch(name)
        if found is None or all_named or not (is_complete or found["prefix"] in by_name):
            raise InvalidInput(f"{path} counts the spikes of neuron {shown(name)}, which the network does not have")
        prefix = found["prefix"]
        population = by_name.get(prefix)
        if population is None:
            if stand_in is None:
                stand_in = prefix, _population_of_prefix(path, prefix, names, populations, is_input)
                first = f"{cut(prefix)}0, {cut(prefix)}1, ..."
                notes.append(f"the spike counts of {first} are read as those of {stand_in[1].name}")
            if stand_in[0] != prefix:
                ends = f"{cut(stand_in[0])}... and {cut(prefix)}..."
                raise InvalidInput(f"{path} names neurons {ends}; use names of populations")
            population = stand_in[1]
        ids[line] = population.start + _position(path, name, found["index"], population.size, population.name)
    return ids, notes


def _is_all_named(populations: tuple[Population, ...], num_neurons: int) -> bool:
    return sum(p.size == 1 for p in populations) == num_neurons == len({p.name for p in populations})


def _position(path: Path, name: str, index: str, size: int, population: str | None = None) -> int:
    """A number within a population, or the whole network; ``name`` is all that the file says."""
    position = whole_number(index, f"{path}: the number of neuron {cut(name)}")
    if not 0 <= position < size:
        why = f", outside 0 ... {size - 1}" if population is None else f"; {population} has {size} neurons"
        raise InvalidInput(f"{path} counts the spikes of neuron {cut(name)}{why}")
    return position


def _population_of_prefix(
    path: Path, prefix: str, names: tuple[str, ...], populations: tuple[Population, ...], is_input: Array
) -> Population:
    size = sum(1 for name in names if (m := _NUMBERED.fullmatch(name)) and m["prefix"] == prefix)
    fitting = [p for p in populations if p.size == size]
    fitting = [p for p in fitting if not is_input[p.start]] or fitting
    if len(fitting) != 1:
        known = ", ".join(f"{p.name} ({p.size})" for p in populations[:20]) or "none"
        which = "no population has" if not fitting else "several populations have"
        raise InvalidInput(f"{path} counts {size} neurons {cut(prefix)}0 ...: {which} that many; populations: {known}")
    return fitting[0]

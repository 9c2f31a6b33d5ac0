"""Spike events as text: one line a spike, with its neuron and its time.

A header names the columns: the neuron (``neuron``, ``id``, ``node_ids``, ``sender``, ``gid``, ``i``), its time
(``time``, ``timestamps``, ``time_ms``, ``t``) and perhaps its ``population``; so do the files that bmtk and NEST write.
Files named ``.dat`` or ``.gdf`` without a header are those of older versions of NEST: id, time. Any of tab, comma,
semicolon and blank separates.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import shown
from spinemap_exact.io._files import plural
from spinemap_exact.io._tables import Table, is_number, read_table, whole_id

NEURON = (
    *("neuron", "neuron_id", "neuron_index", "name", "id", "ids", "node_id", "node_ids", "gid", "gids"),
    *("sender", "senders", "i", "index"),
)
TIME = ("time", "times", "timestamp", "timestamps", "time_ms", "t", "spike_time", "spike_times")
POPULATION = ("population", "pop")
_COLUMNS = {
    "neuron": NEURON,
    "time": TIME,
    "population": POPULATION,
    "time step": ("time_step",),  # of NEST, which may write steps and the offset within one
    "time offset": ("time_offset",),
}
_OF_NEST = (".dat", ".gdf")
_BY_NEST = {"sender", "time_ms", "time_step"}


@dataclass(frozen=True)
class Events:
    """How often each neuron spiked, by population; None where the file names none."""

    spikes: dict[str | None, Counter[str]]
    notes: list[str]


def is_event_file(path: Path) -> bool:
    """Tell a file that can hold nothing but events by its name."""
    return path.suffix.lower() in _OF_NEST


def read_events(path: Path) -> Events | None:
    """Read a table of spike events; None if it is none.

    Raises
    ------
    InvalidInput
        If a time is not a number, or a column is not understood.
    """
    table = read_table(path, _COLUMNS)
    column = table.column
    if column is None and table.rows and is_event_file(path):
        column = {"neuron": 0, "time": 1}
        if wide := next((cells for _, cells in table.rows if len(cells) > 2), None):
            raise InvalidInput(f"{path} has {len(wide)} columns and no header; wanted: id, time")
    if column is None or not column.keys() & {"time", "time step"}:
        return None
    if "neuron" not in column:
        raise InvalidInput(f"{path} has times of spikes, but no column neuron")
    table.refuse_unread("events have the columns neuron, time and population")
    return Events(_counted(table, column), _notes(table))


def _counted(table: Table, column: dict[str, int]) -> dict[str | None, Counter[str]]:
    counted: dict[str | None, Counter[str]] = {}
    times = [place for thing, place in column.items() if thing.startswith("time")]
    for number, cells in table.rows:
        if len(cells) <= max(column.values()):
            raise InvalidInput(f"line {number} of {table.path} has {plural(len(cells), 'column')}, not neuron and time")
        for place in times:
            if not (is_number(cells[place]) and math.isfinite(float(cells[place]))):
                raise InvalidInput(f"line {number} of {table.path} has the time {shown(cells[place])}, not a number")
        population = cells[column["population"]] if "population" in column else None
        counted.setdefault(population, Counter())[whole_id(cells[column["neuron"]])] += 1
    return counted


def _notes(table: Table) -> list[str]:
    notes = [f"{plural(len(table.rows), 'spike event')} of {table.path.name} counted"]
    if not table.header or _BY_NEST & {name.lower() for name in table.header}:
        notes.append("NEST numbers its nodes from 1; the ids of events are taken as they stand, neurons count from 0")
    return notes

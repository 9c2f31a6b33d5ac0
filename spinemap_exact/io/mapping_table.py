"""Mappings as tables, a line for each unit: ours, and what other tools write.

We write ``unit,neuron,name,population,parent,cluster,tile,x,y,column,rows,sources``. ``name`` is the place of the
neuron in its population, as in ``hidden[3]``, or a name of its own; ``parent`` is the unit that the carry goes to,
empty for the soma unit. On its crossbar a unit takes one column, and a row for each of its ``sources``: neurons by
number, and units whose carry it reads, as in ``u7``; ranges are written ``0-63``. Columns and rows of a crossbar are
numbered from 0, sources in ascending order.

Others may leave out most of it. What is needed is the neuron, by ``neuron`` or ``name``, and its tile, by ``tile`` or
``x`` and ``y``; without a header a line is ``neuron,tile``. What is said twice must agree. External inputs are on no
tile, and lines for them are not read. A neuron with several units needs ``unit``, ``parent`` and ``sources``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import shown, writing
from spinemap_exact.hardware import Hardware
from spinemap_exact.io._files import whole_number
from spinemap_exact.io._tables import Table, read_table, require_width
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network

HEADER = "unit,neuron,name,population,parent,cluster,tile,x,y,column,rows,sources"
_SPELLINGS = {
    **{name: (name,) for name in HEADER.split(",")},
    "neuron": ("neuron", "neuron_id", "id"),
    "tile": ("tile", "tile_id"),
}
_WANTED = "wanted: neuron,tile or neuron,x,y"
_NAME = re.compile(r"(.*)\[(\d+)\]$")
_RANGE = re.compile(r"(u?)(\d{1,18})(?:-(\d{1,18}))?$")


def write_mapping_table(path: str | Path, mapping: Mapping, network: Network, hardware: Hardware) -> None:
    """Write a mapping as a table; see the module docstring for its columns."""
    columns = unit_table(mapping, network, hardware).values()
    lines = (",".join(map(_cell, line)) for line in zip(*columns, strict=True))
    with writing(Path(path)) as file:
        file.write(("\n".join([HEADER, *lines]) + "\n").encode())


def unit_table(mapping: Mapping, network: Network, hardware: Hardware) -> dict[str, list[Any]]:
    """Return the columns of `HEADER` by name, with an entry for each unit; None where there is nothing to say."""
    units, clusters = mapping.unrolling, mapping.partition.cluster_of_unit
    tiles, width = mapping.placement.tile_of_cluster[clusters], hardware.grid.width
    read = [units.unit_of_synapse, np.flatnonzero(units.parent_of_unit >= 0)]
    reader = np.concatenate([read[0], units.parent_of_unit[read[1]]])
    source = np.concatenate([network.pre, network.num_neurons + read[1]])
    row = _ranks(clusters[reader], source)
    order = np.lexsort((source, reader))
    ends = np.searchsorted(reader[order], np.arange(units.num_units + 1))
    read_by = [order[a:b] for a, b in pairwise(ends)]
    names, populations = _labels(network)
    neurons = units.neuron_of_unit.tolist()
    columns: tuple[list[Any], ...] = (
        list(range(units.num_units)),
        neurons,
        [names[i] for i in neurons],
        [populations[i] for i in neurons],
        [parent if parent >= 0 else None for parent in units.parent_of_unit.tolist()],
        clusters.tolist(),
        tiles.tolist(),
        (tiles % width).tolist(),
        (tiles // width).tolist(),
        _ranks(clusters, np.arange(units.num_units)).tolist(),
        [_ranges(row[mine].tolist(), "") for mine in read_by],
        [_ranges(source[mine].tolist(), "u", network.num_neurons) for mine in read_by],
    )
    return dict(zip(HEADER.split(","), columns, strict=True))


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if any(c in text for c in ',;"\n\r') else text


def _ranks(group: Array, value: Array) -> Array:
    """Place of each value among the distinct ones of its group."""
    group = group.astype(np.int64) * (int(value.max(initial=0)) + 1)
    pairs, place = np.unique(group + value, return_inverse=True)
    ranks: Array = place - np.searchsorted(pairs, group)
    return ranks


def _labels(network: Network) -> tuple[list[str | None], list[str | None]]:
    """Name and population of each neuron; of several populations the first, but one of its own is its name."""
    names: list[str | None] = [None] * network.num_neurons
    populations = names.copy()
    larger, ones = ([p for p in network.populations if (p.size == 1) == alone] for alone in (False, True))
    for population in (*reversed(larger), *reversed(ones)):
        for i in range(population.start, population.stop):
            if population.size > 1:
                names[i], populations[i] = f"{population.name}[{i - population.start}]", population.name
            else:
                names[i], populations[i] = population.name, populations[i] or population.name
    return names, populations


def _ranges(ids: list[int], mark: str, marked_from: int | None = None) -> str:
    """Write ascending ids, those from a number on with a mark and counted from there; three in a row are a range."""
    words = []
    for _, run in groupby(enumerate(ids), key=lambda pair: (pair[1] - pair[0], (marked_from or 0) <= pair[1])):
        found = [number for _, number in run]
        first = "" if marked_from is None or found[0] < marked_from else mark
        found = [number - (marked_from or 0) for number in found] if first else found
        if len(found) > 2:
            words.append(f"{first}{found[0]}-{found[-1]}")
        else:
            words += [f"{first}{number}" for number in found]
    return " ".join(words)


def read_mapping_table(path: Path, network: Network, hardware: Hardware | None) -> Mapping:
    """Read a mapping from a table.

    Raises
    ------
    InvalidInput
        If a line is not understood or contradicts another, or a neuron has no tile.
    """
    table = read_table(path, _SPELLINGS)
    table.refuse_unread(_WANTED)
    reader = _Reader(table, network, hardware)
    return reader.mapping()


class _Reader:
    """The lines of one table, unit by unit."""

    def __init__(self, table: Table, network: Network, hardware: Hardware | None) -> None:
        self.path, self.network, self.hardware = table.path, network, hardware
        self.column = {"neuron": 0, "tile": 1} if table.column is None else table.column
        there = self.column.keys()
        if (
            not (there & {"neuron", "name"} and ("tile" in there or {"x", "y"} <= there))
            or len(there & {"x", "y"}) == 1
        ):
            raise InvalidInput(f"{self.path} has the columns {', '.join(table.header)}; {_WANTED}")
        self.is_unrolled = {"unit", "sources"} <= there
        self.populations = {p.name: p for p in network.populations[::-1]}  # of a name that is given twice the first
        self.ones = {p.name: p.start for p in network.populations[::-1] if p.size == 1}
        self.neuron_of: dict[int, int] = {}  # of each unit; without units, of each neuron
        self.tile_of: dict[int, int] = {}
        self.cluster_of: dict[int, int] = {}
        self.parent_of: dict[int, int] = {}
        self.sources_of: dict[int, tuple[set[int], set[int]]] = {}
        self.line_of: dict[int, int] = {}
        width = len(table.header) or 2
        for number, cells in table.rows:
            require_width(self.path, number, cells, width)
            if len(cells) <= max(self.column[what] for what in there & {"neuron", "tile", "x", "y"}):
                raise InvalidInput(f"line {number} of {self.path} is not {','.join(self.column)}")
            self._read(number, {what: cells[k] for what, k in self.column.items() if k < len(cells) and cells[k]})

    def _read(self, number: int, cells: dict[str, str]) -> None:
        neuron = self._neuron(number, cells)
        unit = self._number(cells, "unit", number) if self.is_unrolled else neuron
        if unit in self.line_of:
            what = f"unit {unit}" if self.is_unrolled else f"neuron {neuron}"
            raise InvalidInput(f"{self.path} places {what} twice{self._hint(cells)}")
        if self.network.is_input[neuron]:
            return
        self.line_of[unit], self.neuron_of[unit] = number, neuron
        self.tile_of[unit] = self._tile(number, neuron, cells)
        if "cluster" in cells:
            self.cluster_of[unit] = self._number(cells, "cluster", number)
        if "parent" in cells:
            if not self.is_unrolled:
                raise InvalidInput(f"line {number} of {self.path} names a parent, without columns unit and sources")
            self.parent_of[unit] = self._number(cells, "parent", number)
        if self.is_unrolled:
            self.sources_of[unit] = self._sources(number, cells.get("sources", ""))

    def _hint(self, cells: dict[str, str]) -> str:
        return (
            "" if self.is_unrolled or not cells.keys() & {"unit", "parent"} else ": columns unit and sources are needed"
        )

    def _number(self, cells: dict[str, str], what: str, number: int) -> int:
        return whole_number(cells.get(what, ""), f"{self.path}: the {what} in line {number}")

    def _neuron(self, number: int, cells: dict[str, str]) -> int:
        named = self._named(number, cells["name"]) if "name" in cells else None
        if "neuron" not in cells and named is not None:
            return named
        neuron = self._number(cells, "neuron", number)
        if not 0 <= neuron < self.network.num_neurons:
            raise InvalidInput(f"{self.path} names neuron {neuron}, outside 0 ... {self.network.num_neurons - 1}")
        if named not in (None, neuron):
            raise InvalidInput(f"line {number} of {self.path}: {shown(cells['name'])} is neuron {named}, not {neuron}")
        return neuron

    def _named(self, number: int, name: str) -> int:
        """The neuron of a name like ``hidden[3]``; a population of one neuron needs no brackets."""
        if name in self.ones:
            return self.ones[name]
        found = _NAME.match(name)
        population = self.populations.get(found[1]) if found else None
        if found and population is not None and int(found[2]) < population.size:
            return population.start + int(found[2])
        known = ", ".join(f"{p.name}[0 ... {p.size - 1}]" for p in self.network.populations[:8]) or "none"
        raise InvalidInput(f"line {number} of {self.path}: {shown(name)} names no neuron; there are {known}")

    def _tile(self, number: int, neuron: int, cells: dict[str, str]) -> int:
        what = {c: f"{self.path}: the {c} of neuron {neuron}" for c in ("tile", "x", "y")}
        tile = whole_number(cells.get("tile", ""), what["tile"]) if "tile" in cells or "x" not in self.column else None
        if "x" not in cells and "y" not in cells and tile is not None:
            return tile
        x, y = (whole_number(cells.get(c, ""), what[c]) for c in ("x", "y"))
        if self.hardware is None:
            if tile is not None:
                return tile
            raise InvalidInput(f"{self.path} names tiles by x and y, which only hardware can tell: it was not given")
        grid = self.hardware.grid
        if not (0 <= x < grid.width and 0 <= y < grid.height):
            raise InvalidInput(f"{self.path} places neuron {neuron} at x = {x}, y = {y}, outside the {grid} mesh")
        if tile not in (None, y * grid.width + x):
            raise InvalidInput(
                f"line {number} of {self.path}: tile {tile} is not at x = {x}, y = {y} of the {grid} mesh"
            )
        return y * grid.width + x

    def _sources(self, number: int, text: str) -> tuple[set[int], set[int]]:
        """Neurons and units that a unit reads."""
        found: tuple[set[int], set[int]] = (set(), set())
        most = max(self.network.num_neurons, 2 * self.network.num_synapses) + 1
        for word in text.split():
            match = _RANGE.match(word)
            if not match or int(match[3] or match[2]) - int(match[2]) > most:
                raise InvalidInput(
                    f"line {number} of {self.path}: {shown(word)} is neither a neuron, a range nor a unit"
                )
            ids = range(int(match[2]), int(match[3] or match[2]) + 1)
            if not ids or not found[bool(match[1])].isdisjoint(ids):
                raise InvalidInput(f"line {number} of {self.path}: sources {shown(word)} are none, or named twice")
            found[bool(match[1])].update(ids)
        return found

    def mapping(self) -> Mapping:
        """Put the lines together."""
        covered = {*self.neuron_of.values()}
        neurons = np.flatnonzero(~self.network.is_input).tolist()
        if missing := [i for i in neurons if i not in covered]:
            there = f"{self.path} places {len(covered)} of {len(neurons)} neurons"
            raise InvalidInput(f"{there}; neuron {missing[0]} has no tile")
        order = sorted(self.neuron_of)
        unrolling = self._unrolling(order) if self.is_unrolled else Unrolling.identity(self.network)
        clusters, tiles = self._clusters(order)
        crossbars = None
        if self.hardware is not None and not self.hardware.is_uniform:
            crossbars = crossbar_of_tile(self.path, tiles, self.hardware)
        return Mapping(unrolling, Partition(clusters, crossbars), Placement(tiles))  # type: ignore[arg-type]

    def _clusters(self, order: Iterable[int]) -> tuple[Array, Array]:
        """Cluster of each unit and tile of each cluster; without clusters, the units of a tile are one."""
        if not self.cluster_of:
            tiles, clusters = np.unique([self.tile_of[u] for u in order], return_inverse=True)
            return clusters, tiles
        tile_of_cluster: dict[int, int] = {}
        for u in order:
            if u not in self.cluster_of:
                raise InvalidInput(f"line {self.line_of[u]} of {self.path} has no cluster, other lines have one")
            tile = tile_of_cluster.setdefault(self.cluster_of[u], self.tile_of[u])
            if tile != self.tile_of[u]:
                cluster = f"cluster {self.cluster_of[u]}"
                raise InvalidInput(
                    f"line {self.line_of[u]} of {self.path}: {cluster} is on tile {tile}, not {self.tile_of[u]}"
                )
        ids, clusters = np.unique([self.cluster_of[u] for u in order], return_inverse=True)
        return clusters, np.array([tile_of_cluster[c] for c in ids.tolist()], dtype=np.int64)

    def _unrolling(self, order: list[int]) -> Unrolling:
        place, network = {u: k for k, u in enumerate(order)}, self.network
        unit_of = {}
        for u in order:
            neuron, (axons, carries) = self.neuron_of[u], self.sources_of[u]
            for k in axons:
                if (k, neuron) in unit_of:
                    raise InvalidInput(f"{self.path}: two units of neuron {neuron} read neuron {k}")
                unit_of[k, neuron] = place[u]
            for child in carries:
                if self.parent_of.get(child) != u:
                    raise InvalidInput(
                        f"line {self.line_of[u]} of {self.path}: u{child} is read, but its parent is not unit {u}"
                    )
        synapses = list(zip(network.pre.tolist(), network.post.tolist(), strict=True))
        for pre, post in synapses:
            if (pre, post) not in unit_of:
                raise InvalidInput(f"{self.path}: no unit of neuron {post} reads neuron {pre}")
        if len(unit_of) > len(synapses):
            pre, post = min(unit_of.keys() - {*synapses})
            raise InvalidInput(f"{self.path}: neuron {post} does not read neuron {pre}")
        parents = []
        for u in order:
            parent = self.parent_of.get(u)
            if parent is not None and (parent not in place or u not in self.sources_of[parent][1]):
                raise InvalidInput(
                    f"line {self.line_of[u]} of {self.path}: unit {parent} does not read the carry of unit {u}"
                )
            parents.append(-1 if parent is None else place[parent])
        unrolling = Unrolling(
            np.array([unit_of[s] for s in synapses], dtype=np.int64),
            np.array([self.neuron_of[u] for u in order], dtype=np.int64),
            np.array(parents, dtype=np.int64),
        )
        if broken := unrolling.violations(network):
            raise InvalidInput(f"{self.path}: {broken[0]}")
        return unrolling


def crossbar_of_tile(path: Path, tiles: Array, hardware: Hardware) -> Array:
    """Types of the crossbars on some tiles: tiles are handed out in the order of the types.

    Raises
    ------
    InvalidInput
        If there is no such tile.
    """
    outside = (tiles < 0) | (tiles >= hardware.grid.num_tiles)
    if outside.any():
        raise InvalidInput(f"{path} names tile {tiles[outside][0]} of {hardware.grid.num_tiles}")
    return np.repeat(np.arange(len(hardware.crossbars)), [c.count or 0 for c in hardware.crossbars])[tiles]

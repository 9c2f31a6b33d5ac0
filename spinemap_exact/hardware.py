"""Tile-based crossbar hardware: crossbars, the mesh of tiles, and what everything costs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array, digest, is_whole, whole
from spinemap_exact.errors import InvalidInput, InvalidInstance, WrongType, meant, require_type, unknown
from spinemap_exact.files import cut, parse_toml, read_text, shown
from spinemap_exact.units import INT64_MAX, femtojoules, picoseconds

MOST_TILES = 10_000_000  # a wrong number would otherwise ask for all the memory there is
_MOST_LINES, _MOST_AREA = 10**9, 10**15


@dataclass(frozen=True)
class Crossbar:
    """``rows`` input axons times ``columns`` output units.

    Parameters
    ----------
    rows, columns : int
        At least one each.
    area : int
        In any unit; only ratios matter. Default: rows x columns.
    count : int, optional
        How many the chip has of this type; None means one on every tile.

    Raises
    ------
    WrongType
        If one of them is not a whole number.
    InvalidInstance
        If one of them is below one, or beyond anything that can be built.

    Examples
    --------
    >>> Crossbar(rows=128, columns=64).cells
    8192
    """

    rows: int
    columns: int
    area: int = 0
    count: int | None = None

    def __post_init__(self) -> None:
        _own_whole(self)
        if self.rows < 1 or self.columns < 1:
            raise InvalidInstance(f"a crossbar of {self.rows} rows and {self.columns} columns holds nothing")
        if self.area == 0:
            object.__setattr__(self, "area", self.rows * self.columns)
        if max(self.rows, self.columns, self.count or 1) > _MOST_LINES:
            raise InvalidInstance(f"crossbars of {self} lie beyond anything that can be built")
        if self.area < 0:
            raise InvalidInstance(f"crossbar area {self.area} is negative")
        if self.area > _MOST_AREA:
            raise InvalidInstance(f"crossbar area {self.area} lies beyond {_MOST_AREA}; only ratios matter")
        if self.count is not None and self.count < 1:
            raise InvalidInstance(f"crossbar count {self.count} is below one")

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}"


@dataclass(frozen=True)
class TileGrid:
    """A mesh of tiles with XY routing; tile ``t`` stands at ``x = t % width``, ``y = t // width``.

    Parameters
    ----------
    width, height : int
        Tiles along x and y.
    io_tile : int, optional
        Where external inputs enter; where it is None they cost packets but no hops.

    Raises
    ------
    WrongType
        If one of them is not a whole number.
    InvalidInstance
        If there is no tile, or the I/O tile is none of them.

    Examples
    --------
    >>> TileGrid(width=4, height=3).num_tiles
    12
    """

    width: int
    height: int
    io_tile: int | None = None

    def __post_init__(self) -> None:
        _own_whole(self)
        if self.width < 1 or self.height < 1:
            raise InvalidInstance(f"a mesh of {self.width} x {self.height} has no tiles")
        if self.num_tiles > MOST_TILES:
            raise InvalidInstance(f"a mesh of {self.width} x {self.height} tiles is beyond anything that can be mapped")
        if self.io_tile is not None and not 0 <= self.io_tile < self.num_tiles:
            raise InvalidInstance(f"I/O tile {self.io_tile} lies outside 0 ... {self.num_tiles - 1}")

    @property
    def num_tiles(self) -> int:
        return self.width * self.height

    @property
    def num_links(self) -> int:
        """Directed links between neighbours."""
        return 2 * ((self.width - 1) * self.height + self.width * (self.height - 1))

    @cached_property
    def x(self) -> Array:
        """(num_tiles,) int64."""
        return np.arange(self.num_tiles, dtype=np.int64) % self.width

    @cached_property
    def y(self) -> Array:
        """(num_tiles,) int64."""
        return np.arange(self.num_tiles, dtype=np.int64) // self.width

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class CostModel:
    """What an event costs: energies in whole fJ, latencies in whole ps.

    Parameters
    ----------
    packet_fj, packet_ps : int
        Paid once per packet.
    hop_x_fj, hop_y_fj, hop_x_ps, hop_y_ps : int
        Per hop along x and y.
    local_fj, local_ps : int
        Per spike read in its own crossbar.
    synapse_fj, synapse_ps : int
        Per synaptic event.
    idle_cell_fj : int
        Per unused cell of a used crossbar and window.

    Raises
    ------
    InvalidInstance
        If a cost is not a whole number, negative, or overflows int64.

    Examples
    --------
    >>> CostModel(packet_fj=1_700, hop_x_fj=3_500, hop_y_fj=3_500).hop_x_fj  # 3.5 pJ
    3500
    """

    packet_fj: int = 1
    hop_x_fj: int = 1
    hop_y_fj: int = 1
    local_fj: int = 0
    synapse_fj: int = 0
    idle_cell_fj: int = 0
    packet_ps: int = 1
    hop_x_ps: int = 1
    hop_y_ps: int = 1
    local_ps: int = 0
    synapse_ps: int = 0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not is_whole(value) or not 0 <= value <= INT64_MAX:
                raise InvalidInstance(f"cost {item.name} is {value!r}, not an integer from 0 to 2^63 - 1")
            object.__setattr__(self, item.name, int(value))


@dataclass(frozen=True)
class Hardware:
    """A chip: crossbar types, mesh and costs.

    Parameters
    ----------
    name : str
    grid : TileGrid
    crossbars : Crossbar, or tuple of them
        With several types their counts must add up to the tiles; tiles are handed out in the order of the types.
    costs : CostModel
        Energies in fJ, latencies in ps. Default: 1 for each packet and each hop, so that they are counts.

    Raises
    ------
    WrongType
        If something is not of the type that is expected.
    InvalidInstance
        If there is no crossbar, or counts do not fit the tiles.

    Examples
    --------
    >>> Hardware("mine", TileGrid(4, 4), Crossbar(32, 32), CostModel(packet_fj=1_700, hop_x_fj=3_500))
    <Hardware mine: 4x4 tiles, crossbars 32x32>
    """

    name: str
    grid: TileGrid
    crossbars: tuple[Crossbar, ...]
    costs: CostModel = field(default_factory=CostModel)

    def __post_init__(self) -> None:
        self._check_types()
        if not self.crossbars:
            raise InvalidInstance(f"hardware {self.name!r} names no crossbar")
        if len(self.crossbars) > 1:
            if any(c.count is None for c in self.crossbars):
                raise InvalidInstance(f"hardware {self.name!r} has several crossbar types: each needs a count")
            total = sum(c.count or 0 for c in self.crossbars)
            if total != self.grid.num_tiles:
                raise InvalidInstance(f"hardware {self.name!r} has {total} crossbars on {self.grid.num_tiles} tiles")

    @property
    def is_uniform(self) -> bool:
        """True if every tile has the same crossbar."""
        return len(self.crossbars) == 1

    @property
    def crossbar(self) -> Crossbar:
        """The one crossbar type of uniform hardware.

        Raises
        ------
        InvalidInput
            If there are several types.
        """
        if not self.is_uniform:
            raise InvalidInput(f"hardware {self.name!r} has {len(self.crossbars)} crossbar types; this needs one")
        return self.crossbars[0]

    @property
    def num_crossbars(self) -> int:
        """At most one on each tile, and of every type no more than there are."""
        counts = [c.count for c in self.crossbars if c.count is not None]
        tiles = self.grid.num_tiles
        return min(tiles, sum(counts)) if len(counts) == len(self.crossbars) else tiles

    @property
    def max_rows(self) -> int:
        return max(c.rows for c in self.crossbars)

    @cached_property
    def crossbar_of_tile(self) -> Array:
        """(num_tiles,) int32: type of the crossbar on each tile, an index into ``crossbars``."""
        if self.is_uniform:
            return np.zeros(self.grid.num_tiles, dtype=np.int32)
        return np.repeat(np.arange(len(self.crossbars), dtype=np.int32), [c.count or 0 for c in self.crossbars])

    @cached_property
    def digest(self) -> str:
        return digest("hardware", asdict(self.grid), [asdict(c) for c in self.crossbars], asdict(self.costs))

    def _check_types(self) -> None:
        given: Any = self.crossbars if isinstance(self.crossbars, tuple | list) else (self.crossbars,)
        require_type("name", self.name, str)
        require_type("grid", self.grid, TileGrid)
        require_type("costs", self.costs, CostModel)
        for crossbar in given:
            require_type("a crossbar", crossbar, Crossbar)
        object.__setattr__(self, "crossbars", tuple(given))

    def __repr__(self) -> str:
        return f"<Hardware {self}>"

    def __str__(self) -> str:
        crossbars = " + ".join(f"{c.count} of {c}" if c.count else str(c) for c in self.crossbars)
        return f"{self.name}: {self.grid} tiles, crossbars {crossbars}"


def _own_whole(owner: Any) -> None:
    """Replace the numbers of a frozen dataclass by Python's own; those that may be missing stay so."""
    for item in fields(owner):
        value = getattr(owner, item.name)
        if value is not None or item.default is not None:
            object.__setattr__(owner, item.name, whole(item.name, value))


def preset_names() -> tuple[str, ...]:
    """Names of the hardware files that ship, sorted."""
    folder = resources.files("spinemap_exact") / "presets"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def read_hardware(source: str | Path) -> Hardware:
    """Read hardware from a TOML file or by the name of a preset.

    Parameters
    ----------
    source : str or path

    Returns
    -------
    Hardware

    Raises
    ------
    InvalidInput
        If there is neither such a preset nor such a file, or the file does not describe hardware.

    Examples
    --------
    >>> read_hardware("generic-32x32").crossbar.rows
    32
    """
    if not isinstance(source, str | Path):
        raise WrongType("hardware", source, "the name of a preset or the path of a TOML file")
    path = Path(source)
    return parse_hardware(hardware_text(source), default_name=path.stem if path.suffix == ".toml" else path.name)


def hardware_text(source: str | Path) -> str:
    """Return the text of a hardware file, or of a preset by its name.

    Raises
    ------
    InvalidInput
        If there is neither such a preset nor such a file.
    """
    path = Path(source)
    if path.suffix != ".toml" and not path.exists():
        if str(source) not in preset_names():
            raise InvalidInput(unknown("hardware preset", str(source), preset_names()))
        return (resources.files("spinemap_exact") / "presets" / f"{source}.toml").read_text(encoding="utf-8")
    return read_text(path)


def parse_hardware(text: str, default_name: str = "hardware") -> Hardware:
    """Read hardware from the text of a TOML file; see the presets for the format."""
    table = parse_toml(text, f"hardware file {default_name}")
    name = str(table.pop("name", default_name))
    table.pop("source", None)
    crossbars = table.pop("crossbar", None)
    grid = table.pop("grid", None)
    if crossbars is None or grid is None:
        raise InvalidInput(f"hardware {name!r} needs the tables [grid] and [crossbar]")
    energy = _quantities(name, "energy", table.pop("energy", {}), "fj", femtojoules)
    latency = _quantities(name, "latency", table.pop("latency", {}), "ps", picoseconds)
    if table:
        known = ("name", "source", "grid", "crossbar", "energy", "latency")
        raise InvalidInput(f"hardware {name!r}: {unknown('entry', cut(next(iter(table))), known)}")
    return Hardware(
        name=name,
        grid=_build(name, "grid", TileGrid, grid),
        crossbars=tuple(
            _build(name, "crossbar", Crossbar, c) for c in (crossbars if isinstance(crossbars, list) else [crossbars])
        ),
        costs=CostModel(**energy, **latency),
    )


def _quantities(name: str, title: str, table: Any, unit: str, parse: Any) -> dict[str, int]:
    known = {f.name.removesuffix(f"_{unit}") for f in fields(CostModel) if f.name.endswith(f"_{unit}")}
    if not isinstance(table, dict):
        raise InvalidInput(f"hardware {name!r}: {title} is {shown(table)}, not a table [{title}]")
    if "hop" in table:  # the common isotropic mesh
        table = {"hop_x": table["hop"], "hop_y": table["hop"], **{k: v for k, v in table.items() if k != "hop"}}
    if strange := set(table) - known:
        raise InvalidInput(_strange(name, title, min(strange), ["hop", *sorted(known)]))
    found = {}
    for key, value in table.items():
        try:
            found[f"{key}_{unit}"] = parse(value)
        except InvalidInput as defect:
            raise InvalidInput(f"hardware {name!r}, {key} in [{title}]: {defect}") from defect
    return found


def _strange(name: str, title: str, entry: str, known: list[str]) -> str:
    return f"hardware {name!r}: unknown entry {cut(entry)!r} in [{title}]; {meant(entry, known)}"


def _build(name: str, title: str, kind: type[Any], table: Any) -> Any:
    known = [f.name for f in fields(kind)]
    if not isinstance(table, dict):
        raise InvalidInput(f"hardware {name!r}: {title} is {shown(table)}, not a table [{title}]")
    if strange := table.keys() - set(known):
        raise InvalidInput(_strange(name, title, min(strange), known))
    for key, value in table.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInput(f"hardware {name!r}: {title} {key} is {shown(value)}, not an integer")
    try:
        return kind(**table)
    except TypeError as defect:
        raise InvalidInput(f"hardware {name!r}: [{title}] is incomplete ({defect})") from defect
    except InvalidInstance as defect:
        raise InvalidInput(f"hardware {name!r}: {defect}") from defect

"""Problems as small JSON files.

*Partition*: ``num_neurons`` (units 0 ... n-1), ``num_inputs`` (external inputs n ... n+m-1), ``rows``, ``columns``,
``spikes`` (n + m counts) and ``fan_in`` (n lists of sources). In place of ``rows`` and ``columns`` there may be
``crossbars``, a list of types ``{"rows": 16, "columns": 16, "area": 300, "count": 4}``; the area is rows x columns
where it is not given, and there are as many as wanted without a count.

*Unroll*: ``rows``, ``columns`` and ``fan_in`` (n lists of axons 0 ... m-1, all of them external inputs); ``spikes`` of
the axons may be given, and count one each where not.

*Placement*: ``width``, ``height``, ``clusters`` and ``traffic``, a list of ``[source, target, packets]``.

All numbers are JSON integers: ``4.0``, ``"4"`` and ``true`` are none.
"""

from __future__ import annotations

from pathlib import Path
from reprlib import repr as shortened
from typing import Any

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_json_table
from spinemap_exact.hardware import Crossbar, TileGrid
from spinemap_exact.io._draft import Draft
from spinemap_exact.io._files import plural, whole_number
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.problems.unroll import UnrollObjective, UnrollProblem

# a wrong number would otherwise ask for all the memory there is
_MOST = 10_000_000
_MOST_AREA = 10**12


def is_problem(table: dict[str, Any]) -> bool:
    """Tell the JSON of a partition or unrolling problem, which holds a network, by its entries."""
    return "fan_in" in table


def read_problem_network(
    path: str | Path, *, spikes: str | Path | None = None, weight_threshold: float = 0.0
) -> tuple[Network, list[str]]:
    """Read the network of a partition or unrolling problem."""
    path = Path(path)
    return _draft(path, read_json_table(path)).finish(None if spikes is None else Path(spikes), weight_threshold)


def read_partition(
    path: str | Path,
    *,
    clusters: int | None = None,
    traffic: str = "per-tile",
    objective: str = "packets",
    rows: int | None = None,
    columns: int | None = None,
    max_area: int | None = None,
) -> tuple[PartitionProblem, list[str]]:
    """Read a partition problem; by default every unit may have a cluster of its own."""
    path = Path(path)
    table = read_json_table(path)
    network, notes = _draft(path, table).finish()
    crossbars = _crossbars(path, table, rows, columns)
    if clusters is None:
        clusters = network.num_units
        notes.append(f"no number of clusters was given: up to {clusters} are allowed, one for each unit")
    elif clusters > max(1, network.num_units):
        units = plural(network.num_units, "unit")
        notes.append(f"{clusters} clusters are allowed, of which {units} can use one each at most")
        clusters = max(1, network.num_units)
    return PartitionProblem(
        network,
        crossbars,
        clusters,
        _choice(Traffic, traffic, "traffic"),
        _choice(PartitionObjective, objective, "objective"),
        max_area,
    ), notes


def read_unroll(
    path: str | Path,
    *,
    objective: str = "crossbars",
    unit_fan_in: int | None = None,
    max_depth: int | None = None,
    max_crossbars: int | None = None,
    max_units: int | None = None,
    rows: int | None = None,
    columns: int | None = None,
) -> tuple[UnrollProblem, list[str]]:
    """Read an unrolling problem."""
    path = Path(path)
    table = read_json_table(path)
    network, notes = _draft(path, table).finish()
    if "spikes" not in table:
        notes = [note for note in notes if "traffic is assumed" not in note]  # crossbars and units ask for no traffic
    crossbar = _crossbar(path, table, rows, columns)
    return UnrollProblem(
        network,
        crossbar.rows,
        crossbar.columns,
        unit_fan_in,
        max_depth,
        _choice(UnrollObjective, objective, "objective"),
        max_crossbars,
        max_units,
    ), notes


def read_placement(path: str | Path) -> tuple[PlacementProblem, list[str]]:
    """Read a placement problem."""
    path = Path(path)
    table = read_json_table(path)
    width, height, clusters = (_positive(path, table, key) for key in ("width", "height", "clusters"))
    flows: dict[tuple[int, int], int] = {}
    notes = []
    traffic = table.get("traffic")
    if not isinstance(traffic, list):
        raise InvalidInput(f"{path} has no list of traffic")
    for k, item in enumerate(traffic):
        if not isinstance(item, list) or len(item) != 3:
            raise InvalidInput(f"{path}: traffic {k} is not [source, target, packets]")
        source, target, packets = (_integer(value, f"{path}: an entry of traffic {k}") for value in item)
        if stray := [end for end in (source, target) if not 0 <= end < clusters]:
            raise InvalidInput(f"{path}: traffic {k} names cluster {stray[0]} of {clusters}")
        if packets < 0:
            raise InvalidInput(f"{path}: traffic {k} has {packets} packets, which is negative")
        flows[source, target] = flows.get((source, target), 0) + packets
    if len(flows) < len(traffic):
        notes.append(f"{plural(len(traffic) - len(flows), 'flow')} listed more than once: merged, packets added")
    ends = np.array(list(flows), dtype=np.int64).reshape(-1, 2)
    amounts = np.array(list(flows.values()), dtype=np.int64)
    try:
        mesh = Mesh.of_grid(TileGrid(width, height))
        return PlacementProblem(clusters, ends[:, 0], ends[:, 1], amounts, mesh=mesh), notes
    except InvalidInput as defect:
        raise InvalidInput(f"{path}: {defect}") from defect


def _draft(path: Path, table: dict[str, Any]) -> Draft:
    fan_in = table.get("fan_in")
    if not isinstance(fan_in, list) or not all(isinstance(sources, list) for sources in fan_in):
        raise InvalidInput(f"{path} has no list of fan-in lists")
    flat = [_integer(s, f"{path}: a source of neuron {i}") for i, sources in enumerate(fan_in) for s in sources]
    pre = np.array(flat, dtype=np.int64)
    post = np.repeat(np.arange(len(fan_in)), [len(sources) for sources in fan_in])
    if "num_neurons" in table:
        units, inputs = _count(path, table, "num_neurons"), _count(path, table, "num_inputs", default=0)
        if units != len(fan_in):
            raise InvalidInput(f"{path} has {len(fan_in)} fan-in lists for {units} neurons")
    else:  # axons of an unrolling problem have numbers of their own
        units, inputs = len(fan_in), _count(path, table, "num_inputs", default=int(pre.max(initial=-1)) + 1)
        pre = pre + units
    if inputs > _MOST:
        raise InvalidInput(f"{path}: {inputs} external inputs are beyond anything that can be mapped")
    spikes = table.get("spikes")
    if spikes is not None:
        spikes = _spikes(path, spikes, units, inputs)
    return Draft(units + inputs, pre, post, is_input=np.arange(units + inputs) >= units, spikes=spikes)


def _spikes(path: Path, spikes: Any, units: int, inputs: int) -> np.ndarray[Any, Any]:
    if not isinstance(spikes, list) or len(spikes) not in (units + inputs, inputs):
        size = len(spikes) if isinstance(spikes, list) else 0
        raise InvalidInput(f"{path} has {size} spike counts for {units + inputs} neurons and external inputs")
    counts = [_integer(value, f"{path}: the spike count of neuron {i}") for i, value in enumerate(spikes)]
    if min(counts, default=0) < 0:
        raise InvalidInput(f"{path}: the spike count of neuron {counts.index(min(counts))} is negative")
    if len(counts) < units + inputs:  # an unrolling problem may give those of its axons alone
        counts = [1] * units + counts
    return np.array(counts, dtype=np.int64)


def _crossbar(path: Path, table: dict[str, Any], rows: int | None, columns: int | None) -> Crossbar:
    return Crossbar(
        _positive(path, table, "rows") if rows is None else rows,
        _positive(path, table, "columns") if columns is None else columns,
    )


def _crossbars(path: Path, table: dict[str, Any], rows: int | None, columns: int | None) -> tuple[Crossbar, ...]:
    """All types that a partition problem lists, or the one that it names."""
    if "crossbars" not in table:
        return (_crossbar(path, table, rows, columns),)
    listed = table["crossbars"]
    if rows is not None or columns is not None or "rows" in table or "columns" in table:
        raise InvalidInput(f"{path} lists crossbars: rows and columns belong to each of them")
    if not isinstance(listed, list) or not listed or not all(isinstance(entry, dict) for entry in listed):
        raise InvalidInput(f'{path}: crossbars is not a list of types such as {{"rows": 16, "columns": 16}}')
    return tuple(_crossbar_type(path, k, entry) for k, entry in enumerate(listed))


def _crossbar_type(path: Path, k: int, entry: dict[str, Any]) -> Crossbar:
    if unknown := sorted(set(entry) - {"rows", "columns", "area", "count"}):
        raise InvalidInput(f"{path}: crossbar {k} has the unknown entry {unknown[0]!r}")
    given = {key: value for key, value in entry.items() if value is not None}
    positive = {key: _positive(f"{path}: crossbar {k}", given, key, _MOST_AREA) for key in given if key == "area"}
    positive |= {key: _positive(f"{path}: crossbar {k}", given, key) for key in ("rows", "columns")}
    positive |= {key: _positive(f"{path}: crossbar {k}", given, key) for key in given if key == "count"}
    return Crossbar(**positive)


def _count(path: Path | str, table: dict[str, Any], key: str, default: int | None = None) -> int:
    if key not in table and default is not None:
        return default
    if key not in table:
        raise InvalidInput(f"{path} has no entry {key!r}")
    value = _integer(table[key], f"{path}: {key}")
    if value < 0:
        raise InvalidInput(f"{path}: {key} is {value}, which is negative")
    return value


def _positive(path: Path | str, table: dict[str, Any], key: str, most: int = _MOST) -> int:
    value = _count(path, table, key)
    if value == 0:
        raise InvalidInput(f"{path}: {key} is 0")
    if value > most:
        raise InvalidInput(f"{path}: {key} is {value}, beyond anything that can be mapped")
    return value


def _integer(value: Any, what: str) -> int:
    """Return a JSON integer that fits int64; text, a boolean or a number with a point is none."""
    if type(value) is not int:
        raise InvalidInput(f"{what} is {shortened(value)}, not an integer")
    return whole_number(value, what)


def _choice(kind: Any, value: str, what: str) -> Any:
    try:
        return kind(value)
    except ValueError as defect:
        raise InvalidInput(f"unknown {what} {value!r}; known: {', '.join(kind)}") from defect

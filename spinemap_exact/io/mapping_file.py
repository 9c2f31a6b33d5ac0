"""Mappings as files, ours and those of other tools.

*JSON* (``.json``, compressed where the name ends in ``.json.gz``): a table with ``format`` and ``version``, the digests
``network`` and ``hardware`` of what was mapped, and the arrays ``cluster_of_unit`` and ``tile_of_cluster``; where
neurons were unrolled also ``unit_of_synapse``, ``neuron_of_unit`` and ``parent_of_unit``, and where the chip has
several crossbar types ``crossbar_of_cluster``. Other tools may leave out the digests; and, where nothing was unrolled,
name ``cluster_of_neuron`` instead, with or without entries for external inputs (which are not read).

A file of the same format without ``tile_of_cluster`` is a partition, which `read_mapping` does not take for a mapping.

*CSV*: a line for each unit or neuron, as `mapping_table` says.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_json_table, shown, writing
from spinemap_exact.hardware import Hardware
from spinemap_exact.io.mapping_table import crossbar_of_tile, read_mapping_table, write_mapping_table
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network

FORMAT = "spinemap-exact mapping"
VERSION = 1
_UNROLLING = ("unit_of_synapse", "neuron_of_unit", "parent_of_unit")


def write_mapping(path: str | Path, mapping: Mapping, network: Network, hardware: Hardware) -> None:
    """Write a mapping: as a table where the name ends in ``.csv``, else as JSON.

    Parameters
    ----------
    path : str or path
    mapping : Mapping
    network : Network
    hardware : Hardware

    Raises
    ------
    InvalidInput
        If the file cannot be written.

    Examples
    --------
    >>> from spinemap_exact import Crossbar, Hardware, TileGrid
    >>> network = Network.from_synapses(pre=[0, 1], post=[1, 2], spikes=[2, 5, 0])
    >>> chip = Hardware("chip", TileGrid(2, 1), Crossbar(rows=4, columns=2))
    >>> mapping = Mapping(Unrolling.identity(network), Partition([0, 1, 1]), Placement([1, 0]))
    >>> write_mapping("mapping.json", mapping, network, chip)
    """
    if Path(path).suffix.lower() == ".csv":
        write_mapping_table(path, mapping, network, hardware)
        return
    tiles = {"tile_of_cluster": mapping.placement.tile_of_cluster.tolist()}
    _write(Path(path), _table(mapping.unrolling, mapping.partition, network, hardware) | tiles)


def write_partition(
    path: str | Path, unrolling: Unrolling, partition: Partition, network: Network, hardware: Hardware
) -> None:
    """Write what a mapping lays down before clusters are placed: the same format without ``tile_of_cluster``."""
    _write(Path(path), _table(unrolling, partition, network, hardware))


def _table(unrolling: Unrolling, partition: Partition, network: Network, hardware: Hardware) -> dict[str, Any]:
    table: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "network": network.digest,
        "hardware": hardware.digest,
    }
    if unrolling.digest != Unrolling.identity(network).digest:
        table |= {name: getattr(unrolling, name).tolist() for name in _UNROLLING}
    table["cluster_of_unit"] = partition.cluster_of_unit.tolist()
    if not hardware.is_uniform:
        table["crossbar_of_cluster"] = partition.crossbar_of_cluster.tolist()
    return table


def _write(path: Path, table: dict[str, Any]) -> None:
    lines = ",\n".join(
        f" {json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in table.items()
    )
    content = ("{\n" + lines + "\n}\n").encode()
    with writing(path) as file:
        # without a time stamp, equal mappings give equal files
        file.write(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def read_mapping(path: str | Path, network: Network, hardware: Hardware | None = None) -> Mapping:
    """Read a mapping of ``network``, onto ``hardware`` if it is given.

    Lengths and ids are checked here; whether the mapping keeps the limits of the hardware is asked of
    `Mapping.violations`.

    Parameters
    ----------
    path : str or path
    network : Network
    hardware : Hardware, optional

    Returns
    -------
    Mapping

    Raises
    ------
    InvalidInput
        If the file is no mapping, or one of another network or hardware.

    Examples
    --------
    >>> network = Network.from_synapses(pre=[0, 1], post=[1, 2], spikes=[2, 5, 0])
    >>> _ = Path("mapping.csv").write_text("neuron,tile\\n0,1\\n1,0\\n2,0\\n")
    >>> read_mapping("mapping.csv", network)
    <Mapping: 3 units in 2 clusters on tiles>
    """
    path = Path(path)
    try:
        if path.suffix.lower() in (".csv", ".tsv"):
            return read_mapping_table(path, network, hardware)
        return _from_table(path, read_json_table(path), network, hardware)
    except InvalidInput as defect:
        raise defect if str(path) in str(defect) else InvalidInput(f"{path}: {defect}") from defect


def read_partition(path: str | Path, network: Network, hardware: Hardware | None = None) -> Mapping:
    """Read what `write_partition` wrote, as a mapping with clusters on tiles in order.

    Raises
    ------
    InvalidInput
        As `read_mapping`.
    """
    path = Path(path)
    table = read_json_table(path)
    listed = table.get("cluster_of_unit")
    clusters = max((c for c in listed if isinstance(c, int)), default=-1) + 1 if isinstance(listed, list) else 0
    clusters = min(clusters, len(listed or ()))  # ids without gaps are no more than there are units
    return _from_table(path, {**table, "tile_of_cluster": list(range(clusters))}, network, hardware)


def _from_table(path: Path, table: dict[str, Any], network: Network, hardware: Hardware | None) -> Mapping:
    if table.get("format", FORMAT) != FORMAT:
        raise InvalidInput(f"{path} has the format {shown(table['format'])}, not {FORMAT!r}")
    if table.get("version", VERSION) != VERSION:
        raise InvalidInput(f"{path} has version {shown(table['version'])}; this package reads version {VERSION}")
    things: tuple[tuple[str, Network | Hardware | None], ...] = (("network", network), ("hardware", hardware))
    for what, thing in things:
        if thing is not None and table.get(what, thing.digest) != thing.digest:
            raise InvalidInput(f"{path} is a mapping of another {what}: the digests differ")
    unrolling = _unrolling(path, table, network)
    cluster_of_unit = _cluster_of_unit(path, table, network, unrolling)
    clusters = int(cluster_of_unit.max(initial=-1)) + 1
    tiles = _array(path, table, "tile_of_cluster", clusters, "clusters")
    crossbars = None
    if "crossbar_of_cluster" in table:
        crossbars = _array(path, table, "crossbar_of_cluster", clusters, "clusters")
    elif hardware is not None and not hardware.is_uniform:
        crossbars = crossbar_of_tile(path, tiles, hardware)
    return Mapping(unrolling, Partition(cluster_of_unit, crossbars), Placement(tiles))  # type: ignore[arg-type]


def _unrolling(path: Path, table: dict[str, Any], network: Network) -> Unrolling:
    given = [name for name in _UNROLLING if name in table]
    if not given:
        return Unrolling.identity(network)
    if len(given) < len(_UNROLLING):
        missing = next(name for name in _UNROLLING if name not in table)
        raise InvalidInput(f"{path} has {given[0]}, but no {missing}")
    unit_of_synapse = _array(path, table, "unit_of_synapse", network.num_synapses, "synapses")
    neuron_of_unit = _array(path, table, "neuron_of_unit", None, "units")
    parent_of_unit = _array(path, table, "parent_of_unit", len(neuron_of_unit), "units")
    unrolling = Unrolling(unit_of_synapse, neuron_of_unit, parent_of_unit)
    if broken := unrolling.violations(network):
        raise InvalidInput(f"{path}: {broken[0]}")
    return unrolling


def _cluster_of_unit(path: Path, table: dict[str, Any], network: Network, unrolling: Unrolling) -> Array:
    if "cluster_of_unit" in table:
        return _array(path, table, "cluster_of_unit", unrolling.num_units, "units")
    if "cluster_of_neuron" not in table:
        raise InvalidInput(f"{path} has no entry cluster_of_unit or cluster_of_neuron")
    if any(name in table for name in _UNROLLING):
        raise InvalidInput(f"{path} unrolls neurons: it needs cluster_of_unit instead of cluster_of_neuron")
    listed = table["cluster_of_neuron"]
    if network.num_inputs and isinstance(listed, list) and len(listed) == network.num_neurons:
        listed = [c for c, is_input in zip(listed, network.is_input.tolist(), strict=True) if not is_input]
    return _array(path, {"cluster_of_neuron": listed}, "cluster_of_neuron", network.num_units, "neurons")


def _array(path: Path, table: dict[str, Any], name: str, length: int | None, of_what: str) -> Array:
    """A list of whole numbers of the length that it must have."""
    if name not in table:
        raise InvalidInput(f"{path} has no entry {name}")
    listed = table[name]
    if not isinstance(listed, list):
        raise InvalidInput(f"{path}: {name} is not a list")
    if length is not None and len(listed) != length:
        raise InvalidInput(f"{path}: {name} has {len(listed)} entries for {length} {of_what}")
    for place, value in enumerate(listed):
        if type(value) is not int:
            raise InvalidInput(f"{path}: {name}[{place}] is {shown(value)}, not a whole number")
        if not -1 <= value <= np.iinfo(np.int32).max:
            raise InvalidInput(f"{path}: {name}[{place}] is {shown(value)}, which is no id")
    return np.array(listed, dtype=np.int64)

"""What the checker knows of an instance: raw numbers, copied into plain lists, and the digest they have.

Nothing that a problem object derives is looked at; only the data it was built from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from spinemap_exact.arrays import digest
from spinemap_exact.errors import InvalidInstance
from spinemap_exact.hardware import Crossbar


@dataclass(frozen=True)
class Packing:
    sizes: list[int]
    capacity: int


@dataclass(frozen=True)
class Nets:
    """A network as lists: ``posts[k]`` are the neurons that source ``k`` feeds, ``pres[i]`` those that feed ``i``."""

    posts: list[list[int]]
    pres: list[list[int]]
    spikes: list[int]
    is_input: list[bool]

    @property
    def num_neurons(self) -> int:
        return len(self.spikes)


@dataclass(frozen=True)
class Unroll:
    nets: Nets
    rows: int
    columns: int
    unit_fan_in: int | None
    max_depth: int | None
    objective: str
    max_crossbars: int | None
    max_units: int | None


@dataclass(frozen=True)
class Partition:
    """Units are the neurons ``0 ... num_units - 1``; external inputs follow."""

    nets: Nets
    num_units: int
    crossbars: tuple[Crossbar, ...]
    max_clusters: int
    traffic: str
    objective: str
    max_area: int | None

    @cached_property
    def max_rows(self) -> int:
        return max(c.rows for c in self.crossbars)

    @cached_property
    def max_columns(self) -> int:
        return max(c.columns for c in self.crossbars)


@dataclass(frozen=True)
class Placement:
    """Clusters on tiles; either the tiles' coordinates and hop costs are given, or a distance matrix."""

    num_clusters: int
    num_tiles: int
    flows: list[tuple[int, int, int]]
    coordinates: list[tuple[int, int]] | None
    hop_x: int
    hop_y: int
    matrix: list[list[int]] | None
    io_tile: int | None
    input_flow: list[int] | None

    def distance(self, a: int, b: int) -> int:
        if self.coordinates is None:
            assert self.matrix is not None
            return self.matrix[a][b]
        (xa, ya), (xb, yb) = self.coordinates[a], self.coordinates[b]
        return self.hop_x * abs(xa - xb) + self.hop_y * abs(ya - yb)


Instance = Packing | Unroll | Partition | Placement


def read(given: Any) -> tuple[Instance, str]:
    """Copy the raw data of an instance and derive its digest.

    Parameters
    ----------
    given : object
        A problem, or what `certificate.format.read_instance` returns: anything with the attributes used below.
    """
    readers: dict[str, Callable[[Any], tuple[Instance, str]]] = {
        "packing": _packing,
        "unroll": _unroll,
        "partition": _partition,
        "placement": _placement,
    }
    if given.kind not in readers:
        raise InvalidInstance(f"nothing is known of problems of kind {given.kind!r}")
    return readers[given.kind](given)


def _packing(given: Any) -> tuple[Packing, str]:
    sizes, capacity = np.asarray(given.sizes, dtype=np.int64), int(given.capacity)
    instance = Packing(sizes.tolist(), capacity)
    if not instance.sizes or min(instance.sizes) < 1 or max(instance.sizes) > capacity:
        raise InvalidInstance(f"items of sizes {instance.sizes} for bins of {capacity}")
    return instance, digest("packing-problem", sizes, capacity)


def _unroll(given: Any) -> tuple[Unroll, str]:
    nets, network_digest = _nets(given.network)
    instance = Unroll(
        nets,
        int(given.rows),
        int(given.columns),
        _optional(given.unit_fan_in),
        _optional(given.max_depth),
        str(given.objective),
        _optional(given.max_crossbars),
        _optional(given.max_units),
    )
    if instance.objective not in ("crossbars", "units", "carry-spikes"):
        raise InvalidInstance(f"unknown objective {instance.objective!r}")
    rest = (instance.rows, instance.columns, instance.unit_fan_in, instance.max_depth, instance.objective)
    limits = (instance.max_crossbars, instance.max_units)
    return instance, digest("unroll-problem", network_digest, *rest, *limits)


def _partition(given: Any) -> tuple[Partition, str]:
    nets, network_digest = _nets(given.network)
    num_units = nets.is_input.count(False)
    if any(nets.is_input[:num_units]):
        raise InvalidInstance("external inputs must follow the units")
    crossbars = tuple(Crossbar(c.rows, c.columns, c.area, c.count) for c in given.crossbars)
    traffic, objective = str(given.traffic), str(given.objective)
    if traffic not in ("per-tile", "per-synapse") or objective not in ("packets", "crossbars", "area"):
        raise InvalidInstance(f"unknown traffic {traffic!r} or objective {objective!r}")
    max_clusters, max_area = int(given.max_clusters), _optional(given.max_area)
    instance = Partition(nets, num_units, crossbars, max_clusters, traffic, objective, max_area)
    types = [asdict(c) for c in crossbars]
    return instance, digest("partition-problem", network_digest, types, max_clusters, traffic, objective, max_area)


def _placement(given: Any) -> tuple[Placement, str]:
    source, target = (np.asarray(a, dtype=np.int32) for a in (given.flow_from, given.flow_to))
    flow, n = np.asarray(given.flow, dtype=np.int64), int(given.num_clusters)
    matrix = None if given.distance is None else np.asarray(given.distance, dtype=np.int64)
    inputs = None if given.input_flow is None else np.asarray(given.input_flow, dtype=np.int64)
    mesh, io_tile = given.mesh, _optional(given.io_tile)
    coordinates, grid = None, None
    if mesh is not None:
        x, y = ([int(v) for v in axis] for axis in (mesh.x, mesh.y))
        coordinates, grid = list(zip(x, y, strict=True)), (x, y, int(mesh.hop_x), int(mesh.hop_y))
    instance = Placement(
        n,
        len(coordinates or matrix),  # type: ignore[arg-type]
        list(zip(source.tolist(), target.tolist(), flow.tolist(), strict=True)),
        coordinates,
        0 if grid is None else grid[2],
        0 if grid is None else grid[3],
        None if matrix is None else matrix.tolist(),
        io_tile,
        None if inputs is None else inputs.tolist(),
    )
    _require_placement(instance)
    return instance, digest("placement-problem", n, source, target, flow, matrix, grid, io_tile, inputs)


def _require_placement(instance: Placement) -> None:
    """Refuse what the proofs could not stand: negative numbers, ids out of range, tiles at the same place."""
    n, tiles = instance.num_clusters, instance.num_tiles
    if not 1 <= n <= tiles:
        raise InvalidInstance(f"{n} clusters, {tiles} tiles")
    if any(not (0 <= a < n and 0 <= b < n and f >= 0) for a, b, f in instance.flows):
        raise InvalidInstance("a flow is negative or names a cluster that does not exist")
    if (instance.coordinates is None) == (instance.matrix is None):
        raise InvalidInstance("a placement problem needs either a mesh or a distance matrix")
    if instance.coordinates is not None:
        lowest = min(instance.hop_x, instance.hop_y, *(v for place in instance.coordinates for v in place))
        if lowest < 0 or len(set(instance.coordinates)) != tiles:
            raise InvalidInstance("a hop or a coordinate is negative, or two tiles stand at the same place")
    elif any(len(row) != tiles or min(row) < 0 for row in instance.matrix or ()):
        raise InvalidInstance("the distances are no square matrix of non-negative numbers")
    if instance.input_flow is not None and (
        instance.coordinates is None
        or instance.io_tile is None
        or not 0 <= instance.io_tile < tiles
        or len(instance.input_flow) != n
        or min(instance.input_flow) < 0
    ):
        raise InvalidInstance("external inputs need an I/O tile on the mesh and a flow to each cluster")


def _nets(network: Any) -> tuple[Nets, str]:
    ptr, idx = np.asarray(network.fanout_ptr, dtype=np.int64), np.asarray(network.fanout_idx, dtype=np.int32)
    spikes, is_input = np.asarray(network.spikes, dtype=np.int64), np.asarray(network.is_input, dtype=np.bool_)
    starts, targets = ptr.tolist(), idx.tolist()
    posts = [targets[a:b] for a, b in pairwise(starts)]
    pres: list[list[int]] = [[] for _ in range(len(spikes))]
    for source, fed in enumerate(posts):
        for i in fed:
            pres[i].append(source)
    nets = Nets(posts, pres, spikes.tolist(), is_input.tolist())
    if len(posts) != len(nets.spikes) or any(a >= b for p in posts for a, b in pairwise(p)):
        raise InvalidInstance("the network is no CSR graph with ascending rows")
    if min(nets.spikes, default=0) < 0 or any(nets.is_input[i] for p in posts for i in p):
        raise InvalidInstance("a spike count is negative, or an external input is fed")
    return nets, digest("network", ptr, idx, spikes, is_input)


def _optional(value: Any) -> int | None:
    return None if value is None else int(value)

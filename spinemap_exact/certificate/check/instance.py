"""What the checker knows of an instance: raw numbers, copied into plain lists, and the digest they have.

Nothing that a problem object derives is looked at; only the data it was built from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from spinemap_exact.arrays import digest
from spinemap_exact.certificate.check import raw
from spinemap_exact.errors import InvalidInput, InvalidInstance
from spinemap_exact.hardware import Crossbar

_SEAL = object()  # what only this module has: an instance and its digest come from here together


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


@dataclass(frozen=True)
class Mapping:
    """A network onto a chip; ``fj`` and ``ps`` are the costs of packet, hop_x, hop_y, local, synapse, idle_cell."""

    nets: Nets
    width: int
    height: int
    io_tile: int | None
    crossbars: tuple[Crossbar, ...]
    fj: dict[str, int]
    ps: dict[str, int]
    traffic: str
    objective: str
    max_crossbars: int | None
    max_latency_ps: int | None
    units: tuple[list[int], list[int], list[int]] | None  # unit of synapse, neuron of unit, parent of unit

    @property
    def most_crossbars(self) -> int:
        limits = [self.width * self.height]
        if self.max_crossbars is not None:
            limits.append(self.max_crossbars)
        if all(c.count is not None for c in self.crossbars):
            limits.append(sum(c.count or 0 for c in self.crossbars))
        return min(limits)

    @cached_property
    def max_rows(self) -> int:
        return max(c.rows for c in self.crossbars)

    @cached_property
    def max_columns(self) -> int:
        return max(c.columns for c in self.crossbars)

    @cached_property
    def crossbar_of_tile(self) -> list[int]:
        """Types of crossbars are handed out to the tiles in order."""
        if len(self.crossbars) == 1:
            return [0] * (self.width * self.height)
        return [kind for kind, c in enumerate(self.crossbars) for _ in range(c.count or 0)]


Instance = Packing | Unroll | Partition | Placement | Mapping


@dataclass(frozen=True, eq=False)
class Known:
    """A problem as it was when `read` copied it; only `read` makes one."""

    problem: Any
    instance: Instance
    digest: str
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise InvalidInput("instances are read by the checker, and by nobody else")


def read(given: Any) -> Known:
    """Copy the raw data of an instance and derive its digest; what was read before is returned as it is.

    Parameters
    ----------
    given : object
        A problem, or what `certificate.format.read_instance` returns: anything with the attributes used below; or what
        this function returned.
    """
    if isinstance(given, Known):
        return given
    readers: dict[str, Callable[[Any], tuple[Instance, str]]] = {
        "packing": _packing,
        "unroll": _unroll,
        "partition": _partition,
        "placement": _placement,
        "mapping": _mapping,
    }
    if given.kind not in readers:
        raise InvalidInstance(f"nothing is known of problems of kind {given.kind!r}")
    return Known(given, *readers[given.kind](given), _SEAL)


def _packing(given: Any) -> tuple[Packing, str]:
    sizes, capacity = raw.integers(given.sizes, "sizes", low=1), raw.integer(given.capacity, "capacity", low=1)
    if not sizes.size or sizes.max() > capacity:
        raise InvalidInstance(f"there is no item, or one is larger than the bins of {capacity}")
    return Packing(sizes.tolist(), capacity), digest("packing-problem", sizes, capacity)


def _unroll(given: Any) -> tuple[Unroll, str]:
    nets, network_digest = _nets(given.network)
    instance = Unroll(
        nets,
        raw.integer(given.rows, "rows", low=1),
        raw.integer(given.columns, "columns", low=1),
        raw.optional(given.unit_fan_in, "unit_fan_in", low=2),
        raw.optional(given.max_depth, "max_depth"),
        raw.choice(given.objective, "objective", ("crossbars", "units", "carry-spikes")),
        raw.optional(given.max_crossbars, "max_crossbars"),
        raw.optional(given.max_units, "max_units"),
    )
    rest = (instance.rows, instance.columns, instance.unit_fan_in, instance.max_depth, instance.objective)
    limits = (instance.max_crossbars, instance.max_units)
    return instance, digest("unroll-problem", network_digest, *rest, *limits)


def _partition(given: Any) -> tuple[Partition, str]:
    nets, network_digest = _nets(given.network)
    num_units = nets.is_input.count(False)
    if any(nets.is_input[:num_units]):
        raise InvalidInstance("external inputs must follow the units")
    crossbars = tuple(_crossbar(c, f"crossbars[{k}]") for k, c in enumerate(given.crossbars))
    if not crossbars:
        raise InvalidInstance("crossbars: there is none")
    traffic = raw.choice(given.traffic, "traffic", ("per-tile", "per-synapse"))
    objective = raw.choice(given.objective, "objective", ("packets", "crossbars", "area"))
    max_clusters = raw.integer(given.max_clusters, "max_clusters")
    max_area = raw.optional(given.max_area, "max_area")
    instance = Partition(nets, num_units, crossbars, max_clusters, traffic, objective, max_area)
    types = [asdict(c) for c in crossbars]
    return instance, digest("partition-problem", network_digest, types, max_clusters, traffic, objective, max_area)


def _crossbar(given: Any, what: str) -> Crossbar:
    rows, columns, area = (raw.integer(getattr(given, k), f"{what}: {k}", low=1) for k in ("rows", "columns", "area"))
    return Crossbar(rows, columns, area, raw.optional(given.count, f"{what}: count", low=1))


def _placement(given: Any) -> tuple[Placement, str]:
    n = raw.integer(given.num_clusters, "num_clusters", low=1)
    source, target = (raw.integers(getattr(given, k), k, np.int32) for k in ("flow_from", "flow_to"))
    flow = raw.integers(given.flow, "flow")
    if not len(source) == len(target) == len(flow):
        raise InvalidInstance(f"{len(flow)} flows between {len(source)} sources and {len(target)} targets")
    matrix = None if given.distance is None else raw.integers(given.distance, "distance", dimensions=2)
    inputs = None if given.input_flow is None else raw.integers(given.input_flow, "input_flow")
    if (given.mesh is None) == (matrix is None):
        raise InvalidInstance("a placement problem needs either a mesh or a distance matrix")
    grid, io_tile = None if given.mesh is None else _mesh(given.mesh), raw.optional(given.io_tile, "io_tile")
    instance = Placement(
        n,
        len(grid[0] if grid is not None else matrix),  # type: ignore[arg-type]
        list(zip(source.tolist(), target.tolist(), flow.tolist(), strict=True)),
        None if grid is None else list(zip(grid[0], grid[1], strict=True)),
        0 if grid is None else grid[2],
        0 if grid is None else grid[3],
        None if matrix is None else matrix.tolist(),
        io_tile,
        None if inputs is None else inputs.tolist(),
    )
    _require_placement(instance)
    return instance, digest("placement-problem", n, source, target, flow, matrix, grid, io_tile, inputs)


_TERMS = ("packet", "hop_x", "hop_y", "local", "synapse")
_OBJECTIVES = ("energy", "mean-latency", "worst-latency", "crossbars", "bottleneck")


def _mapping(given: Any) -> tuple[Mapping, str]:
    nets, network_digest = _nets(given.network)
    grid, costs = given.hardware.grid, given.hardware.costs
    crossbars = tuple(_crossbar(c, f"crossbars[{k}]") for k, c in enumerate(given.hardware.crossbars))
    width, height = (raw.integer(getattr(grid, k), f"grid: {k}", low=1) for k in ("width", "height"))
    io_tile = raw.optional(grid.io_tile, "grid: io_tile")
    fj = {k: raw.integer(getattr(costs, f"{k}_fj"), f"costs: {k}_fj") for k in (*_TERMS, "idle_cell")}
    ps = {k: raw.integer(getattr(costs, f"{k}_ps"), f"costs: {k}_ps") for k in _TERMS}
    traffic = raw.choice(str(given.traffic), "traffic", ("per-tile", "per-synapse"))
    objective = raw.choice(str(given.objective), "objective", _OBJECTIVES)
    max_crossbars = raw.optional(given.max_crossbars, "max_crossbars", low=1)
    max_latency_ps = raw.optional(given.max_latency_ps, "max_latency_ps", low=1)
    units, units_digest = _units(given.unrolling)
    if not crossbars or (io_tile is not None and io_tile >= width * height):
        raise InvalidInstance("there is no crossbar, or the I/O tile lies outside of the mesh")
    if len(crossbars) > 1 and sum(c.count or 0 for c in crossbars) != width * height:
        raise InvalidInstance("the crossbars of several types are not as many as the tiles")
    instance = Mapping(
        nets, width, height, io_tile, crossbars, fj, ps, traffic, objective, max_crossbars, max_latency_ps, units
    )
    table = {f"{k}_fj": v for k, v in fj.items()} | {f"{k}_ps": v for k, v in ps.items()}
    chip = digest(
        "hardware", {"width": width, "height": height, "io_tile": io_tile}, [asdict(c) for c in crossbars], table
    )
    limits = (max_crossbars, max_latency_ps, units_digest)
    return instance, digest("mapping-problem", network_digest, chip, traffic, objective, *limits)


def _units(given: Any) -> tuple[tuple[list[int], list[int], list[int]] | None, str | None]:
    if given is None:
        return None, None
    unit, neuron = (raw.integers(getattr(given, k), k, np.int32) for k in ("unit_of_synapse", "neuron_of_unit"))
    parent = raw.integers(given.parent_of_unit, "parent_of_unit", np.int32, low=-1)
    return (unit.tolist(), neuron.tolist(), parent.tolist()), digest("unrolling", unit, neuron, parent)


def _mesh(given: Any) -> tuple[list[int], list[int], int, int]:
    x, y = (raw.integers(getattr(given, k), f"mesh: {k}").tolist() for k in ("x", "y"))
    if len(x) != len(y):
        raise InvalidInstance(f"a mesh of {len(x)} x and {len(y)} y coordinates")
    return x, y, raw.integer(given.hop_x, "mesh: hop_x"), raw.integer(given.hop_y, "mesh: hop_y")


def _require_placement(instance: Placement) -> None:
    """Refuse what the proofs could not stand: ids out of range, tiles at the same place, costs beyond int64."""
    n, tiles = instance.num_clusters, instance.num_tiles
    if n > tiles:
        raise InvalidInstance(f"{n} clusters, {tiles} tiles")
    if any(a >= n or b >= n for a, b, _ in instance.flows):
        raise InvalidInstance("a flow names a cluster that does not exist")
    if instance.coordinates is not None and len(set(instance.coordinates)) != tiles:
        raise InvalidInstance("two tiles stand at the same place")
    if any(len(row) != tiles for row in instance.matrix or ()):
        raise InvalidInstance("the distances are no square matrix")
    inputs = instance.input_flow or []
    if instance.input_flow is not None and (
        instance.coordinates is None or instance.io_tile is None or instance.io_tile >= tiles or len(inputs) != n
    ):
        raise InvalidInstance("external inputs need an I/O tile on the mesh and a flow to each cluster")
    if _reach(instance) * (sum(f for _, _, f in instance.flows) + sum(inputs)) > raw.LARGEST:
        raise InvalidInstance("flow times distance overflows int64")


def _reach(instance: Placement) -> int:
    """No two tiles are further apart."""
    if instance.coordinates is None:
        return max(max(row) for row in instance.matrix or [[0]])
    wide, high = max(x for x, _ in instance.coordinates), max(y for _, y in instance.coordinates)
    return instance.hop_x * wide + instance.hop_y * high


def _nets(network: Any) -> tuple[Nets, str]:
    ptr = raw.integers(network.fanout_ptr, "fanout_ptr")
    idx = raw.integers(network.fanout_idx, "fanout_idx", np.int32)
    spikes, is_input = raw.integers(network.spikes, "spikes"), raw.flags(network.is_input, "is_input")
    starts, targets, n = ptr.tolist(), idx.tolist(), len(spikes)
    if not n or len(starts) != n + 1 or len(is_input) != n or starts[0] != 0 or starts[-1] != len(targets):
        raise InvalidInstance("fanout_ptr, fanout_idx, spikes and is_input do not belong together")
    if any(a > b for a, b in pairwise(starts)) or max(targets, default=0) >= n:
        raise InvalidInstance("fanout_ptr descends, or fanout_idx names a neuron that does not exist")
    posts = [targets[a:b] for a, b in pairwise(starts)]
    pres: list[list[int]] = [[] for _ in range(n)]
    for source, fed in enumerate(posts):
        for i in fed:
            pres[i].append(source)
    nets = Nets(posts, pres, spikes.tolist(), is_input.tolist())
    if any(a >= b for p in posts for a, b in pairwise(p)):
        raise InvalidInstance("fanout_idx does not ascend within each source")
    if any(fed and is_in for fed, is_in in zip(pres, nets.is_input, strict=True)):
        raise InvalidInstance("an external input is fed")
    if sum(s * len(p) for s, p in zip(nets.spikes, posts, strict=True)) > raw.LARGEST:
        raise InvalidInstance("the spikes on all synapses together overflow int64")
    return nets, digest("network", ptr, idx, spikes, is_input)

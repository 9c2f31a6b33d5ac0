"""Clusters to tiles: the placement problem, a quadratic assignment problem."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import ClassVar

import numpy as np

from spinemap_exact.arrays import Array, digest, freeze, total
from spinemap_exact.errors import InvalidInstance
from spinemap_exact.hardware import Hardware, TileGrid
from spinemap_exact.mapping import Partition, Placement
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.units import INT64_MAX

_FEW_TILES, _MOST_TILES_IN_MATRIX = 5_000, 16_000  # whose distances take 200 MB and 2 GB


@dataclass(frozen=True, eq=False)
class Mesh:
    """Where the tiles stand and what a hop costs in each direction.

    The distance of two tiles is ``hop_x * |x - x'| + hop_y * |y - y'|``.

    Parameters
    ----------
    x, y : (num_tiles,) int64
        Distinct positions; a full grid has ``y * width + x`` in ascending order.
    hop_x, hop_y : int
        Cost of one hop, not negative.
    """

    x: Array
    y: Array
    hop_x: int = 1
    hop_y: int = 1

    def __post_init__(self) -> None:
        freeze(self, x=np.int64, y=np.int64)
        if self.x.shape != self.y.shape or self.x.size == 0:
            raise InvalidInstance(f"a mesh of {self.x.size} x and {self.y.size} y coordinates")
        if self.x.min() < 0 or self.y.min() < 0:
            raise InvalidInstance("a tile has a negative coordinate")
        order = np.lexsort((self.x, self.y))
        if ((np.diff(self.x[order]) == 0) & (np.diff(self.y[order]) == 0)).any():
            raise InvalidInstance("two tiles stand at the same place")
        if self.hop_x < 0 or self.hop_y < 0:
            raise InvalidInstance(f"hops cost {self.hop_x} and {self.hop_y}: negative distances")
        if max(self.hop_x, self.hop_y, self.diameter) > INT64_MAX:
            raise InvalidInstance(f"hops cost {self.hop_x} and {self.hop_y}: distances overflow int64")

    @classmethod
    def of_grid(cls, grid: TileGrid, hop_x: int = 1, hop_y: int = 1) -> Mesh:
        return cls(grid.x, grid.y, hop_x, hop_y)

    @property
    def num_tiles(self) -> int:
        return len(self.x)

    @property
    def width(self) -> int:
        return int(self.x.max()) + 1

    @property
    def height(self) -> int:
        return int(self.y.max()) + 1

    @property
    def is_full_grid(self) -> bool:
        """True if tile ``t`` stands at ``(t % width, t // width)`` and none is missing."""
        t = np.arange(self.num_tiles)
        return bool(
            self.num_tiles == self.width * self.height
            and (self.x == t % self.width).all()
            and (self.y == t // self.width).all()
        )

    def distance(self, a: Array, b: Array) -> Array:
        """Distances of tile pairs, element by element."""
        distance: Array = self.hop_x * np.abs(self.x[a] - self.x[b]) + self.hop_y * np.abs(self.y[a] - self.y[b])
        return distance

    @property
    def diameter(self) -> int:
        return self.hop_x * (self.width - 1) + self.hop_y * (self.height - 1)

    @property
    def divisor(self) -> int:
        """A common divisor of all distances; of a full grid the greatest one. Zero if all distances are zero."""
        along_x, along_y = (int(np.gcd.reduce(place - place[0])) for place in (self.x, self.y))
        return gcd(self.hop_x * along_x, self.hop_y * along_y)


@dataclass(frozen=True, eq=False)
class PlacementProblem:
    """Place clusters on distinct tiles; minimise flow times distance.

    The cost is ``sum_f flow[f] * distance(tile[flow_from[f]], tile[flow_to[f]])``, plus
    ``sum_c input_flow[c] * distance(io_tile, tile[c])`` where external inputs enter at an I/O tile.

    Parameters
    ----------
    num_clusters : int
    flow_from, flow_to : (num_flows,) int32
        Directed pairs of clusters; a pair may be listed once.
    flow : (num_flows,) int64
        Packets, not negative.
    mesh : Mesh, optional
        Tiles on a grid. Exactly one of ``mesh`` and ``distance`` is given.
    distance : (num_tiles, num_tiles) int64, optional
        Any non-negative matrix, as in QAPLIB; it need not be symmetric.
    io_tile : int, optional
        Where external inputs enter.
    input_flow : (num_clusters,) int64, optional
        Packets from the I/O tile to each cluster; needs ``io_tile``.

    Raises
    ------
    InvalidInstance
        If shapes or ids do not fit, there are more clusters than tiles, a flow or distance is negative, or a cost
        could overflow int64.
    """

    num_clusters: int
    flow_from: Array
    flow_to: Array
    flow: Array
    mesh: Mesh | None = None
    distance: Array | None = None
    io_tile: int | None = None
    input_flow: Array | None = None

    kind: ClassVar[str] = "placement"

    def __post_init__(self) -> None:
        freeze(self, flow_from=np.int32, flow_to=np.int32, flow=np.int64, distance=np.int64, input_flow=np.int64)
        if (self.mesh is None) == (self.distance is None):
            raise InvalidInstance("a placement problem needs either a mesh or a distance matrix")
        if self.num_clusters < 1:
            raise InvalidInstance("a placement problem needs a cluster")
        if not self.flow_from.shape == self.flow_to.shape == self.flow.shape:
            raise InvalidInstance(
                f"{self.flow.size} flows between {self.flow_from.size} sources and {self.flow_to.size} targets"
            )
        for ids in (self.flow_from, self.flow_to):
            wrong = (ids < 0) | (ids >= self.num_clusters)
            if wrong.any():
                raise InvalidInstance(f"flow names cluster {ids[wrong][0]} of {self.num_clusters}")
        if (self.flow < 0).any():
            raise InvalidInstance(f"flow {np.flatnonzero(self.flow < 0)[0]} is negative")
        pair = self.flow_from.astype(np.int64) * self.num_clusters + self.flow_to
        if np.unique(pair).size != pair.size:
            raise InvalidInstance("a pair of clusters has two flows")
        self._check_distance()
        self._check_inputs()
        if self.num_clusters > self.num_tiles:
            tiles = "1 tile" if self.num_tiles == 1 else f"{self.num_tiles} tiles"
            raise InvalidInstance(f"{self.num_clusters} clusters, {tiles}")
        if max(self.total_flow, self.ceiling) > INT64_MAX:
            raise InvalidInstance("flow times distance overflows int64")

    @classmethod
    def from_matrices(cls, flow: Array, distance: Array | None = None, mesh: Mesh | None = None) -> PlacementProblem:
        """Build a problem from a dense (num_clusters, num_clusters) flow matrix."""
        flow = np.asarray(flow)
        if flow.ndim != 2 or flow.shape[0] != flow.shape[1]:
            raise InvalidInstance(f"the flow matrix has shape {flow.shape}, not square")
        source, target = np.nonzero(flow)
        return cls(flow.shape[0], source, target, flow[source, target], mesh=mesh, distance=distance)

    @property
    def num_tiles(self) -> int:
        return self.mesh.num_tiles if self.mesh is not None else len(self.distance)  # type: ignore[arg-type]

    @property
    def total_flow(self) -> int:
        """All flows together, those of the external inputs included."""
        return total(self.flow) + (0 if self.input_flow is None else total(self.input_flow))

    @cached_property
    def ceiling(self) -> int:
        """All flows times the largest distance: no placement costs more, nor does any part of what it costs."""
        reach = int(self.distance.max(initial=0)) if self.distance is not None else self.mesh.diameter  # type: ignore[union-attr]
        return reach * self.total_flow

    @cached_property
    def distances(self) -> Array:
        """(num_tiles, num_tiles) int64.

        Raises
        ------
        InvalidInstance
            If there are so many tiles that the matrix would fill the memory.
        """
        if self.mesh is None:
            assert self.distance is not None
            return self.distance
        if self.num_tiles > _MOST_TILES_IN_MATRIX:
            size = 8 * self.num_tiles**2 / 2**30
            raise InvalidInstance(
                f"the distances of {self.num_tiles} tiles take {size:.0f} GB: too large for this method"
            )
        t = np.arange(self.mesh.num_tiles)
        return self.mesh.distance(t[:, None], t[None, :])

    def between(self, a: Array, b: Array) -> Array:
        """Distances of tile pairs, element by element; looked up where the matrix is small."""
        if self.mesh is not None and self.num_tiles > _FEW_TILES:
            return self.mesh.distance(a, b)
        apart: Array = self.distances[a, b]
        return apart

    @cached_property
    def flow_matrix(self) -> Array:
        """(num_clusters, num_clusters) int64, directed."""
        dense = np.zeros((self.num_clusters, self.num_clusters), dtype=np.int64)
        dense[self.flow_from, self.flow_to] = self.flow
        return dense

    @cached_property
    def linear(self) -> Array:
        """(num_clusters, num_tiles) int64: what the external inputs of a cluster cost on a tile."""
        return self.entering(np.arange(self.num_clusters)[:, None], np.arange(self.num_tiles)[None, :])

    def entering(self, cluster: Array, tile: Array) -> Array:
        """What external inputs cost with clusters on tiles, element by element."""
        if self.mesh is None or self.io_tile is None or self.input_flow is None:
            return np.zeros(np.broadcast(cluster, tile).shape, dtype=np.int64)
        inputs: Array = self.input_flow[cluster] * self.mesh.distance(np.asarray(self.io_tile), tile)
        return inputs

    @property
    def size(self) -> int:
        """Tiles."""
        return self.num_tiles

    @property
    def measure(self) -> str:
        """What a cost counts: a spike-hop is one packet over one link."""
        if self.mesh is None:
            return "flow x distance"
        x, y = self.mesh.hop_x, self.mesh.hop_y
        return "spike-hops" if x == y == 1 else f"hop costs (x {x}, y {y})"

    def why_infeasible(self) -> None:
        """Every cluster has a tile, or the problem could not be built."""

    def cost(self, solution: Placement) -> int:
        """Price a placement."""
        tile = solution.tile_of_cluster
        here, there = tile[self.flow_from], tile[self.flow_to]
        apart = self.distance[here, there] if self.mesh is None else self.mesh.distance(here, there)  # type: ignore[index]
        return int((self.flow * apart).sum() + self.entering(np.arange(self.num_clusters), tile).sum())

    def violations(self, solution: Placement) -> list[str]:
        """Say what keeps a placement from being feasible; empty if nothing does."""
        return solution.violations(self.num_clusters, self.num_tiles)

    @cached_property
    def digest(self) -> str:
        mesh = self.mesh
        return digest(
            "placement-problem",
            self.num_clusters,
            self.flow_from,
            self.flow_to,
            self.flow,
            self.distance,
            None if mesh is None else (mesh.x.tolist(), mesh.y.tolist(), mesh.hop_x, mesh.hop_y),
            self.io_tile,
            self.input_flow,
        )

    def _check_distance(self) -> None:
        if self.distance is None:
            return
        if self.distance.ndim != 2 or self.distance.shape[0] != self.distance.shape[1]:
            raise InvalidInstance(f"the distance matrix has shape {self.distance.shape}, not square")
        if (self.distance < 0).any():
            a, b = np.argwhere(self.distance < 0)[0]
            raise InvalidInstance(f"the distance from tile {a} to tile {b} is negative")

    def _check_inputs(self) -> None:
        if self.input_flow is None:
            return
        if self.io_tile is None or self.mesh is None or not 0 <= self.io_tile < self.mesh.num_tiles:
            raise InvalidInstance(f"external inputs need an I/O tile on the mesh, not {self.io_tile}")
        if self.input_flow.shape != (self.num_clusters,):
            raise InvalidInstance(f"{self.input_flow.size} input flows for {self.num_clusters} clusters")
        if (self.input_flow < 0).any():
            raise InvalidInstance(f"the input flow of cluster {np.flatnonzero(self.input_flow < 0)[0]} is negative")


def placement_problem(units: Network, partition: Partition, hardware: Hardware, traffic: Traffic) -> PlacementProblem:
    """Return the placement problem that a partition leaves: packets between clusters, on the mesh.

    Distances weigh hops by their energy, divided by the common divisor: one per hop on an even mesh.
    """
    reads = partition.reads(units)
    packets = units.spikes[reads.source]
    if traffic is Traffic.PER_SYNAPSE:
        packets = packets * reads.synapses
    between = (reads.home >= 0) & ~reads.is_local
    clusters = partition.num_clusters
    pair, flow = _summed(reads.home[between] * clusters + reads.cluster[between], packets[between])
    grid, costs = hardware.grid, hardware.costs
    divisor = math.gcd(costs.hop_x_fj, costs.hop_y_fj)
    hop_x, hop_y = (costs.hop_x_fj // divisor, costs.hop_y_fj // divisor) if divisor else (1, 1)
    input_flow = None
    if grid.io_tile is not None:
        external = reads.home < 0
        input_flow = np.zeros(clusters, dtype=np.int64)
        np.add.at(input_flow, reads.cluster[external], packets[external])
    return PlacementProblem(
        clusters,
        pair // clusters,
        pair % clusters,
        flow,
        mesh=Mesh.of_grid(grid, hop_x, hop_y),
        io_tile=grid.io_tile,
        input_flow=input_flow,
    )


def _summed(keys: Array, values: Array) -> tuple[Array, Array]:
    """Distinct keys, ascending, with the sums of their values."""
    distinct, position = np.unique(keys, return_inverse=True)
    total = np.zeros(distinct.size, dtype=np.int64)
    np.add.at(total, position.ravel(), values)
    return distinct, total

"""Which problem each stage poses, given the stages above it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping, Partition
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.problems.unroll import UnrollObjective, UnrollProblem

STAGES = ("unroll", "partition", "placement")


def stage_problem(
    name: str,
    network: Network,
    hardware: Hardware,
    mapping: Mapping | None = None,
    traffic: Traffic | str = Traffic.PER_TILE,
    *,
    unit_fan_in: int | None = None,
) -> Any:
    """Return the problem that a stage of `map_network` solved, given the stages above it in ``mapping``.

    Raises
    ------
    InvalidInput
        If the stage is unknown, or needs a mapping and there is none.
    """
    if name == "unroll":
        crossbar = max(hardware.crossbars, key=lambda c: c.rows)
        fits = unit_fan_in is None and network.fan_in.max() <= crossbar.rows
        objective = UnrollObjective.UNITS if fits else UnrollObjective.CROSSBARS
        return UnrollProblem(network, crossbar.rows, crossbar.columns, unit_fan_in, objective=objective)
    if mapping is None:
        raise InvalidInput(f"the {name} stage is asked given the stages above it: a mapping is needed")
    units = mapping.unrolling.unit_network(network)
    if name == "partition":
        return PartitionProblem(units, hardware.crossbars, hardware.grid.num_tiles, Traffic(traffic))
    if name == "placement":
        return placement_problem(units, mapping.partition, hardware, Traffic(traffic))
    raise InvalidInput(f"unknown stage {name!r}; known: {', '.join(STAGES)}")


def size(problem: Any) -> int:
    """What limits on size count: tiles of a placement, synapses of a network; items are free."""
    if isinstance(problem, PlacementProblem):
        return problem.num_tiles
    return int(problem.network.num_synapses) if hasattr(problem, "network") else 0


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

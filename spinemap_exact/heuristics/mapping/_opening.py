"""A mapping to begin with: unrolled for few crossbars, then partitioned, on tiles in order."""

from __future__ import annotations

import numpy as np

from spinemap_exact import heuristics
from spinemap_exact.arrays import Array
from spinemap_exact.mapping import Partition, Unrolling
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Watch

_SHARE = 0.1  # of the time, for each of the two stages


def opening(problem: MappingProblem, watch: Watch) -> tuple[Unrolling, Array]:
    """Return units and a slot for each; crossbars may be overfull where nothing better was found."""
    unrolling, clusters = _unrolled(problem, watch)
    units = unrolling.unit_network(problem.network)
    stage = PartitionProblem(units, problem.hardware.crossbars, problem.most_crossbars, problem.traffic)
    found = _partition(stage, clusters, watch)
    slots = problem.hardware.grid.num_tiles
    if found is None:
        columns = max(c.columns for c in problem.hardware.crossbars)
        return unrolling, np.arange(unrolling.num_units) // columns % slots
    free = {kind: list(tiles) for kind, tiles in _tiles_of_kinds(problem).items()}
    slot_of_cluster = np.array([free[kind].pop(0) for kind in found.crossbar_of_cluster.tolist()], dtype=np.int64)
    return unrolling, slot_of_cluster[found.cluster_of_unit]


def _partition(stage: PartitionProblem, clusters: Partition | None, watch: Watch) -> Partition | None:
    """Clusters as they were packed, or else what is found quickly, or else what is found at all."""
    if clusters is not None and not stage.violations(clusters):
        return clusters
    found: Partition | None = heuristics.load("partition", "sequential")(stage, watch.part())
    return found or heuristics.load("partition", "best-effort")(stage, _share(watch))


def _unrolled(problem: MappingProblem, watch: Watch) -> tuple[Unrolling, Partition | None]:
    """Units, and crossbars for them if they were packed."""
    if problem.unrolling is not None:
        return problem.unrolling, None
    crossbar = max(problem.hardware.crossbars, key=lambda c: c.rows)
    if problem.network.fan_in.max() <= crossbar.rows:
        return Unrolling.identity(problem.network), None
    stage = UnrollProblem(problem.network, crossbar.rows, crossbar.columns)
    packed = heuristics.load("unroll", "row-slices")(stage, _share(watch))
    if packed is None:
        packed = heuristics.load("unroll", "chain")(stage, _share(watch))
    return packed.unrolling, packed.partition


def _tiles_of_kinds(problem: MappingProblem) -> dict[int, Array]:
    kinds = problem.hardware.crossbar_of_tile
    return {kind: np.flatnonzero(kinds == kind) for kind in range(len(problem.hardware.crossbars))}


def _share(watch: Watch) -> Watch:
    left = watch.remaining_s
    return watch.part(None if left is None else left * _SHARE)

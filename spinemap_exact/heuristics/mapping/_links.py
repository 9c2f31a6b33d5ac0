"""The tiles of a mapping, chosen for the busiest link."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.link_annealing import anneal_links
from spinemap_exact.mapping import Mapping, Placement
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.placement import placement_problem
from spinemap_exact.result import Watch

_FIRST_MOVES, _ROUNDS = 2_000, 6
_HOT, _COLD = 0.05, 0.0005  # temperatures, as shares of the largest load


def relieved(problem: MappingProblem, watch: Watch, mapping: Mapping) -> Mapping:
    """Anneal the tiles of a mapping until the time is up; return the best, which breaks no limit that it did not."""
    traffic, tiles = traffic_of(problem, mapping), problem.hardware.grid.num_tiles
    best, cost = mapping, problem.cost(mapping)
    rng, moves = np.random.default_rng(watch.limits.seed), _FIRST_MOVES
    for _ in range(_ROUNDS if watch.limits.time_s is None else 10_000):
        if watch.should_stop() or cost == 0 or tiles < 2:
            break
        tile_of = best.placement.tile_of_cluster.astype(np.int64)
        cluster_on = np.full(tiles, -1, dtype=np.int64)
        cluster_on[tile_of] = np.arange(len(tile_of))
        _, found_tiles = anneal_links(
            tile_of, cluster_on, problem.hardware.grid.width, *traffic, np.zeros(4 * tiles, dtype=np.int64), moves,
            _HOT, _COLD, int(rng.integers(2**31)),
        )  # fmt: skip
        found = replace(best, placement=Placement(found_tiles))
        if problem.cost(found) < cost and not problem.violations(found):
            best, cost = found, problem.cost(found)
        moves = min(2 * moves, 200_000)
    return best


def traffic_of(problem: MappingProblem, mapping: Mapping) -> tuple[Array, ...]:
    """Return what `anneal_links` is told of the packets between clusters: first, entry, source, target, packets."""
    units = mapping.unrolling.unit_network(problem.network)
    left = placement_problem(units, mapping.partition, problem.hardware, problem.traffic)
    clusters = left.num_clusters
    source, target, packets = (np.asarray(a, dtype=np.int64) for a in (left.flow_from, left.flow_to, left.flow))
    if left.io_tile is not None and left.input_flow is not None:
        source = np.concatenate((source, np.full(clusters, -1 - left.io_tile)))
        target = np.concatenate((target, np.arange(clusters)))
        packets = np.concatenate((packets, left.input_flow))
    ends = np.concatenate((target, source))
    inside = ends >= 0
    order = np.argsort(ends[inside], kind="stable")
    first = np.concatenate(([0], np.cumsum(np.bincount(ends[inside], minlength=clusters)))).astype(np.int64)
    return first, np.tile(np.arange(len(source)), 2)[inside][order], source, target, packets

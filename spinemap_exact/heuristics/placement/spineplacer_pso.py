"""Particle swarm over continuous coordinates: SpiNePlacer.

A. Balaji et al., Mapping Spiking Neural Networks to Neuromorphic Hardware, IEEE TVLSI 28(1), 2020, arXiv:1909.01843,
after J. Kennedy, R. Eberhart, Particle Swarm Optimization, 1995, doi:10.1109/ICNN.1995.488968.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.heuristics.placement._moves import on_distinct_tiles, positions
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch

_PARTICLES, _ITERATIONS = 30, 200
_INERTIA, _OWN, _SWARM = 0.72, 1.49, 1.49


def run(problem: PlacementProblem, watch: Watch, start: Placement | None = None) -> Placement | None:
    """Fly 30 particles for 200 iterations: an (x, y) per cluster, clipped, rounded, collisions resolved.

    Of clusters that meet on one tile the one with the most traffic stays; the others go to the nearest free tile.
    """
    m = problem.num_clusters
    if m > problem.num_tiles:
        return None
    random = np.random.default_rng(watch.limits.seed)
    tile_x, tile_y = positions(problem)
    size = np.array([tile_x.max(), tile_y.max()], dtype=np.float64)
    traffic = np.zeros(m)  # of flows near 2^63, both ends together would overflow
    np.add.at(traffic, problem.flow_from, problem.flow)
    np.add.at(traffic, problem.flow_to, problem.flow)
    busiest = np.argsort(-traffic, kind="stable")
    position = random.uniform(0, 1, (_PARTICLES, m, 2)) * size
    velocity = random.uniform(-1, 1, (_PARTICLES, m, 2)) * size / 2
    own = position.copy()
    own_cost: list[int | None] = [None] * _PARTICLES
    best: Placement | None = None
    best_cost: int | None = None
    best_point = position[0]
    for _ in range(_ITERATIONS):
        for i in range(_PARTICLES):
            if best is not None and watch.should_stop():
                return best
            point = np.rint(position[i])
            found = Placement(on_distinct_tiles(problem, point[:, 0], point[:, 1], busiest))
            cost = problem.cost(found)
            previous = own_cost[i]
            if previous is None or cost < previous:
                own_cost[i], own[i] = cost, position[i]
            if best_cost is None or cost < best_cost:
                best, best_cost, best_point = found, cost, position[i].copy()
                watch.report(objective=cost)
        velocity = (
            _INERTIA * velocity
            + _OWN * random.random(position.shape) * (own - position)
            + _SWARM * random.random(position.shape) * (best_point - position)
        )
        position = np.clip(position + velocity, 0, size)
    return best

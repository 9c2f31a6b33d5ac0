"""Binary particle swarm over which unit lies in which cluster: PSOPART.

A. Das et al., Mapping of Local and Global Synapses on Spiking Neuromorphic Hardware, DATE 2018,
doi:10.23919/DATE.2018.8342201, arXiv:1908.08024, after J. Kennedy, R. C. Eberhart, A Discrete Binary Version of the
Particle Swarm Algorithm, 1997, doi:10.1109/ICSMC.1997.637339.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.heuristics.partition._growth import slots_of, within_limits
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Watch

_PARTICLES = 50
_ITERATIONS = 100
_INERTIA, _OWN, _SWARM = 0.72, 1.49, 1.49
_MAX_BITS = 2 * 10**7  # of all particles together


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Fly a swarm for 100 iterations; None if no particle met the limits, or the swarm would not fit into memory.

    A bit says that a unit lies in a cluster; it is drawn from the sigmoid of its velocity. Of the bits drawn for a unit
    the likeliest counts, and what breaks a limit is repaired.
    """
    n, slots = problem.num_units, slots_of(problem).size
    particles = min(_PARTICLES, _MAX_BITS // max(1, n * slots))
    if n == 0 or particles < 2:
        return None
    random = np.random.default_rng(watch.limits.seed)
    velocity = random.uniform(-4, 4, (particles, n, slots))
    position = np.zeros((particles, n, slots), dtype=np.bool_)
    own = np.zeros_like(position)
    own_cost: list[int | None] = [None] * particles
    best: Partition | None = None
    best_bits = position[0]
    for _ in range(_ITERATIONS):
        for i in range(particles):
            if watch.should_stop():
                return best
            wish = _binarised(velocity[i], random)
            found = within_limits(problem, wish, watch, settling_only=best is not None)
            if found is None:
                position[i] = _bits(wish, slots)
                continue
            position[i] = _bits(found.cluster_of_unit, slots) if found.num_clusters <= slots else _bits(wish, slots)
            cost = problem.cost(found)
            previous = own_cost[i]
            if previous is None or cost < previous:
                own_cost[i], own[i] = cost, position[i]
            if best is None or cost < problem.cost(best):
                best, best_bits = found, position[i].copy()
                watch.report(objective=cost)
        pull_own = random.random((particles, 1, 1)) * _OWN
        pull_swarm = random.random((particles, 1, 1)) * _SWARM
        velocity *= _INERTIA
        velocity += pull_own * (own.astype(np.int8) - position) + pull_swarm * (best_bits.astype(np.int8) - position)
        np.clip(velocity, -4, 4, out=velocity)
    return best


def _binarised(velocity: Array, random: np.random.Generator) -> Array:
    likely = 1 / (1 + np.exp(-velocity))
    drawn = likely > random.random(velocity.shape)
    wish: Array = np.argmax(likely + drawn, axis=1)
    return wish


def _bits(labels: Array, slots: int) -> Array:
    bits: Array = np.zeros((labels.size, slots), dtype=np.bool_)
    bits[np.arange(labels.size), labels] = True
    return bits

"""What can be said about a placement problem beforehand: the grain of its costs, and the automorphisms of its tiles."""

from __future__ import annotations

from math import gcd

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.problems.placement import PlacementProblem


def grain(problem: PlacementProblem) -> int:
    """Greatest common divisor of what all placements cost, as far as flows and distances tell."""
    flow, mesh, distances = problem.flow_matrix, problem.mesh, problem.distance
    if distances is None or ((distances == distances.T).all() and not distances.diagonal().any()):
        flow = np.triu(flow + flow.T, 1)
    inputs = [] if problem.input_flow is None else problem.input_flow.tolist()
    of_distances = mesh.divisor if mesh is not None else gcd(*np.unique(problem.distances).tolist())
    return gcd(*np.unique(flow).tolist(), *inputs) * of_distances or 1


def automorphisms(problem: PlacementProblem, most: int = 1000) -> Array:
    """(num_found, num_tiles) int64: permutations of the tiles that change no cost; the identity comes first.

    Permutations are built tile by tile; a group that is not complete after ``most`` of them, or after many steps, is
    replaced by the identity, since half a group need not be closed.
    """
    distances, linear = problem.distances, problem.linear
    n = problem.num_tiles
    found: list[list[int]] = []
    steps = 0
    stack: list[list[int]] = [[]]
    while stack:
        image = stack.pop()
        t = len(image)
        steps += 1
        if len(found) == most or steps > 100 * n * most:
            return np.arange(n)[None, :]
        if t == n:
            found.append(image)
            continue
        fits = (distances[:, image] == distances[t, :t]).all(axis=1)
        fits &= (distances.T[:, image] == distances[:t, t]).all(axis=1)
        fits &= distances.diagonal() == distances[t, t]
        fits &= (linear == linear[:, t : t + 1]).all(axis=0)
        fits[image] = False
        stack += [[*image, int(other)] for other in np.flatnonzero(fits)[::-1]]
    return np.array(found)

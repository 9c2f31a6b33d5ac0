"""Placement problems whose costs are too large to be added up, in coarser units."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.problems.placement import PlacementProblem


@dataclass(frozen=True, eq=False)
class Coarse:
    """A problem with the same placements, each of which costs at least ``unit`` times what it costs here.

    Parameters
    ----------
    is_exact : bool
        True if each costs just that.
    """

    problem: PlacementProblem
    unit: int
    is_exact: bool


def coarsened(problem: PlacementProblem, most: int) -> Coarse:
    """Divide flows and distances until no cost exceeds ``most``: by common divisors, which loses nothing, then by more.

    Powers of two come next, and what is left over is rounded down. They are shared out so that the largest flow and the
    largest hop keep equally many digits, as far as possible.
    """
    inputs, mesh = problem.input_flow, problem.mesh
    flow = int(np.gcd.reduce(problem.flow if inputs is None else np.append(problem.flow, inputs))) or 1
    hops = _hops(problem)
    distance = int(np.gcd.reduce(hops)) or 1
    surplus = ((problem.ceiling - 1) // (flow * distance * most)).bit_length()
    largest = max(int(problem.flow.max(initial=0)), 0 if inputs is None else int(inputs.max()))
    digits = (largest // flow).bit_length() - (int(hops.max()) // distance).bit_length()
    of_flow = min(max(0, (surplus + digits) // 2), surplus)
    flow, distance = flow << of_flow, distance << (surplus - of_flow)
    coarse = replace(
        problem,
        flow=problem.flow // flow,
        input_flow=None if inputs is None else inputs // flow,
        mesh=mesh and replace(mesh, hop_x=mesh.hop_x // distance, hop_y=mesh.hop_y // distance),
        distance=None if problem.distance is None else problem.distance // distance,
    )
    return Coarse(coarse, flow * distance, surplus == 0)


def _hops(problem: PlacementProblem) -> Array:
    """What distances are made of: the hops of a mesh, but for those along a single line; otherwise themselves."""
    mesh = problem.mesh
    if mesh is None:
        assert problem.distance is not None
        return problem.distance.ravel()
    return np.array([mesh.hop_x * (mesh.width > 1), mesh.hop_y * (mesh.height > 1)], dtype=np.int64)

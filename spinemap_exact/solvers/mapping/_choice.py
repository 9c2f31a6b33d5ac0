"""Which solver suits a mapping problem."""

from __future__ import annotations

import numpy as np

from spinemap_exact.problems.mapping import MappingObjective, MappingProblem


def choose(problem: MappingProblem) -> str:
    """Name the solver to run: given units are solved exactly, any others are bounded.

    Contents of crossbars say more than trees of units where most neurons fit a crossbar as they are.
    """
    limited = problem.max_crossbars is not None or problem.max_latency_ps is not None
    is_given = problem.unrolling is not None and problem.objective is MappingObjective.ENERGY and not limited
    if is_given and problem.hardware.is_uniform:
        return "branch-price"
    network = problem.network
    fits = network.fan_in[~network.is_input] <= problem.hardware.max_rows
    mostly = 2 * np.count_nonzero(fits) > len(fits)
    return "contents" if mostly and problem.objective is MappingObjective.ENERGY else "priced-trees"

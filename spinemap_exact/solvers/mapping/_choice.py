"""Which solver suits a mapping problem."""

from __future__ import annotations

import numpy as np

from spinemap_exact.problems.mapping import MappingObjective, MappingProblem

_MOST_NEURONS, _MOST_ROWS = 100, 32  # beyond which pricing contents takes longer than anybody waits


def choose(problem: MappingProblem) -> str:
    """Name the solver to run: given units are solved exactly, any others are bounded.

    Contents of crossbars say more than trees of units where most neurons fit a crossbar, and they are few.
    """
    limited = problem.max_crossbars is not None or problem.max_latency_ps is not None
    is_given = problem.unrolling is not None and problem.objective is MappingObjective.ENERGY and not limited
    if is_given and problem.hardware.is_uniform:
        return "branch-price"
    has_contents = problem.objective is MappingObjective.ENERGY and _is_narrow(problem)
    return "contents" if has_contents else "priced-trees"


def _is_narrow(problem: MappingProblem) -> bool:
    """True for a small network of which most neurons fit a crossbar as they are."""
    fan_in, rows = problem.network.fan_in[~problem.network.is_input], problem.hardware.max_rows
    small = len(fan_in) <= _MOST_NEURONS and rows <= _MOST_ROWS
    return bool(small and 2 * np.count_nonzero(fan_in <= rows) > len(fan_in))

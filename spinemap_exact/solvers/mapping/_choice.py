"""Which solver suits a mapping problem."""

from __future__ import annotations

from spinemap_exact.problems.mapping import MappingObjective, MappingProblem


def choose(problem: MappingProblem) -> str:
    """Name the solver to run: given units are solved exactly, any others are bounded."""
    limited = problem.max_crossbars is not None or problem.max_latency_ps is not None
    is_given = problem.unrolling is not None and problem.objective is MappingObjective.ENERGY and not limited
    return "branch-price" if is_given and problem.hardware.is_uniform else "priced-trees"

"""Which solver suits a mapping problem."""

from __future__ import annotations

from spinemap_exact.problems.mapping import MappingProblem


def choose(problem: MappingProblem) -> str:
    """Name the solver to run."""
    return "priced-trees"

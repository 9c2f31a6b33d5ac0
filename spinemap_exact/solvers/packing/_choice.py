"""Which solver suits a packing problem."""

from __future__ import annotations

from spinemap_exact.problems.packing import PackingProblem


def choose(problem: PackingProblem) -> str:
    """Name the solver to run: the assignment model has neither the bound nor the speed of the patterns."""
    return "patterns"

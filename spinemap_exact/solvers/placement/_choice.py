"""Which solver to use for a placement problem."""

from __future__ import annotations

from spinemap_exact.problems.placement import PlacementProblem


def choose(problem: PlacementProblem) -> str:
    """Name the solver to run: one that finds out by root bounds which of the others promises most."""
    return "portfolio"

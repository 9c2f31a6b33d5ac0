"""Which solver a problem of unrolling is given by default."""

from __future__ import annotations

from spinemap_exact.problems.unroll import UnrollProblem


def choose(problem: UnrollProblem) -> str:
    """Name the default solver: it knows every goal and option, and bounds networks of any size."""
    return "cover"

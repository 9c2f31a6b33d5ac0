"""The published unrolling as published: chains of units with two inputs, packed greedily."""

from __future__ import annotations

from spinemap_exact.heuristics.unroll.chain import packed_chain
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Watch


def run(problem: UnrollProblem, watch: Watch, start: PackedUnrolling | None = None) -> PackedUnrolling | None:
    """Unroll into chains of units with a fan-in of two and pack first-fit; None if the problem forbids such units."""
    return packed_chain(problem, 2) if problem.rows >= 2 else None

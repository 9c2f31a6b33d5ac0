"""Chains of as few units as possible that read about as many inputs each, packed first-fit.

Full units leave no row in their crossbar for the carries of others, so hardly any two units with a carry share one.
Even ones leave some: where many neurons read the same axons, a crossbar holds as many of them as it has spare rows.
"""

from __future__ import annotations

from spinemap_exact.heuristics.unroll.chain import packed_chain
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Watch


def run(problem: UnrollProblem, watch: Watch, start: PackedUnrolling | None = None) -> PackedUnrolling | None:
    """Unroll into even chains of units as wide as allowed (by default the rows of a crossbar) and pack first-fit."""
    return packed_chain(problem, problem.unit_fan_in or problem.rows, even=True)

"""Problems whose costs are too large for the integers of a solver: bounded and solved in coarser units."""

from __future__ import annotations

from collections.abc import Callable

from spinemap_exact.mapping import Placement
from spinemap_exact.problems.coarse import coarsened
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import SolveResult, Watch, conclude
from spinemap_exact.solvers.placement._bounds import cheap_bound


def too_large(problem: PlacementProblem, most: int) -> str:
    """Say that a method cannot add up the costs of a problem, or nothing."""
    return f"costs may reach {problem.ceiling}" if problem.ceiling > most else ""


def solve_coarse(
    solve: Callable[[PlacementProblem, Watch, Placement | None], SolveResult[Placement]],
    problem: PlacementProblem,
    watch: Watch,
    warm_start: Placement | None,
    most: int,
) -> SolveResult[Placement]:
    """Let a solver work on a problem without costs beyond ``most``; its bound holds in the units of that problem.

    Nothing is left as evidence, since it would not be about this problem.
    """
    coarse = coarsened(problem, most)
    result = solve(coarse.problem, watch.part(), warm_start)
    assert result.incumbent is not None and result.dual_bound is not None
    found = [result.incumbent] if warm_start is None else [result.incumbent, warm_start]
    bound = max(cheap_bound(problem), coarse.unit * result.dual_bound)
    reason = "" if watch.should_stop() else result.reason
    if not coarse.is_exact:
        reason = f"costs may reach {problem.ceiling}: they were rounded down to multiples of {coarse.unit}"
    return conclude(
        problem,
        min(found, key=problem.cost),
        bound,
        engine=result.engine,
        watch=watch,
        vouched_by=result.vouched_by,
        reason=reason,
        details=result.details,
    )

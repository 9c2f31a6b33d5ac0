"""How one problem is solved: warm starts, a solver chosen by size, and the checker behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from spinemap_exact import heuristics, solvers
from spinemap_exact.certificate import write
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import EngineDefect
from spinemap_exact.kernels.compiling import announced
from spinemap_exact.pipeline.outcome import Stage
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import SolveResult, Status, Voucher, Watch, conclude

NO_SOLVER = "none"

# What is tried for a warm start where nobody asks for one, cheapest first; the best is kept.
_WARM_STARTS = {
    "unroll": ("row-slices", "even-chain", "chain"),
    "packing": ("best-fit",),
    "partition": ("sequential", "best-effort"),
    "placement": ("sequential", "tabu"),
}
# Beyond these sizes (synapses, items or tiles) only one pass of slicing is made.
_LARGE = {"unroll": 1_000_000, "partition": 5_000_000, "placement": 1_500}
_FOR_LARGE = ("sequential",)
# Beyond these sizes nothing is put before the checker, which walks synapses, items or tiles in plain loops.
_LARGE_TO_CHECK = {"unroll": 100_000, "packing": 100_000, "partition": 50_000, "placement": 100}
_CHECK_TIME_S = 5.0
LEAST_TIME_TO_CERTIFY_S = 30.0
"""Where a certificate is asked for and the time limit leaves less."""
_WARM_SHARE = 0.35  # of the stage, at most; small problems get less


def solve_problem(
    problem: Any,
    watch: Watch,
    *,
    solver: str | None = None,
    warm_start: str | None = None,
    starts: Iterable[Any] = (),
) -> tuple[str, SolveResult[Any]]:
    """Solve one problem: warm starts first, then the solver.

    Parameters
    ----------
    solver, warm_start : str, optional
        Names; chosen by the size of the problem where not given. ``"none"`` switches either off.
    starts : iterable
        Known solutions; those that break a limit are ignored.

    Returns
    -------
    solver : str
        Name of the solver used.
    result : SolveResult
    """
    why = problem.why_infeasible() if hasattr(problem, "why_infeasible") else None
    if why is not None:
        voucher = Voucher("attested", "counting")
        return "counting", conclude(
            problem, None, None, engine="counting", watch=watch, infeasible=True, vouched_by=voucher, reason=why
        )
    if solver is not None and solver != NO_SOLVER:
        solvers.load(problem.kind, solver)  # an unknown name is said before any work
    with announced(watch):
        start, author = _warm_start(problem, watch, warm_start, starts)
    if start is not None and problem.cost(start) == 0:
        return author, conclude(
            problem, start, 0, engine=author, watch=watch, vouched_by=Voucher("attested", "no cost is negative")
        )
    name = solver or _default_solver(problem)
    if name == NO_SOLVER:
        return author, conclude(problem, start, None, engine=author, watch=watch, reason="no solver asked for")
    watch.report(note=f"solver {name}")
    with announced(watch):
        result = solvers.load(problem.kind, name)(problem, watch, warm_start=start)
    if start is not None and result.status is Status.INFEASIBLE:
        raise EngineDefect(f"{result.engine} claims infeasibility against a solution of cost {problem.cost(start)}")
    if (
        start is not None
        and result.status is not Status.INFEASIBLE
        and (result.objective is None or problem.cost(start) < result.objective)
    ):
        bound = result.dual_bound
        result = conclude(
            problem, start, bound, engine=result.engine, watch=watch, vouched_by=result.vouched_by,
            formulation=result.formulation, evidence=result.evidence, details=result.details,
        )  # fmt: skip
    return name, result


def certify(
    name: str, problem: Any, solver: str, result: SolveResult[Any], watch: Watch, *, thorough: bool = False
) -> Stage:
    """Have the checker verify what can be verified, and let the result say so.

    A verified bound replaces a weaker attested one; a stronger attested one stays what it is.

    Parameters
    ----------
    watch : Watch
        Of the solve; what is left of its time goes to a thorough search for evidence.
    thorough : bool
        Somebody wants the certificate: look for evidence for more than a few seconds.
    """
    if _size(problem) > _LARGE_TO_CHECK[problem.kind]:
        why = "the problem is too large for the checker"
        return Stage(name, problem, solver, result, unverified=f"nothing is certified: {why}")
    if thorough:
        time_s = None if watch.remaining_s is None else max(LEAST_TIME_TO_CERTIFY_S, watch.remaining_s)
        part = watch.after(time_s)
        limit = "" if time_s is None else f" for up to {time_s:.0f} s"
        watch.report(note=f"looking for evidence that the checker accepts{limit}")
    else:
        part = watch.part(_CHECK_TIME_S)
        watch.report(note="checking")
    certificate, proven = write.certify(problem, result, part) or (None, None)
    unverified = _shortfall(result, certificate, part.limits.time_s)
    if certificate is None or proven is None:
        return Stage(name, problem, solver, result, certificate, unverified)
    claimed, voucher = proven.lower, Voucher.of(proven)
    if proven.infeasible:
        result = replace(result, vouched_by=voucher)
    elif claimed is not None and (result.dual_bound is None or claimed >= result.dual_bound) and claimed > 0:
        status = Status.OPTIMAL if claimed == result.objective else result.status
        reason = "proof" if status is Status.OPTIMAL else result.reason
        result = replace(result, status=status, dual_bound=claimed, vouched_by=voucher, reason=reason)
    return Stage(name, problem, solver, result, certificate, unverified)


def _shortfall(result: SolveResult[Any], certificate: Certificate | None, time_s: float | None) -> str:
    """Say what the result claims and the certificate does not; nothing if it claims all."""
    within = "" if time_s is None else f" within {time_s:.0f} s"
    if result.status is Status.INFEASIBLE:
        proven = certificate is not None and certificate.infeasible
        return "" if proven else f"nothing is certified: no evidence of infeasibility was verified{within}"
    bound, lower = result.dual_bound, None if certificate is None else certificate.lower
    if bound is None or (lower is not None and lower >= bound):
        return ""
    missing = f"no evidence for the bound {bound} was verified{within}"
    return f"{missing}; certified is {lower}" if lower else f"nothing is certified: {missing}"


def _warm_start(problem: Any, watch: Watch, asked: str | None, starts: Iterable[Any]) -> tuple[Any, str]:
    """Return the best feasible start and who found it."""
    best, author = None, NO_SOLVER
    for start in starts:
        if not problem.violations(start) and (best is None or problem.cost(start) < problem.cost(best)):
            best, author = start, "given"
    if asked == NO_SOLVER:
        return best, author
    names = (asked,) if asked else _default_warm_starts(problem)
    share = None if asked else _warm_time_s(problem, watch.limits.time_s)
    for name in names:
        watch.report(note=f"warm start {name}")
        found = heuristics.load(problem.kind, name)(problem, watch.part(share), best)
        if found is None or problem.violations(found):
            continue
        if best is None or problem.cost(found) < problem.cost(best):
            best, author = found, name
            watch.report(objective=problem.cost(found))
    return best, author


def _default_warm_starts(problem: Any) -> tuple[str, ...]:
    known = heuristics.names(problem.kind)
    names = tuple(name for name in _WARM_STARTS[problem.kind] if name in known)
    return _FOR_LARGE if _size(problem) > _LARGE.get(problem.kind, math.inf) else names


def _warm_time_s(problem: Any, time_s: float | None) -> float:
    """Seconds for one warm start: enough for many restarts, little beside the solve."""
    enough = 0.1 * problem.num_tiles if isinstance(problem, PlacementProblem) else 2e-4 * _num_items(problem) ** 2
    return max(0.5, enough) if time_s is None else min(max(0.5, enough), _WARM_SHARE * time_s)


def _num_items(problem: Any) -> int:
    return int(problem.network.num_units) if hasattr(problem, "network") else int(problem.num_items)


def _default_solver(problem: Any) -> str:
    """Ask the kind's own rule, ``solvers/<kind>/_choice.py``."""
    if find_spec(f"spinemap_exact.solvers.{problem.kind}._choice") is None:
        return (*solvers.names(problem.kind), NO_SOLVER)[0]
    chosen: str = import_module(f"spinemap_exact.solvers.{problem.kind}._choice").choose(problem)
    return chosen


def _size(problem: Any) -> int:
    if isinstance(problem, PlacementProblem):
        return problem.num_tiles
    return int(problem.network.num_synapses) if hasattr(problem, "network") else 0

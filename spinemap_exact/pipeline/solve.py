"""How one problem is solved: warm starts, then a solver chosen by size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from spinemap_exact import heuristics, solvers
from spinemap_exact.errors import EngineDefect
from spinemap_exact.kernels.compiling import announced
from spinemap_exact.pipeline.spent import SOLVE, WARM_START, Spent
from spinemap_exact.problems.unroll import UnrollObjective
from spinemap_exact.result import SolveResult, Status, Voucher, Watch, conclude

NO_SOLVER = "none"

# What is tried for a warm start where nobody asks for one, cheapest first; the best is kept.
_WARM_STARTS = {
    "unroll": ("row-slices", "even-chain", "chain"),
    "packing": ("best-fit",),
    "partition": ("sequential", "best-effort"),
    "placement": ("sequential", "tabu"),
    "mapping": ("best-effort",),
}
# Beyond these sizes (synapses, items or tiles) only one pass of slicing is made.
_LARGE = {"unroll": 1_000_000, "partition": 5_000_000, "placement": 1_500}
_FOR_LARGE = {"unroll": ("row-slices",), "partition": ("sequential",), "placement": ("sequential",)}
_WARM_SHARE = 0.35  # of the stage, at most; small problems get less
_UNITS_S, _UNITS_SHARE = 10.0, 0.2  # where the units of a mapping are given
_SEARCH_SHARE = 0.9  # of a whole mapping: its bound takes seconds at most
_SEARCH_SHARE_OF_CONTENTS = 0.6  # where it takes longer


def solve_problem(
    problem: Any,
    watch: Watch,
    *,
    solver: str | None = None,
    warm_start: str | None = None,
    starts: Iterable[Any] = (),
    spent: Spent | None = None,
    keep: Callable[[Any], None] | None = None,
) -> tuple[str, SolveResult[Any]]:
    """Solve one problem: warm starts first, then the solver.

    Parameters
    ----------
    solver, warm_start : str, optional
        Names; chosen by the size of the problem where not given. ``"none"`` switches either off.
    starts : iterable
        Known solutions; those that break a limit are ignored.
    spent : Spent, optional
        Told where the time goes.
    keep : callable, optional
        Called with each solution that is the best so far.

    Returns
    -------
    solver : str
        Name of the solver used.
    result : SolveResult
    """
    why = problem.why_infeasible()
    if why is not None:
        voucher = Voucher("attested", "counting")
        return "counting", conclude(
            problem, None, None, engine="counting", watch=watch, infeasible=True, vouched_by=voucher, reason=why
        )
    if solver is not None and solver != NO_SOLVER:
        solvers.load(problem.kind, solver)  # an unknown name is said before any work
    spent = spent or Spent(lambda: watch.elapsed_s)
    with spent.on(WARM_START), announced(watch):
        start, author = _warm_start(problem, watch, warm_start, starts, keep)
    if start is not None and problem.cost(start) == 0:
        return author, conclude(
            problem, start, 0, engine=author, watch=watch, vouched_by=Voucher("attested", "no cost is negative")
        )
    if watch.stop_requested:
        return author, conclude(problem, start, None, engine=author, watch=watch)
    name = solver or _default_solver(problem)
    if name == NO_SOLVER:
        return author, conclude(problem, start, None, engine=author, watch=watch, reason="no solver asked for")
    watch.report(note=f"solver {name}")
    with spent.on(SOLVE), announced(watch):
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
            stopped_by=result.stopped_by, reason=result.reason,
        )  # fmt: skip
    elif keep is not None and result.incumbent is not None:
        keep(result.incumbent)
    return name, result


def _warm_start(
    problem: Any, watch: Watch, asked: str | None, starts: Iterable[Any], keep: Callable[[Any], None] | None
) -> tuple[Any, str]:
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
        # what is told is on disk already: only searches of whole mappings hand over what they find on the way
        part = watch.seeking(share, keep) if problem.kind == "mapping" else watch.part(share)
        found = heuristics.load(problem.kind, name)(problem, part, best)
        if found is None or problem.violations(found):
            continue
        if best is None or problem.cost(found) < problem.cost(best):
            best, author = found, name
            if keep is not None:
                keep(found)
            watch.report(objective=problem.cost(found))
    return best, author


def _default_warm_starts(problem: Any) -> tuple[str, ...]:
    known = heuristics.names(problem.kind)
    names = tuple(name for name in _WARM_STARTS[problem.kind] if name in known)
    if problem.kind == "unroll" and problem.objective is UnrollObjective.CARRY_SPIKES:
        names = ("huffman", *names)
    return _FOR_LARGE[problem.kind] if problem.size > _LARGE.get(problem.kind, math.inf) else names


def _warm_time_s(problem: Any, time_s: float | None) -> float:
    """Seconds for one warm start: enough for many restarts, little beside the solve."""
    if problem.kind == "mapping" and problem.unrolling is not None:  # solved exactly afterwards
        return _UNITS_S if time_s is None else min(_UNITS_S, _UNITS_SHARE * time_s)
    if problem.kind == "mapping":
        search = max(3.0, 0.05 * int(problem.network.num_synapses))
        share = _SEARCH_SHARE_OF_CONTENTS if _default_solver(problem) == "contents" else _SEARCH_SHARE
        return search if time_s is None else min(search, share * time_s)
    if problem.kind == "placement":
        enough = 0.1 * float(problem.num_tiles)
    else:
        items = problem.num_items if problem.kind == "packing" else problem.network.num_units
        enough = 2e-4 * int(items) ** 2
    return max(0.5, enough) if time_s is None else min(max(0.5, enough), _WARM_SHARE * time_s)


def _default_solver(problem: Any) -> str:
    """Ask the kind's own rule, ``solvers/<kind>/_choice.py``."""
    if find_spec(f"spinemap_exact.solvers.{problem.kind}._choice") is None:
        return (*solvers.names(problem.kind), NO_SOLVER)[0]
    chosen: str = import_module(f"spinemap_exact.solvers.{problem.kind}._choice").choose(problem)
    return chosen

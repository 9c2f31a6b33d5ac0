"""How one problem is solved: warm starts, then a solver chosen by size."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

from spinemap_exact import heuristics, solvers
from spinemap_exact.errors import EngineDefect
from spinemap_exact.in_time import in_time
from spinemap_exact.kernels.compiling import announced
from spinemap_exact.pipeline.spent import SOLVE, WARM_START, Spent
from spinemap_exact.problems.unroll import UnrollObjective
from spinemap_exact.result import SolveResult, Status, Voucher, Watch, conclude

T = TypeVar("T")

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
# A solver that is ended loses what it has not reported, and its evidence; engines in processes of their own take 0.6 s
# to stop.
_GRACE_OF_SEARCH_S, _GRACE_OF_SOLVER_S, _GRACE_OF_STOP_S = 0.5, 5.0, 0.8


def solve_problem(
    problem: Any,
    watch: Watch,
    *,
    solver: str | None = None,
    warm_start: str | None = None,
    starts: Iterable[Any] = (),
    spent: Spent | None = None,
    keep: Callable[[Any], None] | None = None,
    punctual: bool = False,
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
    punctual : bool
        End what is late: the best so far is the result then, with the bound that was reported. Only a first solution
        is waited for, unless somebody asks to stop.

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
    spent, best = spent or Spent(lambda: watch.elapsed_s), _Best(problem, watch, keep)
    with spent.on(WARM_START), announced(watch):
        author = _warm_start(problem, watch, warm_start, starts, best, punctual)
    start = best.solution
    if best.cost == 0:
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
        solver_of = partial(solvers.load(problem.kind, name), problem, watch.keeping(best.offer), warm_start=start)
        result = _ended(solver_of, watch, best, _GRACE_OF_SOLVER_S) if punctual else solver_of()
    if result is None:
        result = conclude(problem, best.solution, watch.dual_bound, engine=name, watch=watch)
    if best.cost is not None and result.status is Status.INFEASIBLE:
        raise EngineDefect(f"{result.engine} claims infeasibility against a solution of cost {best.cost}")
    if result.incumbent is not None:
        best.offer(result.incumbent)
    best.close()
    if best.cost is not None and (result.objective is None or best.cost < result.objective):
        result = conclude(
            problem, best.solution, result.dual_bound, engine=result.engine, watch=watch, vouched_by=result.vouched_by,
            formulation=result.formulation, evidence=result.evidence, details=result.details,
            stopped_by=result.stopped_by, reason=result.reason,
        )  # fmt: skip
    return name, result


class _Best:
    """The best solution so far, whoever found it; each goes to ``keep`` before anybody is told."""

    def __init__(self, problem: Any, watch: Watch, keep: Callable[[Any], None] | None) -> None:
        self.solution: Any = None
        self.cost: int | None = None
        self._problem, self._watch, self._keep = problem, watch, keep
        self._turn, self._closed = threading.Lock(), False

    def close(self) -> None:
        """Take nothing any more: what was ended may have threads that go on for a while."""
        with self._turn:
            self._closed = True

    def offer(self, solution: Any) -> None:
        """Take a solution that breaks no limit and is better."""
        if self._problem.violations(solution):
            return
        cost = self._problem.cost(solution)
        with self._turn:
            if self._closed or (self.cost is not None and cost >= self.cost):
                return
            self.solution, self.cost = solution, cost
            if self._keep is not None:
                self._keep(solution)
        self._watch.report(objective=cost)


def _ended(work: Callable[[], T], watch: Watch, best: _Best, grace_s: float) -> T | None:
    """Return what ``work`` returns, or None if it is late by ``grace_s``."""
    return in_time(
        lambda: [work()],
        watch,
        grace_s=grace_s,
        grace_of_stop_s=_GRACE_OF_STOP_S,
        can_do_without=lambda: best.solution is not None,
    )


def _warm_start(
    problem: Any, watch: Watch, asked: str | None, starts: Iterable[Any], best: _Best, punctual: bool
) -> str:
    """Offer starts to ``best``; return who found it."""
    author = NO_SOLVER
    for start in starts:
        best.offer(start)
        author = author if best.solution is None else "given"
    if asked == NO_SOLVER:
        return author
    share = None if asked else _warm_time_s(problem, watch.limits.time_s)
    for name in (asked,) if asked else _default_warm_starts(problem):
        watch.report(note=f"warm start {name}")
        before = best.cost
        searched = problem.kind == "mapping"  # others say what they find when it is kept
        part = watch.seeking(share, best.offer) if searched else watch.part(share, keep=best.offer)
        run = partial(heuristics.load(problem.kind, name), problem, part, best.solution)
        found = _ended(run, part, best, _GRACE_OF_SEARCH_S) if punctual else run()
        if found is not None:
            best.offer(found)
        if best.cost != before:
            author = name
    return author


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

"""Run a CP-SAT formulation: translate totally, believe nothing.

CP-SAT blocks Python's signal handlers while it solves, so it runs in a thread of its own; the caller's thread watches
the clock, and no other clock counts: given a limit, the engine ends some milliseconds before it, and says not why. What
it says about a search that found nothing is not a bound: it writes 0.0 there.

It calculates in integers of 64 bits, without tolerances; `validate` refuses a model whose sums might exceed them, and
so does the search if those of the presolved model might. Its word is taken for all others. The last bound comes as an
integer. Bounds on the way come as doubles: an integer of the presolved model and a constant that presolving took out,
added up where each may be far larger than their sum. They are taken where the objective stays below 2^42, so that
constants a thousand times as large are still exact.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

import ortools
from ortools.sat.python import cp_model

from spinemap_exact.errors import EngineDefect, InvalidInput
from spinemap_exact.formulations._cpsat import CpSat
from spinemap_exact.formulations._model import Model
from spinemap_exact.in_time import in_time
from spinemap_exact.problems import Problem
from spinemap_exact.result import SolveResult, Status, StopReason, Watch, conclude
from spinemap_exact.solvers._engine import POLL_S, Best, title

S = TypeVar("S")
logger = logging.getLogger(__name__)

ENGINE = f"cp-sat {ortools.__version__}"
LARGEST_IN_DOUBLES = 2**42  # objective up to which bounds on the way are taken

_STATUS = {
    cp_model.OPTIMAL: Status.OPTIMAL,
    cp_model.FEASIBLE: Status.FEASIBLE,
    cp_model.INFEASIBLE: Status.INFEASIBLE,
    cp_model.UNKNOWN: Status.UNKNOWN,
}


def solve(
    formulation: ModuleType, problem: Problem[S], watch: Watch, warm_start: S | None = None, *, engine: str = "cpsat"
) -> SolveResult[S]:
    """Run CP-SAT on a formulation and say only what was proven.

    A formulation has ``build(problem, say)``. One in decision form has ``levels(problem)``, ascending costs, and
    ``build(problem, say, level)``, a model without objective that is feasible if and only if some solution costs at
    most ``level``: the first level that is feasible is the optimum.

    Raises
    ------
    InvalidInput
        If the model is beyond the engine's integers or does not cover the problem, or the warm start is not feasible.
    EngineDefect
        If the engine contradicts the problem.
    """
    if engine != "cpsat":
        raise InvalidInput(f"unknown engine {engine!r} for a CP-SAT model")
    best = Best(problem, watch, ENGINE, warm_start)
    climb = _climb if hasattr(formulation, "levels") else _minimise
    bound, status = climb(formulation, problem, watch, best)
    gave_up = status in (Status.FEASIBLE, Status.UNKNOWN) and not watch.should_stop()
    return conclude(
        problem,
        best.solution,
        bound,
        engine=ENGINE,
        watch=watch,
        infeasible=status is Status.INFEASIBLE,
        formulation=title(formulation, "cpsat"),
        stopped_by=StopReason.ENGINE if gave_up else None,
    )


def search(model: cp_model.CpModel, watch: Watch) -> tuple[int, cp_model.CpSolver]:
    """Search a model that is no formulation of a whole problem; return CP-SAT's status, and the solver to ask."""
    solver = _solver(watch)
    said: list[int] = []
    _run_in_time(lambda: said.append(solver.solve(model)), solver, watch.should_stop)
    if not said:
        raise EngineDefect("CP-SAT ended without an answer")
    return said[0], solver


def _solver(watch: Watch) -> Any:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = watch.limits.workers
    solver.parameters.random_seed = watch.limits.seed
    solver.parameters.catch_sigint_signal = False
    return solver


def _run_in_time(work: Callable[[], Any], solver: Any, should_stop: Callable[[], bool]) -> None:
    thread = threading.Thread(target=work, name="cp-sat", daemon=True)
    thread.start()
    while thread.is_alive():
        if should_stop():
            solver.stop_search()
        thread.join(POLL_S)


def _minimise(
    formulation: ModuleType, problem: Problem[S], watch: Watch, best: Best[S]
) -> tuple[int | None, Status | None]:
    """Return the bound, and the engine's last word."""
    say = CpSat()
    model: Model[S] | None = in_time(lambda: [formulation.build(problem, say)], watch)
    if model is None:
        return None, Status.UNKNOWN
    if best.solution is not None:
        say.hint(model.values(best.solution))
    run = _Run(model, say, watch, best)
    status = run.solve()
    return run.bound, status


def _climb(
    formulation: ModuleType, problem: Problem[S], watch: Watch, best: Best[S]
) -> tuple[int | None, Status | None]:
    """Return the bound, and the engine's last word; None if there was nothing to ask it."""
    bound = None
    fits = getattr(formulation, "fits", None)
    for level in formulation.levels(problem):
        refused = bound is not None and fits is not None and not fits(problem, level)
        bound = level
        watch.report(dual_bound=level)
        if best.cost is not None and best.cost <= level:
            return bound, None
        if refused:  # a first level that is too large is an error; later ones leave a bound to show
            logger.warning("%s: the model for %d is too large; the bound stands", title(formulation, "cpsat"), level)
            return bound, None
        logger.info("%s: is there a solution of cost %d?", title(formulation, "cpsat"), level)
        say = CpSat()
        model = in_time(partial(_built, formulation, problem, say, level), watch)
        status = Status.UNKNOWN if model is None else _Run(model, say, watch, best).solve()
        if status is not Status.INFEASIBLE:
            return bound, status
    return bound, Status.INFEASIBLE if best.solution is None else None


def _built(formulation: ModuleType, problem: Problem[S], say: CpSat, level: int) -> list[Model[S]]:
    return [formulation.build(problem, say, level)]


class _Run:
    """One search: solutions are priced and bounds recorded as they come."""

    def __init__(self, model: Model[Any], say: CpSat, watch: Watch, best: Best[Any]) -> None:
        self.model, self.proto, self.watch, self.best = model, say.proto, watch, best
        self.optimises = self.proto.has_objective()
        self.hears_bounds = _largest_objective(self.proto.proto) < LARGEST_IN_DOUBLES
        self.bound: int | None = None
        self.defect: Exception | None = None

    def solve(self) -> Status:
        if reason := self.proto.validate():
            raise InvalidInput(f"costs or sizes are beyond CP-SAT's integers: {reason.strip().splitlines()[0]}")
        if self.watch.should_stop():
            return Status.UNKNOWN
        solver = self._solver()
        _run_in_time(partial(self._search, solver), solver, lambda: self.watch.should_stop() or self.defect is not None)
        if self.defect is not None:
            raise self.defect
        return self._outcome(solver)

    def offer(self, value: Any) -> None:
        self.best.offer(self.model.read(value), self.model.price(value))

    def raise_bound(self, bound: int) -> None:
        if self.bound is None or bound > self.bound:
            self.bound = bound
            self.watch.report(dual_bound=bound)

    def _solver(self) -> Any:
        solver = _solver(self.watch)
        if self.optimises and self.hears_bounds:
            solver.best_bound_callback = self._on_bound
        return solver

    def _search(self, solver: Any) -> None:
        try:
            solver.solve(self.proto, _OnSolution(self))
        except Exception as defect:
            self.defect = defect

    def _on_bound(self, bound: float) -> None:
        self.raise_bound(round(bound) + self.model.constant)

    def _outcome(self, solver: Any) -> Status:
        response = solver.response_proto
        if response.status == cp_model.MODEL_INVALID:  # `validate` does not see what presolving adds up
            raise InvalidInput("costs or sizes are beyond CP-SAT's integers once it has presolved the model")
        if response.status not in _STATUS:
            raise EngineDefect(f"{ENGINE} ended with the unlisted status {response.status}")
        status = _STATUS[response.status]
        if status.has_solution:
            self.offer(solver.value)
            if self.optimises:
                self.raise_bound(response.inner_objective_lower_bound + self.model.constant)
        return status


def _largest_objective(proto: Any) -> int:
    """Sum of what each variable can add to, or take from, the objective."""
    reach = (max(map(abs, proto.variables[v].domain)) for v in proto.objective.vars)
    return sum(abs(c) * most for c, most in zip(proto.objective.coeffs, reach, strict=True))


class _OnSolution(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]
    """Hands every solution over; an exception must not cross the engine's stack and waits for the end of the search."""

    def __init__(self, run: _Run) -> None:
        super().__init__()
        self._run = run

    def on_solution_callback(self) -> None:
        try:
            self._run.offer(self.value)
        except Exception as defect:
            self._run.defect = defect
            self.stop_search()

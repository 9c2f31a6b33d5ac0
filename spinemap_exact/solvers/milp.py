"""Run a MILP formulation on CBC, HiGHS or SCIP: translate totally, believe nothing.

The model, written once in PuLP, travels to every engine as one MPS file. Engines calculate in floating point: their
bound is rounded up to an integer only after their tolerance is taken off, and their solutions are priced in integers.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, TypeVar

from spinemap_exact.errors import EngineDefect, InvalidInput
from spinemap_exact.formulations._milp import MilpModel
from spinemap_exact.result import Problem, SolveResult, Status, Watch, conclude
from spinemap_exact.solvers._engine import Best, Outcome, integer_bound, title

S = TypeVar("S")
logger = logging.getLogger(__name__)

_ENGINES = ("cbc", "highs", "scip")


def solve(
    formulation: ModuleType, problem: Problem[S], watch: Watch, warm_start: S | None = None, *, engine: str
) -> SolveResult[S]:
    """Run an engine on a formulation and say only what was proven.

    Raises
    ------
    InvalidInput
        If the costs are beyond floating point, the model does not cover the problem, or the warm start is not feasible.
    MissingExtra
        If the engine is not installed.
    EngineDefect
        If the engine contradicts the problem.
    """
    if engine not in _ENGINES:
        raise InvalidInput(f"unknown engine {engine!r} for a MILP model; known: {', '.join(_ENGINES)}")
    runner = import_module(f"spinemap_exact.solvers._{engine}")
    name: str = runner.name()
    best = Best(problem, watch, name, warm_start)
    model: MilpModel[S] = formulation.build(problem)
    run = _Run(model, watch, best, name)
    outcome = Outcome(Status.UNKNOWN, None, None) if watch.should_stop() else run.solve(runner)
    return conclude(
        problem,
        best.solution,
        run.bound,
        engine=name,
        watch=watch,
        infeasible=outcome.status is Status.INFEASIBLE,
        formulation=title(formulation),
    )


class _Run:
    """One run of an engine; it calls back with what it finds on the way."""

    def __init__(self, model: MilpModel[Any], watch: Watch, best: Best[Any], engine: str) -> None:
        self.model, self.watch, self.best, self.engine = model, watch, best, engine
        self.bound: int | None = None

    def solve(self, runner: ModuleType) -> Outcome:
        with TemporaryDirectory(prefix="spinemap-") as folder:
            mps = Path(folder) / "model.mps"
            self.variables, *_ = self.model.lp.writeMPS(str(mps), rename=1)
            logger.info("%s: %d variables", self.engine, len(self.variables))
            outcome: Outcome = runner.run(mps, self._start(), self.watch, self)
        if outcome.bound is not None:
            self.on_bound(outcome.bound)
        if outcome.values is not None:
            self.on_solution(outcome.values)
        return outcome

    def on_bound(self, bound: float) -> None:
        """Take a lower bound of the engine's objective."""
        proven = integer_bound(bound)
        if proven is not None:
            cost = proven * self.model.scale + self.model.constant
            if self.bound is None or cost > self.bound:
                self.bound = cost
                self.watch.report(dual_bound=cost)

    def on_solution(self, values: Sequence[float]) -> None:
        """Take a solution, one value for each variable in the order of the MPS file."""
        value_of = dict(zip(self.variables, values, strict=True))

        def value(variable: Any) -> int:
            # up to the tolerance an integer, or a continuous variable that only costs more when rounded up
            return math.ceil(float(value_of[variable]) - 1e-4)

        self.best.offer(self.model.read(value), self.model.price(value))

    def _start(self) -> list[float] | None:
        if self.best.solution is None:
            return None
        given = {variable: float(value) for variable, value in self.model.values(self.best.solution)}
        given |= {v: 0.0 for v in self.variables if v.name == "__dummy"}  # PuLP's stand-in for an empty objective
        missing = [v.name for v in self.variables if v not in given]
        if missing:
            raise EngineDefect(f"the warm start gives {missing[0]} no value")
        return [given[v] for v in self.variables]

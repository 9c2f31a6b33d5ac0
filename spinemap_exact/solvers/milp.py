"""Run a MILP formulation on CBC, HiGHS or SCIP: translate totally, believe nothing.

The model, written once in PuLP, travels to every engine as one MPS file. Engines calculate in floating point, and what
they say counts as far as their tolerances reach:

* Rows. An engine takes a value within 1e-6 of an integer for one, and a row for kept that it breaks by 1e-6 of what
  stands in it: HiGHS of one, SCIP of the right-hand side, CBC of the largest coefficient, by which it scales (its 1e-7,
  ten times over). Of a row in integers with *weight* w, its coefficients and right-hand side summed without signs, a
  point may so break up to w * 1e-6 + w * 1e-6, the ``TOLERANCE`` of the engine times w. Below 1/2 the point nearest in
  integers keeps the row, and a continuous variable that integers determine is off by less than what rounding up
  mends. So w may be up to 250 000: all numbers of the file are then exact, too. Beyond, an engine may find what is
  no solution, prune what is better, and end with a false bound or call the model infeasible: CBC was seen to do so
  from a weight of 2^24 on, HiGHS from 2^29. Its solutions count nevertheless, priced in integers; its bounds and its
  infeasibility do not.
* Objective, divided by the common divisor of the costs. A bound is off by at most 1e-7, the tolerance of reduced costs,
  for each unit of range of each variable, and by 1e-9, what engines take for zero, of all costs together: that is
  `Milp.slack`. One in a million of the bound is taken off besides, for what is compared relatively, so optima of
  up to half a million can be proven, larger ones bounded. Costs of 1e12 and sums of 2^53 are refused.
* Gap. Engines may drop what is within half a unit of their best solution, and then bound by the solution, which a
  continuous variable may hold above an integer. A bound counts for no more than the best minus that half.

CP-SAT has no such limits: see `spinemap_exact.solvers.cpsat`.
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
from spinemap_exact.formulations._milp import Milp
from spinemap_exact.formulations._model import Model
from spinemap_exact.in_time import in_time
from spinemap_exact.problems import Problem
from spinemap_exact.result import SolveResult, Status, StopReason, Watch, conclude
from spinemap_exact.solvers._engine import Best, Outcome, integer_bound, title

S = TypeVar("S")
logger = logging.getLogger(__name__)

_ENGINES = ("cbc", "highs", "scip")
_GAP = 0.5  # of all engines, in units of the objective
_CERTAIN = frozenset({"packing", "placement"})  # a bin for each item, any tiles: kinds that cannot be infeasible


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
    say = Milp()
    model: Model[S] | None = in_time(lambda: [formulation.build(problem, say)], watch)
    outcome, bound = Outcome(Status.UNKNOWN), None
    if model is not None and not watch.should_stop():
        run = _Run(model, say, watch, best, name, runner.TOLERANCE)
        outcome, bound = run.solve(runner), run.bound
    return conclude(
        problem,
        best.solution,
        bound,
        engine=name,
        watch=watch,
        infeasible=outcome.status is Status.INFEASIBLE,
        formulation=title(formulation, "milp"),
        stopped_by=outcome.stopped_by,
        reason=outcome.why,
    )


class _Run:
    """One run of an engine; it calls back with what it finds on the way."""

    def __init__(
        self, model: Model[Any], say: Milp, watch: Watch, best: Best[Any], engine: str, tolerance: float
    ) -> None:
        self.model, self.say, self.watch, self.best, self.engine = model, say, watch, best, engine
        self.bound: int | None = None
        self.trusted = say.weight <= round(0.5 / tolerance)

    def solve(self, runner: ModuleType) -> Outcome:
        with TemporaryDirectory(prefix="spinemap-") as folder:
            mps = Path(folder) / "model.mps"
            written = in_time(lambda: [self.say.lp.writeMPS(str(mps), rename=1)], self.watch)
            if written is None:
                return Outcome(Status.UNKNOWN)
            self.variables = written[0]
            logger.info("%s: %d variables", self.engine, len(self.variables))
            outcome: Outcome = runner.run(mps, self._start(), self.watch, self)
        if outcome.bound is not None:
            self.on_bound(outcome.bound, math.inf if outcome.objective is None else outcome.objective)
        if outcome.values is not None:
            self.on_solution(outcome.values)
        return self._believed(outcome)

    def on_bound(self, bound: float, best: float) -> None:
        """Take a lower bound of the engine's objective, whose own best solution it prices at ``best``."""
        proven = integer_bound(min(bound, best - _GAP), self.say.slack)
        if proven is not None and self.trusted:
            cost = proven * self.say.scale + self.model.constant
            if self.bound is None or cost > self.bound:
                self.bound = cost
                self.watch.report(dual_bound=cost)

    def on_solution(self, values: Sequence[float]) -> None:
        """Take a solution, one value for each variable in the order of the MPS file."""
        value_of = dict(zip(self.variables, values, strict=True))

        def value(variable: Any) -> int:
            # up to the tolerance an integer, or a continuous variable that only costs more when rounded up
            return math.ceil(float(value_of[variable]) - 1e-4)

        if self.trusted:
            self.best.offer(self.model.read(value), self.model.price(value))
        else:
            self.best.consider(self.model.read(value))

    def _believed(self, outcome: Outcome) -> Outcome:
        """Leave out what the engine cannot know."""
        if not self.trusted:
            why = f"a constraint of weight {self.say.weight} is beyond the tolerances of {self.engine}: no bound counts"
            end = StopReason.ENGINE if outcome.status.is_proven else outcome.stopped_by
            return Outcome(Status.UNKNOWN, stopped_by=end, why=outcome.why or why)
        solvable = self.best.solution is not None or self.best.problem.kind in _CERTAIN
        if outcome.status is Status.INFEASIBLE and solvable:
            self.bound = None
            return Outcome.given_up(f"{self.engine} calls infeasible what has solutions: no bound counts")
        return outcome

    def _start(self) -> list[float] | None:
        if self.best.solution is None:
            return None
        given = {variable: float(value) for variable, value in self.model.values(self.best.solution)}
        given |= {v: 0.0 for v in self.variables if v.name == "__dummy"}  # PuLP's stand-in for an empty objective
        missing = [v.name for v in self.variables if v not in given]
        if missing:
            raise EngineDefect(f"the warm start gives {missing[0]} no value")
        return [given[v] for v in self.variables]

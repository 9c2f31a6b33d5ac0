"""What every engine run needs: the best solution so far, priced by the problem as it comes; bounds made integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType
from typing import Generic, TypeVar

from spinemap_exact.errors import EngineDefect, InvalidInput
from spinemap_exact.problems import Problem
from spinemap_exact.result import Status, StopReason, Watch, admit

S = TypeVar("S")

POLL_S = 0.05
"""How often a running engine is asked to look at the clock."""


class Best(Generic[S]):
    """The best solution so far.

    Raises
    ------
    InvalidInput
        If the warm start is not feasible.
    """

    def __init__(self, problem: Problem[S], watch: Watch, engine: str, warm_start: S | None = None) -> None:
        self.problem, self.watch, self.engine = problem, watch, engine
        self.solution: S | None = None
        self.cost: int | None = None
        if warm_start is not None:
            if broken := problem.violations(warm_start):
                raise InvalidInput(f"the warm start is not feasible: {broken[0]}")
            self._keep(warm_start, problem.cost(warm_start))

    def offer(self, solution: S, claimed: int) -> None:
        """Admit a solution that the model prices at ``claimed``.

        Raises
        ------
        EngineDefect
            If the solution breaks a constraint, or costs more than claimed, so that the model's bound is not one.
        """
        cost = admit(self.problem, solution, self.engine)
        if cost > claimed:
            raise EngineDefect(f"{self.engine} prices a solution at {claimed}; it costs {cost}")
        self._keep(solution, cost)

    def consider(self, solution: S) -> None:
        """Take a solution that nobody vouches for, if it is one."""
        if not self.problem.violations(solution):
            self._keep(solution, self.problem.cost(solution))

    def _keep(self, solution: S, cost: int) -> None:
        if self.cost is None or cost < self.cost:
            self.solution, self.cost = solution, cost
            self.watch.offer(solution)
            self.watch.report(objective=cost)


@dataclass(frozen=True)
class Outcome:
    """What a MILP engine ended with.

    Parameters
    ----------
    status : Status
        As the engine says, with everything it may say translated.
    bound : float or None
        Its lower bound; None if there is none.
    values : sequence of float or None
        One for each variable, in the order of the MPS file; None without a solution.
    objective : float or None
        What the engine thinks that they cost; None without a solution.
    stopped_by : StopReason or None
        What ended it before a proof, if it says so; its own clock may be a moment ahead of ours.
    why : str
        What kept the engine from saying more, if not the limits.
    """

    status: Status
    bound: float | None = None
    values: Sequence[float] | None = None
    objective: float | None = None
    stopped_by: StopReason | None = None
    why: str = ""

    @classmethod
    def given_up(cls, why: str) -> Outcome:
        """Return what counts where the engine fails."""
        return cls(Status.UNKNOWN, stopped_by=StopReason.ENGINE, why=why)


def integer_bound(bound: float, slack: float = 1e-6) -> int | None:
    """Return the least integer that a floating lower bound of an integer objective proves, or None.

    The bound may be off by ``slack`` absolute and one in a million relative.
    """
    if not math.isfinite(bound) or abs(bound) >= 1e20:  # engines write infinity as 1e20 to 1e50
        return None
    return math.ceil(Fraction(bound) - Fraction(slack) - abs(Fraction(bound)) / 10**6)


def title(formulation: ModuleType, engine: str) -> str:
    """Name of a formulation as ``engine``, ``"cpsat"`` or ``"milp"``, hears it."""
    name = formulation.__name__.rpartition(".")[2].removesuffix(f"_{engine}")
    return f"{name}_{engine}".replace("_", "-")

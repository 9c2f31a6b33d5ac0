"""What every MILP model offers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import gcd
from typing import Any, TypeVar

import pulp

from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._model import Model

S = TypeVar("S")

_EXACT_COEFFICIENT = 10**12  # MPS files carry thirteen digits
_EXACT_TOTAL = 2**53  # the integers that a double holds


class MilpModel(Model[S]):
    """A MILP whose objective is ``(cost - constant) / scale``, an integer at every solution.

    ``scale`` is the common divisor of the costs: small numbers keep an engine's tolerances harmless.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.lp = pulp.LpProblem(name, pulp.LpMinimize)
        self.scale = 1

    def binary(self, name: str) -> Any:
        """Return a new variable 0 or 1."""
        return self.integer(name, 1)

    def integer(self, name: str, top: int) -> Any:
        """Return a new integer variable 0 ... top."""
        return self.lp.add_variable(name, 0, top, pulp.LpInteger)

    def fraction(self, name: str, top: int = 1) -> Any:
        """Return a new continuous variable 0 ... top, integer at an optimum because the others are."""
        return self.lp.add_variable(name, 0, top, pulp.LpContinuous)

    @cached_property
    def weight(self) -> int:
        """The largest sum of the coefficients and the right-hand side of a row, without signs."""
        rows = self.lp.constraints()
        return max((int(sum(map(abs, row.values())) + abs(row.constant)) for row in rows), default=0)

    @cached_property
    def slack(self) -> float:
        """How far an engine's bound may be off: 1e-7 by reduced costs, 1e-9 by what it takes for zero."""
        costs = sum(abs(c) // self.scale * int(v.upBound) for c, v in self.terms)
        return 1e-6 + 1e-7 * sum(int(v.upBound) for v in self.lp.variables()) + 1e-9 * costs

    def minimise(self, terms: Iterable[tuple[int, Any]], constant: int = 0) -> None:
        """Minimise the sum of ``coefficient * variable`` plus a constant.

        Raises
        ------
        InvalidInput
            If the costs are too large for an engine that calculates in floating point.
        """
        self._merge(terms, constant)
        self.scale = gcd(*(c for c, _ in self.terms)) or 1
        scaled = {v: c // self.scale for c, v in self.terms}
        reach = sum(abs(c) * int(v.upBound) for v, c in scaled.items())
        if reach >= _EXACT_TOTAL or max(map(abs, scaled.values()), default=0) >= _EXACT_COEFFICIENT:
            raise InvalidInput(
                f"costs up to {reach * self.scale} are beyond the floating point of a MILP engine; "
                "CP-SAT and our own solvers calculate in integers"
            )
        self.lp.setObjective(pulp.LpAffineExpression(scaled))

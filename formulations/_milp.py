"""How MILP engines hear a model: in PuLP, as linear constraints and numbers that doubles hold."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import gcd
from typing import Any

import pulp

from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._model import Words

_EXACT_COEFFICIENT = 10**12  # MPS files carry thirteen digits
_EXACT_TOTAL = 2**53  # the integers that a double holds


class Milp(Words):
    """A PuLP model, ``lp``, whose objective is the model's cost without the constant, divided by ``scale``.

    ``scale`` is the common divisor of the costs: small numbers keep an engine's tolerances harmless.
    """

    def __init__(self) -> None:
        self.lp = pulp.LpProblem("model", pulp.LpMinimize)
        self.scale = 1
        self._reach = 0

    def choice(self, name: str) -> Any:
        return self.number(name, 1)

    def number(self, name: str, top: int) -> Any:
        return self.lp.add_variable(name, 0, top, pulp.LpInteger)

    def amount(self, name: str, top: int = 1) -> Any:
        return self.lp.add_variable(name, 0, top, pulp.LpContinuous)

    def sum(self, terms: Iterable[Any]) -> Any:
        return pulp.lpSum(terms)

    def require(self, row: Any, *, where: Any = None, unless: Any = None) -> None:
        if where is None and unless is None:
            self.lp += row
        else:
            self._excuse(row, 1 - where if unless is None else unless)

    def exactly_one(self, choices: Iterable[Any]) -> None:
        self.lp += pulp.lpSum(choices) == 1

    def at_most_one(self, choices: Iterable[Any]) -> None:
        self.lp += pulp.lpSum(choices) <= 1

    def implies(self, choice: Any, other: Any) -> None:
        self.lp += choice <= other

    def minimise(self, terms: list[tuple[int, Any]]) -> None:
        self.scale = gcd(*(c for c, _ in terms)) or 1
        scaled = {v: c // self.scale for c, v in terms}
        self._reach = sum(abs(c) * int(v.upBound) for v, c in scaled.items())
        if self._reach >= _EXACT_TOTAL or max(map(abs, scaled.values()), default=0) >= _EXACT_COEFFICIENT:
            raise InvalidInput(
                f"costs up to {self._reach * self.scale} are beyond the floating point of a MILP engine; "
                "CP-SAT and our own solvers calculate in integers"
            )
        self.lp.setObjective(pulp.LpAffineExpression(scaled))

    @cached_property
    def weight(self) -> int:
        """The largest sum of the coefficients and the right-hand side of a row, without signs."""
        rows = self.lp.constraints()
        return max((int(sum(map(abs, row.values())) + abs(row.constant)) for row in rows), default=0)

    @cached_property
    def slack(self) -> float:
        """How far an engine's bound may be off: 1e-7 by reduced costs, 1e-9 by what it takes for zero."""
        return 1e-6 + 1e-7 * sum(int(v.upBound) for v in self.lp.variables()) + 1e-9 * self._reach

    def _excuse(self, row: Any, excuse: Any) -> None:
        """Add an inequality with the least factor of ``excuse`` that makes it void where that is 1 ("big M")."""
        if not row.sense:
            raise ValueError("only an inequality can be excused")
        left = [(row.sense * factor, variable) for variable, factor in row.items()]
        spare = row.sense * row.constant  # 0 <= spare + sum of left
        least = spare + sum(factor * variable.upBound for factor, variable in left if factor < 0)
        self.lp += pulp.lpSum(factor * variable for factor, variable in left) + spare >= least * excuse

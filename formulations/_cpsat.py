"""What every CP-SAT model offers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ortools.sat.python import cp_model

from spinemap_exact.errors import EngineDefect, InvalidInput
from spinemap_exact.formulations._model import Model
from spinemap_exact.units import INT64_MAX

S = TypeVar("S")


class CpSatModel(Model[S]):
    """A CP-SAT model; its objective is the problem's cost, in the same integers.

    A model in decision form has no objective, and its level as ``constant``: see `spinemap_exact.solvers.cpsat`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.proto = cp_model.CpModel()

    def hint(self, solution: S) -> None:
        """Start from a solution.

        Raises
        ------
        EngineDefect
            If a variable gets no value: CP-SAT drops incomplete hints without a word. Those that can take a single one
            need none, and the builder adds such variables of its own for constraints without variables.
        """
        self.proto.clear_hints()
        hinted = set()
        for variable, value in self.values(solution):
            self.proto.add_hint(variable, value)
            hinted.add(variable.index)
        free = {v for v, variable in enumerate(self.proto.proto.variables) if len(set(variable.domain)) > 1}
        if not free <= hinted:
            raise EngineDefect(f"the warm start gives {len(free & hinted)} of {len(free)} variables a value")

    def minimise(self, terms: Iterable[tuple[int, Any]], constant: int = 0) -> None:
        """Minimise the sum of ``coefficient * variable`` plus a constant.

        Raises
        ------
        InvalidInput
            If a coefficient exceeds int64.
        """
        self._merge(terms, constant)
        fitting(*(c for c, _ in self.terms))
        objective = cp_model.LinearExpr.weighted_sum([v for _, v in self.terms], [c for c, _ in self.terms])
        self.proto.minimize(objective)


def fitting(*numbers: int) -> None:
    """Refuse what CP-SAT cannot even be told; of sums it says so itself.

    Raises
    ------
    InvalidInput
        If a number exceeds int64.
    """
    largest = max(map(abs, numbers), default=0)
    if largest > INT64_MAX:
        raise InvalidInput(f"costs or sizes of {largest} are beyond CP-SAT's integers")

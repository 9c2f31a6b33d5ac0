"""How CP-SAT hears a model: in integers of 64 bits, and with its own constraints for choices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ortools.sat.python import cp_model

from spinemap_exact.errors import EngineDefect, InvalidInput
from spinemap_exact.formulations._model import Words
from spinemap_exact.units import INT64_MAX


class CpSat(Words):
    """A CP-SAT model, ``proto``; its objective is the model's cost without the constant, in the same integers."""

    def __init__(self) -> None:
        self.proto = cp_model.CpModel()

    def choice(self, name: str) -> Any:
        return self.proto.new_bool_var(name)

    def number(self, name: str, top: int) -> Any:
        fitting(top)
        return self.proto.new_int_var(0, top, name)

    def amount(self, name: str, top: int = 1) -> Any:
        return self.number(name, top)

    def sum(self, terms: Iterable[Any]) -> Any:
        return cp_model.LinearExpr.sum(list(terms))

    def require(self, row: Any, *, where: Any = None, unless: Any = None) -> None:
        constraint = self.proto.add(row)
        if where is not None:
            constraint.only_enforce_if(where)
        if unless is not None:
            constraint.only_enforce_if(~unless)

    def exactly_one(self, choices: Iterable[Any]) -> None:
        self.proto.add_exactly_one(choices)

    def at_most_one(self, choices: Iterable[Any]) -> None:
        self.proto.add_at_most_one(choices)

    def implies(self, choice: Any, other: Any) -> None:
        self.proto.add_implication(choice, other)

    def minimise(self, terms: list[tuple[int, Any]]) -> None:
        coefficients, variables = [c for c, _ in terms], [v for _, v in terms]
        fitting(*coefficients)
        self.proto.minimize(cp_model.LinearExpr.weighted_sum(variables, coefficients))

    def hint(self, values: Iterable[tuple[Any, int]]) -> None:
        """Start from these values.

        Raises
        ------
        EngineDefect
            If a variable gets no value: CP-SAT drops incomplete hints without a word. Those that can take a single one
            need none, and the builder adds such variables of its own for constraints without variables.
        """
        self.proto.clear_hints()
        hinted = set()
        for variable, value in values:
            self.proto.add_hint(variable, value)
            hinted.add(variable.index)
        free = {v for v, variable in enumerate(self.proto.proto.variables) if len(set(variable.domain)) > 1}
        if not free <= hinted:
            raise EngineDefect(f"the warm start gives {len(free & hinted)} of {len(free)} variables a value")


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

"""What every mathematical model offers: build, read back, start values; never solve."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

S = TypeVar("S")
Value = Callable[[Any], int]


class Model(ABC, Generic[S]):
    """A model of one problem whose objective is never below the problem's cost, and equal to it at an optimum.

    Attributes
    ----------
    terms : list of (int, variable)
        The objective, as integers.
    constant : int
        Part of the cost that no variable changes; the engine does not see it.
    """

    def __init__(self) -> None:
        self.terms: list[tuple[int, Any]] = []
        self.constant = 0

    @abstractmethod
    def minimise(self, terms: Iterable[tuple[int, Any]], constant: int = 0) -> None:
        """Minimise the sum of ``coefficient * variable`` plus a constant."""

    @abstractmethod
    def read(self, value: Value) -> S:
        """Read a solution from the values of the variables."""

    def values(self, solution: S) -> Iterable[tuple[Any, int]]:
        """Say what every variable is at ``solution``, or at an equivalent one where the model breaks symmetry.

        A model in decision form needs no start, and none is the default.
        """
        return ()

    def price(self, value: Value) -> int:
        """Return the model's objective, calculated in integers: an engine's own is a float."""
        return self.constant + sum(coefficient * value(variable) for coefficient, variable in self.terms)

    def _merge(self, terms: Iterable[tuple[int, Any]], constant: int) -> None:
        """Keep the objective with each variable listed once and no zeros."""
        merged: dict[Any, int] = {}
        for coefficient, variable in terms:
            merged[variable] = merged.get(variable, 0) + int(coefficient)
        self.terms = [(c, v) for v, c in merged.items() if c]
        self.constant = int(constant)

"""What every mathematical model says, and in which words: build, read back, start values; never solve.

A model is stated once. It says its variables and constraints in `Words`, which each engine hears in its own way:
`spinemap_exact.formulations._cpsat` and `spinemap_exact.formulations._milp`. Variables add up, take integer factors and
compare (``<=``, ``>=``, ``==``) as in a textbook.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

S = TypeVar("S")
Value = Callable[[Any], int]


class Words(ABC):
    """Variables, constraints and an objective, in words that every engine understands."""

    @abstractmethod
    def choice(self, name: str) -> Any:
        """Return a new variable 0 or 1."""

    @abstractmethod
    def number(self, name: str, top: int) -> Any:
        """Return a new integer variable 0 ... top."""

    @abstractmethod
    def amount(self, name: str, top: int = 1) -> Any:
        """Return a new variable 0 ... top that is an integer at some optimum because the others are."""

    @abstractmethod
    def sum(self, terms: Iterable[Any]) -> Any:
        """Return the sum of variables, or of integer multiples of them."""

    @abstractmethod
    def require(self, row: Any, *, where: Any = None, unless: Any = None) -> None:
        """Require a comparison.

        Of an inequality, ``where`` is the choice that it holds with, or ``unless`` the choice that excuses it.
        """

    @abstractmethod
    def exactly_one(self, choices: Iterable[Any]) -> None:
        """Require one of the choices, and no other."""

    @abstractmethod
    def at_most_one(self, choices: Iterable[Any]) -> None:
        """Require no two of the choices."""

    @abstractmethod
    def implies(self, choice: Any, other: Any) -> None:
        """Require the other choice wherever the first is taken."""

    @abstractmethod
    def minimise(self, terms: list[tuple[int, Any]]) -> None:
        """Minimise the sum of ``coefficient * variable``; each variable appears once, and no coefficient is 0."""


class Model(ABC, Generic[S]):
    """A model of one problem whose objective is never below the problem's cost, and equal to it at an optimum.

    A model in decision form has no objective, and its level as ``constant``: see `spinemap_exact.solvers.cpsat`.

    Attributes
    ----------
    say : Words
        The engine that hears the model.
    terms : list of (int, variable)
        The objective, as integers.
    constant : int
        Part of the cost that no variable changes; the engine does not see it.
    """

    def __init__(self, say: Words) -> None:
        self.say = say
        self.terms: list[tuple[int, Any]] = []
        self.constant = 0

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

    def minimise(self, terms: Iterable[tuple[int, Any]], constant: int = 0) -> None:
        """Minimise the sum of ``coefficient * variable`` plus a constant.

        Raises
        ------
        InvalidInput
            If the costs are beyond the engine's numbers.
        """
        merged: dict[Any, int] = {}
        for coefficient, variable in terms:
            merged[variable] = merged.get(variable, 0) + int(coefficient)
        self.terms = [(c, v) for v, c in merged.items() if c]
        self.constant = int(constant)
        self.say.minimise(self.terms)

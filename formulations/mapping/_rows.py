"""How the models of whole mappings make variables and constraints, and how each engine hears them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from ortools.sat.python import cp_model
from pulp import lpSum

from spinemap_exact.formulations._cpsat import CpSatModel, fitting
from spinemap_exact.formulations._milp import MilpModel
from spinemap_exact.formulations._model import Model
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping


class Rows(Model[Mapping]):
    """Variables and constraints in words that every engine understands."""

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
    def at_most(self, terms: Iterable[tuple[int, Any]], bound: int) -> None:
        """Require that the sum of ``coefficient * variable`` is at most ``bound``."""

    def equal(self, terms: Iterable[tuple[int, Any]], value: int) -> None:
        """Require that the sum of ``coefficient * variable`` is ``value``."""
        terms = list(terms)
        self.at_most(terms, value)
        self.at_most([(-coefficient, variable) for coefficient, variable in terms], -value)


class CpSatRows(CpSatModel[Mapping], Rows):
    """Rows for CP-SAT."""

    def choice(self, name: str) -> Any:
        return self.proto.new_bool_var(name)

    def number(self, name: str, top: int) -> Any:
        fitting(top)
        return self.proto.new_int_var(0, top, name)

    def amount(self, name: str, top: int = 1) -> Any:
        return self.number(name, top)

    def at_most(self, terms: Iterable[tuple[int, Any]], bound: int) -> None:
        coefficients, variables = zip(*terms, strict=True)
        fitting(*coefficients, bound)
        self.proto.add(cp_model.LinearExpr.weighted_sum(variables, coefficients) <= bound)


class MilpRows(MilpModel[Mapping], Rows):
    """Rows for a MILP engine."""

    def __init__(self) -> None:
        super().__init__("mapping")

    def choice(self, name: str) -> Any:
        return self.binary(name)

    def number(self, name: str, top: int) -> Any:
        return self.integer(name, top)

    def amount(self, name: str, top: int = 1) -> Any:
        return self.fraction(name, top)

    def at_most(self, terms: Iterable[tuple[int, Any]], bound: int) -> None:
        self.lp += lpSum(coefficient * variable for coefficient, variable in terms) <= bound


class Ways:
    """What a spike costs from tile to tile, in fJ (``unit = "fj"``) or ps (``"ps"``)."""

    def __init__(self, hardware: Hardware, unit: str) -> None:
        def price(name: str) -> int:
            return int(getattr(hardware.costs, f"{name}_{unit}"))

        self.grid = hardware.grid
        self.packet, self.local, self.hop_x, self.hop_y = map(price, ("packet", "local", "hop_x", "hop_y"))

    def way(self, s: int, t: int) -> int:
        """From a unit in s to a reader in t."""
        return self.local if s == t else self.packet + self._hops(s, t)

    def entry(self, t: int) -> int:
        """From an external input to a reader in t."""
        io_tile = self.grid.io_tile
        return self.packet + (0 if io_tile is None else self._hops(io_tile, t))

    def _hops(self, s: int, t: int) -> int:
        width = self.grid.width
        return abs(s % width - t % width) * self.hop_x + abs(s // width - t // width) * self.hop_y

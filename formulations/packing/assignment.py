r"""Bin packing as an assignment model.

Sets        items i; bins b
Data        w_i size of item i; W capacity
Variables   assign[i,b] = 1  item i lies in bin b
            used[b] = 1      bin b holds something
Minimise    sum_b used[b]
Subject to  (B1) sum_b assign[i,b] = 1                  for i       each item in one bin
            (B2) sum_i w_i assign[i,b] <= W used[b]     for b       capacity
            (B3) assign[i,b] = 0                        for i < b   bins are numbered by their lowest item
            (B4) used[b] >= used[b+1]                   for b

The plain reference; its bound is the total size over the capacity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.formulations._model import Model, Value, Words
from spinemap_exact.problems.packing import PackingProblem


def build(problem: PackingProblem, say: Words) -> Assignment:
    return Assignment(problem, say)


class Assignment(Model[Array]):
    """See the module docstring."""

    def __init__(self, problem: PackingProblem, say: Words) -> None:
        super().__init__(say)
        unit = int(np.gcd.reduce(problem.sizes))  # small numbers keep an engine's tolerances harmless
        self.sizes: list[int] = (problem.sizes // unit).tolist()
        self.capacity = problem.capacity // unit
        self.items = range(problem.num_items)
        self.assign = {(i, b): say.choice(f"assign[{i},{b}]") for i in self.items for b in self.items[: i + 1]}  # B3
        self.used = [say.choice(f"used[{b}]") for b in self.items]
        self.assign_each_item_once()  # B1
        self.respect_capacity()  # B2
        self.use_bins_in_order()  # B4
        self.minimise((1, used) for used in self.used)

    def assign_each_item_once(self) -> None:
        for i in self.items:
            self.say.exactly_one(self.assign[i, b] for b in self.items[: i + 1])

    def respect_capacity(self) -> None:
        for b in self.items:
            load = self.say.sum(self.sizes[i] * self.assign[i, b] for i in self.items[b:])
            self.say.require(load <= self.capacity * self.used[b])

    def use_bins_in_order(self) -> None:
        for b in self.items[1:]:
            self.say.implies(self.used[b], self.used[b - 1])

    def read(self, value: Value) -> Array:
        bins = [next(b for b in self.items[: i + 1] if value(self.assign[i, b])) for i in self.items]
        return np.unique(bins, return_inverse=True)[1]

    def values(self, solution: Array) -> Iterable[tuple[Any, int]]:
        number: dict[int, int] = {}
        bin_of_item = [number.setdefault(b, len(number)) for b in solution.tolist()]
        yield from ((assigned, int(bin_of_item[i] == b)) for (i, b), assigned in self.assign.items())
        yield from ((used, int(b < len(number))) for b, used in enumerate(self.used))

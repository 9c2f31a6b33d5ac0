"""Items of equal size are one class with a demand; patterns and packings over the classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.problems.packing import PackingProblem


@dataclass(frozen=True, eq=False)
class Classes:
    """Distinct sizes, descending, and how many items have each.

    A pattern is a (num_classes,) int64 array: items of each class in one bin. A proper pattern has no more of a class
    than there are. Sizes and capacity are counted in the greatest common divisor of the sizes.
    """

    sizes: Array
    demand: Array
    capacity: int

    @classmethod
    def of(cls, problem: PackingProblem) -> Classes:
        sizes, demand = np.unique(problem.sizes, return_counts=True)
        unit = int(np.gcd.reduce(sizes))
        return cls(sizes[::-1] // unit, demand[::-1].astype(np.int64), problem.roominess // unit)

    @property
    def num_classes(self) -> int:
        return len(self.sizes)

    @cached_property
    def copies(self) -> Array:
        """Most items of each class in one proper pattern."""
        most: Array = np.minimum(self.demand, self.capacity // self.sizes)
        return most

    @cached_property
    def volume(self) -> int:
        return int(self.sizes @ self.demand)

    def with_demand(self, demand: Array) -> Classes:
        return Classes(self.sizes, demand, self.capacity)

    def bins(self, problem: PackingProblem, patterns: Iterable[Array]) -> Array:
        """(num_items,) int64: deal the items out to bins filled by ``patterns``, which cover the demand at least."""
        bin_of_item = np.empty(problem.num_items, dtype=np.int64)
        order = np.argsort(-problem.sizes, kind="stable")
        dealt = np.concatenate(([0], np.cumsum(self.demand)[:-1]))
        left = self.demand.copy()
        for b, pattern in enumerate(patterns):
            taken = np.minimum(pattern, left)
            for k in np.flatnonzero(taken).tolist():
                bin_of_item[order[dealt[k] : dealt[k] + taken[k]]] = b
            dealt += taken
            left -= taken
        return np.unique(bin_of_item, return_inverse=True)[1].ravel().astype(np.int64)

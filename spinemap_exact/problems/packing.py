"""Bin packing: unrolling where no two units share an axon."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from spinemap_exact.arrays import Array, digest, freeze, total
from spinemap_exact.errors import InvalidInstance
from spinemap_exact.units import INT64_MAX


@dataclass(frozen=True, eq=False)
class PackingProblem:
    """Put items of given sizes into the fewest bins of one capacity.

    A solution is an array ``bin_of_item`` of shape (num_items,); bins are numbered from zero without gaps.

    Raises
    ------
    InvalidInstance
        If there is no item, a size is below one, an item is larger than the bin, or loads could overflow int64.
    """

    sizes: Array
    capacity: int

    kind: ClassVar[str] = "packing"

    def __post_init__(self) -> None:
        freeze(self, sizes=np.int64)
        if self.capacity < 1:
            raise InvalidInstance(f"bins of capacity {self.capacity} hold nothing")
        if self.sizes.ndim != 1 or self.sizes.size == 0:
            raise InvalidInstance("there is no item to pack")
        for item in np.flatnonzero(self.sizes < 1)[:1]:
            raise InvalidInstance(f"item {item} has size {self.sizes[item]}")
        for item in np.flatnonzero(self.sizes > self.capacity)[:1]:
            raise InvalidInstance(f"item {item} of size {self.sizes[item]} is larger than the bin ({self.capacity})")
        if self.num_items * self.roominess > INT64_MAX // 2:
            raise InvalidInstance(f"{self.num_items} items in bins of capacity {self.roominess}: loads overflow int64")

    @property
    def num_items(self) -> int:
        return len(self.sizes)

    @property
    def roominess(self) -> int:
        """What a bin can be filled to: its capacity, or the sizes of all items together."""
        return min(self.capacity, total(self.sizes))

    @property
    def size(self) -> int:
        """Items."""
        return self.num_items

    @property
    def measure(self) -> str:
        """What a cost counts."""
        return "bins"

    def why_infeasible(self) -> None:
        """Every item has a bin of its own."""

    def cost(self, solution: Array) -> int:
        """Bins used."""
        return int(np.unique(solution).size)

    def violations(self, solution: Array) -> list[str]:
        """Say what a packing breaks; empty if nothing."""
        if solution.shape != (self.num_items,):
            return [f"the packing covers {solution.size} of {self.num_items} items"]
        if solution.min() < 0:
            return [f"item {np.argmin(solution)} lies in bin {solution.min()}"]
        load = np.zeros(int(solution.max()) + 1, dtype=np.int64)
        np.add.at(load, solution, self.sizes)
        return [f"bin {b} holds {load[b]} of {self.capacity}" for b in np.flatnonzero(load > self.capacity)]

    @cached_property
    def digest(self) -> str:
        return digest("packing-problem", self.sizes, self.capacity)

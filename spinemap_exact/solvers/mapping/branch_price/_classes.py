"""Units of equal inputs that hardly any good mapping takes apart: they are one item of the search.

All sources of such a class are read in two clusters at least where it does not lie in one. What that costs at least
bounds every mapping that takes the class apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spinemap_exact import energy_bound
from spinemap_exact.problems.classes import identical_rows
from spinemap_exact.problems.mapping import MappingProblem


@dataclass(frozen=True)
class Whole:
    """Units of equal inputs, and the energy of any mapping in which they do not lie in one cluster."""

    units: tuple[int, ...]
    apart_fj: int


def classes(problem: MappingProblem) -> list[Whole]:
    """All classes of two units or more."""
    assert problem.unrolling is not None
    units = problem.unrolling.unit_network(problem.network)
    label, first = identical_rows(units.fanin_ptr, units.fanin_idx, np.arange(units.num_units))
    found = []
    for c in np.flatnonzero(np.bincount(label) > 1).tolist():
        apart = energy_bound.taken_apart(
            problem.network, problem.hardware, problem.unrolling, problem.traffic, units.fan_in_of(int(first[c]))
        )
        found.append(Whole(tuple(np.flatnonzero(label == c).tolist()), apart))
    return found


def grouped(num_units: int, whole: Iterable[Whole]) -> list[tuple[int, ...]]:
    """Items: the classes, and all other units by themselves."""
    together = [c.units for c in whole]
    held = {u for members in together for u in members}
    return sorted([*together, *((u,) for u in range(num_units) if u not in held)])

"""Is there a packing into so many bins? All patterns that one can use, and a choice among them."""

from __future__ import annotations

import logging
from enum import Enum, auto

import numpy as np
from ortools.sat.python import cp_model

from spinemap_exact.arrays import Array
from spinemap_exact.errors import EngineDefect
from spinemap_exact.result import Watch
from spinemap_exact.solvers import cpsat
from spinemap_exact.solvers.packing.patterns import _knapsack
from spinemap_exact.solvers.packing.patterns._bounds import Values
from spinemap_exact.solvers.packing.patterns._items import Classes

logger = logging.getLogger(__name__)


class Answer(Enum):
    NO = auto()
    UNKNOWN = auto()


def useful_patterns(classes: Classes, values: Values, bins: int, limit: int) -> Array | None:
    """List all maximal patterns that a packing into so many bins may consist of; None if there are too many.

    The bins could hold ``bins * most`` in value. What a bin holds less than ``most`` is lost, and no more may be lost
    than the items leave over; the same is true of volume. Filling bins up with items that lie in others as well never
    lowers their value, so that maximal patterns suffice.
    """
    spare_value = bins * values.most - values.total(classes)
    spare_volume = bins * classes.capacity - classes.volume
    return _knapsack.maximal_patterns(classes, values.of_class, values.most - spare_value, spare_volume, limit)


def choose(classes: Classes, patterns: Array, bins: int, watch: Watch) -> list[Array] | Answer:
    """Choose so many patterns at most, with repetition, that all items are covered."""
    if not len(patterns):
        return Answer.NO
    model = cp_model.CpModel()
    use = [model.new_int_var(0, most, f"use[{p}]") for p, most in enumerate(_most_uses(classes, patterns))]
    model.add(sum(use) <= bins)
    exact = bins * classes.capacity == classes.volume  # no bin has room for an item that lies elsewhere
    for k, demand in enumerate(classes.demand.tolist()):
        holders = np.flatnonzero(patterns[:, k]).tolist()
        held = sum(int(patterns[p, k]) * use[p] for p in holders)
        model.add(held == demand if exact else held >= demand)
    status, solver = cpsat.search(model, watch)
    if status == cp_model.INFEASIBLE:
        return Answer.NO
    if status == cp_model.UNKNOWN:
        return Answer.UNKNOWN
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise EngineDefect(f"CP-SAT ended with the unlisted status {status}")
    uses = [solver.value(variable) for variable in use]
    return [patterns[p].astype(np.int64) for p, times in enumerate(uses) for _ in range(times)]


def _most_uses(classes: Classes, patterns: Array) -> list[int]:
    """A pattern used more often covers no further item."""
    needed = np.where(patterns > 0, -(-classes.demand // np.maximum(patterns, 1)), 0)
    most: list[int] = needed.max(axis=1).tolist()
    return most

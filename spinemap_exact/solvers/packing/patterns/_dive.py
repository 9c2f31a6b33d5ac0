"""Packings from the relaxation: fix what it uses as a whole, or nearly, and relax what is left again."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.bin_fitting import best_fit_decreasing
from spinemap_exact.result import Watch
from spinemap_exact.solvers.packing.patterns._items import Classes
from spinemap_exact.solvers.packing.patterns._master import Master

NOISE = 1e-6


def dive(
    master: Master, classes: Classes, most: int, watch: Watch, rng: np.random.Generator | None = None
) -> list[Array] | None:
    """Return at most ``most`` patterns that cover all items, or None if this dive leads to none.

    Patterns are generated again for what is left after each step. Without ``rng`` the largest fraction is fixed, with
    it any, the likelier the larger.
    """
    chosen: list[Array] = []
    left = classes
    while True:
        master.demand(left)
        relaxed = master.solve(watch)
        if relaxed is None or len(chosen) + relaxed.values.bound(left) > most:
            return None
        demand = left.demand.copy()
        for p in _fixed(relaxed.uses, rng):
            taken = np.minimum(master.patterns[p], demand)
            if taken.any():
                chosen.append(taken)
                demand -= taken
        if (demand == left.demand).all():  # by rounding, patterns without anything that is left
            return None
        left = classes.with_demand(demand)
        rest = _best_fit(left)
        if len(chosen) + len(rest) <= most:
            return chosen + rest


def _fixed(uses: Array, rng: np.random.Generator | None) -> list[int]:
    whole = np.floor(uses + NOISE).astype(np.int64)
    if whole.any():
        return np.repeat(np.arange(len(uses)), whole).tolist()
    if rng is None:
        return [int(np.argmax(uses))]
    weights = np.where(uses > NOISE, uses, 0.0) ** 3
    return [int(rng.choice(len(uses), p=weights / weights.sum()))]


def _best_fit(classes: Classes) -> list[Array]:
    """Patterns of a best-fit packing."""
    index = np.repeat(np.arange(classes.num_classes), classes.demand)
    if not len(index):
        return []
    bins = best_fit_decreasing(classes.sizes[index], classes.capacity)
    patterns = np.zeros((bins.max() + 1, classes.num_classes), dtype=np.int64)
    np.add.at(patterns, (bins, index), 1)
    return list(patterns)

"""Values of the items that prove a bound on the bins: at most so much value fits into one bin.

Give a class the value d_k >= 0 and let v be the largest value of a pattern. All items together are worth
sum_k demand_k d_k, so at least that over v bins are necessary, whatever the values are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.packing.patterns import _knapsack
from spinemap_exact.solvers.packing.patterns._items import Classes


@dataclass(frozen=True, eq=False)
class Values:
    """Integer values of the classes, and a most that any proper pattern is worth."""

    of_class: Array
    most: int

    def total(self, classes: Classes) -> int:
        return sum(d * v for d, v in zip(classes.demand.tolist(), self.of_class.tolist(), strict=True))

    def bound(self, classes: Classes) -> int:
        """Fewest bins that hold so much value."""
        return -(-self.total(classes) // self.most)

    def evidence(self) -> dict[str, object]:
        """What the certificate stores: one value for each distinct size, ascending."""
        return {"kind": "duals", "duals": self.of_class[::-1].tolist()}


def martello_toth(classes: Classes) -> Values:
    """Return the values behind the best of Martello and Toth's bounds L2.

    For a threshold t up to half the capacity C, an item above C - t is worth a whole bin, one below t nothing, and
    any other its size. Besides, every item above C/2 is worth a bin.

    References
    ----------
    S. Martello, P. Toth, Lower bounds and reduction procedures for the bin packing problem, 1990,
    doi:10.1016/0166-218X(90)90094-S.
    """
    sizes, capacity = classes.sizes, classes.capacity
    upto = np.cumsum(classes.sizes * classes.demand)
    above = np.cumsum(classes.demand)
    thresholds = np.concatenate(([0], sizes[2 * sizes <= capacity]))
    # sizes descend: the first so many are > C - t, the first so many are >= t
    whole = np.searchsorted(-sizes, thresholds - capacity, side="left")
    kept = np.searchsorted(-sizes, -thresholds, side="right")
    head = np.where(whole > 0, upto[whole - 1], 0)
    counted = np.where(whole > 0, above[whole - 1], 0)
    totals = capacity * counted + np.where(kept > 0, upto[kept - 1], 0) - head
    best = int(np.argmax(totals))
    t = int(thresholds[best])
    by_size = np.where(sizes > capacity - t, capacity, np.where(sizes >= t, sizes, 0))
    candidates = [Values(by_size, capacity), Values((2 * sizes > capacity).astype(np.int64), 1)]
    return max(candidates, key=lambda values: values.bound(classes))


def rounded(classes: Classes, duals: Array, scale: int) -> tuple[Values, Array]:
    """Turn the duals of a linear relaxation into integers, and have a knapsack say what a bin holds at most.

    Returns
    -------
    values : Values
    pattern : (num_classes,) int64
        A most valuable pattern: if its value exceeds ``scale``, it improves the relaxation.
    """
    of_class = np.maximum(0, np.floor(duals * scale)).astype(np.int64)
    most, pattern = _knapsack.most_valuable(classes, of_class)
    return Values(of_class, max(1, most)), pattern

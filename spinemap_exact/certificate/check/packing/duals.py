"""Bin packing: integer duals, made feasible by a knapsack over the capacity."""

from __future__ import annotations

from collections import Counter

import numpy as np

from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Packing
from spinemap_exact.certificate.check.kinds import proves

MAX_STEPS = 2 * 10**9  # table entries that the knapsack may touch: seconds
MAX_CAPACITY = 10**8


@proves("duals", Packing)
def prove(instance: Packing, evidence: Field, claim: int | None) -> int:
    """Return the bound that values of the items prove.

    Give an item of size s the value d_s >= 0, and let v be the largest value that fits into one bin. Then b bins hold
    items of value b v at most, and all items must be held: b >= sum of all values / v. The knapsack uses no item more
    often than the instance has it.
    """
    count = Counter(instance.sizes)
    sizes = sorted(count)
    duals = evidence.table("kind", "duals")["duals"].integers(len(sizes), low=0)
    copies = [min(count[size], instance.capacity // size) for size in sizes]
    if instance.capacity > MAX_CAPACITY or (instance.capacity + 1) * sum(copies) > MAX_STEPS:
        evidence.rejected(f"a knapsack of {sum(copies)} items over {instance.capacity} is too large")
    if sum(map(int.__mul__, duals, copies)) >= 2**62:
        evidence.rejected("the values add up beyond 2^62")
    best = np.zeros(instance.capacity + 1, dtype=np.int64)  # best[c]: largest value that fits into c
    for size, dual, most in zip(sizes, duals, copies, strict=True):
        for _ in range(most if dual else 0):
            np.maximum(best[size:], best[:-size] + dual, out=best[size:])
    most_valuable = int(best[-1])
    if most_valuable == 0:
        return 0
    total = sum(dual * count[size] for size, dual in zip(sizes, duals, strict=True))
    return -(-total // most_valuable)

"""Knapsacks over the classes of items: the most valuable pattern, and all patterns of some value."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.solvers.packing.patterns._items import Classes

MAX_CELLS = 20_000_000  # of a table: 160 MB
MAX_STEPS = 50_000_000  # of a listing: about a second


def fits(classes: Classes) -> bool:
    """Say whether a table over the capacity is affordable."""
    return (classes.num_classes + 1) * (classes.capacity + 1) <= MAX_CELLS


def most_valuable(classes: Classes, values: Array) -> tuple[int, Array]:
    """Return the largest value of any proper pattern, and such a pattern."""
    table = _best_values(classes.sizes, classes.copies, values, classes.capacity)
    return int(table[0, -1]), _trace(classes.sizes, classes.copies, values, table)


def maximal_patterns(classes: Classes, values: Array, least_value: int, most_waste: int, limit: int) -> Array | None:
    """List the proper patterns to which no item can be added, of some value at least and with little room left.

    Returns
    -------
    patterns : (num_patterns, num_classes) int32 or None
        None if there are more than ``limit``, or they take too long to find.
    """
    sizes, copies, capacity = classes.sizes, classes.copies, classes.capacity
    value_table = _best_values(sizes, copies, values, capacity)
    load_table = _best_values(sizes, copies, sizes, capacity)
    limit = min(limit, MAX_CELLS // classes.num_classes)
    found = np.empty((limit, classes.num_classes), dtype=np.int32)
    count = _list(sizes, copies, values, value_table, load_table, least_value, most_waste, MAX_STEPS, found)
    return None if count < 0 else found[:count]


@kernel
def _best_values(sizes: Array, copies: Array, values: Array, capacity: int) -> Array:
    """(num_classes + 1, capacity + 1): the most that classes k and later are worth in a room of c."""
    n = len(sizes)
    best = np.zeros((n + 1, capacity + 1), dtype=np.int64)
    for k in range(n - 1, -1, -1):
        best[k] = best[k + 1]
        size, value = sizes[k], values[k]
        if value <= 0:
            continue
        for _ in range(copies[k]):
            for c in range(capacity, size - 1, -1):
                with_one = best[k, c - size] + value
                if with_one > best[k, c]:
                    best[k, c] = with_one
    return best


@kernel
def _trace(sizes: Array, copies: Array, values: Array, best: Array) -> Array:
    room = best.shape[1] - 1
    pattern = np.zeros(len(sizes), dtype=np.int64)
    for k in range(len(sizes)):
        taken = 0
        while best[k + 1, room - taken * sizes[k]] + taken * values[k] < best[k, room]:
            taken += 1
        pattern[k] = taken
        room -= taken * sizes[k]
    for k in range(len(sizes)):  # items that are worth nothing fill the room: later they may be worth something
        more = min(copies[k] - pattern[k], room // sizes[k])
        pattern[k] += more
        room -= more * sizes[k]
    return pattern


@kernel
def _list(
    sizes: Array,
    copies: Array,
    values: Array,
    value_table: Array,
    load_table: Array,
    least_value: int,
    most_waste: int,
    max_steps: int,
    found: Array,
) -> int:
    """Depth first over the classes, cut off where the tables say that too little value or load can follow."""
    n, count, steps = len(sizes), 0, 0
    room = np.empty(n + 1, dtype=np.int64)
    need = np.empty(n + 1, dtype=np.int64)
    taken = np.zeros(n, dtype=np.int64)
    room[0], need[0] = value_table.shape[1] - 1, least_value
    k = 0
    taken[0] = min(copies[0], room[0] // sizes[0]) + 1
    while k >= 0:
        steps += 1
        if steps > max_steps:
            return -1
        if k == n:
            maximal = True
            for other in range(n - 1, -1, -1):
                if sizes[other] > room[n]:
                    break
                if taken[other] < copies[other]:
                    maximal = False
                    break
            if maximal:
                if count == len(found):
                    return -1
                for other in range(n):
                    found[count, other] = taken[other]
                count += 1
            k -= 1
            continue
        taken[k] -= 1
        if taken[k] < 0:
            k -= 1
            continue
        left = room[k] - taken[k] * sizes[k]
        due = need[k] - taken[k] * values[k]
        if value_table[k + 1, left] >= due and left - load_table[k + 1, left] <= most_waste:
            room[k + 1], need[k + 1] = left, due
            k += 1
            if k < n:
                taken[k] = min(copies[k], left // sizes[k]) + 1
    return count

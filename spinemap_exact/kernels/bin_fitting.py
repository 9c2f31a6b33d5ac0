"""Items of decreasing size into bins, one at a time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

import numpy as np

from spinemap_exact.arrays import Array


def best_fit_decreasing(sizes: Array, capacity: int) -> Array:
    """(num_items,) int64: each item goes to the fullest bin that still has room; equal items keep their order.

    References
    ----------
    D. S. Johnson et al., Worst-Case Performance Bounds for Simple One-Dimensional Packing Algorithms, 1974,
    doi:10.1137/0203025.
    """
    bin_of_item = np.empty(len(sizes), dtype=np.int64)
    rooms: list[tuple[int, int]] = []  # (room, bin), ascending
    opened = 0
    for item, size in _decreasing(sizes):
        at = bisect_left(rooms, (size, 0))
        if at < len(rooms):
            room, chosen = rooms.pop(at)
        else:
            room, chosen = capacity, opened
            opened += 1
        bin_of_item[item] = chosen
        if room > size:
            insort(rooms, (room - size, chosen))
    return bin_of_item


def first_fit_decreasing(sizes: Array, capacity: int) -> Array:
    """(num_items,) int64: each item goes to the bin opened first among those with room.

    References
    ----------
    D. S. Johnson et al., Worst-Case Performance Bounds for Simple One-Dimensional Packing Algorithms, 1974,
    doi:10.1137/0203025.
    """
    bin_of_item = np.empty(len(sizes), dtype=np.int64)
    leaves = 1 << (len(sizes) - 1).bit_length()
    most = [capacity] * (2 * leaves)  # tree of maxima over the room of the bins; bins not opened yet are empty
    for item, size in _decreasing(sizes):
        node = 1
        while node < leaves:
            node = 2 * node + (most[2 * node] < size)
        bin_of_item[item] = node - leaves
        most[node] -= size
        while (node := node // 2) and most[node] != (larger := max(most[2 * node], most[2 * node + 1])):
            most[node] = larger
    return bin_of_item


def _decreasing(sizes: Array) -> Iterator[tuple[int, int]]:
    order = np.argsort(-sizes, kind="stable")
    return zip(order.tolist(), sizes[order].tolist(), strict=True)

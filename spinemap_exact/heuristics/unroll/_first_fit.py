"""First fit of units into crossbars whose rows are shared."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.mapping import Partition
from spinemap_exact.network import Network


def first_fit(units: Network, rows: int, columns: int, order: Array | None = None) -> Partition:
    """Put each unit into the first crossbar that has a column left and rows for the axons it lacks there.

    Parameters
    ----------
    units : Network
        Units, then external inputs; no unit reads more axons than ``rows``.
    order : (num_units,) int64, optional
        In which the units come; by default ascending. Crossbars are numbered in the order of opening.
    """
    if order is None:
        order = np.arange(units.num_units, dtype=np.int64)
    return Partition(_first_fit(units.fanin_ptr, units.fanin_idx, np.asarray(order), units.num_neurons, rows, columns))


@kernel
def _first_fit(ptr: Array, idx: Array, order: Array, num_sources: int, rows: int, columns: int) -> Array:
    """Crossbars stand in a tree of maxima over their free rows (-1 without a free column).

    A unit goes to the lowest-numbered crossbar that fits: either it has free rows for all axons (found in the tree) or
    it holds some of them already (found by walking the crossbars of each axon). Crossbars without a free row are kept
    apart: they only matter to units whose axons all have a row somewhere.
    """
    num_units = len(order)
    leaves = 1
    while leaves < num_units:
        leaves *= 2
    tree = np.full(2 * leaves, -1, dtype=np.int32)  # a crossbar not opened yet is never found
    free_columns = np.full(num_units, columns, dtype=np.int32)
    crossbar_of_unit = np.empty(num_units, dtype=np.int32)
    # crossbars that hold each axon, with and without a free row: linked lists through a pool of entries
    with_rows = np.full(num_sources, -1, dtype=np.int64)
    without_rows = np.full(num_sources, -1, dtype=np.int64)
    pool_crossbar = np.empty(len(idx), dtype=np.int32)
    pool_next = np.empty(len(idx), dtype=np.int64)
    pool_size = 0
    shared = np.zeros(num_units, dtype=np.int32)
    touched = np.empty(num_units, dtype=np.int32)
    opened = 0
    for u in order:
        need = ptr[u + 1] - ptr[u]
        num_touched = 0
        fresh = False
        for p in range(ptr[u], ptr[u + 1]):
            axon = idx[p]
            entry, before = with_rows[axon], -1
            while entry >= 0:
                b, after = pool_crossbar[entry], pool_next[entry]
                if tree[leaves + b] > 0:
                    if shared[b] == 0:
                        touched[num_touched] = b
                        num_touched += 1
                    shared[b] += 1
                    before = entry
                else:
                    if before < 0:
                        with_rows[axon] = after
                    else:
                        pool_next[before] = after
                    if tree[leaves + b] == 0:  # otherwise it has no column left: forget it
                        pool_next[entry] = without_rows[axon]
                        without_rows[axon] = entry
                entry = after
            fresh = fresh or (with_rows[axon] < 0 and without_rows[axon] < 0)
        best = opened
        if need == 0:  # any free column does
            for b in range(opened):
                if free_columns[b] > 0:
                    best = b
                    break
        elif tree[1] >= need:
            node = 1
            while node < leaves:
                node *= 2
                if tree[node] < need:
                    node += 1
            best = node - leaves
        for j in range(num_touched):
            b = touched[j]
            if b < best and tree[leaves + b] >= need - shared[b]:
                best = b
        if not fresh and need > 0:
            best = min(
                best,
                _lowest_common(
                    ptr[u],
                    ptr[u + 1],
                    idx,
                    without_rows,
                    pool_crossbar,
                    pool_next,
                    free_columns,
                    shared,
                    touched,
                    num_touched,
                    opened,
                ),
            )
        taken = need
        if best < opened:
            taken = 0 if tree[leaves + best] == 0 else need - shared[best]
        for j in range(num_touched):
            shared[touched[j]] = 0
        left = (rows if best == opened else tree[leaves + best]) - taken
        opened = max(opened, best + 1)
        crossbar_of_unit[u] = best
        free_columns[best] -= 1
        if taken > 0:  # a row for each axon that the crossbar lacks
            for p in range(ptr[u], ptr[u + 1]):
                entry = with_rows[idx[p]]
                while entry >= 0 and taken < need and pool_crossbar[entry] != best:
                    entry = pool_next[entry]
                if entry < 0 or taken == need:
                    pool_crossbar[pool_size] = best
                    pool_next[pool_size] = with_rows[idx[p]]
                    with_rows[idx[p]] = pool_size
                    pool_size += 1
        node = leaves + best
        tree[node] = left if free_columns[best] > 0 else -1
        node //= 2
        while node >= 1:
            tree[node] = max(tree[2 * node], tree[2 * node + 1])
            node //= 2
    return crossbar_of_unit


@kernel
def _lowest_common(
    start: int,
    stop: int,
    idx: Array,
    head: Array,
    pool_crossbar: Array,
    pool_next: Array,
    free_columns: Array,
    shared: Array,
    touched: Array,
    first: int,
    nothing: int,
) -> int:
    """Return the lowest crossbar with a free column in the lists of all axons, or ``nothing``."""
    last = first
    for p in range(start, stop):
        found = 0
        entry = head[idx[p]]
        while entry >= 0:
            b = pool_crossbar[entry]
            if shared[b] == p - start and free_columns[b] > 0:
                if p == start:
                    touched[last] = b
                    last += 1
                shared[b] += 1
                found += 1
            entry = pool_next[entry]
        if found == 0:
            break
    best = nothing
    for j in range(first, last):
        b = touched[j]
        if shared[b] == stop - start and b < best:
            best = b
        shared[b] = 0
    return best

"""Settle units into crossbars: each where it is wished to be if it fits, else where it costs the fewest packets."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.network import Network

MAX_CELLS = 4 * 10**8
"""Sources times slots that may be kept at a time, one byte each."""


def settle(network: Network, wish: Array, order: Array, max_rows: Array, max_columns: Array) -> Array:
    """Return a slot for every unit, -1 where none is left that takes it.

    Parameters
    ----------
    network : Network
        Units, then external inputs.
    wish : (num_units,) int64
        Slot where each unit should go; -1 for no wish.
    order : (num_units,) int64
        Units in the order in which wishes are granted, and then leftovers placed.
    max_rows, max_columns : (num_slots,) int64
    """
    labels = np.full(network.num_units, -1, dtype=np.int64)
    present = np.zeros((network.num_neurons, len(max_rows)), dtype=np.bool_)
    _settle(
        order.astype(np.int64),
        wish.astype(np.int64),
        network.fanin_ptr,
        network.fanin_idx,
        network.spikes,
        max_rows.astype(np.int64),
        max_columns.astype(np.int64),
        present,
        labels,
    )
    return labels


@kernel
def _fresh(u, c, ptr, idx, present):  # type: ignore[no-untyped-def]
    rows = 0
    for p in range(ptr[u], ptr[u + 1]):
        if not present[idx[p], c]:
            rows += 1
    return rows


@kernel
def _settle(order, wish, ptr, idx, spikes, max_rows, max_columns, present, labels):  # type: ignore[no-untyped-def]
    num_units, slots = len(labels), len(max_rows)
    rows = np.zeros(slots, dtype=np.int64)
    columns = np.zeros(slots, dtype=np.int64)
    for wishing in (True, False):
        for u in order:
            if labels[u] >= 0 or (wishing and wish[u] < 0):
                continue
            target, least = -1, np.int64(0)
            for c in range(slots):
                if (wishing and c != wish[u]) or columns[c] == max_columns[c]:
                    continue
                if rows[c] + _fresh(u, c, ptr, idx, present) > max_rows[c]:
                    continue
                cost = -spikes[u] if present[u, c] else np.int64(0)
                for p in range(ptr[u], ptr[u + 1]):
                    k = idx[p]
                    if not present[k, c] and not (k < num_units and labels[k] == c):
                        cost += spikes[k]
                if target < 0 or cost < least:
                    target, least = c, cost
            if target >= 0:
                for p in range(ptr[u], ptr[u + 1]):
                    if not present[idx[p], target]:
                        rows[target] += 1
                        present[idx[p], target] = True
                columns[target] += 1
                labels[u] = target

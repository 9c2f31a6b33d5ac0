"""Simulated annealing of a partition, or of a few of its clusters: the innermost loop of the search.

Limits are soft, and what they cost rises while a state breaks them and falls while it does not: that keeps the search
near the limits, where good partitions are.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.kernels.partition_moves import AREA, OVERFLOW, PACKETS, USED, change, excess

_BLOCK = 32  # proposals at one temperature
_RAISE, _LOWER = 1.035, 0.985  # in balance where three states in ten are within the limits


@kernel(inline="always")
def below(state, limit):  # xorshift64*: the same numbers on every machine, from a state of our own
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return np.int64((((x * np.uint64(2685821657736338717)) >> np.uint64(32)) * np.uint64(limit)) >> np.uint64(32))


@kernel
def _put(u, a, b, ptr, idx, home, count):
    for p in range(ptr[u], ptr[u + 1]):
        k = idx[p]
        count[k, a] -= 1
        count[k, b] += 1
    home[u] = b


@kernel
def anneal(
    units,
    slots,
    home,
    num_units,
    count,
    rows,
    columns,
    totals,
    net,
    limits,
    weights,
    heat,
    penalty,
    trials,
    state,
    best,
):
    """Anneal ``units`` among ``slots`` while heat falls geometrically between its two values.

    All units that lie in these slots must be among the units. ``penalty`` holds the least and the highest price of
    overflow and the one now, which is left there for the next call. ``best`` receives the labels of the best state
    without overflow; its price is returned, or -1 if there was none.
    """
    ptr, idx, out_ptr, out_idx, spikes, _, loop = net
    max_rows, max_columns, area, top, per_synapse = limits
    packets, overflow, used, taken_area = totals[PACKETS], totals[OVERFLOW], totals[USED], totals[AREA]
    w_packets, w_area = weights[0], weights[1]
    found = np.int64(-1)
    beyond = overflow + excess(used, top[0]) + (1 if taken_area > top[1] else 0)
    if beyond == 0:
        found = w_packets * packets + w_area * taken_area
        best[:] = home[:num_units]
    n, m = len(units), len(slots)
    if m < 2 or n == 0:
        return found
    chosen = np.zeros(len(rows), dtype=np.bool_)
    for c in slots:
        chosen[c] = True
    member = np.empty((len(rows), n), dtype=np.int32)
    seat = np.zeros(num_units, dtype=np.int32)
    crowd = np.zeros(len(rows), dtype=np.int64)
    for u in units:
        c = home[u]
        member[c, crowd[c]] = u
        seat[u] = crowd[c]
        crowd[c] += 1
    blocks = max(1, trials // _BLOCK)
    temperature, fine = heat[0], penalty[2]
    cooling = (heat[1] / heat[0]) ** (1.0 / blocks)
    for _ in range(blocks):
        temperature *= cooling
        # instances differ by orders of magnitude in the price that keeps them near the limits: let it find itself
        fine *= _RAISE if beyond > 0 else _LOWER
        fine = min(max(fine, penalty[0]), penalty[1])
        for _ in range(_BLOCK):
            u = units[below(state, n)]
            a = home[u]
            b = np.int64(-1)
            fan_in, fan_out = ptr[u + 1] - ptr[u], out_ptr[u + 1] - out_ptr[u]
            if fan_in + fan_out > 0 and below(state, 3) > 0:
                pick = below(state, fan_in + fan_out)
                if pick >= fan_in:
                    b = home[out_idx[out_ptr[u] + pick - fan_in]]
                else:
                    k = idx[ptr[u] + pick]
                    b = home[k]
                    if b < 0 or b == a:
                        b = home[out_idx[out_ptr[k] + below(state, out_ptr[k + 1] - out_ptr[k])]]
            if b < 0 or not chosen[b]:
                b = slots[below(state, m)]
            if a == b:
                continue
            gain, freed, taken = change(u, a, b, ptr, idx, spikes, loop, per_synapse, home, count)
            v = -1
            if crowd[b] > 0 and below(state, 2) == 0:
                v = member[b, below(state, crowd[b])]
                _put(u, a, b, ptr, idx, home, count)
                more, freed_b, taken_a = change(v, b, a, ptr, idx, spikes, loop, per_synapse, home, count)
                gain += more
                rows_a, rows_b = rows[a] - freed + taken_a, rows[b] + taken - freed_b
                columns_a, columns_b = columns[a], columns[b]
                new_used, new_area = used, taken_area
            else:
                rows_a, rows_b = rows[a] - freed, rows[b] + taken
                columns_a, columns_b = columns[a] - 1, columns[b] + 1
                new_used, new_area = used, taken_area
                if columns_a == 0:
                    new_used -= 1
                    new_area -= area[a]
                if columns_b == 1:
                    new_used += 1
                    new_area += area[b]
            new_overflow = (
                overflow
                + excess(rows_a, max_rows[a])
                - excess(rows[a], max_rows[a])
                + excess(rows_b, max_rows[b])
                - excess(rows[b], max_rows[b])
                + excess(columns_a, max_columns[a])
                - excess(columns[a], max_columns[a])
                + excess(columns_b, max_columns[b])
                - excess(columns[b], max_columns[b])
            )
            new_beyond = new_overflow + excess(new_used, top[0]) + (1 if new_area > top[1] else 0)
            worse = w_packets * gain + w_area * (new_area - taken_area) + fine * (new_beyond - beyond)
            if worse > 0 and (
                worse > 25.0 * temperature
                or np.exp(-worse / temperature) * 1073741824.0 < np.float64(below(state, 1073741824))
            ):
                if v >= 0:
                    _put(u, b, a, ptr, idx, home, count)
                continue
            if v >= 0:
                _put(v, b, a, ptr, idx, home, count)
                member[a, seat[u]], member[b, seat[v]] = v, u
                seat[u], seat[v] = seat[v], seat[u]
            else:
                _put(u, a, b, ptr, idx, home, count)
                crowd[a] -= 1
                other = member[a, crowd[a]]
                member[a, seat[u]] = other
                seat[other] = seat[u]
                member[b, crowd[b]] = u
                seat[u] = crowd[b]
                crowd[b] += 1
            rows[a], rows[b] = rows_a, rows_b
            columns[a], columns[b] = columns_a, columns_b
            packets += gain
            overflow, used, taken_area, beyond = new_overflow, new_used, new_area, new_beyond
            if beyond == 0:
                price = w_packets * packets + w_area * taken_area
                if found < 0 or price < found:
                    found = price
                    best[:] = home[:num_units]
    penalty[2] = fine
    totals[PACKETS], totals[OVERFLOW], totals[USED], totals[AREA] = packets, overflow, used, taken_area
    return found

"""Moves of units between clusters, priced by exact increments.

A search state is a label per unit and, for every source and cluster, the number of synapses it has there; rows,
columns, packets and overflow follow from that by increments of the fan-in of one unit. Limits are soft inside the
search: what exceeds them counts as overflow and is penalised, and only states without overflow are handed out.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.compiling import kernel

PACKETS, OVERFLOW, USED, AREA = range(4)


@kernel(inline="always")
def excess(used, limit):
    """Overflow of one resource: squared, lest all of it gather in one cluster."""
    return (used - limit) * (used - limit) if used > limit else 0


@kernel
def fill(home, num_units, count, rows, columns, totals, net, limits):
    """Compute everything a state keeps from its labels."""
    ptr, idx, _, _, spikes, fan_out, _ = net
    max_rows, max_columns, area, _, per_synapse = limits
    count[:] = 0
    rows[:] = 0
    columns[:] = 0
    totals[:] = 0
    for u in range(num_units):
        c = home[u]
        columns[c] += 1
        for p in range(ptr[u], ptr[u + 1]):
            if count[idx[p], c] == 0:
                rows[c] += 1
            count[idx[p], c] += 1
    for k in range(len(spikes)):
        if per_synapse:
            totals[PACKETS] += spikes[k] * (fan_out[k] - (count[k, home[k]] if home[k] >= 0 else 0))
        else:
            for c in range(len(rows)):
                if count[k, c] > 0 and c != home[k]:
                    totals[PACKETS] += spikes[k]
    for c in range(len(rows)):
        totals[OVERFLOW] += excess(rows[c], max_rows[c]) + excess(columns[c], max_columns[c])
        if columns[c] > 0:
            totals[USED] += 1
            totals[AREA] += area[c]


@kernel
def change(u, a, b, ptr, idx, spikes, loop, per_synapse, home, count):
    """What moving unit ``u`` from ``a`` to ``b`` changes: packets, rows freed in ``a``, rows taken in ``b``."""
    packets = np.int64(0)
    freed = 0
    taken = 0
    for p in range(ptr[u], ptr[u + 1]):
        k = idx[p]
        where = home[k]
        last = count[k, a] == 1
        first = count[k, b] == 0
        if last:
            freed += 1
        if first:
            taken += 1
        if k == u:
            continue
        if per_synapse:
            if where == a:
                packets += spikes[k]
            elif where == b:
                packets -= spikes[k]
        else:
            if last and where != a:
                packets -= spikes[k]
            if first and where != b:
                packets += spikes[k]
    if per_synapse:
        packets += spikes[u] * (count[u, a] - count[u, b] - loop[u])
    else:
        if count[u, a] > loop[u]:
            packets += spikes[u]
        if count[u, b] > 0:
            packets -= spikes[u]
    return packets, freed, taken


@kernel
def delta(u, b, home, count, rows, columns, totals, net, limits):
    """What moving unit ``u`` to cluster ``b`` changes: packets, overflow, area."""
    ptr, idx, _, _, spikes, _, loop = net
    max_rows, max_columns, area, _, per_synapse = limits
    a = home[u]
    packets, freed, taken = change(u, a, b, ptr, idx, spikes, loop, per_synapse, home, count)
    overflow = (
        excess(rows[a] - freed, max_rows[a])
        - excess(rows[a], max_rows[a])
        + excess(rows[b] + taken, max_rows[b])
        - excess(rows[b], max_rows[b])
        + excess(columns[a] - 1, max_columns[a])
        - excess(columns[a], max_columns[a])
        + excess(columns[b] + 1, max_columns[b])
        - excess(columns[b], max_columns[b])
    )
    grown = 0
    if columns[a] == 1:
        grown -= area[a]
    if columns[b] == 0:
        grown += area[b]
    return packets, overflow, grown


@kernel
def move(u, b, home, count, rows, columns, totals, net, limits):
    """Move unit ``u`` to cluster ``b``; ``totals`` are the caller's to update, but for the clusters in use."""
    ptr, idx, _, _, _, _, _ = net
    a = home[u]
    for p in range(ptr[u], ptr[u + 1]):
        k = idx[p]
        count[k, a] -= 1
        if count[k, a] == 0:
            rows[a] -= 1
        if count[k, b] == 0:
            rows[b] += 1
        count[k, b] += 1
    columns[a] -= 1
    columns[b] += 1
    if columns[a] == 0:
        totals[USED] -= 1
    if columns[b] == 1:
        totals[USED] += 1
    home[u] = b


@kernel
def _step(u, b, home, count, rows, columns, totals, net, limits):
    packets, overflow, grown = delta(u, b, home, count, rows, columns, totals, net, limits)
    move(u, b, home, count, rows, columns, totals, net, limits)
    totals[PACKETS] += packets
    totals[OVERFLOW] += overflow
    totals[AREA] += grown


@kernel
def beyond_limits(totals, top):
    """Overflow with the limits on clusters in use and on area."""
    return totals[OVERFLOW] + excess(totals[USED], top[0]) + (1 if totals[AREA] > top[1] else 0)


@kernel
def sweep(first, stop, order, home, num_units, count, rows, columns, totals, net, limits, weights, fine):
    """Try every move and swap of the units ``order[first:stop]`` and keep what improves (Kernighan-Lin).

    Returns how many were kept.
    """
    _, _, _, top, _ = limits
    kept = 0
    for i in range(first, stop):
        u = order[i]
        for b in range(len(rows)):
            if b != home[u]:
                a = home[u]
                before = weights[0] * totals[PACKETS] + weights[1] * totals[AREA] + fine * beyond_limits(totals, top)
                _step(u, b, home, count, rows, columns, totals, net, limits)
                after = weights[0] * totals[PACKETS] + weights[1] * totals[AREA] + fine * beyond_limits(totals, top)
                if after < before:
                    kept += 1
                else:
                    _step(u, a, home, count, rows, columns, totals, net, limits)
        for j in range(num_units):
            v = order[j]
            a, b = home[u], home[v]
            if a == b:
                continue
            before = weights[0] * totals[PACKETS] + weights[1] * totals[AREA] + fine * beyond_limits(totals, top)
            _step(u, b, home, count, rows, columns, totals, net, limits)
            _step(v, a, home, count, rows, columns, totals, net, limits)
            after = weights[0] * totals[PACKETS] + weights[1] * totals[AREA] + fine * beyond_limits(totals, top)
            if after < before:
                kept += 1
            else:
                _step(v, b, home, count, rows, columns, totals, net, limits)
                _step(u, a, home, count, rows, columns, totals, net, limits)
    return kept


@kernel
def _best_move(u, home, count, rows, columns, totals, net, limits, weights, fine):
    _, _, _, top, _ = limits
    gain, target = -np.inf, -1
    for b in range(len(rows)):
        if b == home[u]:
            continue
        packets, overflow, grown = delta(u, b, home, count, rows, columns, totals, net, limits)
        used = totals[USED] + (1 if columns[b] == 0 else 0) - (1 if columns[home[u]] == 1 else 0)
        beyond = overflow + excess(used, top[0]) - excess(totals[USED], top[0])
        beyond += (1 if totals[AREA] + grown > top[1] else 0) - (1 if totals[AREA] > top[1] else 0)
        worth = -(weights[0] * packets + weights[1] * grown + fine * beyond)
        if worth > gain:
            gain, target = worth, b
    return gain, target


@kernel
def fiduccia_mattheyses(steps, home, num_units, count, rows, columns, totals, net, limits, weights, fine, best):
    """One pass: move the unit of highest gain, lock it, go on even where that costs, at most ``steps`` times.

    ``best`` receives the best state without overflow that was passed; its price is returned, or -1.
    """
    ptr, idx, out_ptr, out_idx, _, _, _ = net
    _, _, _, top, _ = limits
    found = np.int64(-1)
    if beyond_limits(totals, top) == 0:
        found = weights[0] * totals[PACKETS] + weights[1] * totals[AREA]
        best[:] = home[:num_units]
    gain = np.empty(num_units)
    locked = np.zeros(num_units, dtype=np.bool_)
    for u in range(num_units):
        gain[u], _ = _best_move(u, home, count, rows, columns, totals, net, limits, weights, fine)
    for _ in range(min(steps, num_units)):
        while True:  # gains grow stale where rows and columns changed: refresh the top until it stays on top
            u = -1
            for v in range(num_units):
                if not locked[v] and (u < 0 or gain[v] > gain[u]):
                    u = v
            if u < 0:
                return found
            fresh, b = _best_move(u, home, count, rows, columns, totals, net, limits, weights, fine)
            if fresh >= gain[u]:
                break
            gain[u] = fresh
        if b < 0:
            return found
        _step(u, b, home, count, rows, columns, totals, net, limits)
        locked[u] = True
        beyond = beyond_limits(totals, top)
        price = weights[0] * totals[PACKETS] + weights[1] * totals[AREA]
        if beyond == 0 and (found < 0 or price < found):
            found = price
            best[:] = home[:num_units]
        for p in range(ptr[u], ptr[u + 1]):
            k = idx[p]
            if home[k] >= 0 and not locked[k]:
                gain[k], _ = _best_move(k, home, count, rows, columns, totals, net, limits, weights, fine)
        for p in range(out_ptr[u], out_ptr[u + 1]):
            v = out_idx[p]
            if not locked[v]:
                gain[v], _ = _best_move(v, home, count, rows, columns, totals, net, limits, weights, fine)
    return found


@kernel
def pour(order, ptr, idx, max_rows, max_columns, stamp, labels):
    """Put units in this order into one slot after the other; a slot is closed when a unit does not fit.

    The last slot takes the rest. Returns the slots used and whether all limits hold.
    """
    slot, rows, columns = 0, 0, 0
    within = True
    for u in order:
        while True:
            fresh = 0
            for p in range(ptr[u], ptr[u + 1]):
                if stamp[idx[p]] != slot:
                    fresh += 1
            if rows + fresh <= max_rows[slot] and columns < max_columns[slot]:
                break
            if slot + 1 == len(max_rows):
                within = False
                break
            slot += 1
            rows, columns = 0, 0
        for p in range(ptr[u], ptr[u + 1]):
            stamp[idx[p]] = slot
        rows += fresh
        columns += 1
        labels[u] = slot
    return slot + 1, within


@kernel
def gather(order, net, max_rows, max_columns, labels):
    """Fill one slot after the other with the unit that needs the fewest new rows; ties go by ``order``.

    The last slot takes the rest. Returns whether all limits hold.
    """
    ptr, idx, out_ptr, out_idx, _, _, _ = net
    labels[:] = -1
    fresh = np.empty(len(order), dtype=np.int64)
    stamp = np.full(len(out_ptr) - 1, -1, dtype=np.int64)
    left = len(order)
    for slot in range(len(max_rows)):
        rows, columns = 0, 0
        for u in order:
            fresh[u] = ptr[u + 1] - ptr[u]
        while left > 0 and columns < max_columns[slot]:
            u = -1
            for v in order:
                if labels[v] >= 0 or rows + fresh[v] > max_rows[slot]:
                    continue
                # the first unit is the first in the order; from then on most overlap, then fewest new rows
                if u < 0 or (columns > 0 and fresh[v] < fresh[u]):
                    u = v
                    if columns == 0:
                        break
            if u < 0:
                break
            labels[u] = slot
            columns += 1
            left -= 1
            for p in range(ptr[u], ptr[u + 1]):
                k = idx[p]
                if stamp[k] != slot:
                    stamp[k] = slot
                    rows += 1
                    for q in range(out_ptr[k], out_ptr[k + 1]):
                        fresh[out_idx[q]] -= 1
    for u in order:
        if labels[u] < 0:
            labels[u] = len(max_rows) - 1
    return left == 0

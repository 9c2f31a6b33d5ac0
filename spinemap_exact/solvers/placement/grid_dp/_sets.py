"""Compiled loops over sets of clusters, written as bit masks: enumeration, prefix values, and arcs between sets."""

from __future__ import annotations

import numpy as np
from numba import njit

FAR = np.int64(2**61)  # above every cost; internal to these loops


@njit(cache=True, nogil=True)
def sets_below(weight, linear, constant, size, limit, cap, first_high, last_high):  # type: ignore[no-untyped-def]
    """Enumerate the sets of ``size`` clusters whose cut is at most ``limit``.

    The cut of ``S`` is ``constant + linear(S)`` plus the weight between ``S`` and the rest. The clusters are split into
    two halves: the cut of a union is the sum of two tables and of one that is filled once for each upper half. Only the
    upper halves ``first_high ... last_high - 1`` are gone through.

    Returns
    -------
    masks, cuts : int64
        At most ``cap`` of them.
    count : int
        How many there are; beyond ``cap`` the enumeration stops.
    least : int
        Smallest cut of any set of this size.
    """
    m = len(weight)
    low_count = m // 2
    high_count = m - low_count
    num_low = 1 << low_count
    degree = weight.sum(axis=1) + linear
    low_cut = np.zeros(num_low, np.int64)
    members = np.zeros(num_low, np.int64)
    for s in range(1, num_low):
        i = 0
        while not (s >> i) & 1:
            i += 1
        rest = s & (s - 1)
        value = low_cut[rest] + degree[i]
        for j in range(i + 1, low_count):
            if (rest >> j) & 1:
                value -= 2 * weight[i, j]
        low_cut[s] = value
        members[s] = members[rest] + 1
    by_size = np.argsort(members, kind="mergesort")
    first = np.searchsorted(members[by_size], np.arange(low_count + 2))
    masks, cuts = np.empty(1024, np.int64), np.empty(1024, np.int64)
    shared = np.zeros(num_low, np.int64)
    count, least = 0, FAR
    for high in range(first_high, last_high):
        in_high = 0
        base = np.int64(constant)
        for j in range(high_count):
            if (high >> j) & 1:
                in_high += 1
                base += degree[low_count + j]
                for k in range(j):
                    if (high >> k) & 1:
                        base -= 2 * weight[low_count + j, low_count + k]
        in_low = size - in_high
        if in_low < 0 or in_low > low_count:
            continue
        shared[0] = base
        for i in range(low_count):
            touch = np.int64(0)
            for j in range(high_count):
                if (high >> j) & 1:
                    touch -= 2 * weight[i, low_count + j]
            half = 1 << i
            for s in range(half):
                shared[half + s] = shared[s] + touch
        for at in range(first[in_low], first[in_low + 1]):
            s = by_size[at]
            cut = shared[s] + low_cut[s]
            if cut < least:
                least = cut
            if cut <= limit:
                if count == cap:
                    return masks[:count], cuts[:count], count + 1, least
                if count == len(masks):
                    masks, cuts = np.append(masks, np.empty_like(masks)), np.append(cuts, np.empty_like(cuts))
                masks[count], cuts[count] = (high << low_count) | s, cut
                count += 1
    return masks[:count], cuts[:count], count, least


@njit(cache=True, nogil=True)
def position(block, half, count, offset, low, high):  # type: ignore[no-untyped-def]
    """Where the charge of a block stands."""
    lower, upper = block & ((np.int64(1) << half) - 1), block >> half
    below = count[lower]
    return offset[below + count[upper]] + low[lower] + high[below, upper]


@njit(cache=True, nogil=True)
def positions(blocks, half, count, offset, low, high):  # type: ignore[no-untyped-def]
    """Where the charges of many blocks stand."""
    found = np.empty(len(blocks), np.int64)
    for b in range(len(blocks)):
        found[b] = position(blocks[b], half, count, offset, low, high)
    return found


@njit(cache=True, nogil=True)
def grouped(masks, half):  # type: ignore[no-untyped-def]
    """Order that groups masks by their lower halves, and where each group starts."""
    cover = (np.int64(1) << half) - 1
    first = np.zeros((1 << half) + 1, np.int64)
    for k in range(len(masks)):
        first[(masks[k] & cover) + 1] += 1
    for s in range(1 << half):
        first[s + 1] += first[s]
    order, at = np.empty(len(masks), np.int64), first.copy()
    for k in range(len(masks)):
        s = masks[k] & cover
        order[at[s]] = k
        at[s] += 1
    return order, first


@njit(cache=True, nogil=True)
def extend(  # type: ignore[no-untyped-def]
    masks,
    cuts,
    start,
    stop,
    subsets,
    values,
    _,
    first,
    floor,
    charge,
    least,
    half,
    count,
    offset,
    low,
    high,
    limit,
    shrink,
):
    """Value of sets ``start ... stop - 1``: the cut, and the cheapest subset together with the block between.

    Subsets are grouped by their lower halves, of which only those inside the lower half of a set are looked at.

    Parameters
    ----------
    floor, least : int
        Least of all ``values``, least charge of any block.
    shrink : bool
        Only values below all found so far are wanted; the last one is the least.

    Returns
    -------
    masks, values, before, which
        Of the sets with a value of at most ``limit``: mask, value, the subset, and the number of the set.
    """
    cover = (np.int64(1) << half) - 1
    found = np.empty(64, np.int64)
    value, before, which = np.empty(64, np.int64), np.empty(64, np.int64), np.empty(64, np.int64)
    size = 0
    for k in range(start, stop):
        room = limit - cuts[k]
        if floor + least > room:
            continue
        best, chosen = room + 1, -1
        lower, upper = masks[k] & cover, masks[k] >> half
        sub = lower
        while True:
            for a in range(first[sub], first[sub + 1]):
                if values[a] + least >= best:
                    break
                if (subsets[a] >> half) & ~upper == 0:
                    block = masks[k] & ~subsets[a]
                    in_lower = block & cover
                    below = count[in_lower]
                    at = offset[below + count[block >> half]] + low[in_lower] + high[below, block >> half]
                    here = values[a] + charge[at]
                    if here < best:
                        best, chosen = here, a
            if sub == 0:
                break
            sub = (sub - 1) & lower
        if chosen >= 0:
            if size == len(found):
                found, value = np.append(found, np.empty_like(found)), np.append(value, np.empty_like(value))
                before, which = np.append(before, np.empty_like(before)), np.append(which, np.empty_like(which))
            found[size], value[size], before[size], which[size] = masks[k], best + cuts[k], chosen, k
            size += 1
            if shrink:
                limit = best + cuts[k] - 1
    return found[:size].copy(), value[:size].copy(), before[:size].copy(), which[:size].copy()


@njit(cache=True, nogil=True)
def arcs_between(  # type: ignore[no-untyped-def]
    masks,
    onward,
    start,
    stop,
    subsets,
    values,
    _,
    first,
    floor,
    charge,
    least,
    half,
    count,
    offset,
    low,
    high,
    limit,
    rest,
    cap,
):
    """Pairs of a set and a subset of it whose values and the charge between sum to at most ``limit``.

    ``rest`` of a subset becomes the least of what follows it: the charge and ``onward`` of the set.

    Returns
    -------
    tail, head : int32
        The subset and the set.
    size : int
        How many there are; beyond ``cap`` the search stops.
    """
    cover = (np.int64(1) << half) - 1
    tail, head = np.empty(1024, np.int32), np.empty(1024, np.int32)
    size = 0
    for k in range(start, stop):
        room = limit - onward[k]
        if floor + least > room:
            continue
        lower, upper = masks[k] & cover, masks[k] >> half
        sub = lower
        while True:
            for a in range(first[sub], first[sub + 1]):
                if values[a] + least > room:
                    break
                if (subsets[a] >> half) & ~upper == 0:
                    block = masks[k] & ~subsets[a]
                    in_lower = block & cover
                    below = count[in_lower]
                    at = offset[below + count[block >> half]] + low[in_lower] + high[below, block >> half]
                    if values[a] + charge[at] <= room:
                        if size == cap:
                            return tail, head, size + 1
                        if size == len(tail):
                            tail, head = np.append(tail, np.empty_like(tail)), np.append(head, np.empty_like(head))
                        tail[size], head[size] = a, k
                        size += 1
                        rest[a] = min(rest[a], charge[at] + onward[k])
            if sub == 0:
                break
            sub = (sub - 1) & lower
    return tail[:size].copy(), head[:size].copy(), size


@njit(cache=True, nogil=True)
def chain_value(line, lines, weight, unary, charge, half, count, offset, low, high):  # type: ignore[no-untyped-def]
    """Cost of a chain given by the lines of its clusters, without the constant."""
    blocks = np.zeros(lines, np.int64)
    value = np.int64(0)
    for j in range(len(line)):
        value += unary[j, line[j]]
        blocks[line[j]] |= np.int64(1) << j
        for i in range(j):
            value += weight[i, j] * abs(line[i] - line[j])
    for p in range(lines):
        value += charge[position(blocks[p], half, count, offset, low, high)]
    return value


@njit(cache=True, nogil=True)
def swap_lines(line, lines, weight, unary, charge, half, count, offset, low, high):  # type: ignore[no-untyped-def]
    """Swap clusters of different lines as long as that makes the chain cheaper."""
    m = len(line)
    blocks = np.zeros(lines, np.int64)
    for i in range(m):
        blocks[line[i]] |= np.int64(1) << i
    better = True
    while better:
        better = False
        for j in range(m):
            for i in range(j):
                a, b = line[i], line[j]
                if a == b:
                    continue
                swap = (np.int64(1) << i) | (np.int64(1) << j)
                gain = unary[i, a] + unary[j, b] - unary[i, b] - unary[j, a]
                for k in range(m):
                    if k != i and k != j:
                        gain += (weight[i, k] - weight[j, k]) * (abs(line[k] - a) - abs(line[k] - b))
                gain += charge[position(blocks[a], half, count, offset, low, high)]
                gain += charge[position(blocks[b], half, count, offset, low, high)]
                gain -= charge[position(blocks[a] ^ swap, half, count, offset, low, high)]
                gain -= charge[position(blocks[b] ^ swap, half, count, offset, low, high)]
                if gain > 0:
                    line[i], line[j] = b, a
                    blocks[a] ^= swap
                    blocks[b] ^= swap
                    better = True


@njit(cache=True, nogil=True)
def cuts(weight, linear, constant, masks):  # type: ignore[no-untyped-def]
    """Cut of each set."""
    m = len(weight)
    found = np.empty(len(masks), np.int64)
    for k in range(len(masks)):
        cut = np.int64(constant)
        for i in range(m):
            if (masks[k] >> i) & 1:
                cut += linear[i]
                for j in range(m):
                    if not (masks[k] >> j) & 1:
                        cut += weight[i, j]
        found[k] = cut
    return found

"""Compiled loops over sets of clusters, written as bit masks: enumeration, prefix values, and arcs between sets."""

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.compiling import kernel

FAR = np.int64(2**61)  # above every chain: `LARGEST_COST`, scaled, and `MOST_CHARGED`. Three of it fit int64.
LARGEST_COST = 1 << 56  # scaled by 8 and charged in full, a chain costs at most 2^59 + 2^60
_MOST_PASSES = 1000


@kernel(nogil=True)
def sets_below(weight, linear, constant, size, limit, first_high, last_high):  # type: ignore[no-untyped-def]
    """Enumerate the sets of ``size`` clusters whose cut is at most ``limit``.

    The cut of ``S`` is ``constant + linear(S)`` plus the weight between ``S`` and the rest. The clusters are split into
    two halves; each upper half has a row with the cuts of its unions with all lower halves, sorted by their size. Only
    the upper halves ``first_high ... last_high - 1`` are gone through.

    Returns
    -------
    masks, cuts : int64
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
    # rows[k] belongs to the upper halves that have their lowest member at k; each adds one cluster to a row before
    adds = np.empty((high_count, num_low), np.int64)
    table = np.zeros(num_low, np.int64)
    for j in range(high_count):
        for i in range(low_count):
            touch = -2 * weight[i, low_count + j]
            half = 1 << i
            for s in range(half):
                table[half + s] = table[s] + touch
        for at in range(num_low):
            adds[j, at] = table[by_size[at]] + degree[low_count + j]
    rows = np.empty((high_count + 1, num_low), np.int64)
    for at in range(num_low):
        rows[high_count, at] = low_cut[by_size[at]] + constant
    count, least = 0, FAR
    for high in range(first_high, last_high):
        lowest, in_high, above = high_count, 0, high_count
        for j in range(high_count - 1, -1, -1):
            if (high >> j) & 1:
                in_high += 1
                above, lowest = lowest, j
                if high == first_high or high & ((1 << j) - 1) == 0:
                    inside = np.int64(0)
                    for k in range(j + 1, high_count):
                        if (high >> k) & 1:
                            inside -= 2 * weight[low_count + j, low_count + k]
                    for at in range(num_low):
                        rows[j, at] = rows[above, at] + adds[j, at] + inside
        in_low = size - in_high
        if in_low < 0 or in_low > low_count:
            continue
        row = rows[lowest]
        for at in range(first[in_low], first[in_low + 1]):
            cut = row[at]
            if cut < least:
                least = cut
            if cut <= limit:
                if count == len(masks):
                    masks, cuts = np.append(masks, np.empty_like(masks)), np.append(cuts, np.empty_like(cuts))
                masks[count], cuts[count] = (high << low_count) | by_size[at], cut
                count += 1
    return masks[:count].copy(), cuts[:count].copy(), least


@kernel(nogil=True)
def position(block, half, count, offset, low, high):  # type: ignore[no-untyped-def]
    """Where the charge of a block stands."""
    lower, upper = block & ((np.int64(1) << half) - 1), block >> half
    below = count[lower]
    return offset[below + count[upper]] + low[lower] + high[below, upper]


@kernel(nogil=True)
def positions(blocks, half, count, offset, low, high):  # type: ignore[no-untyped-def]
    """Where the charges of many blocks stand."""
    found = np.empty(len(blocks), np.int64)
    for b in range(len(blocks)):
        found[b] = position(blocks[b], half, count, offset, low, high)
    return found


@kernel(nogil=True)
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


@kernel(nogil=True)
def lower(table, masks, values):  # type: ignore[no-untyped-def]
    """Lower the entries of sets, by their first clusters, to the given values."""
    cover = len(table) - 1
    for k in range(len(masks)):
        at = masks[k] & cover
        if values[k] < table[at]:
            table[at] = values[k]


@kernel(nogil=True)
def spread(table):  # type: ignore[no-untyped-def]
    """Lower the entry of each set to the least of any subset: first by the lowest clusters, part by part."""
    part = min(len(table), 1 << 12)
    for start in range(0, len(table), part):
        half = 1
        while half < part:
            for first in range(start, start + part, 2 * half):
                for at in range(first, first + half):
                    table[at + half] = min(table[at + half], table[at])
            half *= 2
    half = part
    while half < len(table):
        for first in range(0, len(table), 2 * half):
            for at in range(first, first + half):
                table[at + half] = min(table[at + half], table[at])
        half *= 2


@kernel(nogil=True)
def looked_up(masks, values, table, more):  # type: ignore[no-untyped-def]
    """Values of sets, each with its entry in a table by the first clusters, and the same more for all."""
    cover = len(table) - 1
    found = np.empty(len(masks), np.int64)
    for k in range(len(masks)):
        found[k] = values[k] + table[masks[k] & cover] + more
    return found


@kernel(nogil=True)
def extend(  # type: ignore[no-untyped-def]
    masks, room, subsets, values, first, floor, charge, least, half, count, offset, low, high
):
    """Value of the cheapest subset of each set, with the block between; `FAR` if a set has not that much room.

    Subsets are grouped by their lower halves, of which only those inside the lower half of a set are looked at.

    Parameters
    ----------
    floor, least : int
        Least of all ``values``, least charge of any block.
    """
    cover = (np.int64(1) << half) - 1
    found = np.full(len(masks), FAR, np.int64)
    for k in range(len(masks)):
        if floor + least > room[k]:
            continue
        best = room[k] + 1
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
                    best = min(best, values[a] + charge[at])
            if sub == 0:
                break
            sub = (sub - 1) & lower
        if best <= room[k]:
            found[k] = best
    return found


@kernel(nogil=True)
def arcs_between(  # type: ignore[no-untyped-def]
    masks,
    onward,
    start,
    stop,
    subsets,
    values,
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


@kernel(nogil=True)
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


@kernel(nogil=True)
def swap_lines(line, lines, weight, unary, charge, half, count, offset, low, high):  # type: ignore[no-untyped-def]
    """Swap clusters of different lines as long as that makes the chain cheaper, in a limited number of passes."""
    m = len(line)
    blocks = np.zeros(lines, np.int64)
    for i in range(m):
        blocks[line[i]] |= np.int64(1) << i
    for _ in range(_MOST_PASSES):
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
        if not better:
            break


@kernel(nogil=True)
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

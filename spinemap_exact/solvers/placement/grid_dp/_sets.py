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
def prefix_values(sets, cuts, before, values, limit):  # type: ignore[no-untyped-def]
    """Value of each set: its cut plus that of the cheapest subset among ``before``; FAR above ``limit``.

    ``before`` is sorted by ``values``, so that the first subset met is the cheapest.
    """
    found = np.full(len(sets), FAR, np.int64)
    for k in range(len(sets)):
        outside = ~sets[k]
        left = limit - cuts[k]
        for a in range(len(before)):
            if values[a] > left:
                break
            if before[a] & outside == 0:
                found[k] = values[a] + cuts[k]
                break
    return found


@njit(cache=True, nogil=True)
def arcs_between(before, before_values, after, after_values, limit, cap):  # type: ignore[no-untyped-def]
    """Pairs (a, b) with ``before[a]`` inside ``after[b]`` and values that sum to at most ``limit``.

    ``before`` is sorted by its values.
    """
    tail, head = np.empty(1024, np.int32), np.empty(1024, np.int32)
    count = 0
    for b in range(len(after)):
        outside = ~after[b]
        left = limit - after_values[b]
        for a in range(len(before)):
            if before_values[a] > left:
                break
            if before[a] & outside == 0:
                if count == cap:
                    return tail, head, count + 1
                if count == len(tail):
                    tail, head = np.append(tail, np.empty_like(tail)), np.append(head, np.empty_like(head))
                tail[count], head[count] = a, b
                count += 1
    return tail[:count], head[:count], count


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

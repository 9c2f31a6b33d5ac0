"""Compiled dual ascent on the level-1 reformulation."""

from __future__ import annotations

import numpy as np
from numba import njit

from spinemap_exact.kernels.assignment import assign

NEVER = np.int64(2**44)  # price of what is forbidden; everything above half of it counts as forbidden


@njit(cache=True, nogil=True)
def ascend(linear, pairs, bound, limit, steps, patience):  # type: ignore[no-untyped-def]
    """Move cost from pairs to single assignments and from there to the bound; all arrays change in place.

    At any time, bound + sum of ``linear[i, p]`` + sum of ``pairs[i, p, j, q]`` over all assignments i -> p and ordered
    pairs of them is the cost of a placement, as long as that is at most ``limit``; assignments and pairs that cannot be
    part of such a placement are forbidden.

    Returns
    -------
    bound : int
        Above ``limit`` if there is no such placement.
    tile : (n,) int64
        Tile of each row in the cheapest assignment by ``linear``.
    """
    n = len(linear)
    inner = np.empty((n - 1, n - 1), np.int64)
    u, v, match = np.empty(n - 1, np.int64), np.empty(n - 1, np.int64), np.empty(n - 1, np.int64)
    outer_u, outer_v, outer_match = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    slow = 0
    for step in range(steps + 1):
        if step > 0:
            for i in range(n):
                for p in range(n):
                    if linear[i, p] >= NEVER // 2:
                        continue
                    share, extra = linear[i, p] // (n - 1), linear[i, p] % (n - 1)
                    for j in range(n):
                        if j == i:
                            continue
                        jj = j - 1 if j > i else j
                        more = share + (1 if (jj + step) % (n - 1) < extra else 0)
                        for q in range(n):
                            if q == p:
                                continue
                            qq = q - 1 if q > p else q
                            mine, theirs = pairs[i, p, j, q], pairs[j, q, i, p]
                            if mine >= NEVER // 2 or theirs >= NEVER // 2 or linear[j, q] >= NEVER // 2:
                                inner[jj, qq] = NEVER
                                continue
                            both = mine + theirs
                            half = both - both // 2
                            pairs[j, q, i, p] = both - half
                            inner[jj, qq] = half + more
                    value = assign(inner, u, v, match)
                    if value >= NEVER // 2 or bound + value > limit:
                        linear[i, p] = NEVER
                        continue
                    linear[i, p] = value
                    for j in range(n):
                        if j == i:
                            continue
                        jj = j - 1 if j > i else j
                        for q in range(n):
                            if q == p:
                                continue
                            qq = q - 1 if q > p else q
                            if inner[jj, qq] >= NEVER // 2:
                                pairs[i, p, j, q] = NEVER
                            else:
                                left = inner[jj, qq] - u[jj] - v[qq]
                                pairs[i, p, j, q] = NEVER if bound + value + left > limit else left
        value = assign(linear, outer_u, outer_v, outer_match)
        if value >= NEVER // 2:
            bound = limit + 1
            break
        for i in range(n):
            for p in range(n):
                if linear[i, p] < NEVER // 2:
                    linear[i, p] -= outer_u[i] + outer_v[p]
                    if bound + value + linear[i, p] > limit:
                        linear[i, p] = NEVER
        bound += value
        if bound > limit:
            break
        if step > 0:
            slow = slow + 1 if value * 25 < limit - bound else 0
            if slow > patience:
                break
    tile = np.empty(n, np.int64)
    for p in range(n):
        tile[outer_match[p]] = p
    return bound, tile


@njit(cache=True, nogil=True)
def fixed(linear, pairs, i, p):  # type: ignore[no-untyped-def]
    """Sub-problem with row ``i`` on tile ``p``: what it pays with the others becomes part of their own cost."""
    n = len(linear)
    small = np.empty((n - 1, n - 1), np.int64)
    few = np.zeros((n - 1, n - 1, n - 1, n - 1), np.int64)
    for j in range(n):
        if j == i:
            continue
        jj = j - 1 if j > i else j
        for q in range(n):
            if q == p:
                continue
            qq = q - 1 if q > p else q
            cost = linear[j, q] + pairs[i, p, j, q] + pairs[j, q, i, p]
            small[jj, qq] = NEVER if cost >= NEVER // 2 else cost
            if cost >= NEVER // 2:
                continue
            for k in range(n):
                if k in (i, j):
                    continue
                kk = k - 1 if k > i else k
                for r in range(n):
                    if r in (p, q):
                        continue
                    few[jj, qq, kk, r - 1 if r > p else r] = pairs[j, q, k, r]
    return small, few

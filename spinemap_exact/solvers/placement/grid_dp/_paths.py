"""Compiled loops over the explicit graph of chains: cheapest chains, marginals, deletion, and the ascent."""

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.solvers.placement.grid_dp._blocks import advance, charge_blocks, gains, tables
from spinemap_exact.solvers.placement.grid_dp._sets import FAR


@kernel(nogil=True)
def forward(tail, head, cost, block, extra, num_nodes):  # type: ignore[no-untyped-def]
    """Cheapest way from the first node to every node, and the last arc on it."""
    value = np.full(num_nodes, FAR, np.int64)
    last = np.full(num_nodes, -1, np.int64)
    value[0] = 0
    for a in range(len(tail)):
        here = value[tail[a]] + cost[a] + extra[block[a]]
        if here < value[head[a]]:
            value[head[a]] = here
            last[head[a]] = a
    return value, last


@kernel(nogil=True)
def backward(tail, head, cost, block, extra, num_nodes):  # type: ignore[no-untyped-def]
    """Cheapest way from every node to the last node."""
    value = np.full(num_nodes, FAR, np.int64)
    value[num_nodes - 1] = 0
    for a in range(len(tail) - 1, -1, -1):
        here = value[head[a]] + cost[a] + extra[block[a]]
        if here < value[tail[a]]:
            value[tail[a]] = here
    return value


@kernel(nogil=True)
def marginals(tail, head, cost, block, extra, num_nodes):  # type: ignore[no-untyped-def]
    """Cheapest chain through each arc."""
    ahead, _ = forward(tail, head, cost, block, extra, num_nodes)
    behind = backward(tail, head, cost, block, extra, num_nodes)
    found = np.empty(len(tail), np.int64)
    for a in range(len(tail)):
        found[a] = min(FAR, ahead[tail[a]] + cost[a] + extra[block[a]] + behind[head[a]])
    return found


@kernel(nogil=True)
def restrict(tail, head, cost, block, blocks, arc_ptr, num_nodes, keep):  # type: ignore[no-untyped-def]
    """Copy of a graph with the arcs to ``keep`` that still lie on a chain; everything is renumbered."""
    reached, leads = np.zeros(num_nodes, np.bool_), np.zeros(num_nodes, np.bool_)
    reached[0] = leads[num_nodes - 1] = True
    n = len(tail)
    for a in range(n):
        if keep[a] and reached[tail[a]]:
            reached[head[a]] = True
    for a in range(n - 1, -1, -1):
        if keep[a] and leads[head[a]]:
            leads[tail[a]] = True
    node, number = np.full(num_nodes, -1, np.int32), 0
    for v in range(num_nodes):
        if reached[v] and leads[v]:
            node[v] = number
            number += 1
    ident, blocks_left = np.full(len(blocks), -1, np.int32), 0
    count = 0
    for a in range(n):
        if keep[a] and reached[tail[a]] and leads[head[a]]:
            count += 1
    new_tail, new_head = np.empty(count, np.int32), np.empty(count, np.int32)
    new_cost, new_block = np.empty(count, np.int64), np.empty(count, np.int32)
    new_blocks = np.empty(len(blocks), np.int64)
    new_ptr = np.zeros_like(arc_ptr)
    at = 0
    for line in range(len(arc_ptr) - 1):
        for a in range(arc_ptr[line], arc_ptr[line + 1]):
            if keep[a] and reached[tail[a]] and leads[head[a]]:
                b = block[a]
                if ident[b] < 0:
                    ident[b] = blocks_left
                    new_blocks[blocks_left] = blocks[b]
                    blocks_left += 1
                new_tail[at], new_head[at] = node[tail[a]], node[head[a]]
                new_cost[at], new_block[at] = cost[a], ident[b]
                at += 1
        new_ptr[line + 1] = at
    return new_tail, new_head, new_cost, new_block, new_blocks[:blocks_left].copy(), new_ptr, number


@kernel(nogil=True)
def _lines(tail, block, blocks, last, line):  # type: ignore[no-untyped-def]
    """Lines of the clusters on the cheapest chain, counted from its end."""
    node, p = len(last) - 1, 0
    while last[node] >= 0:
        mask, i = blocks[block[last[node]]], 0
        while mask:
            if mask & 1:
                line[i] = p
            mask >>= 1
            i += 1
        node = tail[last[node]]
        p += 1


@kernel(nogil=True)
def ascend(  # type: ignore[no-untyped-def]
    m, xt, xh, xc, xb, xs, xn, yt, yh, yc, yb, ys, yn, start, target, steps, length, patience
):
    """Subgradient steps on the multipliers of both directions.

    Parameters
    ----------
    m : int
        Number of clusters.
    xt, xh, xc, xb, xs, xn
        Tail, head, cost and block of each arc, the blocks, and the number of nodes in one direction; then the other.
    start : (num_multipliers,) int64
    target : int
        Value that the bound is wanted to reach; ends the ascent.
    length : float
        Polyak step length, halved after ``patience`` steps without a better bound.

    Returns
    -------
    bound, multipliers
        The best found.
    placed : bool
        True if the cheapest chains at these multipliers form a placement.
    """
    pairs = m * (m - 1) // 2
    smooth = np.zeros(len(start))
    gain = np.empty(len(start), np.int64)
    at = start.astype(np.float64)
    best, best_bound, placed = start.copy(), -FAR, False
    current = start.copy()
    x_line, y_line = np.zeros(m, np.int64), np.zeros(m, np.int64)
    stale = 0
    for _ in range(steps + 1):
        pair, triple = tables(current, m)
        x_value, x_last = forward(xt, xh, xc, xb, charge_blocks(xs, pair, triple), xn)
        y_value, y_last = forward(yt, yh, yc, yb, charge_blocks(ys, pair, triple), yn)
        bound = x_value[xn - 1] + y_value[yn - 1]
        for e in range(len(current)):
            bound -= current[e] if e < pairs else 2 * current[e]
        _lines(xt, xb, xs, x_last, x_line)
        _lines(yt, yb, ys, y_last, y_line)
        here = gains(x_line, y_line, gain)
        if bound > best_bound:
            best_bound, best, placed = bound, current.copy(), here
            stale = 0
        else:
            stale += 1
            if stale == patience:
                length *= 0.5
                stale = 0
                at = best.astype(np.float64)
                smooth[:] = 0.0
        if best_bound >= target or not advance(at, smooth, gain, current, float(target - bound), length):
            break
    return best_bound, best, placed


@kernel(nogil=True)
def least_compatible(blocks, tail, head, cost, ident, others, extra, num_nodes):  # type: ignore[no-untyped-def]
    """Cheapest chain of ``others`` whose blocks each meet one of ``blocks`` in at most one cluster."""
    found = np.empty(len(blocks), np.int64)
    allowed = np.empty(len(others), np.bool_)
    value = np.empty(num_nodes, np.int64)
    for b in range(len(blocks)):
        for c in range(len(others)):
            meet = blocks[b] & others[c]
            allowed[c] = meet & (meet - 1) == 0
        value[:] = FAR
        value[0] = 0
        for a in range(len(tail)):
            c = ident[a]
            if allowed[c]:
                here = value[tail[a]] + cost[a] + extra[c]
                if here < value[head[a]]:
                    value[head[a]] = here
        found[b] = value[num_nodes - 1]
    return found


@kernel(nogil=True)
def count_containing(blocks, amount, m):  # type: ignore[no-untyped-def]
    """How many blocks contain each cluster, and what their amounts sum to."""
    count, total = np.zeros(m, np.int64), np.zeros(m)
    for b in range(len(blocks)):
        for i in range(m):
            if (blocks[b] >> i) & 1:
                count[i] += 1
                total[i] += amount[b]
    return count, total

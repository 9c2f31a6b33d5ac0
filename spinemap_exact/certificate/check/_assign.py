"""Bounds on many assignment problems at once. How the dual values are found need not be trusted: they are verified."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array

NEVER = 2**50  # cost of what is ruled out; costs that are real stay below
_LARGEST_DUAL = 2**55  # sums of 2 x 49 of these fit into int64


def bounds(costs: Array) -> tuple[Array, Array]:
    """Lower bounds on assignment problems, and the assignments found on the way.

    For any u and v with u_i + v_j <= cost_ij, every assignment costs at least sum u + sum v. That is what is verified
    here, so a slip in the search for u and v could only weaken a bound.

    Parameters
    ----------
    costs : (num, k, k) int64
        At most `NEVER` in size.

    Returns
    -------
    bounds : (num,) int64
    column_of_row : (num, k) int64
    """
    u, v, column_of_row = _solve(costs)
    if u.size == 0:
        return np.zeros(len(costs), dtype=np.int64), column_of_row
    small = (np.abs(u).max(axis=1) <= _LARGEST_DUAL) & (np.abs(v).max(axis=1) <= _LARGEST_DUAL)
    u, v = np.where(small[:, None], u, 0), np.where(small[:, None], v, 0)
    excess = np.maximum(0, u[:, :, None] + v[:, None, :] - costs).max(axis=2)  # zero unless the search is wrong
    return (u - excess).sum(axis=1) + v.sum(axis=1), column_of_row


def _solve(costs: Array) -> tuple[Array, Array, Array]:
    """Shortest augmenting paths, one row of every problem at a time."""
    num, k, _ = costs.shape
    column_of_row, row_of_column = np.full((2, num, k), -1, dtype=np.int64)
    v = costs.min(axis=1, initial=NEVER)
    u = (costs - v[:, None, :]).min(axis=2, initial=NEVER)
    tight = costs == u[:, :, None] + v[:, None, :]
    for i in range(k):
        fits = tight[:, i] & (row_of_column < 0)
        found = np.flatnonzero(fits.any(axis=1))
        j = fits[found].argmax(axis=1)
        column_of_row[found, i], row_of_column[found, j] = j, i
    while (open_problems := np.flatnonzero((column_of_row < 0).any(axis=1))).size:
        a = open_problems
        start = (column_of_row[a] < 0).argmax(axis=1)
        distance, previous, done, sink, least = _shortest(costs, u, v, row_of_column, a, start)
        _raise(u, v, row_of_column, a, start, distance, done, least)
        _augment(column_of_row, row_of_column, a, start, previous, sink)
    return u, v, column_of_row


def _shortest(
    costs: Array, u: Array, v: Array, row_of_column: Array, a: Array, start: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Dijkstra's algorithm from a row to the nearest free column."""
    distance = costs[a, start] - u[a, start][:, None] - v[a]
    previous = np.repeat(start[:, None], distance.shape[1], axis=1)
    done = np.zeros(distance.shape, dtype=bool)
    sink, least = np.zeros((2, len(a)), dtype=np.int64)
    running = np.arange(len(a))
    while running.size:
        nearest = np.where(done[running], np.iinfo(np.int64).max, distance[running])
        j = nearest.argmin(axis=1)
        length = nearest[np.arange(len(running)), j]
        done[running, j] = True
        sink[running], least[running] = j, length
        i = row_of_column[a[running], j]
        onward = i >= 0
        running, i, length = running[onward], i[onward], length[onward]
        p = a[running]
        longer = length[:, None] + costs[p, i] - u[p, i][:, None] - v[p]
        better = ~done[running] & (longer < distance[running])
        distance[running] = np.where(better, longer, distance[running])
        previous[running] = np.where(better, i[:, None], previous[running])
    return distance, previous, done, sink, least


def _raise(
    u: Array, v: Array, row_of_column: Array, a: Array, start: Array, distance: Array, done: Array, least: Array
) -> None:
    """Change the dual values so that the shortest paths become tight."""
    u[a, start] += least
    at, j = np.nonzero(done & (row_of_column[a] >= 0))
    gain = least[at] - distance[at, j]
    u[a[at], row_of_column[a[at], j]] += gain
    v[a[at], j] -= gain


def _augment(column_of_row: Array, row_of_column: Array, a: Array, start: Array, previous: Array, j: Array) -> None:
    """Exchange what is assigned along the paths."""
    at = np.arange(len(a))
    while at.size:
        i = previous[at, j]
        row_of_column[a[at], j] = i
        following = column_of_row[a[at], i]
        column_of_row[a[at], i] = j
        onward = i != start[at]
        at, j = at[onward], following[onward]

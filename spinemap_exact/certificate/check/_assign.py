"""Bounds on many assignment problems at once. How the dual values are found need not be trusted: they are verified."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array

NEVER = 2**50  # cost of what is ruled out; costs that are real stay below
_BEYOND = 2**62
_LARGEST_DUAL = 2**55  # sums of 2 x 49 of these fit into int64


def bounds(costs: Array, enough: Array | None = None) -> tuple[Array, Array]:
    """Lower bounds on assignment problems, and the assignments found on the way.

    For any u and v with u_i + v_j <= cost_ij, every assignment costs at least sum u + sum v. That is what is verified
    here, so a slip in the search for u and v could only weaken a bound.

    Parameters
    ----------
    costs : (num, k, k) int64
        At most `NEVER` in size.
    enough : (num,) int64, optional
        A bound above this need not be the best one, and its assignment may be incomplete.

    Returns
    -------
    bounds : (num,) int64
    column_of_row : (num, k) int64
    """
    u, v, column_of_row = _solve(costs, enough)
    if u.size == 0:
        return np.zeros(len(costs), dtype=np.int64), column_of_row
    small = (np.abs(u).max(axis=1) <= _LARGEST_DUAL) & (np.abs(v).max(axis=1) <= _LARGEST_DUAL)
    u, v = np.where(small[:, None], u, 0), np.where(small[:, None], v, 0)
    excess = np.maximum(0, u[:, :, None] + v[:, None, :] - costs).max(axis=2)  # zero unless the search is wrong
    return (u - excess).sum(axis=1) + v.sum(axis=1), column_of_row


def _solve(costs: Array, enough: Array | None) -> tuple[Array, Array, Array]:
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
    while True:
        open_problems = (column_of_row < 0).any(axis=1)
        if enough is not None:
            open_problems &= u.sum(axis=1) + v.sum(axis=1) <= enough
        a = np.flatnonzero(open_problems)
        if not a.size:
            return u, v, column_of_row
        start = (column_of_row[a] < 0).argmax(axis=1)
        distance, previous, done, sink, least = _shortest(costs, u, v, row_of_column, a, start)
        _raise(u, v, row_of_column, a, start, distance, done, least)
        _augment(column_of_row, row_of_column, a, start, previous, sink)


def _shortest(
    costs: Array, u: Array, v: Array, row_of_column: Array, a: Array, start: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Dijkstra's algorithm from a row to the nearest free column."""
    reached = costs[a, start] - u[a, start][:, None] - v[a]
    distance, previous = np.empty_like(reached), np.empty_like(reached)
    done = np.zeros(reached.shape, dtype=bool)
    sink, least = np.zeros((2, len(a)), dtype=np.int64)
    running, at = np.arange(len(a)), np.arange(len(a))  # problems whose path has no end yet, and their rows below
    before = np.repeat(start[:, None], reached.shape[1], axis=1)
    nearest = reached.copy()  # of the columns that are not done
    while running.size:
        j = nearest.argmin(axis=1)
        length = nearest[at, j]
        nearest[at, j] = _BEYOND
        done[running, j] = True
        i = row_of_column[a[running], j]
        onward = i >= 0
        if not onward.all():
            ended = running[~onward]
            sink[ended], least[ended] = j[~onward], length[~onward]
            distance[ended], previous[ended] = reached[~onward], before[~onward]
            running, i, j, length = running[onward], i[onward], j[onward], length[onward]
            reached, before, nearest = reached[onward], before[onward], nearest[onward]
            at = at[: len(running)]
        p = a[running]
        longer = costs[p, i] - v[p]
        longer += (length - u[p, i])[:, None]
        better = longer < reached  # never where done: no way on is shorter than the way there
        np.copyto(reached, longer, where=better)
        np.copyto(nearest, longer, where=better)
        np.copyto(before, i[:, None], where=better)
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

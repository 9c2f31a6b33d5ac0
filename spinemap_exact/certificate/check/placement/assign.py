"""Bounds on assignment problems. How the dual values are found need not be trusted: they are verified."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array

NEVER = 2**50  # cost of what is ruled out; costs that are real stay below
_BEYOND = 2**62
_LARGEST_DUAL = 2**55  # sums of 2 x 49 of these fit into int64


class Start(NamedTuple):
    """Where the search for dual values begins: values of the columns, and an assignment that may be a good one."""

    v: Array
    column_of_row: Array

    def without(self, i: int, j: int) -> Start:
        """The same for a problem that lacks a row and a column."""
        columns = np.delete(self.column_of_row, i)
        return Start(np.delete(self.v, j), np.where(columns == j, -1, columns - (columns > j)))


def bounds(costs: Array, enough: Array | None = None, start: Start | None = None) -> Array:
    """(num,) int64: lower bounds on assignment problems.

    For any u and v with u_i + v_j <= cost_ij, every assignment costs at least sum u + sum v. That is what is verified
    here, so a slip in the search for u and v could only weaken a bound.

    Parameters
    ----------
    costs : (num, k, k) int64
        At most `NEVER` in size.
    enough : (num,) int64, optional
        A bound above this need not be the best one.
    """
    return _verified(costs, *_solve(costs, enough, start))


def bound(costs: Array, enough: int, start: Start | None = None) -> tuple[int, Start]:
    """The same for a single problem, (k, k) int64; and where a search on similar costs should begin."""
    u, v, column_of_row = _solve_one(costs, enough, start)
    return int(_verified(costs[None], u[None], v[None])[0]), Start(v, column_of_row)


def _verified(costs: Array, u: Array, v: Array) -> Array:
    """Sums of dual values, less what they exceed costs by."""
    if u.size == 0:
        return np.zeros(len(costs), dtype=np.int64)
    small = (np.abs(u).max(axis=1) <= _LARGEST_DUAL) & (np.abs(v).max(axis=1) <= _LARGEST_DUAL)
    u, v = np.where(small[:, None], u, 0), np.where(small[:, None], v, 0)
    excess = np.maximum(0, u[:, :, None] + v[:, None, :] - costs).max(axis=2)  # zero unless the search is wrong
    total: Array = (u - excess).sum(axis=1) + v.sum(axis=1)
    return total


def _solve_one(costs: Array, enough: int, start: Start | None) -> tuple[Array, Array, Array]:
    """Shortest augmenting paths, in Python's own integers: faster than arrays for some fifty rows."""
    k = len(costs)
    v = costs.min(axis=0, initial=NEVER) if start is None else start.v
    u = (costs - v).min(axis=1, initial=NEVER)
    v = v + (costs - u[:, None] - v).min(axis=0, initial=NEVER)
    left = (costs - u[:, None] - v).tolist()
    total, up, down = int(u.sum() + v.sum()), [0] * k, [0] * k
    column_of_row, row_of_column = _tight(left, start)
    for i in range(k):
        if total > enough:
            break
        if column_of_row[i] < 0:
            total += _lengthen(left, i, up, down, column_of_row, row_of_column)
    return u + np.array(up, dtype=np.int64), v + np.array(down, dtype=np.int64), np.array(column_of_row, dtype=np.int64)


def _tight(left: list[list[int]], start: Start | None) -> tuple[list[int], list[int]]:
    """As many pairs of a row and a column of cost zero as are seen at once, first those that were assigned before."""
    k = len(left)
    column_of_row, row_of_column = [-1] * k, [-1] * k
    given = [-1] * k if start is None else start.column_of_row.tolist()
    for i, j in enumerate(given):
        if j >= 0 and left[i][j] == 0 and row_of_column[j] < 0:
            column_of_row[i], row_of_column[j] = j, i
    for i, row in enumerate(left):
        if column_of_row[i] < 0:
            j = next((j for j, cost in enumerate(row) if cost == 0 and row_of_column[j] < 0), -1)
            if j >= 0:
                column_of_row[i], row_of_column[j] = j, i
    return column_of_row, row_of_column


def _lengthen(
    left: list[list[int]],
    start: int,
    up: list[int],
    down: list[int],
    column_of_row: list[int],
    row_of_column: list[int],
) -> int:
    """Assign one more row, by Dijkstra's algorithm; return what the dual values gain."""
    k = len(left)
    reached, before = [_BEYOND] * k, [start] * k
    todo, done = list(range(k)), []
    i, length = start, 0
    while True:
        row, offset, least, nearest = left[i], length - up[i], _BEYOND, -1
        for j in todo:
            cost = row[j] - down[j] + offset
            if cost < reached[j]:
                reached[j], before[j] = cost, i
            else:
                cost = reached[j]
            if cost < least:
                least, nearest = cost, j
        todo.remove(nearest)
        length = least
        if row_of_column[nearest] < 0:
            break
        done.append(nearest)
        i = row_of_column[nearest]
    up[start] += length
    for j in done:
        up[row_of_column[j]] += length - reached[j]
        down[j] -= length - reached[j]
    while True:
        i = before[nearest]
        row_of_column[nearest] = i
        column_of_row[i], nearest = nearest, column_of_row[i]
        if i == start:
            return length


def _solve(costs: Array, enough: Array | None, start: Start | None) -> tuple[Array, Array]:
    """Shortest augmenting paths, one row of every problem at a time."""
    v = costs.min(axis=1, initial=NEVER) if start is None else np.repeat(start.v[None], len(costs), axis=0)
    u = (costs - v[:, None, :]).min(axis=2, initial=NEVER)
    left = costs - u[:, :, None] - v[:, None, :]
    gain = left.min(axis=1, initial=NEVER)
    v += gain
    left -= gain[:, None, :]
    column_of_row, row_of_column = _tight_of_each(left, start)
    while True:
        open_problems = (column_of_row < 0).any(axis=1)
        if enough is not None:
            open_problems &= u.sum(axis=1) + v.sum(axis=1) <= enough
        a = np.flatnonzero(open_problems)
        if not a.size:
            return u, v
        first = (column_of_row[a] < 0).argmax(axis=1)
        distance, previous, done, sink, least = _shortest(costs, u, v, row_of_column, a, first)
        _raise(u, v, row_of_column, a, first, distance, done, least)
        _augment(column_of_row, row_of_column, a, first, previous, sink)


def _tight_of_each(left: Array, start: Start | None) -> tuple[Array, Array]:
    """Pairs of a row and a column of cost zero, for every problem."""
    num, k, _ = left.shape
    column_of_row, row_of_column = np.full((2, num, k), -1, dtype=np.int64)
    if start is not None and (start.column_of_row >= 0).all():
        rows, columns = np.arange(k), start.column_of_row
        fits = left[:, rows, columns] == 0
        column_of_row[:] = np.where(fits, columns, -1)
        row_of_column[:, columns] = np.where(fits, rows, -1)
    for i in range(k):
        fits = (left[:, i] == 0) & (row_of_column < 0) & (column_of_row[:, i] < 0)[:, None]
        found = np.flatnonzero(fits.any(axis=1))
        j = fits[found].argmax(axis=1)
        column_of_row[found, i], row_of_column[found, j] = j, i
    return column_of_row, row_of_column


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

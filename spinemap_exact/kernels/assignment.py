"""Linear assignment with integer duals."""

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.compiling import kernel


@kernel(nogil=True)
def assign(cost, row_dual, column_dual, row_of_column):  # type: ignore[no-untyped-def]
    """Solve a square assignment problem by shortest augmenting paths; fill the duals and the matching in place.

    Returns
    -------
    int
        The least cost: the sum of all duals. All ``cost - row_dual - column_dual`` are at least zero.

    References
    ----------
    R. Jonker, A. Volgenant, Computing 38 (1987), doi:10.1007/BF02278710.
    """
    n = len(cost)
    column_of_row = np.full(n, -1, np.int64)
    row_of_column[:] = -1
    for j in range(n):
        least, at = cost[0, j], 0
        for i in range(1, n):
            if cost[i, j] < least:
                least, at = cost[i, j], i
        column_dual[j] = least
        if column_of_row[at] < 0:
            column_of_row[at], row_of_column[j] = j, at
    for i in range(n):
        row_dual[i] = 0
        if column_of_row[i] < 0:
            least, at = cost[i, 0] - column_dual[0], 0
            for j in range(1, n):
                if cost[i, j] - column_dual[j] < least:
                    least, at = cost[i, j] - column_dual[j], j
            row_dual[i] = least
            if row_of_column[at] < 0:
                column_of_row[i], row_of_column[at] = at, i
    distance = np.empty(n, np.int64)
    previous = np.empty(n, np.int64)
    done = np.empty(n, np.bool_)
    for start in range(n):
        if column_of_row[start] >= 0:
            continue
        for j in range(n):
            distance[j] = cost[start, j] - row_dual[start] - column_dual[j]
            previous[j] = start
            done[j] = False
        while True:
            least, sink = np.int64(2**62), -1
            for j in range(n):
                if not done[j] and distance[j] < least:
                    least, sink = distance[j], j
            done[sink] = True
            i = row_of_column[sink]
            if i < 0:
                break
            for j in range(n):
                if not done[j]:
                    longer = least + cost[i, j] - row_dual[i] - column_dual[j]
                    if longer < distance[j]:
                        distance[j], previous[j] = longer, i
        row_dual[start] += least
        for j in range(n):
            if done[j] and row_of_column[j] >= 0:
                row_dual[row_of_column[j]] += least - distance[j]
                column_dual[j] -= least - distance[j]
        while True:
            i = previous[sink]
            row_of_column[sink] = i
            column_of_row[i], sink = sink, column_of_row[i]
            if i == start:
                break
    return row_dual.sum() + column_dual.sum()

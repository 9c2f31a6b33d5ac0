"""Which cells of a square some one-to-one assignment uses. Rows and columns are bits of Python's integers."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array


def usable(alive: Array) -> Array | None:
    """(k, k) bool: cells that some one-to-one assignment of cells alive uses; None if there is no such assignment.

    Given one assignment, a cell (i, j) lies on another one if and only if it closes a cycle: from i to the row that has
    j, and from row to row by cells that are alive back to i.
    """
    if alive.all():
        return alive
    k = len(alive)
    columns = [int(mask) for mask in alive @ (1 << np.arange(k))]
    row_of_column = _assignment(columns, k)
    if row_of_column is None:
        return None
    column_of_row = np.argsort(row_of_column)
    onward = alive[:, column_of_row] | np.eye(k, dtype=bool)  # row i reaches row p if it may have p's column
    reached = [int(mask) for mask in onward @ (1 << np.arange(k))]
    for p in range(k):
        through = reached[p]
        reached = [mask | through if mask >> p & 1 else mask for mask in reached]
    back = np.array(reached, dtype=np.int64)[row_of_column]  # of the row that has each column
    found: Array = alive & (back[None, :] >> np.arange(k)[:, None] & 1 == 1)
    return found


def _assignment(columns: list[int], k: int) -> list[int] | None:
    """A row for every column, given the columns that each row may have; None if there is no assignment."""
    row_of_column, free = [-1] * k, (1 << k) - 1
    for i in range(k):
        tried = 0
        path: list[tuple[int, int]] = []  # rows, and the columns they ask for
        row = i
        while True:
            left = columns[row] & ~tried
            if left:
                left = left & free or left
                bit = left & -left
                tried |= bit
                path.append((row, bit.bit_length() - 1))
                row = row_of_column[path[-1][1]]
                if row < 0:
                    free ^= bit
                    break
            elif path:
                row = path.pop()[0]
            else:
                return None
        for asking, column in path:
            row_of_column[column] = asking
    return row_of_column

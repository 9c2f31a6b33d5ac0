"""Bounds that need no search: how many clusters columns and rows enforce."""

from __future__ import annotations

import numpy as np

from spinemap_exact.problems.partition import PartitionProblem


def fewest_by_counting(problem: PartitionProblem, rows: int, columns: int) -> int:
    """Clusters that any partition needs: columns for the units, rows for the axons.

    Every unit takes a column, every source that is read takes a row somewhere, and a cluster that shares all axons
    as well as possible still holds no more units than it has columns.
    """
    n = problem.num_units
    if n == 0:
        return 0
    read = int((problem.network.fan_out > 0).sum())
    by_columns = -(-n // columns)
    by_rows = -(-read // rows)
    # sorted by fan-in, the widest unit of every ``columns`` units needs rows of its own axons at least once
    widest = np.sort(problem.network.fan_in[:n])[::-1]
    return max(1, by_columns, by_rows, int(widest[0] > 0))

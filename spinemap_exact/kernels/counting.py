"""Counting bounds on the crossbars of an unrolling: columns, rows and cells that any solution needs."""

from __future__ import annotations

import numpy as np

from spinemap_exact.problems.unroll import UnrollProblem, homogeneous_units


def counting_bounds(problem: UnrollProblem) -> dict[str, int]:
    """Return lower bounds on the crossbars by resource; the largest holds.

    A neuron of m inputs has at least ceil((m - 1)/(R - 1)) units, for a unit reads R axons and carries at most, and
    every unit but one sends a carry. An axon read by d neurons has at least ceil(d/N) rows, for N columns stand
    behind a row. Unconnected neurons take a column.

    * columns: all units
    * rows: all rows of axons, and one for each carry
    * cells: one for each synapse and each carry
    """
    network, rows, columns = problem.network, problem.rows, problem.columns
    units = fewest_units(problem)
    carries = int(units.sum()) - int((units > 0).sum())
    axon_rows = int((-(-network.fan_out // columns)).sum())
    return {
        "columns": -(-int(units.sum()) // columns),
        "rows": -(-(axon_rows + carries) // rows),
        "cells": -(-(network.num_synapses + carries) // (rows * columns)),
    }


def fewest_units(problem: UnrollProblem) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(num_neurons,) int64: units that each neuron needs at least; exactly that many where they are homogeneous."""
    fan_in = problem.network.fan_in
    width = problem.unit_fan_in or problem.rows
    units = homogeneous_units(fan_in, width) if width > 1 else np.ones_like(fan_in)
    return np.where(problem.network.is_input, 0, units)

"""Chains of units as wide as a crossbar, poured into crossbars in consecutive slices: one pass, for any size.

The unrolling of `chain` with the packing of PACMAN (see ``heuristics/partition/sequential.py``).
"""

from __future__ import annotations

from spinemap_exact.heuristics.partition import sequential
from spinemap_exact.heuristics.unroll.chain import chain
from spinemap_exact.mapping import Unrolling
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Watch


def run(problem: UnrollProblem, watch: Watch, start: PackedUnrolling | None = None) -> PackedUnrolling | None:
    """Unroll into chains and slice; None if a limit of the problem forbids the result."""
    needed = problem.unit_fan_in is not None or problem.network.fan_in.max() > problem.rows
    unit_fan_in = problem.unit_fan_in or problem.rows
    unrolling = chain(problem.network, unit_fan_in) if needed else Unrolling.identity(problem.network)
    units = unrolling.unit_network(problem.network)
    sliced = sequential.run(PartitionProblem(units, (problem.crossbar,), units.num_units), watch)
    if sliced is None:
        return None
    packed = PackedUnrolling(unrolling, sliced)
    return None if problem.violations(packed) else packed

"""Which solver suits a partition problem."""

from __future__ import annotations

from spinemap_exact.problems.partition import PartitionProblem


def choose(problem: PartitionProblem) -> str:
    """Name the solver to run.

    Where crossbars differ, branch and price bounds them by their largest, so that small problems are better left to the
    assignment model alone. Beyond some size that model is too large to be worth its memory, and branch and price runs
    alone. In between both race.
    """
    size = problem.network.num_synapses * min(problem.max_clusters, problem.num_units)
    if len(problem.crossbars) > 1 and size <= 10_000:
        return "assignment-cpsat"
    return "race" if size <= 100_000 else "branch-price"

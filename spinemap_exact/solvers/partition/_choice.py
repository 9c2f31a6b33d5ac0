"""Which solver suits a partition problem."""

from __future__ import annotations

from spinemap_exact.problems.partition import PartitionProblem


def choose(problem: PartitionProblem) -> str:
    """Name the solver to run.

    Beyond some size the assignment model is too large to be worth its memory, and branch and price runs alone. Below
    both race, with one crossbar type or several.
    """
    size = problem.network.num_synapses * min(problem.max_clusters, problem.num_units)
    return "race" if size <= 100_000 else "branch-price"

"""Which solver suits a partition problem."""

from __future__ import annotations

from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.solvers.partition.moments import obstacle
from spinemap_exact.solvers.partition.race import LARGE


def choose(problem: PartitionProblem) -> str:
    """Name the solver to run: with one crossbar type or several, all race that are worth their memory."""
    size = problem.network.num_synapses * min(problem.max_clusters, problem.num_units)
    return "branch-price" if size > LARGE and obstacle(problem) else "race"

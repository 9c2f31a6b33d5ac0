"""Which solver suits a partition problem."""

from __future__ import annotations

from spinemap_exact.problems.partition import PartitionProblem


def choose(problem: PartitionProblem) -> str:
    """Name the solver to run.

    With two or three large clusters and few synapses the assignment model is solved faster than a price is found for
    clusters, of which there are too many; also where crossbars differ, since branch and price bounds these by their
    largest. In all other cases its bound is the stronger by far.
    """
    few = min(problem.max_clusters, problem.num_units) <= 3
    sparse = problem.network.num_synapses <= 5 * problem.num_units
    small_and_mixed = len(problem.crossbars) > 1 and problem.num_units * problem.max_clusters <= 2000
    return "assignment-cpsat" if (few and sparse) or small_and_mixed else "branch-price"

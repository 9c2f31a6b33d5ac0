"""Simulated annealing over moves and swaps with exact increments and soft limits, restarted until the time is up.

S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, Optimization by Simulated Annealing, 1983, doi:10.1126/science.220.4598.671.
"""

from __future__ import annotations

from spinemap_exact.kernels.partition_search import annealed
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Watch


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Anneal from ``start`` or from random partitions; None if none within the limits was met."""
    return annealed(problem, watch, start)

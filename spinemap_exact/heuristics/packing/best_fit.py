"""Best fit decreasing: each item, largest first, into the fullest bin that has room for it."""

from __future__ import annotations

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.bin_fitting import best_fit_decreasing
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.result import Watch


def run(problem: PackingProblem, watch: Watch, start: Array | None = None) -> Array:
    """Pack at once, at most 11/9 of the fewest bins and one more.

    References
    ----------
    D. S. Johnson et al., Worst-Case Performance Bounds for Simple One-Dimensional Packing Algorithms, 1974,
    doi:10.1137/0203025.
    """
    return best_fit_decreasing(problem.sizes, problem.capacity)

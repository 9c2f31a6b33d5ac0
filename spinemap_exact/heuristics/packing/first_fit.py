"""First fit decreasing: each item, largest first, into the first bin that has room for it."""

from __future__ import annotations

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.bin_fitting import first_fit_decreasing
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.result import Watch


def run(problem: PackingProblem, watch: Watch, start: Array | None = None) -> Array:
    """Pack at once, at most 11/9 of the fewest bins and 6/9 of a bin more.

    References
    ----------
    G. Dósa, The Tight Bound of First Fit Decreasing Bin-Packing Algorithm Is FFD(I) <= 11/9 OPT(I) + 6/9, 2007,
    doi:10.1007/978-3-540-74450-4_1.
    """
    return first_fit_decreasing(problem.sizes, problem.capacity)

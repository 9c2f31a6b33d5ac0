r"""A bound on placements from a semidefinite relaxation, for any distances; made exact in integers.

Clusters without flow fill the empty tiles. With x[i,t] = 1 if cluster i lies on tile t, the products
Y[it,ju] = x[i,t] x[j,u] of a placement

* form a matrix without negative eigenvalues,
* are zero where i = j or t = u, but not both, and never negative; each block of a pair (i,j) sums to one,
* satisfy the assignment constraints: in a basis where constant vectors are split off, Y lives on the products of
  vectors that sum to zero over clusters and over tiles, and on one constant vector (`_splitting`).

Relaxation  `_splitting`: alternate projections with multipliers (ADMM) minimise the cost over matrices with these three
            properties. The automorphisms of a mesh split the eigenvalue problem into blocks. This runs in floating
            point, and nothing of it is believed.
Bound       `_rounding`: the multipliers of the first property are a matrix G'G, rounded so that G is integer. As
            |G x|^2 >= 0, a placement costs at least what it costs under C - G'G, and that is another quadratic
            assignment problem, which the integer dual ascent of `rlt1` bounds: exactly, whatever G is.

The relaxation contains that of `rlt1` and is much stronger where clusters have more than two flows each.

References
----------
Q. Zhao, S. Karisch, F. Rendl, H. Wolkowicz, J. Comb. Optim. 2 (1998), doi:10.1023/A:1009795911987 (the relaxation).
D. Oliveira, H. Wolkowicz, Y. Xu, Math. Prog. Comp. 10 (2018), doi:10.1007/s12532-018-0148-9, and N. Graham, H. Hu,
J. Im, X. Li, H. Wolkowicz, INFORMS J. Comput. 34 (2022), doi:10.1287/ijoc.2022.1161 (the splitting).
"""

from __future__ import annotations

import logging

from threadpoolctl import threadpool_limits

from spinemap_exact.kernels import tabu
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import SolveResult, Watch, conclude
from spinemap_exact.solvers.placement._bounds import cheap_bound
from spinemap_exact.solvers.placement._coarse import solve_coarse
from spinemap_exact.solvers.placement._symmetry import grain
from spinemap_exact.solvers.placement.rlt1 import misfit, obstacle
from spinemap_exact.solvers.placement.rlt1._tree import LARGEST_COST
from spinemap_exact.solvers.placement.semidefinite._rounding import Rounding
from spinemap_exact.solvers.placement.semidefinite._splitting import Splitting

logger = logging.getLogger(__name__)

ENGINE = "semidefinite"
_FIRST_STEPS, _STEPS = 5, 20  # before the first exact bound, and between two of them
_IDLE, _SLOW = 4, 200  # stop after so many bounds in a row that close less than 1/200 of the gap


def solve(problem: PlacementProblem, watch: Watch, warm_start: Placement | None = None) -> SolveResult[Placement]:
    """Place clusters by tabu search and bound the cost on up to 49 tiles; beyond that, bound it cheaply and say so."""
    if problem.ceiling > LARGEST_COST and not misfit(problem):
        return solve_coarse(solve, problem, watch, warm_start, LARGEST_COST)
    seconds = None if watch.remaining_s is None else 0.2 * watch.remaining_s
    incumbent = tabu.search(problem, watch.part(seconds), warm_start, idle_starts=5)
    watch.report(objective=problem.cost(incumbent), dual_bound=cheap_bound(problem))
    search = Search(problem, watch, incumbent)
    reason = search.run()
    return conclude(
        problem, search.incumbent, search.bound, engine=ENGINE, watch=watch, reason=reason, details=search.details
    )


class Search:
    """From an incumbent to a bound; the attributes are those of `grid_dp.Search`, and nothing is left as evidence."""

    evidence = None

    def __init__(self, problem: PlacementProblem, watch: Watch, incumbent: Placement) -> None:
        self.problem, self.watch, self.incumbent = problem, watch, incumbent
        self.cost = problem.cost(incumbent)
        self.bound = self.cost if problem.num_tiles == 1 else min(self.cost, cheap_bound(problem))
        self.steps = 0

    @property
    def details(self) -> dict[str, int]:
        return {"steps": self.steps}

    def accept(self, placement: Placement) -> None:
        """Take over a placement that somebody else has found, if it is better."""
        cost = self.problem.cost(placement)
        if cost < self.cost:
            self.cost, self.incumbent = cost, placement

    def run(self) -> str:
        """Raise the bound until it meets the incumbent or hardly rises; return why it was not tried, or nothing."""
        if self.bound == self.cost:
            return ""
        if why := obstacle(self.problem):
            logger.warning("semidefinite falls back to a simple bound: %s", why)
            return f"fell back to a simple bound: {why}"
        # BLAS threads spin while they wait for each other: where there is other work, steps take ten times as long
        with threadpool_limits(limits=1):
            self._ascend()
        return ""

    def _ascend(self) -> None:
        """Raise the bound until it meets the cost, hardly rises any more, or the time is over."""
        unit, watch = grain(self.problem), self.watch
        splitting, rounding = Splitting(self.problem, watch.limits.workers), Rounding(self.problem)
        idle, rounding_s, over = 0, 0.0, False
        while self.bound < self.cost and idle < _IDLE and not over:
            for _ in range(_STEPS if splitting.steps else _FIRST_STEPS):
                if watch.should_stop():
                    return
                over = watch.remaining_s is not None and watch.remaining_s < 2 * rounding_s
                if over:  # what is left is just enough for a last bound
                    break
                splitting.step()
                self.steps = splitting.steps
            began = watch.elapsed_s
            proven = rounding.bound(*splitting.multipliers())
            rounding_s = watch.elapsed_s - began
            proven = min(self.cost, -(-proven // unit) * unit)
            idle = idle + 1 if (proven - self.bound) * _SLOW <= self.cost - self.bound else 0
            self.bound = max(self.bound, proven)
            watch.report(dual_bound=self.bound)

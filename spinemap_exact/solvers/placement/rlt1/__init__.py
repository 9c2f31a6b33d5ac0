r"""Branch and bound on the level-1 reformulation of quadratic assignment, for any matrices.

Clusters without flow fill the empty tiles. With x[i,j] = 1 if cluster i lies on tile j, the cost of a placement is

    sum L[i,j] x[i,j] + sum over i < p of S[i,p,j,q] x[i,j] x[p,q].

The assignment constraints times x[i,j], "if i lies on j, then p lies somewhere" and "... then somebody lies on q", have
multipliers U[i,j,p] and V[i,j,q]. What they take from the pair costs S they give to the leaders L:

    L[i,j] += sum_p U[i,j,p] + sum_q V[i,j,q],    S[i,p,j,q] -= U[i,j,p] + V[i,j,q] + U[p,q,i] + V[p,q,j],

and every placement keeps its cost. As long as no S is negative, the linear assignment problem of L is a bound.

Ascent      `_ascent`: a round spreads the leaders evenly over their pairs; then each x[i,j] solves the assignment
            problem of its own pairs (of half of what they hold if the other cluster has its turn later) and gives the
            value to its leader. Costs are scaled integers, remainders stay where they are.
Probing     Fixing i on j adds S[i,p,j,q] to the leader of every (p,q): one more assignment problem. Where its value
            reaches the incumbent, (i,j) is forbidden.
Branching   One cluster on every tile, or one tile for every cluster: the choice with the smallest estimate of the tree
            below it. Tiles are alike if an automorphism that keeps all costs and the tiles in use exchanges them: one
            of them is enough. So are clusters without flow. A child starts from the multipliers of its parent.
Order       Least bound first, until memory is short; from then on depth first.

References
----------
P. Hahn, T. Grant, Lower bounds for the quadratic assignment problem based upon a dual formulation, Operations Research
46 (1998), doi:10.1287/opre.46.6.912. W. Adams, T. Johnson, Improved linear programming-based lower bounds for the
quadratic assignment problem, DIMACS Series 16 (1994).
"""

from __future__ import annotations

import logging

from spinemap_exact.kernels import tabu
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import SolveResult, Watch, conclude
from spinemap_exact.solvers.placement._bounds import cheap_bound
from spinemap_exact.solvers.placement._coarse import solve_coarse, too_large
from spinemap_exact.solvers.placement.rlt1._tree import LARGEST_COST, Trail, Tree, Visit

__all__ = ["ENGINE", "Trail", "Visit", "misfit", "obstacle", "solve"]

logger = logging.getLogger(__name__)

ENGINE = "rlt1"
MOST_TILES = 49  # the pairs of 49 tiles take 46 MB


def solve(problem: PlacementProblem, watch: Watch, warm_start: Placement | None = None) -> SolveResult[Placement]:
    """Place clusters on up to 49 tiles with any distances; beyond that, bound the cost cheaply and say so."""
    if problem.ceiling > LARGEST_COST and not misfit(problem):
        return solve_coarse(solve, problem, watch, warm_start, LARGEST_COST)
    seconds = None if watch.remaining_s is None else 0.2 * watch.remaining_s
    incumbent = tabu.search(problem, watch.part(seconds), warm_start, idle_starts=5)
    watch.report(objective=problem.cost(incumbent), dual_bound=cheap_bound(problem))
    search = Search(problem, watch, incumbent)
    reason = search.run()
    return conclude(
        problem,
        search.incumbent,
        search.bound,
        engine=ENGINE,
        watch=watch,
        reason=reason,
        evidence=search.evidence,
        details=search.details,
    )


class Search:
    """From an incumbent to a bound; the attributes are those of `grid_dp.Search`, the evidence is a `Trail`."""

    def __init__(self, problem: PlacementProblem, watch: Watch, incumbent: Placement) -> None:
        self.problem, self.watch = problem, watch
        self.bound = min(problem.cost(incumbent), cheap_bound(problem))
        self._tree: Tree | None = None
        self._known = incumbent

    @property
    def incumbent(self) -> Placement:
        return self._known if self._tree is None else self._tree.incumbent

    @property
    def evidence(self) -> Trail | None:
        return None if self._tree is None else self._tree.trail

    @property
    def details(self) -> dict[str, int]:
        return {} if self._tree is None else {"nodes": self._tree.nodes}

    def accept(self, placement: Placement) -> None:
        """Take over a placement that somebody else has found, if it is better."""
        if self._tree is not None:
            self._tree.accept(placement)
        elif self.problem.cost(placement) < self.problem.cost(self._known):
            self._known = placement

    def run(self) -> str:
        """Raise the bound until it meets the incumbent; return why that failed, or nothing."""
        if self.bound == self.problem.cost(self._known):
            return ""
        if why := obstacle(self.problem):
            logger.warning("rlt1 falls back to a simple bound: %s", why)
            return f"fell back to a simple bound: {why}"
        self._tree = Tree(self.problem, self.watch, self._known, self.bound)
        self._tree.run()
        self.bound = self._tree.bound
        return ""


def misfit(problem: PlacementProblem) -> str:
    """Say what keeps the method from a problem, however small its costs, or nothing."""
    return f"{problem.num_tiles} tiles are more than {MOST_TILES}" if problem.num_tiles > MOST_TILES else ""


def obstacle(problem: PlacementProblem) -> str:
    """Say what keeps the method from a problem, or from costs as large as these, or nothing."""
    return misfit(problem) or too_large(problem, LARGEST_COST)

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
from spinemap_exact.solvers.placement.rlt1._tree import LARGEST_COST, Tree

logger = logging.getLogger(__name__)

ENGINE = "rlt1"
MOST_TILES = 49  # the pairs of 49 tiles take 46 MB


def solve(problem: PlacementProblem, watch: Watch, warm_start: Placement | None = None) -> SolveResult[Placement]:
    """Place clusters on up to 49 tiles with any distances; beyond that, bound the cost cheaply and say so."""
    seconds = None if watch.remaining_s is None else 0.2 * watch.remaining_s
    incumbent = tabu.search(problem, watch.part(seconds), warm_start, idle_starts=5)
    cost = problem.cost(incumbent)
    bound = min(cost, cheap_bound(problem))
    watch.report(objective=cost, dual_bound=bound)
    if why := "" if bound == cost else obstacle(problem):
        logger.warning("rlt1 falls back to a simple bound: %s", why)
        return conclude(
            problem, incumbent, bound, engine=ENGINE, watch=watch, reason=f"fell back to a simple bound: {why}"
        )
    tree = Tree(problem, watch, incumbent, bound)
    tree.run()
    return conclude(
        problem,
        tree.incumbent,
        tree.bound,
        engine=ENGINE,
        watch=watch,
        evidence=tree.trail,
        details={"nodes": tree.nodes},
    )


def obstacle(problem: PlacementProblem) -> str:
    """Say what keeps the method from a problem, or nothing."""
    if problem.num_tiles > MOST_TILES:
        return f"{problem.num_tiles} tiles are more than {MOST_TILES}"
    total = int(problem.distances.max()) * (int(problem.flow.sum()) + 1) + int(problem.linear.sum(axis=0).max())
    return f"costs may reach {total}" if total > LARGEST_COST else ""

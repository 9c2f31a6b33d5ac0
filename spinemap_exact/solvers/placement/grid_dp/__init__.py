r"""Exact placement on a mesh by its Manhattan structure.

The cost of a placement is what its columns cost plus what its rows cost. In either direction alone the clusters are
ordered into lines of given sizes and pay the cut at each boundary between lines: a *chain* of sets, each containing the
one before. A chain of columns and a chain of rows form a placement if and only if no pair of clusters shares both.

Bound       For every pair of clusters, [i, j share a column] + [i, j share a row] <= 1. For every triple, the columns
            and the rows that it stands on are four at least. With multipliers >= 0 of these inequalities

                min_X (cost(X) + what the multipliers charge for the blocks of X)
              + min_Y (cost(Y) + what they charge for the blocks of Y) - sum of lambda - 2 * sum of mu

            is at most the cost of any placement. A block pays lambda for each pair in it, and mu or 2 mu for each
            triple of which it holds two or three clusters. Both minima are exact; costs are scaled by 8 and
            multipliers are integers, so the bound is one.
Ascent      `_layers`: a dynamic programme over the sets at the ends of lines, from both ends to the middle. A swap
            search finds a good chain first; `_ends` leaves only sets that bounds from both ends allow to beat it.
Chains      `_chains`: every chain that could belong to a placement better than the incumbent, as the paths of a layered
            graph. A chain deleted under any multipliers is gone for good. On the graph (10^3 to 10^6 arcs) a step of
            the ascent takes milliseconds; it is extracted as soon as it is small enough.
Deletion    A block (the clusters of one line) is deleted if its cheapest chain, plus the cheapest chain of the other
            direction that meets it in single clusters, less the multipliers, reaches the incumbent.
Branching   "The line of cluster i is exactly block B", one child for each B left; the other direction keeps what
            meets B in at most one cluster.
Empty tiles Each direction has a profile: how many clusters stand on each line. Profiles of columns and rows are paired
            if a 0-1 matrix with these sums exists (Gale, Ryser); each pair is a root of its own.
Symmetry    Where a reflection keeps the I/O tile, a profile stands for its mirror image as well and, if it equals that,
            one cluster may be assumed on the first half of the lines. Where columns and rows may be exchanged, the
            columns are assumed to cost no more than the rows, hence at most half of what the incumbent costs. (First
            exchange, then reflect: a reflection leaves the costs of columns and rows as they are.)

The I/O tile is a terminal of the cuts; unequal hops scale one direction. Costs that may exceed 2^56 are rounded down
(`_coarse`).

References
----------
Lagrangean decomposition: M. Guignard, S. Kim, Mathematical Programming 39 (1987), doi:10.1007/BF02592954. Dynamic
programming over subsets for arrangements: M. Held, R. M. Karp, J. SIAM 10 (1962), doi:10.1137/0110015. Existence of 0-1
matrices: H. J. Ryser, Canadian J. Math. 9 (1957), doi:10.4153/CJM-1957-044-3.
"""

from __future__ import annotations

import logging
from functools import partial

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels import tabu
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import SolveResult, StopReason, Watch, conclude
from spinemap_exact.solvers.placement._bounds import cheap_bound
from spinemap_exact.solvers.placement._coarse import solve_coarse
from spinemap_exact.solvers.placement._symmetry import grain
from spinemap_exact.solvers.placement.grid_dp._lists import OutOfTime, TooManyChains
from spinemap_exact.solvers.placement.grid_dp._roots import Roots, misfit, obstacle
from spinemap_exact.solvers.placement.grid_dp._sets import LARGEST_COST
from spinemap_exact.solvers.placement.grid_dp._tree import SCALE, Tree

logger = logging.getLogger(__name__)

__all__ = ["ENGINE", "LARGEST_COST", "MEMORY_GB", "Search", "misfit", "obstacle", "solve"]

ENGINE = "grid-dp"
MEMORY_GB = 4


def solve(
    problem: PlacementProblem, watch: Watch, warm_start: Placement | None = None, memory_gb: float = MEMORY_GB
) -> SolveResult[Placement]:
    """Place clusters on a full mesh of up to about 30 clusters, or bound the cost where that takes too much memory.

    Parameters
    ----------
    memory_gb : float
        What sets and chains may take together. Where they would not fit, the result holds the incumbent and the best
        bound so far, and says so in its reason.
    """
    if problem.ceiling > LARGEST_COST and not misfit(problem):
        return solve_coarse(partial(solve, memory_gb=memory_gb), problem, watch, warm_start, LARGEST_COST)
    seconds = None if watch.remaining_s is None else 0.2 * watch.remaining_s
    incumbent = tabu.search(problem, watch.part(seconds), warm_start, idle_starts=5)
    watch.report(objective=problem.cost(incumbent), dual_bound=cheap_bound(problem))
    search = Search(problem, watch, incumbent, memory_gb)
    reason = search.run()
    return conclude(
        problem,
        search.incumbent,
        search.bound,
        engine=ENGINE,
        watch=watch,
        stopped_by=StopReason.MEMORY if search.short_of_memory else None,
        reason=reason,
        evidence=search.evidence,
        details=search.details,
    )


class Search:
    """From an incumbent to a bound.

    Attributes
    ----------
    incumbent : Placement
        The best so far, also while the search runs.
    bound : int
        No placement costs less; up to date when `run` returns.
    evidence : list of dict
        What a certificate can be written from.
    short_of_memory : bool
        True if that is what ended `run`.
    """

    def __init__(
        self, problem: PlacementProblem, watch: Watch, incumbent: Placement, memory_gb: float = MEMORY_GB
    ) -> None:
        self.problem, self.watch, self.memory_gb = problem, watch, memory_gb
        self.bound = min(problem.cost(incumbent), cheap_bound(problem))
        self.evidence: list[dict[str, object]] = []
        self.short_of_memory = False
        self._start = incumbent
        self._tree = Tree(problem.num_clusters, problem.cost(incumbent), grain(problem), self._price, watch)

    @property
    def incumbent(self) -> Placement:
        found = self._tree.found
        return self._start if found is None else self._placement(*found)

    @property
    def details(self) -> dict[str, int]:
        return {"nodes": self._tree.nodes}

    def accept(self, placement: Placement) -> None:
        """Take over a placement that somebody else has found, if it is better."""
        assert self.problem.mesh is not None
        row, column = np.divmod(placement.tile_of_cluster.astype(np.int64), self.problem.mesh.width)
        self._tree.offer(column, row)

    def run(self) -> str:
        """Raise the bound until it meets the incumbent; return why that failed, or nothing."""
        if self.bound == self._tree.cost:
            return ""
        if why := obstacle(self.problem):
            logger.warning("grid-dp falls back to a simple bound: %s", why)
            return f"fell back to a simple bound: {why}"
        try:
            self._search()
        except TooManyChains as why:
            logger.warning("grid-dp stops for lack of memory: %s", why)
            self.short_of_memory = True
            return f"memory limit: {why}"
        except OutOfTime:
            pass
        return ""

    def _search(self) -> None:
        tree = self._tree
        cap = max(1, int(self.memory_gb * 2**30 / 400))  # some 400 bytes for each set or arc, with all copies
        roots = Roots(self.problem, tree, cap)
        try:
            roots.open()
            self.watch.report(dual_bound=roots.bound)
            tree.run(self.watch.limits.workers)
        finally:
            self.evidence = [
                {
                    "kind": "lines",
                    "scale": SCALE,
                    "multipliers": multipliers.tolist(),
                }
                for _, multipliers in sorted(tree.climbs, key=lambda climb: -climb[0])[:3]
            ]
            proven = tree.bound if roots.complete else roots.bound
            self.bound = min(tree.cost, max(self.bound, proven))

    def _placement(self, column: Array, row: Array) -> Placement:
        assert self.problem.mesh is not None
        return Placement(row * self.problem.mesh.width + column)

    def _price(self, column: Array, row: Array) -> int:
        return self.problem.cost(self._placement(column, row))

r"""A bound on packets from the moments of clusters: for large clusters, where rows bind and linear bounds see nothing.

A cluster C is the vector v with v_0 = 1, x_i = 1 for each of its units, y_k = 1 for each source that it reads. Added up
over the clusters of a partition, M = sum of v v' says how many clusters there are (M_00), which units lie together
(X_ij), how many clusters read a source (M_kk) and whether one of them holds a certain unit: packets are linear in M.
There is no index of a cluster, hence no symmetry. Each cluster has rows g.v >= 0,

    y_k >= x_i where i reads k,   y_k <= 1,   y_k <= sum of x_i over its readers,   sum y <= R,   sum x <= N,

so that M

* has no negative eigenvalues and no negative entries,
* satisfies G M >= 0 and G M G' >= 0, products of rows with entries and with each other,
* has M_0i = M_ii = M_ki = 1 where i reads k, and M_kk = M_0k.

This is the choice among clusters of `branch_price`, with the pricing problem - how many units fit into R rows -
replaced by its relaxation with all products of pairs. A linear relaxation takes a bit of each unit; that M has no
negative eigenvalues forbids it.

Relaxation  `_splitting`: alternate projections with multipliers (ADMM). This runs in floating point, and nothing of it
            is believed.
Bound       `_rounding`: the multipliers, rounded to integers, prove a bound whatever they are.

References
----------
S. Burer, On the copositive representation of binary and continuous nonconvex quadratic programs, Math. Program. 120
(2009), doi:10.1007/s10107-008-0223-z (products of rows on a moment matrix). H. Sherali, W. Adams, A hierarchy of
relaxations, SIAM J. Discrete Math. 3 (1990), doi:10.1137/0403036. L. Lovasz, A. Schrijver, Cones of matrices and
set-functions and 0-1 optimization, SIAM J. Optim. 1 (1991), doi:10.1137/0801013.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from spinemap_exact.kernels.partition_search import annealed
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import SolveResult, Watch, conclude
from spinemap_exact.solvers.partition.branch_price._counting import packets_of_sources
from spinemap_exact.solvers.partition.moments._block import Block, Case
from spinemap_exact.solvers.partition.moments._rounding import Frame, evidence, total
from spinemap_exact.solvers.partition.moments._splitting import Multipliers, Splitting

logger = logging.getLogger(__name__)

ENGINE = "moments"
_SHARE, _LEAST_S = 0.1, 8.0  # of the time for annealing, up to so many seconds
_STEPS = 20  # between two bounds
_ROUNDING = 8  # times that rounding takes as long as a bound in floating point
_IDLE, _SLOW = 12, 1000  # stop after so many bounds in a row that close less than 1/1000 of the gap
_LARGEST, _MOST_ROWS = 900, 5000  # entries and rows: 100 MB each for products of rows, a second for a step


def solve(problem: PartitionProblem, watch: Watch, warm_start: Partition | None = None) -> SolveResult[Partition]:
    """Anneal, then bound; where that is not possible, bound by counting and say why."""
    limit = watch.remaining_s
    start = warm_start if warm_start is not None and not problem.violations(warm_start) else None
    packets = problem.objective is PartitionObjective.PACKETS
    if (misfit := problem.why_infeasible()) is not None:
        return conclude(problem, None, None, engine=ENGINE, watch=watch, infeasible=True, reason=misfit)
    limits = max(c.rows for c in problem.crossbars), max(c.columns for c in problem.crossbars)
    floor = int(packets_of_sources(problem, *limits).sum()) if packets else 0
    start = annealed(problem, watch.part(_LEAST_S if limit is None else min(_LEAST_S, _SHARE * limit)), start, floor)
    watch.report(None if start is None else problem.cost(start), floor if packets else None, note="counting")
    if (why := obstacle(problem)) or (start is not None and problem.cost(start) <= floor):
        if why:
            logger.warning("moments falls back to counting: %s", why)
        reason = f"fell back to counting: {why}" if why else ""
        return conclude(problem, start, floor if packets else None, engine=ENGINE, watch=watch, reason=reason)
    search = Search(problem, watch, start, floor)
    search.run()
    return conclude(
        problem, start, search.bound, engine=ENGINE, watch=watch, evidence=search.evidence, details=search.details
    )


def obstacle(problem: PartitionProblem) -> str:
    """Say why there is no such bound for a problem; nothing if there is one."""
    if problem.objective is not PartitionObjective.PACKETS:
        return f"it bounds packets, not {problem.objective}"
    network = problem.network
    if network.num_synapses + 2 * network.num_neurons > _MOST_ROWS:
        return f"{network.num_synapses} synapses are too many for the products of all rows"
    if 1 + problem.num_units + len(problem.nets) > _LARGEST:
        return f"{problem.num_units} units and {len(problem.nets)} sources are more than {_LARGEST}"
    return "" if problem.num_units else "there are no units"


class Search:
    """Raises the bound until it meets the incumbent, hardly rises any more, or the time is over."""

    def __init__(self, problem: PartitionProblem, watch: Watch, start: Partition | None, floor: int) -> None:
        self.problem, self.watch, self.bound = problem, watch, floor
        self.cost = None if start is None else problem.cost(start)
        self.start = Partition(np.arange(problem.num_units, dtype=np.int32)) if start is None else start
        self.evidence: dict[str, Any] | None = None
        self.steps = 0

    @property
    def details(self) -> dict[str, int]:
        return {"steps": self.steps}

    def run(self) -> None:
        # BLAS threads spin while they wait for each other: where there is other work, steps take ten times as long
        with threadpool_limits(limits=1):
            case = Case.of(self.problem)
            blocks = [Block(case, set())]
            splitting, frames = Splitting(case, blocks, self.start), [Frame.of(case, b) for b in blocks]
            found = self._ascend(splitting, frames)
            if found is None:
                return
            rounded = evidence(frames, *found, splitting.unit)
        if rounded is not None and rounded[0] > self.bound:
            self.bound, self.evidence = rounded
            self.watch.report(dual_bound=self.bound)

    def _ascend(self, splitting: Splitting, frames: list[Frame]) -> tuple[list[Multipliers], int] | None:
        """Return the best multipliers seen, and about what they prove; None if that is less than is known."""
        best, at, idle, step_s, bound_s = None, float(self.bound), 0, 0.0, 0.0
        while idle < _IDLE and (self.cost is None or at < self.cost):
            for _ in range(_STEPS):
                left = self.watch.remaining_s
                if self.watch.should_stop() or (left is not None and left < step_s + _ROUNDING * bound_s):
                    return best
                began = self.watch.elapsed_s
                splitting.step()
                self.steps, step_s = splitting.steps, self.watch.elapsed_s - began
            began = self.watch.elapsed_s
            found = splitting.multipliers()
            value = total(frames, [f.left(m) for f, m in zip(frames, found, strict=True)]) / 2
            gain, bound_s = value - at, self.watch.elapsed_s - began
            slow = self.cost is not None and gain * _SLOW <= self.cost - at
            idle = idle + 1 if best is not None and slow else 0
            if gain > 0:
                best, at = (found, int(value)), value
        return best

"""Branch, price and cut over clusters: an exact partitioner.

Every objective is a sum over clusters, so a partition is a choice among all feasible clusters such that each unit lies
in one. The linear relaxation of that is strong - 90 to 100 % of the optimum where the assignment model has 11 to 44 % -
and is solved by column generation: annealing finds the clusters, an exact pricer certifies that none is missing and
gives an integer bound from any duals. Pairs of units are branched on together or apart (Ryan and Foster 1981), and
subset-row cuts tighten the relaxation. Where that takes long and the gap is small, all clusters in question are listed,
and a choice among them ends the search. With several crossbar types the choice is among clusters and types
(`_mixes`); one type is a mix with one entry.

C. Barnhart et al., Branch-and-Price: Column Generation for Solving Huge Integer Programs, 1998,
doi:10.1287/opre.46.3.316.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import SolveResult, Watch, conclude
from spinemap_exact.solvers.partition.branch_price._graph import Branching, Instance, Pricing
from spinemap_exact.solvers.partition.branch_price._mixes import Mixes, undominated
from spinemap_exact.solvers.partition.branch_price._node import Evidence, Leaf, Listing, Proof
from spinemap_exact.solvers.partition.branch_price._run import ENGINE, Run, beyond_pricing, infeasible, of_the_largest

__all__ = ["ENGINE", "Evidence", "Leaf", "Listing", "Proof", "listed", "solve"]


def solve(
    problem: PartitionProblem, watch: Watch, warm_start: Partition | None = None, *, may_list: bool = True
) -> SolveResult[Partition]:
    """Partition optimally, or as far as the time allows, with a bound that holds in either case.

    A choice among listed clusters leaves only what it began with, several crossbar types leave nothing; without
    ``may_list``, branching goes on to the end, and all crossbars count as the largest.
    """
    if (misfit := problem.why_infeasible()) is not None:
        return infeasible(problem, watch, misfit)
    if problem.num_units == 0:
        return conclude(problem, Partition(np.zeros(0, dtype=np.int32)), 0, engine=ENGINE, watch=watch)
    allowed = _clusters_allowed(problem)
    start = warm_start if warm_start is not None and not problem.violations(warm_start) else None
    several = len(problem.crossbars) > 1
    if several and may_list and len(kinds := undominated(problem, allowed)) == 1:
        return _on_the_best_type(problem, watch, warm_start, kinds[0])
    mixes = Mixes(problem, allowed)
    if several and (not may_list or mixes.too_many or beyond_pricing(problem)):
        mixes = of_the_largest(problem, allowed)
    return Run(problem, watch, start, mixes, may_list).result()


def _on_the_best_type(
    problem: PartitionProblem, watch: Watch, warm_start: Partition | None, kind: int
) -> SolveResult[Partition]:
    """No other type holds what this one does not, and there are enough of it at no more area."""
    alone = replace(problem, crossbars=(problem.crossbars[kind],))
    result = solve(alone, watch, None if warm_start is None else Partition(warm_start.cluster_of_unit))
    if result.incumbent is None:
        return result
    clusters = result.incumbent.num_clusters
    return replace(
        result, incumbent=Partition(result.incumbent.cluster_of_unit, np.full(clusters, kind, dtype=np.int32))
    )


def listed(
    problem: PartitionProblem,
    duals: Sequence[int],
    triples: Sequence[tuple[int, ...]],
    penalties: Sequence[int],
    scale: int,
    above: int,
    most: int,
    watch: Watch,
) -> dict[int, int] | None:
    """Find all clusters, as bit masks, that scaled duals and penalties make worth more than ``above``.

    Returns what each is worth; None if they are more than ``most``, or time ran out.
    """
    rows, columns = (max(getattr(c, name) for c in problem.crossbars) for name in ("rows", "columns"))
    pricing = Pricing(Instance(problem, rows, columns, packets=True), Branching(), triples)
    prices = np.array(duals, dtype=np.int64), np.array(penalties, dtype=np.int64)
    clusters = pricing.above(*prices, scale, above, watch, most)
    if clusters is None:
        return None
    return {sum(1 << u for u in c): pricing.value(c, *prices, scale) for c in clusters}


def _clusters_allowed(problem: PartitionProblem) -> int:
    """At most so many clusters, by number, counts of crossbars and area."""
    allowed = min(problem.max_clusters, problem.num_units)
    counts = [c.count for c in problem.crossbars]
    if all(count is not None for count in counts):
        allowed = min(allowed, sum(count for count in counts if count is not None))
    if problem.max_area is not None:
        allowed = min(allowed, problem.max_area // min(c.area for c in problem.crossbars))
    return allowed

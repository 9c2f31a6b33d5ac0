"""Branch, price and cut over clusters: an exact partitioner.

Every objective is a sum over clusters, so a partition is a choice among all feasible clusters such that each unit lies
in one. The linear relaxation of that is strong - 90 to 100 % of the optimum where the assignment model has 11 to 44 % -
and is solved by column generation: annealing finds the clusters, an exact pricer certifies that none is missing and
gives an integer bound from any duals. Pairs of units are branched on together or apart (Ryan and Foster 1981), and
subset-row cuts tighten the relaxation. Where that takes long and the gap is small, all clusters in question are listed,
and a choice among them ends the search. With several crossbar types the choice is among clusters and types (`_mixes`,
`_mixed_tree`).

C. Barnhart et al., Branch-and-Price: Column Generation for Solving Huge Integer Programs, 1998,
doi:10.1287/opre.46.3.316.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spinemap_exact.errors import EngineDefect
from spinemap_exact.hardware import Crossbar
from spinemap_exact.kernels.partition_search import annealed, fewest_clusters
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import SolveResult, Status, Watch, conclude
from spinemap_exact.solvers import cpsat
from spinemap_exact.solvers.partition.branch_price._counting import (
    fewest_by_counting,
    packets_by_eigenvalues,
    packets_of_sources,
)
from spinemap_exact.solvers.partition.branch_price._graph import Branching, Instance, Pricing
from spinemap_exact.solvers.partition.branch_price._mixed_tree import MixedTree
from spinemap_exact.solvers.partition.branch_price._mixes import Mixes, undominated
from spinemap_exact.solvers.partition.branch_price._tree import Evidence, Leaf, Listing, Proof, Tree

__all__ = ["ENGINE", "Evidence", "Leaf", "Listing", "Proof", "listed", "solve"]

ENGINE = "branch-price"
_MEMORY = 3 * 10**9  # bytes
_LARGE = 14  # units per cluster from which on a bundle method, over the largest type, bounds several types best


def solve(
    problem: PartitionProblem, watch: Watch, warm_start: Partition | None = None, *, may_list: bool = True
) -> SolveResult[Partition]:
    """Partition optimally, or as far as the time allows, with a bound that holds in either case.

    A choice among listed clusters leaves only what it began with, several crossbar types leave nothing; without
    ``may_list``, branching goes on to the end, and all crossbars count as the largest.
    """
    if (misfit := problem.why_infeasible()) is not None:
        return _infeasible(problem, watch, misfit)
    if len(problem.crossbars) > 1 and may_list and problem.num_units > 0:
        return _of_several_types(problem, watch, warm_start)
    return _of_one_type(problem, watch, warm_start, may_list)


def _of_several_types(problem: PartitionProblem, watch: Watch, warm_start: Partition | None) -> SolveResult[Partition]:
    """Choose a crossbar type for each cluster as well, unless one type serves all."""
    allowed = _clusters_allowed(problem)
    kinds = undominated(problem, allowed)
    if len(kinds) == 1:
        return _on_the_best_type(problem, watch, warm_start, kinds[0])
    mixes = Mixes(problem, allowed)
    if mixes.too_many or _beyond_pricing(problem):
        return _of_one_type(problem, watch, warm_start, may_list=True)
    if not len(mixes.vectors):
        limit = "" if problem.max_area is None else f" of area {problem.max_area}"
        return _infeasible(
            problem,
            watch,
            f"no {allowed} crossbars{limit} have the columns and rows that {problem.num_units} units need",
        )
    objective, packets = problem.objective, problem.objective is PartitionObjective.PACKETS
    start = warm_start if warm_start is not None and not problem.violations(warm_start) else None
    limit_s = watch.limits.time_s
    if packets:
        rows, columns = max(c.rows for c in problem.crossbars), max(c.columns for c in problem.crossbars)
        floor = int(packets_of_sources(problem, rows, columns).sum())
    else:
        price = mixes.area if objective is PartitionObjective.AREA else np.ones_like(mixes.area)
        floor = int((mixes.vectors @ price).min())
    budget = min(8.0, 2e-3 * problem.num_units**2, 8.0 if limit_s is None else 0.08 * limit_s)
    start = annealed(problem, watch.part(budget), start, target=floor)
    if start is None:  # what annealing does not find may not exist
        goal = PartitionObjective.CROSSBARS if problem.max_area is None else PartitionObjective.AREA
        fit = MixedTree(problem, mixes, goal, watch.part(), None, 0, any_will_do=True)
        if not fit.too_large and fit.run() >= fit.cutoff and fit.incumbent is None:
            what = "number, counts and area" if problem.max_area is not None else "number and counts"
            return _infeasible(problem, watch, f"no clusters fit the crossbars within the limits on {what}")
        start = fit.incumbent
    if packets and (start is None or problem.cost(start) > floor):
        glance = watch.part(5.0 if limit_s is None else 0.2 * limit_s)
        floor = max(floor, packets_by_eigenvalues(problem, rows, columns, allowed, glance))
    watch.report(None if start is None else problem.cost(start), floor, note="counting")
    evidence = None
    if packets and problem.num_units >= _LARGE * allowed:
        wide = _of_one_type(problem, watch.part(60.0 if limit_s is None else 0.5 * limit_s), start, may_list=False)
        if wide.status is Status.INFEASIBLE:
            return _infeasible(problem, watch, wide.reason)
        evidence, start, floor = wide.evidence, wide.incumbent or start, max(floor, wide.dual_bound or 0)
    tree = MixedTree(problem, mixes, objective, watch, start, floor)
    bound = floor if tree.too_large else tree.run()
    if tree.incumbent is None and bound >= tree.cutoff and not tree.too_large:
        return _infeasible(problem, watch, "no clusters fit the crossbars within the limits")
    details = {
        "nodes": tree.nodes_done,
        "columns": len(tree.master.columns),
        "cuts": len(tree.master.triples),
        "pricing_calls": tree.pricing_calls,
        "mixes": len(mixes.vectors),
        "root_bound": tree.root_bound,
    }
    return conclude(problem, tree.incumbent, bound, engine=ENGINE, watch=watch, evidence=evidence, details=details)


def _on_the_best_type(
    problem: PartitionProblem, watch: Watch, warm_start: Partition | None, kind: int
) -> SolveResult[Partition]:
    """No other type holds what this one does not, and there are enough of it at no more area."""
    alone = replace(problem, crossbars=(problem.crossbars[kind],))
    start = None if warm_start is None else Partition(warm_start.cluster_of_unit)
    result = _of_one_type(alone, watch, start, may_list=True)
    if result.incumbent is None:
        return result
    clusters = result.incumbent.num_clusters
    return replace(
        result, incumbent=Partition(result.incumbent.cluster_of_unit, np.full(clusters, kind, dtype=np.int32))
    )


def _of_one_type(
    problem: PartitionProblem, watch: Watch, warm_start: Partition | None, may_list: bool
) -> SolveResult[Partition]:
    """Partition onto one crossbar type; where there are several, bound by the largest and anneal."""
    rows = max(c.rows for c in problem.crossbars)
    columns = max(c.columns for c in problem.crossbars)
    allowed = _clusters_allowed(problem)
    fewest = fewest_by_counting(problem, rows, columns)
    if fewest > allowed:
        return _infeasible(problem, watch, f"at least {fewest} clusters are necessary, {_allowance(problem, allowed)}")
    if problem.num_units == 0:
        return conclude(problem, Partition(np.zeros(0, dtype=np.int32)), 0, engine=ENGINE, watch=watch)
    start = warm_start if warm_start is not None and not problem.violations(warm_start) else None
    limit = watch.limits.time_s
    uniform = len(problem.crossbars) == 1
    packets = problem.objective is PartitionObjective.PACKETS
    floor = int(packets_of_sources(problem, rows, columns).sum()) if packets else fewest
    budget = min(8.0, 2e-3 * problem.num_units**2, 8.0 if limit is None else 0.08 * limit)
    if uniform and problem.objective is PartitionObjective.AREA:
        start = fewest_clusters(problem, watch.part(budget), start, target=floor)
    else:
        start = annealed(problem, watch.part(budget), start, target=floor)
    asked = problem
    if not uniform:  # as if every crossbar had the rows and columns of the largest: bounds hold, solutions may not
        asked = PartitionProblem(problem.network, (Crossbar(rows, columns),), allowed, problem.traffic)
    if packets and start is None and uniform and not _beyond_pricing(problem):
        # what annealing does not find may not exist: the fewest clusters settle that
        part = watch.part()  # what it finds is no objective of the problem
        packing = Tree(Instance(asked, rows, columns, packets=False), allowed, part, None, fewest)
        if not packing.too_large and packing.run() > allowed:
            return _infeasible(problem, watch, f"more than {allowed} clusters are necessary", packing)
        start = packing.incumbent
    if packets and (start is None or problem.cost(start) > floor):
        glance = watch.part(5.0 if limit is None else 0.2 * limit)
        floor = max(floor, packets_by_eigenvalues(problem, rows, columns, allowed, glance))
    watch.report(None if start is None else problem.cost(start), floor if uniform else None, note="counting")
    if _beyond_pricing(problem):
        start = annealed(problem, watch, start, target=floor)
        return conclude(problem, start, _price(problem, floor), engine=ENGINE, watch=watch, reason="too large to price")
    tree = Tree(Instance(asked, rows, columns, packets), allowed, watch, start if uniform else None, floor, may_list)
    bound = floor if tree.too_large else tree.run()
    incumbent = tree.incumbent if uniform else start
    details = {
        "nodes": tree.nodes_done,
        "clusters": len(tree.master.clusters),
        "cuts": len(tree.master.triples),
        "pricing_calls": tree.pricing_calls,
        "root_bound": tree.root_bound,
    }
    if not packets and bound > allowed:
        return _infeasible(
            problem, watch, f"at least {bound} clusters are necessary, {_allowance(problem, allowed)}", tree
        )
    bound = _price(problem, bound)
    if incumbent is not None and bound > problem.cost(incumbent):
        raise EngineDefect(f"bound {bound} above the incumbent {problem.cost(incumbent)}")
    return conclude(
        problem,
        incumbent,
        bound,
        engine=ENGINE if tree.selection is None else f"{ENGINE} with {cpsat.ENGINE}",
        watch=watch,
        evidence=tree.evidence if tree.nodes_done else None,
        details=details,
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


def _beyond_pricing(problem: PartitionProblem) -> bool:
    """True if one path of the pricer's tree would not fit into memory."""
    network = problem.network
    arcs = 2 * (2 * network.num_synapses + network.num_neurons)
    return (problem.num_units + 8) * 8 * (arcs + 4 * network.num_neurons) > _MEMORY


def _price(problem: PartitionProblem, bound: int) -> int:
    """A bound on the objective, from one on packets or on the number of clusters."""
    if problem.objective is PartitionObjective.AREA:
        return bound * min(c.area for c in problem.crossbars)
    return bound


def _clusters_allowed(problem: PartitionProblem) -> int:
    """At most so many clusters, by number, counts of crossbars and area."""
    allowed = min(problem.max_clusters, problem.num_units)
    counts = [c.count for c in problem.crossbars]
    if all(count is not None for count in counts):
        allowed = min(allowed, sum(count for count in counts if count is not None))
    if problem.max_area is not None:
        allowed = min(allowed, problem.max_area // min(c.area for c in problem.crossbars))
    return allowed


def _allowance(problem: PartitionProblem, allowed: int) -> str:
    """How many clusters are allowed, and by what if not by their number."""
    return f"{allowed} are allowed" + ("" if problem.max_area is None else f" within area {problem.max_area}")


def _infeasible(
    problem: PartitionProblem, watch: Watch, reason: str, tree: Tree | None = None
) -> SolveResult[Partition]:
    return conclude(
        problem,
        None,
        None,
        engine=ENGINE,
        watch=watch,
        infeasible=True,
        reason=reason,
        evidence=None if tree is None else tree.evidence,
    )

"""One solve: what counting, annealing and eigenvalues say of a problem before its tree, and the tree."""

from __future__ import annotations

from spinemap_exact.hardware import Crossbar
from spinemap_exact.kernels.partition_search import annealed, fewest_clusters
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import Progress, SolveResult, Status, Watch, conclude
from spinemap_exact.solvers import cpsat
from spinemap_exact.solvers.partition.branch_price._costs import Costs
from spinemap_exact.solvers.partition.branch_price._counting import (
    fewest_by_counting,
    packets_by_eigenvalues,
    packets_of_sources,
)
from spinemap_exact.solvers.partition.branch_price._mixes import Mixes
from spinemap_exact.solvers.partition.branch_price._node import Evidence, Listing
from spinemap_exact.solvers.partition.branch_price._tree import Tree

ENGINE = "branch-price"
_MEMORY = 3 * 10**9  # bytes
_LARGE = 14  # units per cluster from which on a bundle method, over the largest type, bounds several types best


class Run:
    """What is known of one problem so far: a partition, a bound, and evidence of it.

    Parameters
    ----------
    start : Partition or None
        Within the limits.
    mixes : Mixes
        Of the problem, or of one that makes less of its crossbars: then its bounds hold, its solutions may not.
    may_list : bool
        A choice among listed clusters may end the search.
    """

    def __init__(
        self, problem: PartitionProblem, watch: Watch, start: Partition | None, mixes: Mixes, may_list: bool
    ) -> None:
        self.problem, self.watch, self.start, self.mixes, self.may_list = problem, watch, start, mixes, may_list
        self.exact = mixes.problem is problem
        self.one_type = len(mixes.tops) == 1
        self.packets = problem.objective is PartitionObjective.PACKETS
        # crossbars of one type are counted, whatever their area
        by_number = self.one_type and not self.packets
        self.goal = PartitionObjective.CROSSBARS if by_number else problem.objective
        by_area = problem.objective is PartitionObjective.AREA and by_number
        self.unit = min(c.area for c in problem.crossbars) if by_area else 1
        self.rows = max(c.rows for c in problem.crossbars)
        self.columns = max(c.columns for c in problem.crossbars)
        self.floor = 0
        self.evidence: Evidence | Listing | None = None

    def result(self) -> SolveResult[Partition]:
        """Go from what is cheap to what is strong, for as long as time and gap last."""
        if not len(self.mixes.vectors):
            return infeasible(self.problem, self.watch, self._shortage())
        self._count()
        self._anneal()
        refuted = self._find_any()
        if refuted is not None:
            return refuted
        self._glance()
        if beyond_pricing(self.problem):
            return self._without_pricing()
        return self._by_the_largest() or self._by_tree()

    def _share(self, most_s: float, part: float) -> Watch:
        """So many seconds, or a part of the limit."""
        limit = self.watch.limits.time_s
        return self.watch.part(most_s if limit is None else part * limit)

    def _shortage(self) -> str:
        """What all crossbars together lack."""
        problem, allowed = self.problem, self.mixes.max_clusters
        if self.one_type:
            fewest = fewest_by_counting(problem, self.rows, self.columns)
            return f"at least {fewest} clusters are necessary, {self._allowance}"
        limit = "" if problem.max_area is None else f" of area {problem.max_area}"
        return f"no {allowed} crossbars{limit} have the columns and rows that {problem.num_units} units need"

    @property
    def _allowance(self) -> str:
        """How many clusters are allowed, and by what if not by their number."""
        area = self.problem.max_area
        return f"{self.mixes.max_clusters} are allowed" + ("" if area is None else f" within area {area}")

    def _count(self) -> None:
        if self.packets:
            self.floor = int(packets_of_sources(self.problem, self.rows, self.columns).sum())
        else:
            self.floor = self.mixes.fewest(self.goal)

    def _anneal(self) -> None:
        limit = self.watch.limits.time_s
        budget = min(8.0, 2e-3 * self.problem.num_units**2, 8.0 if limit is None else 0.08 * limit)
        packing = self.exact and self.one_type and self.problem.objective is PartitionObjective.AREA
        improve = fewest_clusters if packing else annealed
        target = self.floor if packing else self.unit * self.floor
        self.start = improve(self.problem, self.watch.part(budget), self.start, target=target)

    def _find_any(self) -> SolveResult[Partition] | None:
        """Look for any partition where annealing found none, or prove that there is none: return that proof."""
        counted = self.one_type and not self.packets  # by the tree of the problem
        if self.start is not None or not self.exact or counted or beyond_pricing(self.problem):
            return None
        area = self.problem.max_area is not None and not self.one_type
        goal = PartitionObjective.AREA if area else PartitionObjective.CROSSBARS
        costs = Costs(self.mixes, goal)
        floor = self.mixes.fewest(goal)
        # what it finds is no objective of the problem: its watch is silent
        tree = Tree(costs, self.watch.part(), None, floor, any_will_do=True)
        if not costs.too_large and tree.run() > costs.dearest and tree.incumbent is None:
            return infeasible(self.problem, self.watch, self._refutation(), tree.evidence)
        self.start = tree.incumbent
        return None

    def _refutation(self) -> str:
        allowed, area = self.mixes.max_clusters, self.problem.max_area
        if self.one_type and self.packets:
            return f"more than {allowed} clusters are necessary"
        if self.one_type:
            return f"at least {allowed + 1} clusters are necessary, {self._allowance}"
        limits = "number and counts" if area is None else "number, counts and area"
        return f"no clusters fit the crossbars within the limits on {limits}"

    def _glance(self) -> None:
        """Bound packets by eigenvalues."""
        cost = None if self.start is None else self.problem.cost(self.start)
        if self.packets and (cost is None or cost > self.floor):
            allowed, part = self.mixes.max_clusters, self._share(5.0, 0.2)
            found = packets_by_eigenvalues(self.problem, self.rows, self.columns, allowed, part)
            self.floor = max(self.floor, found)
        self.watch.report(cost, self.unit * self.floor, note="counting")

    def _without_pricing(self) -> SolveResult[Partition]:
        start = annealed(self.problem, self.watch, self.start, target=self.unit * self.floor)
        bound, reason = self.unit * self.floor, "too large to price"
        return conclude(self.problem, start, bound, engine=ENGINE, watch=self.watch, reason=reason)

    def _by_the_largest(self) -> SolveResult[Partition] | None:
        """Bound several types by a bundle method over the largest, where clusters are few; return a refutation."""
        allowed = self.mixes.max_clusters
        if self.one_type or not self.packets or self.problem.num_units < _LARGE * allowed:
            return None
        mixes, part = of_the_largest(self.problem, allowed), self._share(60.0, 0.5)
        wide = Run(self.problem, part, self.start, mixes, may_list=False).result()
        if wide.status is Status.INFEASIBLE:
            return infeasible(self.problem, self.watch, wide.reason)
        self.evidence, self.start = wide.evidence, wide.incumbent or self.start
        self.floor = max(self.floor, wide.dual_bound or 0)
        return None

    def _by_tree(self) -> SolveResult[Partition]:
        costs = Costs(self.mixes, self.goal, self.unit)
        # of larger crossbars only the bounds count
        watch = self.watch if self.exact else self.watch.part(listen=self._relay)
        tree = Tree(costs, watch, self.start if self.exact else None, self.floor, may_list=self.may_list)
        bound = self.floor if costs.too_large else tree.run()
        if not costs.too_large and tree.incumbent is None and bound > costs.dearest:
            # a tree over packets proves this as well, yet no certificate of it can be written
            evidence = None if self.packets else tree.evidence
            return infeasible(self.problem, self.watch, self._refutation(), evidence)
        return conclude(
            self.problem,
            tree.incumbent if self.exact else self.start,
            self.unit * bound,
            engine=ENGINE if tree.selection is None else f"{ENGINE} with {cpsat.ENGINE}",
            watch=self.watch,
            evidence=tree.evidence if self.one_type else self.evidence,
            details=tree.details,
        )

    def _relay(self, progress: Progress) -> None:
        self.watch.report(None, progress.dual_bound, progress.note)


def of_the_largest(problem: PartitionProblem, allowed: int) -> Mixes:
    """Mixes of a problem that makes every crossbar as large as the largest in rows and in columns."""
    rows, columns = (max(getattr(c, name) for c in problem.crossbars) for name in ("rows", "columns"))
    return Mixes(PartitionProblem(problem.network, (Crossbar(rows, columns),), allowed, problem.traffic), allowed)


def beyond_pricing(problem: PartitionProblem) -> bool:
    """True if one path of the pricer's tree would not fit into memory."""
    network = problem.network
    arcs = 2 * (2 * network.num_synapses + network.num_neurons)
    return (problem.num_units + 8) * 8 * (arcs + 4 * network.num_neurons) > _MEMORY


def infeasible(
    problem: PartitionProblem, watch: Watch, reason: str, evidence: Evidence | Listing | None = None
) -> SolveResult[Partition]:
    """No partition is within the limits, by name."""
    return conclude(problem, None, None, engine=ENGINE, watch=watch, infeasible=True, reason=reason, evidence=evidence)

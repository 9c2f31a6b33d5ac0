"""Bin packing by patterns: column generation for the bound, diving and a choice among patterns for the packing.

A pattern is what one bin holds. The relaxation over all patterns (Gilmore and Gomory 1961) is solved by column
generation with an exact knapsack as pricer; rounded up, it nearly always is the optimum. Its duals, as integers, prove
the bound to anyone who can solve a knapsack. A packing of so many bins is looked for by diving; if that fails, all
patterns that it may consist of are listed, and CP-SAT chooses among them or shows that one more bin is necessary.

P. C. Gilmore, R. E. Gomory, A Linear Programming Approach to the Cutting-Stock Problem, 1961, doi:10.1287/opre.9.6.849.
M. Delorme et al., Bin packing and cutting stock problems: Mathematical models and exact algorithms, 2016,
doi:10.1016/j.ejor.2016.04.030.
"""

from __future__ import annotations

import logging

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.bin_fitting import best_fit_decreasing
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.result import SolveResult, Watch, conclude
from spinemap_exact.solvers.packing.patterns import _cover, _knapsack
from spinemap_exact.solvers.packing.patterns._bounds import Values, martello_toth
from spinemap_exact.solvers.packing.patterns._dive import dive
from spinemap_exact.solvers.packing.patterns._items import Classes
from spinemap_exact.solvers.packing.patterns._master import Master

logger = logging.getLogger(__name__)

ENGINE = "patterns"
FEW, MANY = 5_000, 100_000  # patterns to choose among before and after diving for a while
MAX_DIVES = 1000  # in a row, where time has no limit


def solve(problem: PackingProblem, watch: Watch, warm_start: Array | None = None) -> SolveResult[Array]:
    """Pack into the fewest bins, or say how many are necessary at least."""
    search = _Search(problem, watch, warm_start)
    search.run()
    return conclude(
        problem,
        search.packing,
        search.bound,
        engine=ENGINE,
        watch=watch,
        evidence=search.values.evidence(),
        details=search.details,
    )


class _Search:
    """The best packing and the best bound so far, and the steps that bring them together."""

    def __init__(self, problem: PackingProblem, watch: Watch, warm_start: Array | None) -> None:
        self.problem, self.watch = problem, watch
        self.classes = Classes.of(problem)
        self.rng = np.random.default_rng(watch.limits.seed)
        self.packing = best_fit_decreasing(problem.sizes, problem.capacity)
        self.bins = problem.cost(self.packing)
        if warm_start is not None and not problem.violations(warm_start):
            self.offer(warm_start)
        self.values: Values = martello_toth(self.classes)
        self.bound = self.values.bound(self.classes)
        self.details: dict[str, int] = {"cheap_bound": self.bound, "dives": 0}
        watch.report(self.bins, self.bound)

    @property
    def done(self) -> bool:
        return self.bins == self.bound or self.watch.should_stop()

    def offer(self, packing: Array) -> None:
        if (bins := self.problem.cost(packing)) < self.bins:
            self.packing, self.bins = packing, bins
            self.watch.report(objective=bins)

    def raise_bound(self, bound: int) -> None:
        self.bound = max(bound, self.bound)
        self.watch.report(dual_bound=self.bound)

    def part(self, share: float) -> Watch:
        """Return a watch over a share of the time left."""
        left = self.watch.remaining_s
        return self.watch.part(None if left is None else share * left)

    def run(self) -> None:
        """Few patterns are decided at once, many after diving for a while, too many not at all."""
        if self.done or not _knapsack.fits(self.classes):
            return
        self.relax()
        while not self.done:
            if not (self.decide(FEW, 0.5) or self.dive(0.5) or self.decide(MANY, 0.8) or self.dive(1.0)):
                return

    def relax(self) -> None:
        self.master = Master(self.classes)
        relaxed = self.master.solve(self.watch)
        if relaxed is not None and (bound := relaxed.values.bound(self.classes)) >= self.bound:
            self.values = relaxed.values
            self.raise_bound(bound)
        self.details["generated"] = len(self.master.patterns)

    def decide(self, limit: int, share: float) -> bool:
        """Find a packing of as many bins as the bound, or raise the bound, in a share of the time; False if neither."""
        watch = self.part(share)
        patterns = _cover.useful_patterns(self.classes, self.values, self.bound, limit)
        if patterns is None:
            return False
        self.details["listed"] = len(patterns)
        logger.info("patterns: %d may make up %d bins", len(patterns), self.bound)
        answer = _cover.choose(self.classes, patterns, self.bound, watch)
        if answer is _cover.Answer.UNKNOWN:
            return False
        if answer is _cover.Answer.NO:
            self.raise_bound(self.bound + 1)
        else:
            self.offer(self.classes.bins(self.problem, answer))
        return True

    def dive(self, share: float) -> bool:
        """Dive for a share of the time, the first time greedily; False if that led to nothing better."""
        watch, found = self.part(share), None
        for _ in range(MAX_DIVES):
            if watch.should_stop() or found is not None:
                break
            rng = self.rng if self.details["dives"] else None
            found = dive(self.master, self.classes, self.bins - 1, watch, rng)
            self.details["dives"] += 1
        if found is not None:
            self.offer(self.classes.bins(self.problem, found))
        return found is not None

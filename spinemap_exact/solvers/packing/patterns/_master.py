"""The restricted master problem: use each pattern so often that every class is covered, with the fewest bins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import highspy
import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.packing.patterns._bounds import Values, rounded
from spinemap_exact.solvers.packing.patterns._items import Classes

SCALE = 10**9
# reduced costs below it are noise of the linear solver, whose tolerance is 1e-7
IMPROVES = SCALE + SCALE // 10**6


@dataclass(frozen=True, eq=False)
class Relaxed:
    """What column generation ends with: uses of the patterns that guide, values of the items that prove."""

    uses: Array
    values: Values
    complete: bool


class Master:
    """All patterns known so far, in a linear program whose demand may shrink."""

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self.patterns: list[Array] = []
        self.known: set[bytes] = set()
        self.lp = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("solver", "simplex")):
            self.lp.setOptionValue(option, value)
        nothing = np.array([], dtype=np.int32)
        for demand in classes.demand.tolist():
            self.lp.addRow(float(demand), highspy.kHighsInf, 0, nothing, np.array([]))
        self.add(np.diag(classes.copies))

    def add(self, patterns: Iterable[Array]) -> int:
        """Add the patterns that are new; return how many."""
        before = len(self.patterns)
        for pattern in patterns:
            key = pattern.tobytes()
            if key in self.known:
                continue
            self.known.add(key)
            self.patterns.append(pattern)
            held = np.flatnonzero(pattern).astype(np.int32)
            self.lp.addCol(1.0, 0.0, highspy.kHighsInf, len(held), held, pattern[held].astype(np.float64))
        return len(self.patterns) - before

    def demand(self, classes: Classes) -> None:
        """Ask for so many items of each class from now on; patterns that hold more are barred."""
        self.classes = classes
        for k, demand in enumerate(classes.demand.tolist()):
            self.lp.changeRowBounds(k, float(demand), highspy.kHighsInf)
        self.add(np.diag(classes.copies)[classes.copies > 0])
        proper: Array = np.all(np.array(self.patterns) <= classes.demand, axis=1)
        for p, allowed in enumerate(proper.tolist()):
            self.lp.changeColBounds(p, 0.0, highspy.kHighsInf if allowed else 0.0)

    def solve(self, watch: Watch) -> Relaxed | None:
        """Generate patterns until none improves the relaxation, or time is up; None if not even one round was made.

        The values with the best bound of all rounds are kept (Farley 1990, doi:10.1287/opre.38.5.922).

        References
        ----------
        P. C. Gilmore, R. E. Gomory, A Linear Programming Approach to the Cutting-Stock Problem, 1961,
        doi:10.1287/opre.9.6.849.
        """
        best: Relaxed | None = None
        while not watch.should_stop():
            if watch.remaining_s is not None:
                self.lp.setOptionValue("time_limit", self.lp.getRunTime() + max(watch.remaining_s, 1e-3))
            self.lp.run()
            if self.lp.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                break
            solution = self.lp.getSolution()
            values, pattern = rounded(self.classes, np.array(solution.row_dual), SCALE)
            complete = values.most <= IMPROVES or self.add([pattern]) == 0
            if best is not None and _ratio(best.values, self.classes) > _ratio(values, self.classes):
                values = best.values
            best = Relaxed(np.array(solution.col_value), values, complete)
            if complete:
                break
        return best


def _ratio(values: Values, classes: Classes) -> float:
    return values.total(classes) / values.most

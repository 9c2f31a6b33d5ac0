"""The restricted master problem: choose clusters, and a crossbar type for each, so that each unit lies in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.partition.branch_price._costs import Costs
from spinemap_exact.solvers.partition.branch_price._graph import Branching
from spinemap_exact.solvers.partition.branch_price._mixes import Range

Column = tuple[frozenset[int], int]  # a cluster and the type of its crossbar
_MOST_RAISED = 1e5


@dataclass(frozen=True)
class Relaxed:
    """A solution of the linear relaxation: floats that guide, and prove nothing.

    ``charge`` is what a crossbar of each type costs beyond its price, by the limits on number, counts and area.
    """

    value: float
    duals: Array
    penalties: Array
    charge: Array
    area_charge: float
    weights: Array
    artificial: float


class Master:
    """All columns known so far, with rows for the units, the limits of a mix, and the cuts.

    Parameters
    ----------
    big : float
        Price of a unit that no cluster holds.
    """

    def __init__(self, costs: Costs, big: float) -> None:
        self.costs, self.limits = costs, costs.mixes.limits
        self.num_units, self.num_limits = costs.num_units, len(self.limits.high)
        self.clusters: list[frozenset[int]] = []
        self.kinds: list[int] = []
        self.prices: list[int] = []
        self.known: set[Column] = set()
        self.triples: list[tuple[int, ...]] = []
        self.barred = np.zeros(0, dtype=bool)
        self.branching = Branching()
        self.big, self.dearest = big, big * _MOST_RAISED
        # where clusters of one type are counted, a limit would only hide the bound that proves it too tight
        self.lp = self._engine(limited=costs.packets or costs.num_types > 1)
        for u in range(self.num_units):
            self.lp.addCol(big, 0.0, highspy.kHighsInf, 1, np.array([u], dtype=np.int32), np.array([1.0]))
        if costs.num_types > 1:
            # a crossbar that holds nothing: where a node demands more of a type than the columns known can fill
            self.add((frozenset(), kind) for kind in range(costs.num_types))

    def _engine(self, limited: bool = True) -> highspy.Highs:
        """An engine with the rows of units and limits. Part of a cluster costs no more than all of it but for packets.

        So units may be held twice where packets do not count.
        """
        none = (0, np.array([], dtype=np.int32), np.array([]))
        lp = highspy.Highs()
        lp.setOptionValue("output_flag", False)
        lp.setOptionValue("threads", 1)
        for _ in range(self.num_units):
            lp.addRow(1.0, 1.0 if self.costs.packets else highspy.kHighsInf, *none)
        for low, high in zip(self.limits.low, self.limits.high, strict=True):
            lp.addRow(low, high if limited else highspy.kHighsInf, *none)
        return lp

    def _entries(self, cluster: frozenset[int], kind: int) -> tuple[Array, Array]:
        """Rows that a column meets, cuts excepted, and its coefficients."""
        n, used = self.num_units, self.limits.use[:, kind]
        met = np.flatnonzero(used)
        rows = np.array([*sorted(cluster), *(n + met).tolist()], dtype=np.int32)
        return rows, np.concatenate((np.ones(len(cluster)), used[met]))

    def add(self, columns: Iterable[Column]) -> int:
        """Add the columns that are new and within the limits of their type; return how many."""
        first, barred = self.num_units + self.num_limits, []
        for column in columns:
            cluster, kind = column
            if column in self.known or not self.costs.instances[kind].feasible(cluster):
                continue
            self.known.add(column)
            price = self.costs.of_column(cluster, kind)
            self.clusters.append(cluster)
            self.kinds.append(kind)
            self.prices.append(price)
            rows, values = self._entries(cluster, kind)
            met = [first + i for i, t in enumerate(self.triples) if sum(u in cluster for u in t) >= 2]
            rows, values = np.append(rows, met).astype(np.int32), np.append(values, np.ones(len(met)))
            barred.append(not self.branching.allows(cluster))
            self.lp.addCol(float(price), 0.0, 0.0 if barred[-1] else highspy.kHighsInf, len(rows), rows, values)
        self.barred = np.concatenate((self.barred, np.array(barred, dtype=bool)))
        return len(barred)

    def cut(self, triples: Sequence[tuple[int, ...]]) -> None:
        """Of the clusters that hold two units of a triple, at most one is chosen, whatever its type."""
        for triple in triples:
            self.triples.append(triple)
            met = [self.num_units + i for i, c in enumerate(self.clusters) if sum(u in c for u in triple) >= 2]
            self.lp.addRow(-highspy.kHighsInf, 1.0, len(met), np.array(met, dtype=np.int32), np.ones(len(met)))

    def restrict(self, branching: Branching, node: Range) -> None:
        """Bar what a node of the tree forbids."""
        barred = np.array([not branching.allows(c) for c in self.clusters], dtype=bool)
        for i in np.flatnonzero(barred != self.barred).tolist():
            self.lp.changeColBounds(self.num_units + i, 0.0, 0.0 if barred[i] else highspy.kHighsInf)
        self.branching, self.barred = branching, barred
        if self.costs.num_types > 1:
            for kind, (low, high) in enumerate(zip(node.low, node.high, strict=True)):
                self.lp.changeRowBounds(self.num_units + 1 + kind, float(low), float(high))

    def raise_artificial(self) -> bool:
        """Make uncovered units ten times as dear; False once that is beyond reason."""
        if self.big * 10.0 > self.dearest:
            return False
        self.big *= 10.0
        for u in range(self.num_units):
            self.lp.changeColCost(u, self.big)
        return True

    def solve(self, central: bool = False) -> Relaxed:
        """Solve the relaxation: by simplex, or near the centre of its optimal face by interior points."""
        self.lp.setOptionValue("solver", "ipm" if central else "simplex")
        self.lp.setOptionValue("run_crossover", "off" if central else "on")
        self.lp.run()
        if central and self.lp.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return self.solve()
        solution, n, after = self.lp.getSolution(), self.num_units, self.num_units + self.num_limits
        dual, primal = np.array(solution.row_dual), np.array(solution.col_value)
        return Relaxed(
            value=float(self.lp.getInfo().objective_function_value),
            duals=dual[:n],
            penalties=np.maximum(0.0, -dual[after:]),
            charge=-(dual[n:after] @ self.limits.use),
            area_charge=max(0.0, -float(dual[after - 1])) if self.costs.num_types > 1 else 0.0,
            weights=primal[n:],
            artificial=float(primal[:n].sum()),
        )

    def integer(self, time_s: float) -> list[frozenset[int]] | None:
        """Choose among all columns by branch and bound; None if the time was too short."""
        mip = self._engine()
        mip.setOptionValue("time_limit", max(0.05, time_s))
        mip.setOptionValue("mip_abs_gap", 0.99)
        for cluster, kind, price in zip(self.clusters, self.kinds, self.prices, strict=True):
            rows, values = self._entries(cluster, kind)
            mip.addCol(float(price), 0.0, 1.0, len(rows), rows, values)
        count = len(self.clusters)
        mip.changeColsIntegrality(
            count, np.arange(count, dtype=np.int32), np.array([highspy.HighsVarType.kInteger] * count)
        )
        mip.run()
        if mip.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        chosen = np.flatnonzero(np.array(mip.getSolution().col_value) > 0.5)
        return [self.clusters[i] for i in chosen.tolist()]

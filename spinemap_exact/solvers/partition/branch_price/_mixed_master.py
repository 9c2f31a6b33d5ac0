"""The restricted master problem with several crossbar types: choose clusters, and a type for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.partition.branch_price._graph import Branching, Instance
from spinemap_exact.solvers.partition.branch_price._mixes import Mixes, Range

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


class MixedMaster:
    """All columns known so far, with rows for units, number of clusters, counts, area, and cuts.

    Parameters
    ----------
    instances : sequence of Instance
        One for each crossbar type.
    price : sequence of int
        What a crossbar of each type costs beside the packets of its cluster.
    covers : bool
        Part of a cluster costs no more than all of it, so that units may be held twice.
    """

    def __init__(
        self, instances: Sequence[Instance], price: Sequence[int], mixes: Mixes, covers: bool, big: float
    ) -> None:
        self.instances, self.price, self.mixes, self.covers = instances, price, mixes, covers
        self.num_units, self.num_kinds = instances[0].num_units, len(instances)
        self.columns: list[Column] = []
        self.costs: list[int] = []
        self.known: set[Column] = set()
        self.triples: list[tuple[int, ...]] = []
        self.barred = np.zeros(0, dtype=bool)
        self.branching = Branching()
        self.big, self.dearest = big, big * _MOST_RAISED
        self.lp = self._rows(mixes.everything)
        for u in range(self.num_units):
            self.lp.addCol(big, 0.0, highspy.kHighsInf, 1, np.array([u], dtype=np.int32), np.array([1.0]))
        # a crossbar that holds nothing: where a node demands more of a type than the columns known can fill
        self.add((frozenset(), kind) for kind in range(self.num_kinds))

    def _rows(self, node: Range) -> highspy.Highs:
        """An engine with the rows of the units, and of number, counts and area."""
        problem, none = self.mixes.problem, (0, np.array([], dtype=np.int32), np.array([]))
        lp = highspy.Highs()
        lp.setOptionValue("output_flag", False)
        lp.setOptionValue("threads", 1)
        for _ in range(self.num_units):
            lp.addRow(1.0, highspy.kHighsInf if self.covers else 1.0, *none)
        lp.addRow(-highspy.kHighsInf, float(self.mixes.max_clusters), *none)
        for low, high in zip(node.low, node.high, strict=True):
            lp.addRow(float(low), float(high), *none)
        lp.addRow(-highspy.kHighsInf, highspy.kHighsInf if problem.max_area is None else float(problem.max_area), *none)
        return lp

    def _entries(self, column: Column) -> tuple[Array, Array]:
        """Rows that a column meets, cuts excepted, and its coefficients."""
        cluster, kind = column
        n = self.num_units
        rows = [*sorted(cluster), n, n + 1 + kind, n + 1 + self.num_kinds]
        return np.array(rows, dtype=np.int32), np.array([1.0] * (len(rows) - 1) + [float(self.mixes.area[kind])])

    def add(self, columns: Iterable[Column]) -> int:
        """Add the columns that are new and within the limits of their type; return how many."""
        first, barred = self.num_units + self.num_kinds + 2, []
        for column in columns:
            cluster, kind = column
            if column in self.known or not self.instances[kind].feasible(cluster):
                continue
            self.known.add(column)
            cost = self.price[kind] + (self.instances[kind].cost(cluster) if self.instances[kind].packets else 0)
            self.columns.append(column)
            self.costs.append(cost)
            rows, values = self._entries(column)
            met = [first + i for i, t in enumerate(self.triples) if sum(u in cluster for u in t) >= 2]
            rows, values = np.append(rows, met).astype(np.int32), np.append(values, np.ones(len(met)))
            barred.append(not self.branching.allows(cluster))
            self.lp.addCol(float(cost), 0.0, 0.0 if barred[-1] else highspy.kHighsInf, len(rows), rows, values)
        self.barred = np.concatenate((self.barred, np.array(barred, dtype=bool)))
        return len(barred)

    def cut(self, triples: Sequence[tuple[int, ...]]) -> None:
        """Of the clusters that hold two units of a triple, at most one is chosen, whatever its type."""
        for triple in triples:
            self.triples.append(triple)
            met = [self.num_units + i for i, (c, _) in enumerate(self.columns) if sum(u in c for u in triple) >= 2]
            self.lp.addRow(-highspy.kHighsInf, 1.0, len(met), np.array(met, dtype=np.int32), np.ones(len(met)))

    def restrict(self, branching: Branching, node: Range) -> None:
        """Bar what a node of the tree forbids."""
        barred = np.array([not branching.allows(c) for c, _ in self.columns], dtype=bool)
        for i in np.flatnonzero(barred != self.barred).tolist():
            self.lp.changeColBounds(self.num_units + i, 0.0, 0.0 if barred[i] else highspy.kHighsInf)
        self.branching, self.barred = branching, barred
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

    def solve(self, central: bool = True) -> Relaxed:
        """Solve the relaxation: near the centre of its optimal face by interior points, or by simplex."""
        self.lp.setOptionValue("solver", "ipm" if central else "simplex")
        self.lp.setOptionValue("run_crossover", "off" if central else "on")
        self.lp.run()
        if central and self.lp.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return self.solve(central=False)
        solution, n = self.lp.getSolution(), self.num_units
        dual, primal = np.array(solution.row_dual), np.array(solution.col_value)
        number, counts, area = dual[n], dual[n + 1 : n + 1 + self.num_kinds], dual[n + 1 + self.num_kinds]
        return Relaxed(
            value=float(self.lp.getInfo().objective_function_value),
            duals=dual[:n],
            penalties=np.maximum(0.0, -dual[n + self.num_kinds + 2 :]),
            charge=-(number + counts + self.mixes.area * area),
            area_charge=max(0.0, -float(area)),
            weights=primal[n:],
            artificial=float(primal[:n].sum()),
        )

    def integer(self, time_s: float) -> list[frozenset[int]] | None:
        """Choose among all columns by branch and bound; None if the time was too short."""
        mip = self._rows(self.mixes.everything)
        mip.setOptionValue("time_limit", max(0.05, time_s))
        mip.setOptionValue("mip_abs_gap", 0.99)
        for column, cost in zip(self.columns, self.costs, strict=True):
            rows, values = self._entries(column)
            mip.addCol(float(cost), 0.0, 1.0, len(rows), rows, values)
        count = len(self.columns)
        mip.changeColsIntegrality(
            count, np.arange(count, dtype=np.int32), np.array([highspy.HighsVarType.kInteger] * count)
        )
        mip.run()
        if mip.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        chosen = np.flatnonzero(np.array(mip.getSolution().col_value) > 0.5)
        return [self.columns[i][0] for i in chosen.tolist()]

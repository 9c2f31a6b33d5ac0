"""The restricted master problem: choose clusters so that each unit lies in one, at most so many in all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.partition.branch_price._graph import Branching, Instance


@dataclass(frozen=True)
class Relaxed:
    """A solution of the linear relaxation: floats that guide, and prove nothing."""

    value: float
    duals: Array
    penalties: Array
    charge: float
    weights: Array
    artificial: float


class Master:
    """All clusters known so far, with the rows of the units, the number of clusters, and the cuts."""

    def __init__(self, instance: Instance, max_clusters: int, big: float) -> None:
        self.instance = instance
        self.max_clusters = max_clusters
        self.clusters: list[frozenset[int]] = []
        self.costs: list[int] = []
        self.known: set[frozenset[int]] = set()
        self.triples: list[tuple[int, ...]] = []
        self.barred = np.zeros(0, dtype=bool)
        self.big = self.first_big = big
        n = instance.num_units
        self.lp = highspy.Highs()
        self.lp.setOptionValue("output_flag", False)
        self.lp.setOptionValue("threads", 1)
        upper = 1.0 if instance.packets else highspy.kHighsInf
        for _ in range(n):
            self.lp.addRow(1.0, upper, 0, np.array([], dtype=np.int32), np.array([]))
        # where clusters are counted, a limit would only hide the bound that proves it too tight
        most = float(max_clusters) if instance.packets else highspy.kHighsInf
        self.lp.addRow(-highspy.kHighsInf, most, 0, np.array([], dtype=np.int32), np.array([]))
        for u in range(n):
            self.lp.addCol(big, 0.0, highspy.kHighsInf, 1, np.array([u], dtype=np.int32), np.array([1.0]))
        self.ready = False

    def add(self, clusters: Iterable[frozenset[int]]) -> int:
        """Add the clusters that are new; return how many."""
        n, added = self.instance.num_units, 0
        for cluster in clusters:
            if cluster in self.known:
                continue
            self.known.add(cluster)
            rows = [*sorted(cluster), n]
            rows += [n + 1 + i for i, t in enumerate(self.triples) if sum(u in cluster for u in t) >= 2]
            cost = self.instance.cost(cluster)
            self.clusters.append(cluster)
            self.costs.append(cost)
            self.lp.addCol(
                float(cost), 0.0, highspy.kHighsInf, len(rows), np.array(rows, dtype=np.int32), np.ones(len(rows))
            )
            added += 1
        self.barred = np.concatenate((self.barred, np.zeros(added, dtype=bool)))
        return added

    def cut(self, triples: Sequence[tuple[int, ...]]) -> None:
        """Of the clusters that hold two units of a triple, at most one is chosen."""
        n = self.instance.num_units
        for triple in triples:
            self.triples.append(triple)
            met = [n + i for i, c in enumerate(self.clusters) if sum(u in c for u in triple) >= 2]
            self.lp.addRow(-highspy.kHighsInf, 1.0, len(met), np.array(met, dtype=np.int32), np.ones(len(met)))

    def restrict(self, branching: Branching) -> None:
        """Bar the clusters that a node of the tree forbids."""
        barred = np.array([not branching.allows(c) for c in self.clusters], dtype=bool)
        changed = np.flatnonzero(barred != self.barred)
        for i in changed.tolist():
            self.lp.changeColBounds(self.instance.num_units + i, 0.0, 0.0 if barred[i] else highspy.kHighsInf)
        self.barred = barred

    def raise_artificial(self) -> bool:
        """Make uncovered units ten times as dear; False once that is beyond reason."""
        self.big *= 10.0
        if self.big > 1e5 * self.first_big:
            return False
        for u in range(self.instance.num_units):
            self.lp.changeColCost(u, self.big)
        return True

    def integer(self, time_s: float) -> list[frozenset[int]] | None:
        """Choose among the known clusters by branch and bound; None if the time was too short."""
        n = self.instance.num_units
        upper = 1.0 if self.instance.packets else highspy.kHighsInf
        mip = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("time_limit", max(0.05, time_s))):
            mip.setOptionValue(option, value)
        for _ in range(n):
            mip.addRow(1.0, upper, 0, np.array([], dtype=np.int32), np.array([]))
        mip.addRow(-highspy.kHighsInf, float(self.max_clusters), 0, np.array([], dtype=np.int32), np.array([]))
        for cluster, cost in zip(self.clusters, self.costs, strict=True):
            rows = np.array([*sorted(cluster), n], dtype=np.int32)
            mip.addCol(float(cost), 0.0, 1.0, len(rows), rows, np.ones(len(rows)))
        count = len(self.clusters)
        mip.changeColsIntegrality(
            count, np.arange(count, dtype=np.int32), np.array([highspy.HighsVarType.kInteger] * count)
        )
        mip.setOptionValue("mip_abs_gap", 0.99)
        mip.run()
        if mip.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        chosen = np.flatnonzero(np.array(mip.getSolution().col_value) > 0.5)
        return [self.clusters[i] for i in chosen.tolist()]

    def solve(self, central: bool = False) -> Relaxed:
        """Solve the relaxation: by simplex, or near the centre of its optimal face by interior points."""
        self.lp.setOptionValue("solver", "ipm" if central else "simplex")
        self.lp.setOptionValue("run_crossover", "off" if central else "on")
        self.lp.run()
        solution = self.lp.getSolution()
        n = self.instance.num_units
        dual = np.array(solution.row_dual)
        primal = np.array(solution.col_value)
        return Relaxed(
            value=float(self.lp.getInfo().objective_function_value),
            duals=dual[:n],
            penalties=np.maximum(0.0, -dual[n + 1 :]),
            charge=max(0.0, -float(dual[n])),
            weights=primal[n:],
            artificial=float(primal[:n].sum()),
        )

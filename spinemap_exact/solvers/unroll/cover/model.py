r"""Unrolling as trees of units over a cover of the synapses by crossbars, for CP-SAT: all goals and options.

Sets        neurons i; synapses s = (k, i) of axon k; crossbars b; levels l = carries between a unit and its soma unit
Data        R rows, N columns, F unit fan-in, sigma_k spikes of axon k
Variables   column[i,b,l]    units of neuron i at level l in crossbar b; at most one over all l unless F is given
            merge[i,b,l]     carries merged there
            hold[s,b,l] = 1  synapse s ends at such a unit
            row[k,b]    = 1  axon k has a row in crossbar b
            used[b]     = 1  crossbar b is used
Minimise    crossbars      sum_b used[b]
            units          sum column[i,b,l]
            carry spikes   sum_(s,b,l) l sigma_k hold[s,b,l]
Subject to  (U1) sum_(b,l) hold[s,b,l] = 1                                 for s      no synapse is lost
            (U2) hold[s,b,l] <= column[i,b,l], hold[s,b,l] <= row[k,b]     for s, b, l
            (U3) sum_k row[k,b] + sum_(i,l) merge[i,b,l] <= R used[b]      for b      rows; a carry has its own
            (U4) sum_(i,l) column[i,b,l] <= N used[b]                      for b      columns
            (U5) merge[i,b,l] <= R column[i,b,l]                           for i, b, l
            (U6) sum_b column[i,b,0] = 1                                   for i      one soma unit
                 sum_b column[i,b,l+1] = sum_b merge[i,b,l]                for i, l   every carry is merged
            (U7) sum_(b,l) column[i,b,l] <= max_units over all i
            (U8) sum_s hold[s,b,l] + merge[i,b,l] <= F column[i,b,l]       for i, b, l, and as many units as F asks for
            (U9) sum_(i,l) column[i,b,l] >= sum_(i,l) column[i,b+1,l]      for b      crossbars have no names
            (U10) sum_(b,l) column[i,b,l] >= max(1, ceil((m_i - 1)/(R - 1)))

Without F two units of a neuron in one crossbar can be merged into the shallower one, so one is enough. Any numbers of
merged carries that satisfy (U6) form a tree. Where levels do not matter (no depth limit, no carry spikes in the
objective) there is only one, and (U6) says sum_b merge[i,b] = sum_b column[i,b] - 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from spinemap_exact.formulations._cpsat import CpSat
from spinemap_exact.formulations._model import Model, Value
from spinemap_exact.kernels.counting import fewest_units
from spinemap_exact.kernels.unit_trees import packed_levels
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollObjective, UnrollProblem


def build(problem: UnrollProblem, say: CpSat) -> Tree:
    return Tree(problem, say)


class Tree(Model[PackedUnrolling]):
    """See the module docstring."""

    def __init__(self, problem: UnrollProblem, say: CpSat) -> None:
        super().__init__(say)
        self.proto = say.proto
        self.problem = problem
        network = problem.network
        self.neurons = problem.neurons.tolist()
        self.fewest = fewest_units(problem)
        # a crossbar for each unit is always enough: more units than the fewest never help there
        units = int(self.fewest.sum())
        most = units if problem.max_crossbars is None else min(units, problem.max_crossbars)
        self.crossbars = range(max(0, most))
        self.levelled = problem.max_depth is not None or problem.objective is UnrollObjective.CARRY_SPIKES
        self.deepest = {i: self._deepest(i) for i in self.neurons}
        self.units = [(i, b, level) for i in self.neurons for b in self.crossbars for level in self._levels(i)]
        self.synapses = [(s, int(network.pre[s]), int(network.post[s])) for s in range(network.num_synapses)]
        at_once = 1 if problem.unit_fan_in is None else units
        boolean, integer = self.proto.new_bool_var, self.proto.new_int_var
        self.column = {u: integer(0, at_once, f"column{list(u)}") for u in self.units}
        self.merge = {u: integer(0, problem.rows, f"merge{list(u)}") for u in self.units}
        self.hold = {
            (s, b, level): boolean(f"hold[{s},{b},{level}]")
            for s, _, i in self.synapses
            for b in self.crossbars
            for level in self._levels(i)
        }
        axons = np.flatnonzero(network.fan_out).tolist()
        self.row = {(k, b): boolean(f"row[{k},{b}]") for k in axons for b in self.crossbars}
        self.used = {b: boolean(f"used[{b}]") for b in self.crossbars}
        self.lose_no_synapse()  # U1, U2
        self.respect_rows_and_columns()  # U3, U4
        self.merge_in_columns()  # U5
        self.form_trees()  # U6
        self.respect_max_units()  # U7
        self.keep_units_homogeneous()  # U8
        self.order_crossbars()  # U9
        self.ask_for_enough_units()  # U10
        self.minimise_cost()

    def _deepest(self, i: int) -> int:
        """Deepest level of neuron i: no more than carries it may have."""
        if self.problem.unit_fan_in is not None:
            most = int(self.fewest[i]) - 1
        else:
            most = len(self.crossbars) - 1
        return max(0, most if self.problem.max_depth is None else min(most, self.problem.max_depth))

    def _levels(self, i: int) -> range:
        return range(self.deepest[i] + 1) if self.levelled else range(1)

    def lose_no_synapse(self) -> None:
        for s, k, i in self.synapses:
            self.proto.add_exactly_one(self.hold[s, b, level] for b in self.crossbars for level in self._levels(i))
            for b in self.crossbars:
                for level in self._levels(i):
                    self.proto.add_implication(self.hold[s, b, level], self.row[k, b])
                    self.proto.add(self.hold[s, b, level] <= self.column[i, b, level])

    def respect_rows_and_columns(self) -> None:
        for b in self.crossbars:
            rows = sum(row for (_, c), row in self.row.items() if c == b)
            carries = sum(self.merge[u] for u in self.units if u[1] == b)
            self.proto.add(rows + carries <= self.problem.rows * self.used[b])
            columns = sum(self.column[u] for u in self.units if u[1] == b)
            self.proto.add(columns <= self.problem.columns * self.used[b])

    def merge_in_columns(self) -> None:
        for u in self.units:
            self.proto.add(self.merge[u] <= self.problem.rows * self.column[u])
        if self.problem.unit_fan_in is None:
            for i in self.neurons:
                for b in self.crossbars:
                    self.proto.add(sum(self.column[i, b, level] for level in self._levels(i)) <= 1)

    def form_trees(self) -> None:
        for i in self.neurons:
            column = [sum(self.column[i, b, level] for b in self.crossbars) for level in self._levels(i)]
            merge = [sum(self.merge[i, b, level] for b in self.crossbars) for level in self._levels(i)]
            if not self.levelled:
                self.proto.add(merge[0] == column[0] - 1)
                continue
            self.proto.add(column[0] == 1)
            for level in self._levels(i):
                self.proto.add(merge[level] == (column[level + 1] if level < self.deepest[i] else 0))

    def respect_max_units(self) -> None:
        if self.problem.max_units is not None:
            self.proto.add(sum(self.column.values()) <= self.problem.max_units)

    def keep_units_homogeneous(self) -> None:
        if self.problem.unit_fan_in is None:
            return
        held = defaultdict(list)
        for s, _, i in self.synapses:
            for b in self.crossbars:
                for level in self._levels(i):
                    held[i, b, level].append(self.hold[s, b, level])
        for unit, column in self.column.items():
            self.proto.add(sum(held[unit]) + self.merge[unit] <= self.problem.unit_fan_in * column)
        for i in self.neurons:
            self.proto.add(sum(self.column[u] for u in self.units if u[0] == i) == int(self.fewest[i]))

    def order_crossbars(self) -> None:
        columns = [sum(self.column[u] for u in self.units if u[1] == b) for b in self.crossbars]
        for more, fewer in pairwise(columns):
            self.proto.add(more >= fewer)

    def ask_for_enough_units(self) -> None:
        for i in self.neurons:
            self.proto.add(sum(self.column[u] for u in self.units if u[0] == i) >= int(self.fewest[i]))

    def minimise_cost(self) -> None:
        match self.problem.objective:
            case UnrollObjective.CROSSBARS:
                self.minimise((1, used) for used in self.used.values())
            case UnrollObjective.UNITS:
                self.minimise((1, column) for column in self.column.values())
            case UnrollObjective.CARRY_SPIKES:
                spikes = self.problem.network.spikes[self.problem.network.pre].tolist()
                self.minimise((level * spikes[s], hold) for (s, _, level), hold in self.hold.items())

    def read(self, value: Value) -> PackedUnrolling:
        return packed_levels(
            self.problem.network,
            {s: (b, level) for (s, b, level), hold in self.hold.items() if value(hold)},
            {u: (value(self.column[u]), value(self.merge[u])) for u in self.units if value(self.column[u])},
            self.problem.unit_fan_in,
            levelled=self.levelled,
        )

    def values(self, solution: PackedUnrolling) -> Iterable[tuple[Any, int]]:
        """Say what every variable is; where units share a crossbar and a level, they count as one unless F is given."""
        unrolling, home = solution.unrolling, solution.partition.cluster_of_unit
        order = np.argsort(-solution.partition.columns_used, kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        depth = unrolling.depth_of_unit
        kind = [
            (int(unrolling.neuron_of_unit[u]), int(rank[home[u]]), int(depth[u]) if self.levelled else 0)
            for u in range(unrolling.num_units)
        ]
        columns: dict[tuple[int, int, int], int] = defaultdict(int)
        merges: dict[tuple[int, int, int], int] = defaultdict(int)
        for u, parent in enumerate(unrolling.parent_of_unit.tolist()):
            columns[kind[u]] += 1
            if parent >= 0:
                merges[kind[parent]] += 1
        at_once = 1 if self.problem.unit_fan_in is None else unrolling.num_units
        for unit, column in self.column.items():
            yield column, min(columns[unit], at_once)
        for unit, merge in self.merge.items():
            yield merge, merges[unit]
        place = [kind[u][1:] for u in unrolling.unit_of_synapse.tolist()]
        rows = {(k, place[s][0]) for s, k, _ in self.synapses}
        for (s, b, level), hold in self.hold.items():
            yield hold, int(place[s] == (b, level))
        for (k, b), row in self.row.items():
            yield row, int((k, b) in rows)
        for b, used in self.used.items():
            yield used, int(b < solution.partition.num_clusters)

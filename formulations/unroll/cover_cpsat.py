r"""Unrolling as a cover of the synapses by crossbars, for CP-SAT, in decision form: do ``B`` crossbars suffice?

Sets        neurons i; axons k; synapses (k, i); crossbars b = 0 ... B-1
Data        R rows, K columns of a crossbar; U most units
Variables   row[k,b] = 1      axon k has a row in crossbar b
            column[i,b] = 1   neuron i has a unit, that is a column, in crossbar b
            read[k,i,b] = 1   synapse (k, i) may be read there
            carries[i,b]      partial sums of neuron i that its unit in crossbar b reads, a row each
Subject to  (U1) sum_b read[k,i,b] >= 1                                    for (k, i)   no synapse is lost
            (U2) read[k,i,b] <= row[k,b], read[k,i,b] <= column[i,b]       for (k, i), b
            (U3) sum_i column[i,b] <= K                                    for b        columns
            (U4) sum_k row[k,b] + sum_i carries[i,b] <= R                  for b        rows
            (U5) sum_b column[i,b] >= 1                                    for i        every neuron has a soma unit
            (U6) sum_b carries[i,b] = sum_b column[i,b] - 1                for i        its units form a tree
            (U7) carries[i,b] = 0 unless column[i,b]                       for i, b
            (U8) sum_i,b column[i,b] <= U
            (U9) sum_i column[i,b] >= sum_i column[i,b+1]                  for b        crossbars have no names

Two units of one neuron in one crossbar can be merged, hence one column. The shape of the tree need not be modelled:
units that read any numbers of carries adding up to one less than there are units can be arranged as a tree, and
`read` does it. Asking for a given B closes in seconds where minimising the crossbars used proves nothing; the levels
start at the counting bound.
"""

from __future__ import annotations

from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._cpsat import CpSat
from spinemap_exact.formulations._model import Model, Value
from spinemap_exact.formulations.unroll._tree import PackedTrees
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollObjective, UnrollProblem, homogeneous_units


def levels(problem: UnrollProblem) -> range:
    """Numbers of crossbars to try: from what counting rows, columns and cells demands to what always suffices.

    Raises
    ------
    InvalidInput
        If the problem asks for more than the fewest crossbars.
    """
    if problem.objective is not UnrollObjective.CROSSBARS:
        raise InvalidInput(f"this model counts crossbars; it does not cover the objective {problem.objective}")
    if problem.max_depth is not None or problem.unit_fan_in is not None:
        raise InvalidInput("this model does not cover depth limits and homogeneous units")
    fan_in = problem.network.fan_in[problem.neurons]
    units = homogeneous_units(fan_in, problem.rows) if problem.rows > 1 else fan_in * 0 + 1
    axons = int((problem.network.fan_out > 0).sum())
    fewest = max(  # 0 of a network without neurons
        -(-int(units.sum()) // problem.columns),
        -(-(axons + int((units - 1).sum())) // problem.rows),
        -(-int((fan_in + units - 1).sum()) // (problem.rows * problem.columns)),
    )
    most = int(units.sum())  # every unit in a crossbar of its own
    return range(fewest, (most if problem.max_crossbars is None else min(most, problem.max_crossbars)) + 1)


def build(problem: UnrollProblem, say: CpSat, level: int) -> Cover:
    return Cover(problem, say, level)


class Cover(Model[PackedUnrolling]):
    """See the module docstring."""

    def __init__(self, problem: UnrollProblem, say: CpSat, level: int) -> None:
        super().__init__(say)
        self.proto = say.proto
        self.problem, self.constant = problem, level
        self.crossbars = range(level)
        self.neurons: list[int] = problem.neurons.tolist()
        self.synapses = list(zip(problem.network.pre.tolist(), problem.network.post.tolist(), strict=True))
        axons = sorted({k for k, _ in self.synapses})
        boolean = self.proto.new_bool_var
        self.row = {(k, b): boolean(f"row[{k},{b}]") for k in axons for b in self.crossbars}
        self.column = {(i, b): boolean(f"column[{i},{b}]") for i in self.neurons for b in self.crossbars}
        self.read_at = {(k, i, b): boolean(f"read[{k},{i},{b}]") for k, i in self.synapses for b in self.crossbars}
        self.carries = {
            (i, b): self.proto.new_int_var(0, min(level - 1, problem.rows), f"carries[{i},{b}]")
            for i in self.neurons
            for b in self.crossbars
        }
        self.lose_no_synapse()  # U1
        self.read_where_row_meets_column()  # U2
        self.respect_columns()  # U3
        self.respect_rows()  # U4
        self.give_each_neuron_a_soma_unit()  # U5
        self.join_units_to_a_tree()  # U6
        self.carry_within_columns()  # U7
        self.respect_units()  # U8
        self.order_crossbars()  # U9

    def lose_no_synapse(self) -> None:
        for k, i in self.synapses:
            self.proto.add_bool_or(self.read_at[k, i, b] for b in self.crossbars)

    def read_where_row_meets_column(self) -> None:
        for (k, i, b), read in self.read_at.items():
            self.proto.add_implication(read, self.row[k, b])
            self.proto.add_implication(read, self.column[i, b])

    def respect_columns(self) -> None:
        for b in self.crossbars:
            self.proto.add(sum(self.column[i, b] for i in self.neurons) <= self.problem.columns)

    def respect_rows(self) -> None:
        for b in self.crossbars:
            axons = sum(row for (_, other), row in self.row.items() if other == b)
            self.proto.add(axons + sum(self.carries[i, b] for i in self.neurons) <= self.problem.rows)

    def give_each_neuron_a_soma_unit(self) -> None:
        for i in self.neurons:
            self.proto.add_bool_or(self.column[i, b] for b in self.crossbars)

    def join_units_to_a_tree(self) -> None:
        for i in self.neurons:
            units = sum(self.column[i, b] for b in self.crossbars)
            self.proto.add(sum(self.carries[i, b] for b in self.crossbars) == units - 1)

    def carry_within_columns(self) -> None:
        for (i, b), carries in self.carries.items():
            self.proto.add(carries == 0).only_enforce_if(~self.column[i, b])

    def respect_units(self) -> None:
        if self.problem.max_units is not None:
            self.proto.add(sum(self.column.values()) <= self.problem.max_units)

    def order_crossbars(self) -> None:
        used = [sum(self.column[i, b] for i in self.neurons) for b in self.crossbars]
        for b in self.crossbars[1:]:
            self.proto.add(used[b - 1] >= used[b])

    def read(self, value: Value) -> PackedUnrolling:
        trees = PackedTrees(self.problem)
        reader = {(k, i): next(b for b in self.crossbars if value(self.read_at[k, i, b])) for k, i in self.synapses}
        for i in self.neurons:
            carries = {b: value(self.carries[i, b]) for b in self.crossbars if value(self.column[i, b])}
            trees.add(i, carries, {k: b for (k, post), b in reader.items() if post == i})
        return trees.packed()

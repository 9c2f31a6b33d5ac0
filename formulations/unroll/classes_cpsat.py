r"""Unrolling by counts of identical neurons and axons, for CP-SAT, in decision form: do ``B`` crossbars suffice?

All that matters of an axon is the set of crossbars that hold a row of it, and of a neuron the set that holds a column.
Identical ones are interchangeable, so it is enough to count how many of a class have which set: a dense layer of any
size is one class of axons and one of neurons.

Sets        classes of axons a and of neurons n (`Classes`); n reads a, or not; crossbars b = 0 ... B-1;
            S, T, C nonempty sets of crossbars
Data        R rows, K columns of a crossbar; U most units; t_n fewest units of a neuron of n
Variables   axons[a,S]        axons of class a with rows in exactly the crossbars S;     |S| <= B + 1 - min t_n
            neurons[n,T]      neurons of class n with columns in exactly T;              |T| >= t_n
            inside[n,C] = 1   some neuron of class n may have all its columns within C
            carries[T,b]      partial sums that units of neurons with columns in T read in crossbar b, a row each
Subject to  (C1) sum_S axons[a,S] = |a|                                          for a      every axon has a row
            (C2) sum_T neurons[n,T] = |n|                                        for n      every neuron has a column
            (C3) neurons[n,T] <= |n| inside[n,T], inside[n,C] <= inside[n,C+b]   for n, T, C, b
            (C4) sum_(S disjoint from C) axons[a,S] <= |a| (1 - inside[n,C])     for n that read a, C: rows meet columns
            (C5) sum_(n,T with b) neurons[n,T] <= K                              for b      columns
            (C6) sum_(a,S with b) axons[a,S] + sum_(T with b) carries[T,b] <= R  for b      rows
            (C7) sum_b carries[T,b] = (|T| - 1) sum_n neurons[n,T]               for T      units form trees
            (C8) sum_(n,T) |T| neurons[n,T] <= U
            (C9) columns used in b >= columns used in b + 1                      for b      crossbars have no names

The carries of all neurons with the same T are interchangeable too: a neuron may read any |T| - 1 of them, and `read`
deals them out. An axon of |S| = B + 1 - min t_n meets every neuron that may read it, so more rows are never needed.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._cpsat import CpSat
from spinemap_exact.formulations._model import Model, Value
from spinemap_exact.formulations.unroll._tree import PackedTrees
from spinemap_exact.formulations.unroll.cover_cpsat import levels
from spinemap_exact.kernels.counting import fewest_units
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem

__all__ = ["Classes", "build", "fits", "levels"]

LARGEST = 200_000
"""Terms of (C3) and (C4) up to which the model is built."""


def fits(problem: UnrollProblem, level: int) -> bool:
    """True if there are few enough classes and crossbars."""
    classes = problem.classes
    terms: int = len(classes.read_idx) * 3**level + classes.num_neuron_classes * level * 2**level
    return terms <= LARGEST


def build(problem: UnrollProblem, say: CpSat, level: int) -> Classes:
    """Build the model.

    Raises
    ------
    InvalidInput
        If there are too many classes and crossbars.
    """
    if not fits(problem, level):
        classes = problem.classes
        raise InvalidInput(
            f"this model does not cover {classes.num_axon_classes} classes of axons and {classes.num_neuron_classes} "
            f"of neurons on {level} crossbars: it lists the sets of crossbars"
        )
    return Classes(problem, say, level)


class Classes(Model[PackedUnrolling]):
    """See the module docstring; a set of crossbars is an integer with a bit for each."""

    def __init__(self, problem: UnrollProblem, say: CpSat, level: int) -> None:
        super().__init__(say)
        self.proto = say.proto
        self.problem, self.constant = problem, level
        self.classes = classes = problem.classes
        self.crossbars = range(level)
        self.everything = 2**level - 1
        self.sets = range(1, 2**level)
        self.num_axons: list[int] = classes.axons_in.tolist()
        self.num_neurons: list[int] = classes.neurons_in.tolist()
        self.reads: list[list[int]] = [classes.reads_of(n).tolist() for n in range(classes.num_neuron_classes)]
        self.fewest: list[int] = fewest_units(problem)[classes.neuron_idx[classes.neuron_ptr[:-1]]].tolist()
        self.most = [1] * len(self.num_axons)
        for t, reads in zip(self.fewest, self.reads, strict=True):
            for a in reads:
                self.most[a] = max(self.most[a], level + 1 - t)
        integer, boolean = self.proto.new_int_var, self.proto.new_bool_var
        self.axons = {
            (a, s): integer(0, count, f"axons[{a},{s:b}]")
            for a, count in enumerate(self.num_axons)
            for s in self.sets
            if s.bit_count() <= self.most[a]
        }
        self.neurons = {
            (n, t): integer(0, count, f"neurons[{n},{t:b}]")
            for n, count in enumerate(self.num_neurons)
            for t in self.sets
            if t.bit_count() >= self.fewest[n]
        }
        self.inside = {(n, c): boolean(f"inside[{n},{c:b}]") for n, c in self.neurons}
        self.carries = {
            (t, b): integer(0, problem.rows, f"carries[{t:b},{b}]")
            for t in sorted({t for _, t in self.neurons})
            for b in self.members(t)
            if t.bit_count() > 1
        }
        self.give_each_axon_a_row()  # C1
        self.give_each_neuron_a_column()  # C2
        self.know_where_neurons_are()  # C3
        self.let_rows_meet_columns()  # C4
        self.respect_columns()  # C5
        self.respect_rows()  # C6
        self.join_units_to_trees()  # C7
        self.respect_units()  # C8
        self.order_crossbars()  # C9

    def members(self, crossbars: int) -> list[int]:
        return [b for b in self.crossbars if crossbars >> b & 1]

    def give_each_axon_a_row(self) -> None:
        for a, count in enumerate(self.num_axons):
            self.proto.add(sum(axons for (other, _), axons in self.axons.items() if other == a) == count)

    def give_each_neuron_a_column(self) -> None:
        for n, count in enumerate(self.num_neurons):
            self.proto.add(sum(neurons for (other, _), neurons in self.neurons.items() if other == n) == count)

    def know_where_neurons_are(self) -> None:
        for (n, c), inside in self.inside.items():
            self.proto.add(self.neurons[n, c] <= self.num_neurons[n] * inside)
            for b in self.members(self.everything ^ c):
                self.proto.add_implication(inside, self.inside[n, c | 1 << b])

    def let_rows_meet_columns(self) -> None:
        for (n, c), inside in self.inside.items():
            for a in self.reads[n]:
                apart = [self.axons[a, s] for s in self.sets if not s & c and (a, s) in self.axons]
                if apart:
                    self.proto.add(sum(apart) <= self.num_axons[a] * (1 - inside))

    def columns_in(self, b: int) -> Any:
        return sum(neurons for (_, t), neurons in self.neurons.items() if t >> b & 1)

    def respect_columns(self) -> None:
        for b in self.crossbars:
            self.proto.add(self.columns_in(b) <= self.problem.columns)

    def respect_rows(self) -> None:
        for b in self.crossbars:
            axons = sum(axons for (_, s), axons in self.axons.items() if s >> b & 1)
            carries = sum(carries for (_, other), carries in self.carries.items() if other == b)
            self.proto.add(axons + carries <= self.problem.rows)

    def join_units_to_trees(self) -> None:
        for t in sorted({t for t, _ in self.carries}):
            neurons = sum(self.neurons[n, t] for n in range(len(self.num_neurons)) if (n, t) in self.neurons)
            carries = sum(self.carries[t, b] for b in self.members(t))
            self.proto.add(carries == (t.bit_count() - 1) * neurons)

    def respect_units(self) -> None:
        if self.problem.max_units is not None:
            units = sum(t.bit_count() * neurons for (_, t), neurons in self.neurons.items())
            self.proto.add(units <= self.problem.max_units)

    def order_crossbars(self) -> None:
        for b in self.crossbars[1:]:
            self.proto.add(self.columns_in(b - 1) >= self.columns_in(b))

    def read(self, value: Value) -> PackedUnrolling:
        rows: dict[int, int] = {}
        for a in range(len(self.num_axons)):
            held = [s for (other, s), axons in self.axons.items() if other == a for _ in range(value(axons))]
            rows |= zip(self.classes.axons_of(a).tolist(), held, strict=True)
        due: dict[int, list[int]] = defaultdict(list)
        for (t, b), carries in self.carries.items():
            due[t] += [b] * value(carries)
        trees = PackedTrees(self.problem)
        network = self.problem.network
        for n in range(len(self.num_neurons)):
            held = [t for (other, t), neurons in self.neurons.items() if other == n for _ in range(value(neurons))]
            for i, t in zip(self.classes.neurons_of(n).tolist(), held, strict=True):
                carries = dict.fromkeys(self.members(t), 0)
                for _ in range(t.bit_count() - 1):
                    carries[due[t].pop()] += 1
                trees.add(i, carries, {k: self.members(rows[k] & t)[0] for k in network.fan_in_of(i).tolist()})
        return trees.packed()

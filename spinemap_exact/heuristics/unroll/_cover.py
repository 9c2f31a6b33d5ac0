"""Crossbars under construction: which synapses lie where, and how carries find rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.unit_trees import packed_unrolling
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem


@dataclass
class Bin:
    """One crossbar: axons and neurons in it, and the carries merged there."""

    axons: set[int] = field(default_factory=set)
    neurons: set[int] = field(default_factory=set)
    carries: dict[int, int] = field(default_factory=dict)

    @property
    def rows_used(self) -> int:
        return len(self.axons) + sum(self.carries.values())


class Cover:
    """A growing cover of the synapses by crossbars."""

    def __init__(self, problem: UnrollProblem) -> None:
        self.problem = problem
        self.bins: list[Bin] = []
        self.crossbar_of_synapse = np.full(problem.network.num_synapses, -1, dtype=np.int64)
        self.crossbars_of_neuron: dict[int, list[int]] = {int(i): [] for i in problem.neurons}

    def open(self) -> int:
        self.bins.append(Bin())
        return len(self.bins) - 1

    def spare_rows(self, b: int) -> int:
        return self.problem.rows - self.bins[b].rows_used

    def spare_columns(self, b: int) -> int:
        return self.problem.columns - len(self.bins[b].neurons)

    def place(self, b: int, neuron: int, synapses: Array) -> None:
        """Put synapses of a neuron into crossbar ``b``."""
        self.bins[b].axons.update(self.problem.network.pre[synapses].tolist())
        self._enter(b, neuron)
        self.crossbar_of_synapse[synapses] = b

    def fits(self, b: int, axons: Iterable[int]) -> bool:
        """True if a new neuron reading ``axons`` fits into crossbar ``b``."""
        return self.spare_columns(b) > 0 and len(set(axons) - self.bins[b].axons) <= self.spare_rows(b)

    def merge_carries(self) -> None:
        """Find rows for all carries: first where the neuron has a column, then in any crossbar, then in new ones."""
        due = {i: len(bs) - 1 for i, bs in self.crossbars_of_neuron.items() if len(bs) > 1}
        spare = [self.spare_rows(b) for b in range(len(self.bins))]
        for i in sorted(due, key=lambda i: (due[i], i)):
            homes = self.crossbars_of_neuron[i]
            if sum(spare[b] for b in homes) < due[i]:
                continue
            self._merge(i, due.pop(i), homes, spare)
        for i in due:  # what is left over still shortens the work of a combiner
            homes = self.crossbars_of_neuron[i]
            done = min(due[i], sum(spare[b] for b in homes))
            self._merge(i, done, homes, spare)
            due[i] -= done
        for i in sorted(due, key=lambda i: (-due[i], i)):
            self._combine(i, due[i], spare)

    def solution(self) -> PackedUnrolling | None:
        """Return the packed unrolling, or None if a limit of the problem forbids it."""
        idle = [i for i in self.crossbars_of_neuron if self.problem.network.fan_in[i] == 0]
        for i in idle:  # any free column
            if not self.crossbars_of_neuron[i]:
                b = next((b for b in range(len(self.bins)) if self.spare_columns(b) > 0), None)
                self._enter(self.open() if b is None else b, i)
        merges = [(i, b, q) for b, bin_ in enumerate(self.bins) for i, q in bin_.carries.items()]
        merges += [(i, self.crossbars_of_neuron[i][0], 0) for i in idle]
        neuron, crossbar, carries = np.array(merges, dtype=np.int64).reshape(-1, 3).T
        packed = packed_unrolling(self.problem.network, self.crossbar_of_synapse, neuron, crossbar, carries)
        return None if self.problem.violations(packed) else packed

    def _enter(self, b: int, neuron: int) -> None:
        if neuron not in self.bins[b].neurons:
            self.bins[b].neurons.add(neuron)
            self.crossbars_of_neuron[neuron].append(b)

    def _merge(self, neuron: int, count: int, homes: list[int], spare: list[int]) -> None:
        for b in sorted(homes, key=lambda b: -spare[b]):
            here = min(count, spare[b])
            if here > 0:
                carries = self.bins[b].carries
                carries[neuron] = carries.get(neuron, 0) + here
                spare[b] -= here
                count -= here

    def _combine(self, neuron: int, count: int, spare: list[int]) -> None:
        """Merge the last ``count`` carries in crossbars where the neuron has no column yet: one more carry each."""
        while count > 0:
            here = min(count + 1, self.problem.rows)
            home = self.bins
            b = next(
                (
                    b
                    for b in range(len(home))
                    if spare[b] >= here and self.spare_columns(b) > 0 and neuron not in home[b].neurons
                ),
                None,
            )
            if b is None:
                b = self.open()
                spare.append(self.problem.rows)
            self._enter(b, neuron)
            self.bins[b].carries[neuron] = here
            spare[b] -= here
            count -= here - 1

"""Crossbars under construction, by counts: identical neurons are handled at once, synapses are placed at the end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.unit_trees import packed_unrolling
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem


@dataclass(eq=False)
class Batch:
    """Neurons with columns in the same crossbars, and how many carries of each still need a row."""

    neurons: list[int]
    homes: list[int]
    due: int


@dataclass(frozen=True, eq=False)
class Sliced:
    """Neurons whose axons are cut into slices of ``rows`` in consecutive crossbars, the first one is ``crossbar``.

    With ``last`` the last slice of each neuron lies in a crossbar named there.
    """

    neurons: Array
    axons: Array
    rows: int
    crossbar: int
    last: Array | None = None


@dataclass(eq=False)
class Plan:
    """How many rows and columns are in use in each crossbar, and who is to be placed there."""

    problem: UnrollProblem
    rows_used: list[int] = field(default_factory=list)
    columns_used: list[int] = field(default_factory=list)
    slices: list[Sliced] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    merges: list[tuple[int, int, int]] = field(default_factory=list)  # neuron, crossbar, carries
    unplaced: list[int] = field(default_factory=list)  # classes of neurons that are to stay whole
    whole: list[tuple[Array, int]] = field(default_factory=list)  # neurons, crossbar

    def copy(self) -> Plan:
        """Return a plan that can grow on its own."""
        lists = (self.rows_used, self.columns_used, self.slices, self.batches, self.merges, self.unplaced, self.whole)
        return Plan(self.problem, *(list(each) for each in lists))  # type: ignore[arg-type]

    @property
    def num_crossbars(self) -> int:
        return len(self.rows_used)

    @property
    def num_units(self) -> int:
        return sum(self.columns_used)

    @property
    def least_crossbars(self) -> int:
        """Crossbars once all carries have rows, at least."""
        rows = sum(self.rows_used) + sum(batch.due * len(batch.neurons) for batch in self.batches)
        units = self.num_units + int(self.problem.classes.neurons_in[self.unplaced].sum())
        return max(self.num_crossbars, -(-rows // self.problem.rows), -(-units // self.problem.columns))

    def open(self, rows: int, columns: int) -> int:
        self.rows_used.append(rows)
        self.columns_used.append(columns)
        return self.num_crossbars - 1

    def spare_rows(self, b: int) -> int:
        return self.problem.rows - self.rows_used[b]

    def merge_carries(self, *, split: bool) -> None:
        """Find rows for all carries: first where the neuron has a column, then in any crossbar, then in new ones.

        A combiner may be ``split`` to fill a crossbar, at the price of one more carry.
        """
        waiting = []
        for batch in sorted(self.batches, key=lambda batch: batch.due):
            if batch.due == 0:
                continue
            room = sum(map(self.spare_rows, batch.homes))
            served = min(len(batch.neurons), room // batch.due)
            self._merge_at_home(batch, batch.neurons[:served], batch.due)
            waiting += [(i, batch.due, batch) for i in batch.neurons[served:]]
        due = []
        for i, count, batch in waiting:  # what is left over still shortens the work of a combiner
            here = min(count, sum(map(self.spare_rows, batch.homes)))
            self._merge_at_home(batch, [i], here)
            due.append((count - here, i))
        self._combine(sorted((d for d in due if d[0] > 0), key=lambda d: (-d[0], d[1])), split=split)
        self.batches = []

    def place_whole(self, shares_rows: Array, reserve: int) -> None:
        """Give each neuron that stays whole a unit, first-fit around what is there.

        Classes that share their rows with many come first and leave ``reserve`` columns to the others, if any.
        """
        known = self.problem.classes
        holding: defaultdict[int, list[int]] = defaultdict(list)  # crossbars that hold each axon
        for cut in self.slices if self.unplaced else []:
            copies = None if cut.last is None else np.unique(cut.last).tolist()
            parts = -(-len(cut.axons) // cut.rows)
            for position, k in enumerate(cut.axons.tolist()):
                part = position // cut.rows
                holding[k] += copies if copies and part == parts - 1 else [cut.crossbar + part]
        free = np.array([self.rows_used, self.columns_used], dtype=np.int64)
        free = np.array([[self.problem.rows], [self.problem.columns]]) - free
        first = [c for c in self.unplaced if reserve and shares_rows[c]]
        for c, kept in [
            *((c, reserve) for c in first),
            *((c, 0) for c in self.unplaced if not (reserve and shares_rows[c])),
        ]:
            neurons = known.neurons_of(c)
            axons = [k for d in known.reads_of(c) for k in known.axons_of(d).tolist()]
            while len(neurons):
                here = np.bincount([b for k in axons for b in holding[k]], minlength=free.shape[1])
                fits = (free[0] + here >= len(axons)) & (free[1] > kept)
                b = int(fits.argmax()) if fits.any() else self.open(0, 0)
                if b == free.shape[1]:
                    free = np.hstack([free, [[self.problem.rows], [self.problem.columns]]])
                for k in axons:
                    if b not in holding[k]:
                        holding[k].append(b)
                        free[0, b] -= 1
                placed = min(len(neurons), int(free[1, b]) - kept)
                free[1, b] -= placed
                self.whole.append((neurons[:placed], b))
                neurons = neurons[placed:]
        self.rows_used = (self.problem.rows - free[0]).tolist()
        self.columns_used = (self.problem.columns - free[1]).tolist()

    def packed(self) -> PackedUnrolling:
        """Place every synapse."""
        network = self.problem.network
        crossbar = np.empty(network.num_synapses, dtype=np.int64)
        part_of_axon = np.empty(network.num_neurons, dtype=np.int64)
        for cut in self.slices:
            part_of_axon[cut.axons] = np.arange(len(cut.axons)) // cut.rows
            synapses, count = self._synapses(cut.neurons)
            part = part_of_axon[network.pre[synapses]]
            crossbar[synapses] = cut.crossbar + part
            if cut.last is not None:
                last = part == part_of_axon[cut.axons[-1]]
                crossbar[synapses[last]] = np.repeat(cut.last, count)[last]
        for neurons, b in self.whole:
            crossbar[self._synapses(neurons)[0]] = b
        idle = [(int(i), b, 0) for neurons, b in self.whole for i in neurons if network.fan_in[i] == 0]
        merges = np.array(self.merges + idle, dtype=np.int64).reshape(-1, 3)
        return packed_unrolling(network, crossbar, *merges.T)

    def _synapses(self, neurons: Array) -> tuple[Array, Array]:
        """Return the synapses that end at neurons, and how many at each."""
        network = self.problem.network
        start, count = network.fanin_ptr[neurons], network.fan_in[neurons]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return network.fanin_synapse[np.repeat(start, count) + within], count

    def _merge_at_home(self, batch: Batch, neurons: list[int], each: int) -> None:
        homes = iter(sorted(batch.homes, key=self.rows_used.__getitem__))
        b, room = -1, 0
        for i in neurons:
            left = each
            while left > 0:
                while room == 0:
                    b = next(homes)
                    room = self.spare_rows(b)
                here = min(left, room)
                self.merges.append((i, b, here))
                self.rows_used[b] += here
                room -= here
                left -= here

    def _combine(self, due: list[tuple[int, int]], *, split: bool) -> None:
        """Merge carries in crossbars where the neuron has no column yet: one more carry for each."""
        rows = self.problem.rows
        open_ = [b for b in range(self.num_crossbars) if self._open(b)]
        for count, i in due:
            need = count + 1
            while need > 1:
                position = next((p for p, b in enumerate(open_) if self.spare_rows(b) >= min(need, rows)), None)
                if position is None and split and open_:
                    position = 0
                if position is None:
                    position = len(open_)
                    open_.append(self.open(0, 0))
                b = open_[position]
                here = min(need, self.spare_rows(b))
                self.merges.append((i, b, here))
                self.rows_used[b] += here
                self.columns_used[b] += 1
                need -= here - 1
                if not self._open(b):
                    del open_[position]

    def _open(self, b: int) -> bool:
        return self.spare_rows(b) >= 2 and self.columns_used[b] < self.problem.columns

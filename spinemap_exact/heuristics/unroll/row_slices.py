"""Row slices with combiners: wide neurons are cut along the same axons, and their carries meet in spare rows.

Everything is planned on classes of identical neurons and axons, and only the best plan is written out: a dense layer
costs little more than reading it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.heuristics.unroll._clusters import by_shared_axons
from spinemap_exact.heuristics.unroll._plan import Batch, Plan, Sliced
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Watch

FEW_CROSSBARS = 200
"""Up to here combiners that stay in one piece are tried, too: not fewer crossbars as a rule, but fewer units."""

MOST_FINISHED = 4
"""Ways to cut wide neurons around which the others are placed."""
MOST_CLUSTERED = 20_000
"""Classes of neurons that are compared with each other."""


def run(problem: UnrollProblem, watch: Watch, start: PackedUnrolling | None = None) -> PackedUnrolling | None:
    """Try several numbers of rows kept free for carries in each slice; return the best packing.

    Neurons are taken in groups that fill the columns, those with equal inputs together; the axons of a group are cut
    into slices. Where neurons have equal inputs, the last, incomplete slice may be repeated instead: each copy reads
    its axons for so many neurons as it has rows for all their carries. Neurons with no more inputs than rows either
    stay whole and are packed first-fit around the others, or are cut like these.
    """
    if problem.unit_fan_in is not None:
        return None
    slicer = _Slicer(problem)
    sliced: dict[bool, list[tuple[int, int, str, Plan]]] = {False: [], True: []}  # whether neurons stay whole
    for cut, note in slicer.cuts():
        others = sliced[bool(cut.unplaced)]
        fewest = min((least for least, *_ in others), default=None)
        for split in (False, True) if cut.num_crossbars <= FEW_CROSSBARS else (True,):
            # a limit of depth may forbid the best plan, but no worse one otherwise
            if fewest is not None and cut.least_crossbars > fewest and problem.max_depth is None:
                break
            plan = cut.copy()
            plan.merge_carries(split=split)
            others.append((plan.least_crossbars, plan.num_units, note, plan))
        if watch.should_stop():
            break
    plans: list[Plan] = []
    for others in sliced.values():
        others.sort(key=lambda each: each[:2])
        for *_, note, plan in others if problem.max_depth is not None else others[:MOST_FINISHED]:
            for unplaced, reserve in product(slicer.orders(plan.unplaced), slicer.reserves(plan)):
                if plans and watch.should_stop():
                    break
                grown = plan.copy()
                grown.unplaced = unplaced
                grown.place_whole(slicer.shares_rows, reserve)
                plans.append(grown)
                if all(grown.num_crossbars < other.num_crossbars for other in plans[:-1]):
                    watch.report(grown.num_crossbars, note=note)
    plans.sort(key=lambda plan: (plan.num_crossbars, plan.num_units))
    return next((packed for plan in plans if not problem.violations(packed := plan.packed())), None)


@dataclass(frozen=True, eq=False)
class _Group:
    """Neurons that share slices: runs of identical ones, and their axons in the order in which they are cut."""

    neurons: Array
    runs: list[list[int]]
    axons: Array
    ends: Array  # of the runs of axons with the same readers
    readers: Array  # (runs of axons + 1, runs of neurons): how many runs of axons before are read

    def reads(self, rows: int) -> Array:
        """(slices, runs of neurons) bool: who reads any axon of each slice of ``rows``."""
        first = np.arange(0, len(self.axons), rows)
        last = np.minimum(first + rows, len(self.axons)) - 1
        before = np.searchsorted(self.ends, first, side="right")
        through = np.searchsorted(self.ends, last, side="right")
        read: Array = self.readers[through + 1] > self.readers[before]
        return read


class _Slicer:
    """All ways to cut the neurons of a problem."""

    def __init__(self, problem: UnrollProblem) -> None:
        self.problem = problem
        self.classes = problem.classes
        self._groups: dict[bytes, list[_Group]] = {}
        self._clusters: dict[bytes, Array] = {}

    @cached_property
    def order(self) -> Array:
        """Classes of neurons, by the axons they read in order."""
        first = self.classes.neuron_idx[self.classes.neuron_ptr[:-1]].tolist()
        key = [self.problem.network.fan_in_of(i).tolist() for i in first]
        return np.array(sorted(range(len(first)), key=lambda c: (key[c], first[c])), dtype=np.int64)

    def cuts(self) -> Iterator[tuple[Plan, str]]:
        """Yield plans whose carries and whole neurons have no place yet, each with a note."""
        fan_in = self._axons_read[self.order]
        wide, narrow = self.order[fan_in > self.problem.rows], self.order[fan_in <= self.problem.rows]
        yield from self._cuts(wide, narrow, "in order")
        if 2 < len(self.order) <= MOST_CLUSTERED:
            yield from self._cuts(self._clustered(wide), self._clustered(narrow), "by shared axons")

    def orders(self, classes: list[int]) -> list[list[int]]:
        """Return orders in which classes that stay whole may be placed: by their axons, and by shared axons."""
        if not 2 < len(classes) <= MOST_CLUSTERED:
            return [classes]
        key = self._rank[classes]
        in_order = np.array(classes)[np.argsort(key)]
        return [in_order.tolist(), self._clustered(in_order).tolist()]

    @cached_property
    def _rank(self) -> Array:
        rank: Array = np.argsort(self.order)
        return rank

    def _clustered(self, classes: Array) -> Array:
        key = classes.tobytes()
        if key not in self._clusters:
            self._clusters[key] = by_shared_axons(self.classes, classes, self.problem.columns)
        return self._clusters[key]

    def _cuts(self, wide: Array, narrow: Array, how: str) -> Iterator[tuple[Plan, str]]:
        rows = self.problem.rows
        # fractions of the rows, the most promising first; at least two must remain for axons
        spares = sorted({rows * k // 32 for k in range(13) if rows - rows * k // 32 >= 2} or {0})
        if len(wide) == 0:
            yield Plan(self.problem, unplaced=narrow.tolist()), f"whole neurons {how}"
        twins = bool((self.classes.neurons_in[wide] > 1).any())
        for spare, repeat in product(spares if len(wide) else [], (False, True) if twins else (False,)):
            plan = Plan(self.problem, unplaced=narrow.tolist())
            rest = [c for c in wide if not (repeat and self._repeat_last(plan, c, rows - spare))]
            self._cut(plan, np.array(rest, dtype=np.int64), rows - spare)
            yield plan, f"row slices {how}, {spare} rows kept free"
        inputs = self._axons_read[narrow]
        cut = np.concatenate([wide, narrow[inputs > 0]])
        for spare in spares if (inputs > 1).any() else []:
            plan = Plan(self.problem, unplaced=narrow[inputs == 0].tolist())
            self._cut(plan, cut, rows - spare)
            yield plan, f"row slices of all neurons {how}, {spare} rows kept free"

    @cached_property
    def shares_rows(self) -> Array:
        """(num_neuron_classes,) bool: columns run out before rows where the axons meet all who read them."""
        problem, network = self.problem, self.problem.network
        row = 1 / np.minimum(np.maximum(1, network.fan_out), problem.columns)  # of each axon, for each reader
        rows = np.bincount(network.post, row[network.pre], minlength=network.num_neurons)
        first = self.classes.neuron_idx[self.classes.neuron_ptr[:-1]]
        shares: Array = rows[first] * problem.columns <= problem.rows
        return shares

    def reserves(self, plan: Plan) -> tuple[int, ...]:
        """Columns to keep free of neurons with many axons in common, for those that have few: up to their share."""
        unplaced = np.array(plan.unplaced, dtype=np.int64)
        lonely = int(self.classes.neurons_in[unplaced[~self.shares_rows[unplaced]]].sum())
        share = min(self.problem.columns - 1, -(-lonely // max(1, plan.least_crossbars)))
        return tuple(sorted({0, share // 2, share}))

    @cached_property
    def _axons_read(self) -> Array:
        """(num_neuron_classes,) int64: fan-in of the neurons of each class."""
        fan_in: Array = self.problem.network.fan_in[self.classes.neuron_idx[self.classes.neuron_ptr[:-1]]]
        return fan_in

    def _cut(self, plan: Plan, classes: Array, rows: int) -> None:
        key = classes.tobytes()
        if key not in self._groups:
            self._groups[key] = list(self._grouped(classes))
        for group in self._groups[key]:
            reads = group.reads(rows)
            size = np.array([len(run) for run in group.runs])
            first = plan.num_crossbars
            for part, columns in enumerate((reads * size).sum(axis=1).tolist()):
                plan.open(min(rows, len(group.axons) - part * rows), columns)
            plan.slices.append(Sliced(group.neurons, group.axons, rows, first))
            for run, read in zip(group.runs, reads.T, strict=True):
                homes = (first + np.flatnonzero(read)).tolist()
                plan.batches.append(Batch(run, homes, len(homes) - 1))

    def _grouped(self, classes: Array) -> Iterator[_Group]:
        """Fill the columns of a crossbar with one neuron after the other."""
        if len(classes) == 0:
            return
        known = self.classes
        neurons = np.concatenate([known.neurons_of(c) for c in classes])
        class_of = np.repeat(classes, known.neurons_in[classes])
        for begin in range(0, len(neurons), self.problem.columns):
            chosen = neurons[begin : begin + self.problem.columns]
            own, first = np.unique(class_of[begin : begin + self.problem.columns], return_index=True)
            order = np.argsort(first)
            own, first = own[order], first[order]
            runs = [run.tolist() for run in np.split(chosen, first[1:])]
            read = np.concatenate([known.reads_of(c) for c in own])
            run_of_read = np.repeat(np.arange(len(own)), [len(known.reads_of(c)) for c in own])
            axon_classes, row = np.unique(read, return_inverse=True)
            readers = np.zeros((len(axon_classes), len(own)), dtype=bool)
            readers[row, run_of_read] = True
            # axons with the same readers side by side, those of the first neurons first
            ranked = np.lexsort((axon_classes, *reversed(~np.packbits(readers, axis=1).T)))
            readers, axon_classes = readers[ranked], axon_classes[ranked]
            count = np.zeros((len(ranked) + 1, len(own)), dtype=np.int32)
            np.cumsum(readers, axis=0, out=count[1:])
            axons = np.concatenate([known.axons_of(d) for d in axon_classes])
            yield _Group(chosen, runs, axons, np.cumsum(known.axons_in[axon_classes]), count)

    def _repeat_last(self, plan: Plan, neuron_class: int, rows: int) -> bool:
        """Place neurons with equal inputs in full slices and copies of the last one; False if they do not fit so."""
        neurons = self.classes.neurons_of(neuron_class)
        axons = self.problem.network.fan_in_of(int(neurons[0]))
        full, rest = divmod(len(axons), rows)
        share = min(self.problem.columns, (self.problem.rows - rest) // full)
        if rest == 0 or share == 0:
            return False
        copy = np.array([plan.open(rest, 0) for _ in range(0, len(neurons), share)])[np.arange(len(neurons)) // share]
        for b in copy.tolist():
            plan.columns_used[b] += 1
        for begin in range(0, len(neurons), self.problem.columns):
            chosen = neurons[begin : begin + self.problem.columns]
            last = copy[begin : begin + self.problem.columns]
            first = plan.num_crossbars
            for _ in range(full):
                plan.open(rows, len(chosen))
            plan.slices.append(Sliced(chosen, axons, rows, first, last))
            for b in np.unique(last).tolist():
                same = chosen[last == b].tolist()
                plan.batches.append(Batch(same, [*range(first, first + full), b], full))
        return True

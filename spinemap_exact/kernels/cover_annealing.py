"""Simulated annealing over covers of the synapses by a fixed number of crossbars.

Every synapse lies in one crossbar, and every carry of a neuron in one where the neuron has a column. A further row of
an axon costs a row, and so does a further column of a neuron: its carry. The energy counts both, and whatever rows and
columns a crossbar does not have; a cover without that is a solution.

Every neuron has one extra synapse without an axon. It gives a neuron without inputs its column, and lets the carries of
any other meet in a crossbar that holds none of its synapses (a combiner).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.kernels.unit_trees import packed_unrolling
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Watch

HOT, COLD, OVERLOAD = 1.0, 0.3, 3.0  # in rows: a further row is common at first and rare at the end
CHUNK = 500_000  # moves between two looks at the clock
LARGE = 20_000  # synapses from which a move takes microseconds
NO_AXON = -1


@dataclass(frozen=True, eq=False)
class SynapseCover:
    """The synapses of a problem, then the extra one of each neuron, ready to be annealed."""

    problem: UnrollProblem

    @cached_property
    def axon(self) -> Array:
        rank = np.unique(self.problem.network.pre, return_inverse=True)[1].ravel()
        return np.concatenate((rank, np.full(len(self.problem.neurons), NO_AXON)))

    @cached_property
    def neuron(self) -> Array:
        rank = np.searchsorted(self.problem.neurons, self.problem.network.post)
        return np.concatenate((rank, np.arange(len(self.problem.neurons))))

    @cached_property
    def by_axon(self) -> tuple[Array, Array]:
        """CSR lists of the synapses of each axon."""
        return _group(self.axon[: self.problem.network.num_synapses])

    @cached_property
    def by_neuron(self) -> tuple[Array, Array]:
        """CSR lists of the synapses of each neuron, the extra one included."""
        return _group(self.neuron)

    def random(self, crossbars: int, rng: np.random.Generator) -> Array:
        """Return a random crossbar for every synapse."""
        return rng.integers(crossbars, size=len(self.axon))

    def without(self, packed: PackedUnrolling, crossbar: int, rng: np.random.Generator) -> Array:
        """Return the crossbar of every synapse after one crossbar was dissolved."""
        home = packed.partition.cluster_of_unit
        place = home[packed.unrolling.unit_of_synapse].astype(np.int64)
        carries = np.flatnonzero(np.bincount(packed.unrolling.unit_of_synapse, minlength=len(home)) == 0)
        extra = rng.integers(packed.partition.num_clusters, size=len(self.problem.neurons))
        extra[np.searchsorted(self.problem.neurons, packed.unrolling.neuron_of_unit[carries])] = home[carries]
        place = np.concatenate((place, extra))
        gone = place == crossbar
        place[place == packed.partition.num_clusters - 1] = crossbar
        place[gone] = rng.integers(max(1, packed.partition.num_clusters - 1), size=int(gone.sum()))
        return place

    def anneal(self, place: Array, crossbars: int, watch: Watch, moves: int) -> PackedUnrolling | None:
        """Cool down from a cover until nothing is overloaded, the moves are spent, or time is up."""
        place = np.array(place, dtype=np.int64)
        carries = np.zeros((len(self.problem.neurons), crossbars), dtype=np.int32)
        chunk_moves = CHUNK if len(self.axon) <= LARGE else CHUNK // 10
        chunks = max(1, moves // chunk_moves)
        cooling = (COLD / HOT) ** (1 / chunks)
        for chunk in range(chunks):
            if watch.should_stop():
                return None
            solved = _anneal(
                self.axon,
                self.neuron,
                *self.by_axon,
                *self.by_neuron,
                place,
                carries,
                self.problem.rows,
                self.problem.columns,
                chunk_moves,
                HOT * cooling**chunk,
                HOT * cooling ** (chunk + 1),
                OVERLOAD,
                (watch.limits.seed * 7919 + chunk * 104_729 + int(place.sum())) % 2**31,
            )
            if solved:
                return self._packed(place, carries)
        return None

    def _packed(self, place: Array, carries: Array) -> PackedUnrolling:
        synapses = self.problem.network.num_synapses
        real = np.zeros(carries.shape, dtype=bool)
        real[self.neuron[:synapses], place[:synapses]] = True
        for i, b in enumerate(place[synapses:]):
            if not real[i, b] and carries[i, b] == 0 and real[i].any():  # a combiner that combines nothing
                carries[i, np.argmax(carries[i])] -= 1
            elif not real[i, b]:
                real[i, b] = True
        neuron, crossbar = np.nonzero(real)
        return packed_unrolling(
            self.problem.network,
            place[:synapses],
            self.problem.neurons[neuron],
            crossbar,
            carries[neuron, crossbar].astype(np.int64),
        )


def _group(label: Array) -> tuple[Array, Array]:
    return np.concatenate(([0], np.cumsum(np.bincount(label)))), np.argsort(label, kind="stable")


@kernel
def _anneal(
    axon: Array,
    neuron: Array,
    axon_ptr: Array,
    axon_synapse: Array,
    neuron_ptr: Array,
    neuron_synapse: Array,
    place: Array,
    carries: Array,
    rows: int,
    columns: int,
    moves: int,
    hot: float,
    cold: float,
    overload: float,
    seed: int,
) -> bool:
    """Move synapses, alone or with all of their axon or neuron in a crossbar, and carries; True once all have room.

    ``place`` and ``carries`` are updated in place. Carries that do not fit the columns of ``place`` are set anew.
    """
    np.random.seed(seed)
    num_neurons, crossbars = carries.shape
    of_axon = np.zeros((len(axon_ptr), crossbars), np.int32)
    of_neuron = np.zeros((num_neurons, crossbars), np.int32)
    load = np.zeros((2, crossbars), np.int64)  # rows, columns
    total = np.zeros(2, np.int64)  # rows and columns in use, rows and columns beyond the crossbar
    journal = np.empty((2 * len(axon) + 16 * crossbars, 3), np.int64)
    for s in range(len(axon)):
        of_neuron[neuron[s], place[s]] += 1
        if axon[s] >= 0:
            of_axon[axon[s], place[s]] += 1
    for b in range(crossbars):
        for k in range(len(axon_ptr) - 1):
            if of_axon[k, b] > 0:
                load[0, b] += 1
        for i in range(num_neurons):
            if of_neuron[i, b] > 0:
                load[1, b] += 1
        total[0] += load[0, b] + load[1, b]
    for i in range(num_neurons):
        due = -1
        for b in range(crossbars):
            if of_neuron[i, b] > 0:
                due += 1
            else:
                carries[i, b] = 0
            due -= carries[i, b]
        while due != 0:  # spread evenly; `load` does not know the carries yet
            best = -1
            for b in range(crossbars):
                if of_neuron[i, b] == 0 or (due < 0 and carries[i, b] == 0):
                    continue
                if best < 0 or (load[0, b] - load[0, best]) * due < 0:
                    best = b
            step = 1 if due > 0 else -1
            carries[i, best] += step
            load[0, best] += step
            due -= step
    for b in range(crossbars):
        load[0, b] = 0
        for k in range(len(axon_ptr) - 1):
            if of_axon[k, b] > 0:
                load[0, b] += 1
        for i in range(num_neurons):
            load[0, b] += carries[i, b]
        total[1] += max(0, load[0, b] - rows) + max(0, load[1, b] - columns)

    moved = np.empty(len(axon), np.int64)
    cooling = (cold / hot) ** (1.0 / moves)
    for _ in range(moves):
        if total[1] == 0:
            return True
        hot *= cooling
        s = np.random.randint(len(axon))
        a, k, i = place[s], axon[s], neuron[s]
        where = np.random.random()
        if where < 0.45 and k >= 0:  # to another crossbar of its axon
            b = place[axon_synapse[np.random.randint(axon_ptr[k], axon_ptr[k + 1])]]
        elif where < 0.9:  # or of its neuron
            b = place[neuron_synapse[np.random.randint(neuron_ptr[i], neuron_ptr[i + 1])]]
        else:
            b = np.random.randint(crossbars)
        if a == b:
            continue
        what = np.random.random()
        count = 0
        before = total.copy()
        written = 0
        if what < 0.15:  # a carry
            if carries[i, a] > 0 and of_neuron[i, b] > 0:
                written = _carry(i, a, -1, carries, load, total, rows, journal, written)
                written = _carry(i, b, 1, carries, load, total, rows, journal, written)
        elif what < 0.4 or k < 0:
            moved[0] = s
            count = 1
        elif what < 0.7:  # the axon leaves the crossbar, or meets the neurons that already have a column there
            for p in range(axon_ptr[k], axon_ptr[k + 1]):
                t = axon_synapse[p]
                if place[t] == a and (what < 0.55 or of_neuron[neuron[t], b] > 0):
                    moved[count] = t
                    count += 1
        else:  # the neuron leaves the crossbar, or meets the axons that already have a row there
            for p in range(neuron_ptr[i], neuron_ptr[i + 1]):
                t = neuron_synapse[p]
                if place[t] == a and (what < 0.85 or (axon[t] >= 0 and of_axon[axon[t], b] > 0)):
                    moved[count] = t
                    count += 1
        for j in range(count):
            t = moved[j]
            _shift(t, a, b, axon, neuron, place, of_axon, of_neuron, load, total, rows, columns)
            written = _settle(neuron[t], a, b, of_neuron, carries, load, total, rows, journal, written)
        change = (total[0] - before[0]) + overload * (total[1] - before[1])
        if change > 0 and np.random.random() >= np.exp(-change / hot):
            for j in range(written - 1, -1, -1):
                _carry(journal[j, 0], journal[j, 1], -journal[j, 2], carries, load, total, rows, journal, j)
            for j in range(count):
                _shift(moved[j], b, a, axon, neuron, place, of_axon, of_neuron, load, total, rows, columns)
    return bool(total[1] == 0)


@kernel
def _carry(
    i: int, b: int, step: int, carries: Array, load: Array, total: Array, rows: int, journal: Array, written: int
) -> int:
    """Add ``step`` carries of a neuron to a crossbar and write that down."""
    total[1] -= max(0, load[0, b] - rows)
    load[0, b] += step
    total[1] += max(0, load[0, b] - rows)
    carries[i, b] += step
    journal[written, 0], journal[written, 1], journal[written, 2] = i, b, step
    return written + 1


@kernel
def _settle(
    i: int,
    a: int,
    b: int,
    of_neuron: Array,
    carries: Array,
    load: Array,
    total: Array,
    rows: int,
    journal: Array,
    written: int,
) -> int:
    """Restore the carries of a neuron after one of its synapses went from crossbar ``a`` to ``b``."""
    due = 0
    if of_neuron[i, b] == 1:
        due += 1
    if of_neuron[i, a] == 0:
        due -= 1
        if carries[i, a] > 0:
            due += carries[i, a]
            written = _carry(i, a, -carries[i, a], carries, load, total, rows, journal, written)
    while due != 0:
        best = -1
        for c in range(of_neuron.shape[1]):
            if of_neuron[i, c] == 0 or (due < 0 and carries[i, c] == 0):
                continue
            if best < 0 or (load[0, c] - load[0, best]) * due < 0:
                best = c
        step = 1 if due > 0 else -1
        written = _carry(i, best, step, carries, load, total, rows, journal, written)
        due -= step
    return written


@kernel
def _shift(
    s: int,
    a: int,
    b: int,
    axon: Array,
    neuron: Array,
    place: Array,
    of_axon: Array,
    of_neuron: Array,
    load: Array,
    total: Array,
    rows: int,
    columns: int,
) -> None:
    """Move a synapse from crossbar ``a`` to ``b``."""
    k, i = axon[s], neuron[s]
    place[s] = b
    total[1] -= max(0, load[0, a] - rows) + max(0, load[0, b] - rows)
    total[1] -= max(0, load[1, a] - columns) + max(0, load[1, b] - columns)
    if k >= 0:
        of_axon[k, a] -= 1
        of_axon[k, b] += 1
        if of_axon[k, a] == 0:
            load[0, a] -= 1
            total[0] -= 1
        if of_axon[k, b] == 1:
            load[0, b] += 1
            total[0] += 1
    of_neuron[i, a] -= 1
    of_neuron[i, b] += 1
    if of_neuron[i, a] == 0:
        load[1, a] -= 1
        total[0] -= 1
    if of_neuron[i, b] == 1:
        load[1, b] += 1
        total[0] += 1
    total[1] += max(0, load[0, a] - rows) + max(0, load[0, b] - rows)
    total[1] += max(0, load[1, a] - columns) + max(0, load[1, b] - columns)

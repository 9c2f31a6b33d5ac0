"""Multilevel partition for networks beyond exact size: coarsen, fill, and refine on the way back.

After G. Karypis et al., Multilevel Hypergraph Partitioning: Applications in VLSI Domain, IEEE TVLSI 7(1), 1999,
doi:10.1109/92.748202, with rows as a limit throughout. Where the network is small enough, FM ends it.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.heuristics.partition import fm
from spinemap_exact.heuristics.partition._growth import per_synapse, slots_of, typed, within_limits
from spinemap_exact.kernels import multilevel as kernel
from spinemap_exact.kernels.multilevel import Level
from spinemap_exact.kernels.partition_search import Search
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import Watch

_MAX_CELLS = 10**9  # counts of synapses, two bytes each
_GROUPS_PER_CLUSTER = 8
_LEAST_SHRINKAGE = 0.95
_PASSES = 12
_CYCLES = 10
_WORTH_A_CYCLE = 0.998  # another cycle follows if the last one saved more
_CHUNK = 2_000  # groups between two looks at the clock


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Partition by levels, from ``start`` if there is one, and again from what was found until little is saved.

    Returns ``start`` or None if no partition within the limits was met or the counts would not fit into memory.
    """
    network, slots = problem.network, slots_of(problem)
    widest = max(c.columns for c in problem.crossbars)
    if problem.num_units == 0 or network.num_neurons * slots.size > _MAX_CELLS or widest >= 2**15:
        return start
    if problem.why_infeasible() is not None:
        return None
    random = np.random.default_rng(watch.limits.seed)
    label = None if start is None else _slots_of_units(slots, start)
    found, price = start, None if label is None or start is None else problem.cost(start)
    for _ in range(_CYCLES):
        label = _cycle(problem, slots, label, watch, random)
        better = typed(problem, label) if (label >= 0).all() else within_limits(problem, label, watch)
        if better is None:
            break
        before, price = price, problem.cost(better)
        if before is None or price < before:
            found = better
            watch.report(objective=price)
        if watch.should_stop() or (before is not None and price >= _WORTH_A_CYCLE * before) or (label < 0).any():
            break
    return _polished(problem, found, watch, random)


def _slots_of_units(slots: Array, start: Partition) -> Array | None:
    """(num_units,) int64: a slot of the right type for the cluster of each unit; None if there are too few."""
    free = {kind: np.flatnonzero(slots == kind).tolist() for kind in set(slots.tolist())}
    slot_of_cluster = []
    for kind in start.crossbar_of_cluster.tolist():
        if not free.get(kind):
            return None
        slot_of_cluster.append(free[kind].pop(0))
    return np.array(slot_of_cluster, dtype=np.int64)[start.cluster_of_unit]


def _cycle(
    problem: PartitionProblem, slots: Array, start: Array | None, watch: Watch, random: np.random.Generator
) -> Array:
    """Coarsen, within the clusters of ``start`` if there is one, and refine from coarse to fine; -1 without a slot."""
    network = problem.network
    max_rows = np.array([problem.crossbars[k].rows for k in slots], dtype=np.int64)
    max_columns = np.array([problem.crossbars[k].columns for k in slots], dtype=np.int64)
    levels, parents, label = _coarsened(problem, start, watch, random, int(max_rows.min()), int(max_columns.min()))
    count = np.zeros((network.num_neurons, slots.size), dtype=np.int16)
    rows, columns = np.zeros(slots.size, dtype=np.int64), np.zeros(slots.size, dtype=np.int64)
    state = (network.spikes, count, rows, columns, max_rows, max_columns, per_synapse(problem))
    if start is not None:
        kernel.put(label, levels[-1].arrays, count, rows, columns)
    for depth in range(len(levels) - 1, -1, -1):
        level = levels[depth]
        if depth < len(parents):
            label = label[parents[depth]]
        wide_first = np.argsort(-np.diff(level.pin_ptr), kind="stable")
        kernel.settle(wide_first, label, level.arrays, *state)
        _refined(level, label, state, watch, random)
    return label


def _coarsened(
    problem: PartitionProblem,
    start: Array | None,
    watch: Watch,
    random: np.random.Generator,
    rows: int,
    columns: int,
) -> tuple[list[Level], list[Array], Array]:
    """Levels from fine to coarse, the parent of every group but those of the last, and the slots of these or -1."""
    network = problem.network
    levels, parents = [Level.finest(network)], []
    label = np.full(problem.num_units, -1, dtype=np.int64) if start is None else start.copy()
    fewest = _GROUPS_PER_CLUSTER * max(1, -(-problem.num_units // columns))
    while levels[-1].num_groups > fewest and not watch.should_stop():
        level = levels[-1]
        order = random.permutation(level.num_groups)
        # groups that fill a crossbar by half could no longer be told apart from clusters
        parent = kernel.match(level.arrays, network.spikes, order, label, max(2, columns // 4), max(2, rows // 2))
        if parent.max() + 1 > _LEAST_SHRINKAGE * level.num_groups:
            break
        parents.append(parent)
        levels.append(level.coarser(network, parent))
        merged = np.empty(levels[-1].num_groups, dtype=np.int64)
        merged[parent] = label
        label = merged
    return levels, parents, label


def _refined(level: Level, label: Array, state: tuple[object, ...], watch: Watch, random: np.random.Generator) -> None:
    for _ in range(_PASSES):
        order = random.permutation(level.num_groups)
        saved = 0
        for first in range(0, level.num_groups, _CHUNK):
            if watch.should_stop():
                return
            stop = min(level.num_groups, first + _CHUNK)
            saved += kernel.refine(first, stop, order, label, level.arrays, *state)
        if saved == 0:
            return


def _polished(
    problem: PartitionProblem, found: Partition | None, watch: Watch, random: np.random.Generator
) -> Partition | None:
    if found is None or problem.objective is not PartitionObjective.PACKETS or watch.should_stop():
        return found
    if problem.num_units * slots_of(problem).size > fm.MOST_PAIRS:
        return found
    search = Search(problem)
    if not search.load(found):
        return found
    fm.descend(search, watch, random)
    better = search.current()
    return better if problem.cost(better) < problem.cost(found) else found

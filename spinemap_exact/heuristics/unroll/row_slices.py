"""Row slices with combiners: wide neurons are cut along the same axons, and their carries meet in spare rows."""

from __future__ import annotations

import logging
from itertools import groupby, product

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.heuristics.unroll._cover import Cover
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Watch

logger = logging.getLogger(__name__)


def run(problem: UnrollProblem, watch: Watch, start: PackedUnrolling | None = None) -> PackedUnrolling | None:
    """Try several numbers of rows kept free for carries in each slice; return the best packing.

    Neurons with more inputs than rows are taken in groups that fill the columns, those with equal inputs together;
    the axons of a group are cut into slices. Where neurons have equal inputs, the last, incomplete slice may be
    repeated instead: each copy reads its axons for so many neurons as it has rows for all their carries. All other
    neurons stay whole and are packed first-fit around them.
    """
    if problem.unit_fan_in is not None:
        return None
    best: PackedUnrolling | None = None
    for spare, repeat in product(_spares(problem.rows), (False, True)):
        packed = _slice(problem, spare, repeat=repeat)
        if packed is not None and (best is None or problem.cost(packed) < problem.cost(best)):
            best = packed
            watch.report(problem.cost(packed), note=f"row slices, {spare} rows kept free")
        if watch.should_stop():
            break
    return best


def _spares(rows: int) -> list[int]:
    """Fractions of the rows, the most promising first; at least two rows must remain for axons."""
    return sorted({rows * k // 32 for k in range(13) if rows - rows * k // 32 >= 2} or {0})


def _slice(problem: UnrollProblem, spare: int, *, repeat: bool) -> PackedUnrolling | None:
    network = problem.network
    order = _similar_first(problem)
    wide = order[network.fan_in[order] > problem.rows]
    cover = Cover(problem)
    if repeat:
        wide = np.array(
            [i for twins in _twins(problem, wide) for i in _repeat_last(cover, twins, problem.rows - spare)],
            dtype=np.int64,
        )
    for begin in range(0, len(wide), problem.columns):
        _cut(cover, wide[begin : begin + problem.columns], problem.rows - spare)
    cover.merge_carries()
    first = 0
    for i in order[network.fan_in[order] <= problem.rows]:
        synapses = network.fanin_synapse[network.fanin_ptr[i] : network.fanin_ptr[i + 1]]
        axons = set(network.pre[synapses].tolist())
        while first < len(cover.bins) and cover.spare_columns(first) == 0:
            first += 1
        home = next((b for b in range(first, len(cover.bins)) if cover.fits(b, axons)), None)
        cover.place(cover.open() if home is None else home, int(i), synapses)
    return cover.solution()


def _similar_first(problem: UnrollProblem) -> Array:
    """Neurons with equal inputs side by side, then by their inputs in order."""
    network = problem.network
    key = {int(i): (network.fan_in_of(i).tolist(), int(i)) for i in problem.neurons}
    return np.array(sorted(key, key=key.__getitem__), dtype=np.int64)


def _cut(cover: Cover, group: Array, rows: int) -> None:
    """Cut the axons of a group of neurons into slices of ``rows``, those read by the same neurons side by side."""
    network = cover.problem.network
    synapses = np.concatenate([network.fanin_synapse[network.fanin_ptr[i] : network.fanin_ptr[i + 1]] for i in group])
    member = np.repeat(np.arange(len(group)), network.fan_in[group])
    axon, row = np.unique(network.pre[synapses], return_inverse=True)
    readers: list[list[int]] = [[] for _ in axon]
    for r, m in zip(row.tolist(), member.tolist(), strict=True):
        readers[r].append(m)
    ranked = sorted(range(len(axon)), key=lambda r: (readers[r], r))
    slice_of_axon = np.empty(len(axon), dtype=np.int64)
    slice_of_axon[ranked] = np.arange(len(axon)) // rows
    crossbar = [cover.open() for _ in range(int(slice_of_axon.max()) + 1)]
    for m, i in enumerate(group):
        own = synapses[member == m]
        part = slice_of_axon[row[member == m]]
        for s in np.unique(part):
            cover.place(crossbar[s], int(i), own[part == s])


def _twins(problem: UnrollProblem, order: Array) -> list[list[int]]:
    """Split an order in which neurons with equal inputs stand together."""
    return [[int(i) for i in same] for _, same in groupby(order, lambda i: problem.network.fan_in_of(i).tobytes())]


def _repeat_last(cover: Cover, twins: list[int], rows: int) -> list[int]:
    """Place neurons with equal inputs in full slices and copies of the last one; return those that do not fit so."""
    problem, network = cover.problem, cover.problem.network
    slices, rest = divmod(int(network.fan_in[twins[0]]), rows)
    share = min(problem.columns, (problem.rows - rest) // slices)
    if rest == 0 or share == 0:
        return twins
    for width, parts in ((problem.columns, range(slices)), (share, range(slices, slices + 1))):
        for begin in range(0, len(twins), width):
            for part in parts:
                b = cover.open()
                for i in twins[begin : begin + width]:
                    synapses = network.fanin_synapse[network.fanin_ptr[i] : network.fanin_ptr[i + 1]]
                    cover.place(b, i, synapses[part * rows : (part + 1) * rows])
    return []

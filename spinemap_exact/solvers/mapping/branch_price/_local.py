"""Clusters worth more than known ones, by adding, dropping and exchanging items: quick, and no proof."""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.solvers.mapping.branch_price._instance import Cluster, Instance


class LocalSearch:
    """Improves clusters of one tile while a single step does."""

    def __init__(self, instance: Instance) -> None:
        n = instance.num_items
        axon = {k: j for j, k in enumerate(instance.axons)}
        sent: list[list[int]] = [[] for _ in range(n)]
        for r in np.flatnonzero(instance.home >= 0).tolist():
            sent[instance.home[r]].append(r)
        self.network = (
            *_ragged([[axon[k] for k in axons] for axons in instance.axons_of]),
            *_ragged([np.flatnonzero(reads).tolist() for reads in instance.reads]),
            *_ragged(sent),
            instance.home,
            np.array([len(members) for members in instance.items], dtype=np.int64),
        )
        self.room = (len(axon), instance.rows, instance.columns)
        none = np.zeros((0, n), dtype=bool)  # compiled here, where the clock stands still
        reads = np.zeros(instance.num_reads, dtype=np.int64)
        self.improved(none, np.zeros(n, dtype=np.int64), reads, reads, np.zeros(n, dtype=np.int8), 0)

    def improved(
        self, starts: Array, gain: Array, outside: Array, inside: Array, decided: Array, above: int
    ) -> list[Cluster]:
        """Return clusters worth more than ``above``.

        Parameters
        ----------
        starts : (some, num_items) bool
            Clusters that are allowed.
        gain, outside, inside, decided
            See `Pricing.best`.
        """
        held, worth = starts.copy(), np.zeros(len(starts), dtype=np.int64)
        prices = map(np.ascontiguousarray, (gain, outside, inside, decided))  # of one type: one kernel
        _improve(self.network, self.room, *prices, held, worth)
        return [frozenset(np.flatnonzero(held[j]).tolist()) for j in np.flatnonzero(worth > above)]


def _ragged(lists: Iterable[list[int]]) -> tuple[Array, Array]:
    lists = list(lists)
    ptr = np.array([0, *accumulate(map(len, lists))], dtype=np.int64)
    return ptr, np.array([v for x in lists for v in x], dtype=np.int64)


@kernel
def _added(i, network, prices, held, in_row, read):
    """Worth and rows that adding an item brings."""
    axon_ptr, axon_idx, read_ptr, read_idx, sent_ptr, sent_idx, home, _ = network
    gain, outside, inside = prices
    worth, rows = gain[i], 0
    for p in range(axon_ptr[i], axon_ptr[i + 1]):
        if in_row[axon_idx[p]] == 0:
            rows += 1
    for p in range(read_ptr[i], read_ptr[i + 1]):
        r = read_idx[p]
        if read[r] == 0:
            h = home[r]
            worth -= inside[r] if h == i or (h >= 0 and held[h]) else outside[r]
    for p in range(sent_ptr[i], sent_ptr[i + 1]):
        r = sent_idx[p]
        if read[r] > 0:
            worth += outside[r] - inside[r]
    return worth, rows


@kernel
def _put(i, sign, network, held, in_row, read):
    axon_ptr, axon_idx, read_ptr, read_idx = network[0], network[1], network[2], network[3]
    held[i] = sign > 0
    for p in range(axon_ptr[i], axon_ptr[i + 1]):
        in_row[axon_idx[p]] += sign
    for p in range(read_ptr[i], read_ptr[i + 1]):
        read[read_idx[p]] += sign


@kernel(nogil=True)
def _improve(network, room, gain, outside, inside, decided, clusters, worths):
    """Take the best step from each cluster while there is one that helps."""
    size = network[7]
    num_axons, max_rows, max_columns = room
    prices = (gain, outside, inside)
    n = len(gain)
    for c in range(len(clusters)):
        held = np.zeros(n, dtype=np.bool_)
        in_row, read = np.zeros(num_axons, dtype=np.int64), np.zeros(len(outside), dtype=np.int64)
        worth, rows, columns = np.int64(0), np.int64(0), np.int64(0)
        for i in range(n):
            if clusters[c, i]:
                more, fresh = _added(i, network, prices, held, in_row, read)
                worth, rows, columns = worth + more, rows + fresh, columns + size[i]
                _put(i, 1, network, held, in_row, read)
        while True:
            best, best_out, best_in = np.int64(0), -1, -1
            for out in range(-1, n):
                less, freed, room_of_out = np.int64(0), np.int64(0), np.int64(0)
                if out >= 0:
                    if not held[out] or decided[out] > 0:
                        continue
                    _put(out, -1, network, held, in_row, read)
                    less, freed = _added(out, network, prices, held, in_row, read)
                    room_of_out = size[out]
                    if -less > best:
                        best, best_out, best_in = -less, out, -1
                for i in range(n):
                    if held[i] or decided[i] < 0 or i == out or columns - room_of_out + size[i] > max_columns:
                        continue
                    more, fresh = _added(i, network, prices, held, in_row, read)
                    if more - less > best and rows - freed + fresh <= max_rows:
                        best, best_out, best_in = more - less, out, i
                if out >= 0:
                    _put(out, 1, network, held, in_row, read)
            if best_out < 0 and best_in < 0:
                break
            if best_out >= 0:
                _put(best_out, -1, network, held, in_row, read)
                less, freed = _added(best_out, network, prices, held, in_row, read)
                worth, rows, columns = worth - less, rows - freed, columns - size[best_out]
            if best_in >= 0:
                more, fresh = _added(best_in, network, prices, held, in_row, read)
                worth, rows, columns = worth + more, rows + fresh, columns + size[best_in]
                _put(best_in, 1, network, held, in_row, read)
        clusters[c] = held
        worths[c] = worth

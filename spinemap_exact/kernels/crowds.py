"""How many clusters the readers of a source need, by counting columns, rows and units that do not fit together."""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.network import Network

_MOST_STEPS = 3 * 10**8  # axons looked at: a second


class Crowds(NamedTuple):
    """What holds for each source in any partition; zero for sources that nobody reads or that do not spike.

    Attributes
    ----------
    remote : (num_neurons,) int64
        Clusters that read the source, its own left out, are at least so many.
    reading : (num_neurons,) int64
        Clusters that read the source, its own included if it does, are at least so many.
    local : (num_neurons,) int64
        Synapses that end in the cluster of the source are at most so many.
    """

    remote: Array
    reading: Array
    local: Array


def crowds(units: Network, rows: int, columns: int) -> Crowds:
    """Bound each source of a network of units by itself."""
    return Crowds(
        *_crowd(
            units.num_units,
            units.fanin_ptr,
            units.fanin_idx.astype(np.int64),
            units.fanout_ptr,
            units.fanout_idx.astype(np.int64),
            units.spikes > 0,
            rows,
            columns,
            _MOST_STEPS,
        )
    )


@kernel
def _crowd(num_units, fanin_ptr, fanin_idx, fanout_ptr, fanout_idx, matters, rows, columns, most_steps):
    """Bounds of each source; see `Crowds`."""
    num_sources = len(fanout_ptr) - 1
    clusters = np.zeros(num_sources, dtype=np.int64)
    local = np.zeros(num_sources, dtype=np.int64)
    reading = np.zeros(num_sources, dtype=np.int64)
    seen = np.full(num_sources, -1, dtype=np.int64)
    readers_of = np.zeros(num_sources, dtype=np.int64)
    steps = 0
    for k in range(num_sources):
        readers = fanout_idx[fanout_ptr[k] : fanout_ptr[k + 1]]
        if len(readers) == 0 or not matters[k]:
            continue
        own = 1 if k < num_units else 0
        loop = 0
        for u in readers:
            if u == k:
                loop = 1
        crowd = np.empty(len(readers) + own - loop, dtype=np.int64)
        if own:
            crowd[0] = k
        size = own
        for u in readers:
            if u != k:
                crowd[size] = u
                size += 1
        clusters[k] = -(-size // columns) - own
        reading[k] = -(-len(readers) // columns)
        if own:
            local[k] = min(len(readers), columns - 1 + loop)
        if steps > most_steps:
            continue
        # each cluster of readers holds the source as one row and has rows - 1 left for what else they read
        touched = 0
        for u in readers:
            for p in range(fanin_ptr[u], fanin_ptr[u + 1]):
                readers_of[fanin_idx[p]] += 1
                touched += 1
        others = 0
        for u in readers:
            for p in range(fanin_ptr[u], fanin_ptr[u + 1]):
                axon = fanin_idx[p]
                if axon != k:
                    others += -(-readers_of[axon] // columns)
                readers_of[axon] = 0
        if rows > 1:
            reading[k] = max(reading[k], -(-others // (rows - 1)))
            clusters[k] = max(clusters[k], reading[k] - own)
        # units no two of which fit together, met greedily, those of many axons first
        order = np.argsort(-(fanin_ptr[crowd + 1] - fanin_ptr[crowd]), kind="mergesort")
        clique = np.empty(size, dtype=np.int64)
        for source_first in range(own + 1):
            length = 0
            held = 0  # 1 if the clique holds the source, and that does not read itself
            if source_first:
                clique[0] = k
                length = 1
                held = 1 - loop
            apart = 0
            for i in order:
                u = crowd[i]
                if source_first and u == k:
                    continue
                for p in range(fanin_ptr[u], fanin_ptr[u + 1]):
                    seen[fanin_idx[p]] = u
                fan_in = fanin_ptr[u + 1] - fanin_ptr[u]
                touched += fan_in
                fits = False
                for j in range(length):
                    v = clique[j]
                    union = fan_in
                    for p in range(fanin_ptr[v], fanin_ptr[v + 1]):
                        if seen[fanin_idx[p]] != u:
                            union += 1
                    touched += fanin_ptr[v + 1] - fanin_ptr[v]
                    if union <= rows:
                        fits = True
                        break
                    if source_first and j == 0:
                        apart += 1
                if not fits:
                    clique[length] = u
                    length += 1
                    if own and u == k:
                        held = 1 - loop
            reading[k] = max(reading[k], length - held)
            clusters[k] = max(clusters[k], length - own)
            if source_first:
                local[k] = min(local[k], len(readers) - apart)
            for i in range(size):
                for p in range(fanin_ptr[crowd[i]], fanin_ptr[crowd[i] + 1]):
                    seen[fanin_idx[p]] = -1
        steps += touched
    return clusters, reading, local

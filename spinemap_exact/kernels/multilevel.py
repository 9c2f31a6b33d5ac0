"""Partition of large networks: units merge into groups, groups into clusters, and clusters improve on the way back.

A level is a network of groups. Sources stay those of the network on every level, so that packets and rows are exact:
a group reads each of its sources once, however many of its units do.
"""
# mypy: allow-untyped-defs

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.network import Network

_SAMPLES = 8  # readers of a source that are looked at
_CANDIDATES = 8  # clusters that a group is priced in
_WIDEST_NET = 400  # sources with more readers say little about who belongs together


@dataclass(frozen=True)
class Level:
    """Groups of units: sizes, the sources they read, who reads each source, and the sources that lie in them.

    ``pin_*`` run over groups and the distinct sources they read, with the number of synapses; ``out_*`` over sources
    and the groups that read them; ``own_*`` over groups and their units, with the synapses each has in its own group.
    """

    size: Array
    pin_ptr: Array
    pin_idx: Array
    pin_mult: Array
    out_ptr: Array
    out_idx: Array
    own_ptr: Array
    own_idx: Array
    own_mult: Array
    home: Array

    @property
    def num_groups(self) -> int:
        return len(self.size)

    @classmethod
    def finest(cls, network: Network) -> Level:
        """Every unit is a group."""
        units = np.arange(network.num_units)
        pairs = network.post.astype(np.int64) * network.num_neurons + network.pre
        return cls._built(network, units, np.sort(pairs), np.ones(network.num_synapses, dtype=np.int64))

    def coarser(self, network: Network, parent: Array) -> Level:
        """Merge groups by their new number."""
        group = np.repeat(np.arange(self.num_groups), np.diff(self.pin_ptr))
        key = parent[group] * network.num_neurons + self.pin_idx
        order = np.argsort(key, kind="stable")
        distinct, first = np.unique(key[order], return_index=True)
        mult = np.add.reduceat(self.pin_mult[order], first) if first.size else self.pin_mult
        return self._built(network, parent[self.home[: network.num_units]], distinct, mult)

    @classmethod
    def _built(cls, network: Network, group_of_unit: Array, pairs: Array, mult: Array) -> Level:
        sources, groups = network.num_neurons, int(group_of_unit.max(initial=-1)) + 1
        reader, source = pairs // sources, pairs % sources
        by_source = np.argsort(source, kind="stable")
        home = np.full(sources, -1, dtype=np.int64)
        home[: network.num_units] = group_of_unit
        own = np.argsort(group_of_unit, kind="stable")
        own_mult = np.zeros(sources, dtype=np.int64)
        inside = home[source] == reader
        own_mult[source[inside]] = mult[inside]
        return cls(
            np.bincount(group_of_unit, minlength=groups),
            _pointers(reader, groups),
            source,
            mult,
            _pointers(source, sources),
            reader[by_source],
            _pointers(group_of_unit, groups),
            own,
            own_mult[own],
            home,
        )

    @property
    def arrays(self) -> tuple[Array, ...]:
        return (
            self.size,
            self.pin_ptr,
            self.pin_idx,
            self.pin_mult,
            self.out_ptr,
            self.out_idx,
            self.own_ptr,
            self.own_idx,
            self.own_mult,
            self.home,
        )


def _pointers(keys: Array, count: int) -> Array:
    return np.concatenate(([0], np.cumsum(np.bincount(keys, minlength=count)))).astype(np.int64)


@kernel
def match(level, spikes, order, label, max_size, max_rows):
    """Join each group with that of its label with which it shares most spikes, if both fit; return the new numbers."""
    size, pin_ptr, pin_idx, _, out_ptr, out_idx, own_ptr, own_idx, _, home = level
    groups = len(size)
    parent = np.full(groups, -1, dtype=np.int64)
    score = np.zeros(groups)
    touched = np.empty(groups, dtype=np.int64)
    stamp = np.full(len(home), -1, dtype=np.int64)
    count = 0
    for g in order:
        if parent[g] >= 0:
            continue
        seen = 0
        for p in range(pin_ptr[g], pin_ptr[g + 1]):
            k = pin_idx[p]
            stamp[k] = g
            readers = out_ptr[k + 1] - out_ptr[k]
            if home[k] >= 0 and home[k] != g and parent[home[k]] < 0 and label[home[k]] == label[g]:
                if score[home[k]] == 0:
                    touched[seen] = home[k]
                    seen += 1
                score[home[k]] += (spikes[k] + 1e-3) / max(1, readers)
            if readers < 2 or readers > _WIDEST_NET:
                continue
            worth = (spikes[k] + 1e-3) / (readers - 1)
            for q in range(out_ptr[k], out_ptr[k + 1]):
                h = out_idx[q]
                if h != g and parent[h] < 0 and label[h] == label[g]:
                    if score[h] == 0:
                        touched[seen] = h
                        seen += 1
                    score[h] += worth
        for p in range(own_ptr[g], own_ptr[g + 1]):
            k = own_idx[p]
            readers = out_ptr[k + 1] - out_ptr[k]
            if readers > _WIDEST_NET:
                continue
            for q in range(out_ptr[k], out_ptr[k + 1]):
                h = out_idx[q]
                if h != g and parent[h] < 0 and label[h] == label[g]:
                    if score[h] == 0:
                        touched[seen] = h
                        seen += 1
                    score[h] += (spikes[k] + 1e-3) / max(1, readers)
        mate = -1
        own_rows = pin_ptr[g + 1] - pin_ptr[g]
        while mate < 0:
            best = -1
            for i in range(seen):
                h = touched[i]
                if score[h] > 0 and (best < 0 or score[h] / size[h] > score[best] / size[best]):
                    best = h
            if best < 0:
                break
            rows = own_rows
            for p in range(pin_ptr[best], pin_ptr[best + 1]):
                if stamp[pin_idx[p]] != g:
                    rows += 1
            if size[g] + size[best] <= max_size and rows <= max_rows:
                mate = best
            score[best] = -1.0
        for i in range(seen):
            score[touched[i]] = 0.0
        parent[g] = count
        if mate >= 0:
            parent[mate] = count
        count += 1
    return parent


@kernel
def _fits(g, b, a, level, count, rows, columns, max_rows, max_columns):
    size, pin_ptr, pin_idx, _, _, _, _, _, _, _ = level
    if columns[b] + size[g] > max_columns[b]:
        return False
    free = max_rows[b] - rows[b]
    if pin_ptr[g + 1] - pin_ptr[g] <= free:
        return True
    for p in range(pin_ptr[g], pin_ptr[g + 1]):
        if count[pin_idx[p], b] == 0:
            free -= 1
            if free < 0:
                return False
    return True


@kernel
def _change(g, a, b, label, level, spikes, count, per_synapse):
    """What moving group ``g`` from cluster ``a``, or from nowhere if that is -1, to ``b`` changes in packets."""
    _, pin_ptr, pin_idx, pin_mult, _, _, own_ptr, own_idx, own_mult, home = level
    change = 0
    for p in range(pin_ptr[g], pin_ptr[g + 1]):
        k, m = pin_idx[p], pin_mult[p]
        h = home[k]
        if h == g:
            continue
        where = label[h] if h >= 0 else -2
        if per_synapse:
            if where == a:
                change += spikes[k] * m
            elif where == b:
                change -= spikes[k] * m
        else:
            if a >= 0 and count[k, a] == m and where != a:
                change -= spikes[k]
            if count[k, b] == 0 and where != b:
                change += spikes[k]
    for p in range(own_ptr[g], own_ptr[g + 1]):
        k, m = own_idx[p], own_mult[p]
        if per_synapse:
            change -= spikes[k] * (count[k, b] + m)
            if a >= 0:
                change += spikes[k] * count[k, a]
        elif m == 0:
            if count[k, b] > 0:
                change -= spikes[k]
            if a >= 0 and count[k, a] > 0:
                change += spikes[k]
        else:
            if a >= 0 and count[k, a] == m:
                change -= spikes[k]
            if count[k, b] == 0:
                change += spikes[k]
    return change


@kernel
def _move(g, a, b, label, level, count, rows, columns):
    size, pin_ptr, pin_idx, pin_mult, _, _, _, _, _, _ = level
    for p in range(pin_ptr[g], pin_ptr[g + 1]):
        k, m = pin_idx[p], pin_mult[p]
        if a >= 0:
            count[k, a] -= m
            if count[k, a] == 0:
                rows[a] -= 1
        if count[k, b] == 0:
            rows[b] += 1
        count[k, b] += m
    if a >= 0:
        columns[a] -= size[g]
    columns[b] += size[g]
    label[g] = b


@kernel
def _near(g, label, level, spikes, worth, touched, near):
    """Write the clusters that ``g`` shares most spikes with to ``near``; return how many."""
    _, pin_ptr, pin_idx, _, out_ptr, out_idx, own_ptr, own_idx, _, home = level
    seen = 0
    for part in range(2):
        start, stop = (pin_ptr[g], pin_ptr[g + 1]) if part == 0 else (own_ptr[g], own_ptr[g + 1])
        for p in range(start, stop):
            k = pin_idx[p] if part == 0 else own_idx[p]
            if part == 0 and home[k] >= 0 and home[k] != g and label[home[k]] >= 0:
                c = label[home[k]]
                if worth[c] == 0:
                    touched[seen] = c
                    seen += 1
                worth[c] += spikes[k] + 1
            readers = out_ptr[k + 1] - out_ptr[k]
            step = max(1, readers // _SAMPLES)
            for q in range(out_ptr[k], out_ptr[k + 1], step):
                h = out_idx[q]
                if h != g and label[h] >= 0:
                    c = label[h]
                    if worth[c] == 0:
                        touched[seen] = c
                        seen += 1
                    worth[c] += spikes[k] + 1
    kept = min(seen, _CANDIDATES)
    for i in range(kept):
        best = i
        for j in range(i + 1, seen):
            if worth[touched[j]] > worth[touched[best]]:
                best = j
        touched[i], touched[best] = touched[best], touched[i]
        near[i] = touched[i]
    for i in range(seen):
        worth[touched[i]] = 0
    return kept


@kernel
def settle(order, label, level, spikes, count, rows, columns, max_rows, max_columns, per_synapse):
    """Give every group without a cluster the best that has room, a fresh one, or any; return how many are left."""
    clusters = len(rows)
    worth = np.zeros(clusters, dtype=np.int64)
    touched = np.empty(clusters, dtype=np.int64)
    near = np.empty(_CANDIDATES, dtype=np.int64)
    left, fresh = 0, 0
    for g in order:
        if label[g] >= 0:
            continue
        target, least = -1, np.int64(0)
        for i in range(_near(g, label, level, spikes, worth, touched, near)):
            if _fits(g, near[i], -1, level, count, rows, columns, max_rows, max_columns):
                change = _change(g, -1, near[i], label, level, spikes, count, per_synapse)
                if target < 0 or change < least:
                    target, least = near[i], change
        while target < 0 and fresh < clusters:
            if columns[fresh] == 0:
                if _fits(g, fresh, -1, level, count, rows, columns, max_rows, max_columns):
                    target = fresh
                break
            fresh += 1
        if target < 0:
            for c in range(clusters):
                if _fits(g, c, -1, level, count, rows, columns, max_rows, max_columns):
                    target = c
                    break
        if target < 0:
            left += 1
        else:
            _move(g, -1, target, label, level, count, rows, columns)
    return left


@kernel
def put(label, level, count, rows, columns):
    """Put every group into its cluster, of clusters that are empty."""
    for g in range(len(label)):
        b = label[g]
        label[g] = -1
        _move(g, -1, b, label, level, count, rows, columns)


@kernel
def refine(first, stop, order, label, level, spikes, count, rows, columns, max_rows, max_columns, per_synapse):
    """Move the groups ``order[first:stop]`` wherever packets are saved; return packets saved."""
    clusters = len(rows)
    worth = np.zeros(clusters, dtype=np.int64)
    touched = np.empty(clusters, dtype=np.int64)
    near = np.empty(_CANDIDATES, dtype=np.int64)
    saved = np.int64(0)
    for i in range(first, stop):
        g = order[i]
        a = label[g]
        if a < 0:
            continue
        target, least = -1, np.int64(0)
        for j in range(_near(g, label, level, spikes, worth, touched, near)):
            b = near[j]
            if b != a:
                change = _change(g, a, b, label, level, spikes, count, per_synapse)
                if change < least and _fits(g, b, a, level, count, rows, columns, max_rows, max_columns):
                    target, least = b, change
        if target >= 0:
            _move(g, a, target, label, level, count, rows, columns)
            saved -= least
    return saved

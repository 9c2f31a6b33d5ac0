"""Heuristic pricing: annealing of a single cluster by adding, dropping and exchanging units, with exact increments."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code=assignment

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel


class Groups(NamedTuple):
    """The network of groups: axons read, axons sent, what two groups save each other, readers of an axon."""

    read_ptr: Array
    read_idx: Array
    send_ptr: Array
    send_idx: Array
    home: Array  # (axons,) int64: group that sends it, or -1
    spikes: Array  # (axons,) int64
    total: Array  # (groups,) int64: spikes that a group reads alone, a packet for each synapse
    peer_ptr: Array
    peer_idx: Array
    peer_spikes: Array
    hear_ptr: Array
    hear_idx: Array
    per_synapse: bool


def prepare(instance, groups, group_of):
    """Build the arrays of a network of groups."""
    axons = sorted({k for p in instance.pre for k in p})
    axon = {k: i for i, k in enumerate(axons)}
    home = np.array([group_of[k] if k < instance.num_units else -1 for k in axons], dtype=np.int64)
    spikes = np.array([instance.spikes[k] for k in axons], dtype=np.int64)
    reads = [sorted({axon[k] for u in members for k in instance.pre[u]}) for members in groups]
    sends = [[axon[u] for u in members if u in axon] for members in groups]
    total = np.zeros(len(groups), dtype=np.int64)
    mutual: dict[tuple[int, int], int] = defaultdict(int)
    if instance.per_synapse:
        for g, members in enumerate(groups):
            for u in members:
                for k in instance.pre[u]:
                    h = int(group_of[k]) if k < instance.num_units else -1
                    if h != g:
                        total[g] += instance.spikes[k]
                        if h >= 0:
                            mutual[g, h] += instance.spikes[k]
                            mutual[h, g] += instance.spikes[k]
    peers: list[list[tuple[int, int]]] = [[] for _ in groups]
    for (g, h), s in mutual.items():
        peers[g].append((h, s))
    read_ptr, read_idx = _csr(reads)
    send_ptr, send_idx = _csr(sends)
    peer_ptr, peer_idx = _csr([[h for h, _ in p] for p in peers])
    _, peer_spikes = _csr([[s for _, s in p] for p in peers])
    hear: list[list[int]] = [[] for _ in axons]
    for g, axons_read in enumerate(reads):
        for k in axons_read:
            hear[k].append(g)
    hear_ptr, hear_idx = _csr(hear)
    return Groups(
        read_ptr=read_ptr,
        read_idx=read_idx,
        send_ptr=send_ptr,
        send_idx=send_idx,
        home=home,
        spikes=spikes,
        total=total,
        peer_ptr=peer_ptr,
        peer_idx=peer_idx,
        peer_spikes=peer_spikes,
        hear_ptr=hear_ptr,
        hear_idx=hear_idx,
        per_synapse=instance.per_synapse,
    )


def _csr(lists):
    ptr = np.concatenate(([0], np.cumsum([len(x) for x in lists]))).astype(np.int64)
    return ptr, np.array([v for x in lists for v in x], dtype=np.int64)


@kernel
def _random(state):
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return (x * np.uint64(2685821657736338717)) >> np.uint64(11)


@kernel
def _added(g, network, inside, count, gain, scale):
    """Value and rows that adding ``g`` brings."""
    read_ptr, read_idx, send_ptr, send_idx, home, spikes, total, peer_ptr, peer_idx, peer_spikes, _, _, per_synapse = (
        network
    )
    value, rows = 0, 0
    for p in range(read_ptr[g], read_ptr[g + 1]):
        k = read_idx[p]
        if count[k] == 0:
            rows += 1
            if not per_synapse and home[k] != g and (home[k] < 0 or not inside[home[k]]):
                value -= spikes[k]
    if per_synapse:
        value -= total[g]
        for p in range(peer_ptr[g], peer_ptr[g + 1]):
            if inside[peer_idx[p]]:
                value += peer_spikes[p]
    else:
        for p in range(send_ptr[g], send_ptr[g + 1]):
            if count[send_idx[p]] > 0:
                value += spikes[send_idx[p]]
    return scale * value + gain[g], rows


@kernel
def _put(g, sign, network, inside, count):
    read_ptr, read_idx = network.read_ptr, network.read_idx
    for p in range(read_ptr[g], read_ptr[g + 1]):
        count[read_idx[p]] += sign
    inside[g] = sign > 0


@kernel
def _penalty(g, cuts, met, tau):
    """Penalties that adding ``g`` brings."""
    cut_ptr, cut_idx, members_ptr, _, members_unit, members_count = cuts
    value = 0
    for p in range(cut_ptr[g], cut_ptr[g + 1]):
        cut = cut_idx[p]
        for q in range(members_ptr[cut], members_ptr[cut + 1]):
            if members_unit[q] == g and met[cut] < 2 and met[cut] + members_count[q] >= 2:
                value += tau[cut]
    return value


@kernel
def _meet(g, sign, cuts, met):
    cut_ptr, cut_idx, members_ptr, _, members_unit, members_count = cuts
    for p in range(cut_ptr[g], cut_ptr[g + 1]):
        cut = cut_idx[p]
        for q in range(members_ptr[cut], members_ptr[cut + 1]):
            if members_unit[q] == g:
                met[cut] += sign * members_count[q]


@kernel
def _neighbour(g, network, state):
    """A group that shares an axon with ``g``: a source of it, a reader of it, or one that reads the same; else -1."""
    read_ptr, read_idx, send_ptr, send_idx, home, _, _, _, _, _, hear_ptr, hear_idx, _ = network
    way = _random(state) % np.uint64(4)
    if way == 0 and send_ptr[g + 1] > send_ptr[g]:
        k = send_idx[send_ptr[g] + np.int64(_random(state) % np.uint64(send_ptr[g + 1] - send_ptr[g]))]
    elif read_ptr[g + 1] > read_ptr[g]:
        k = read_idx[read_ptr[g] + np.int64(_random(state) % np.uint64(read_ptr[g + 1] - read_ptr[g]))]
        if way == 1 and home[k] >= 0:
            return home[k]
    else:
        return np.int64(-1)
    return hear_idx[hear_ptr[k] + np.int64(_random(state) % np.uint64(hear_ptr[k + 1] - hear_ptr[k]))]


@kernel
def anneal(network, closure, gain, tau, scale, starts, effort, state):
    """Anneal from every start; return the best set of each run and its value.

    Sets may pass the limits at a price that rises while they do and falls while they do not. In a sparse network a
    good cluster is closed under its sources nearly, so most units tried share an axon with one inside, and the
    first heat lets a unit in before its sources are.
    """
    num_groups, num_axons, weight, max_rows, max_columns, _ = closure.shape
    apart_ptr, apart_idx = closure.apart
    cuts = closure.cuts
    runs = len(starts)
    best_set = np.zeros((runs, num_groups), dtype=np.bool_)
    best_value = np.zeros(runs, dtype=np.int64)
    mean = 1.0
    for g in range(num_groups):
        mean += abs(gain[g]) / num_groups
    hot = (3.0 if effort >= 20 * num_groups else 1.0) * mean
    cold = 0.02 * mean
    members = np.zeros(num_groups, dtype=np.int64)
    place = np.zeros(num_groups, dtype=np.int64)
    for run in range(runs):
        inside = np.zeros(num_groups, dtype=np.bool_)
        count = np.zeros(num_axons, dtype=np.int64)
        met = np.zeros(len(cuts[2]), dtype=np.int64)
        value, rows, columns, size = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        for g in range(num_groups):
            if starts[run, g]:
                more, fresh = _added(g, network, inside, count, gain, scale)
                value += more - _penalty(g, cuts, met, tau)
                rows += fresh
                columns += weight[g]
                _put(g, 1, network, inside, count)
                _meet(g, 1, cuts, met)
                members[size] = g
                place[g] = size
                size += 1
        if rows <= max_rows and columns <= max_columns:
            best_value[run] = value
            best_set[run] = inside
        heat = hot
        cooling = (cold / hot) ** (1.0 / effort)
        price = 0.5 * mean
        for step in range(effort):
            heat *= cooling
            if step % 32 == 0:
                price *= 1.1 if rows > max_rows or columns > max_columns else 0.95
                price = max(price, 0.02 * mean)
            kind = _random(state) % np.uint64(8)  # 0, 1: drop a unit; 2, 3: exchange two; else add one
            out, add = np.int64(-1), np.int64(-1)
            if size > 0 and kind < 4:
                out = members[np.int64(_random(state) % np.uint64(size))]
            if kind >= 2:
                if size > 0 and kind < 7:
                    add = _neighbour(members[np.int64(_random(state) % np.uint64(size))], network, state)
                if add < 0 or inside[add]:
                    add = np.int64(_random(state) % np.uint64(num_groups))
                if inside[add]:
                    continue
            if out < 0 and add < 0:
                continue
            value_before, rows_before, columns_before = value, rows, columns
            before = value - price * (max(0, rows - max_rows) + max(0, columns - max_columns))
            if out >= 0:
                _put(out, -1, network, inside, count)
                _meet(out, -1, cuts, met)
                less, freed = _added(out, network, inside, count, gain, scale)
                value -= less - _penalty(out, cuts, met, tau)
                rows -= freed
                columns -= weight[out]
            accept = True
            if add >= 0:
                for p in range(apart_ptr[add], apart_ptr[add + 1]):
                    if inside[apart_idx[p]]:
                        accept = False
                if accept:
                    more, fresh = _added(add, network, inside, count, gain, scale)
                    value += more - _penalty(add, cuts, met, tau)
                    rows += fresh
                    columns += weight[add]
            if accept:
                after = value - price * (max(0, rows - max_rows) + max(0, columns - max_columns))
                accept = after >= before or np.exp((after - before) / heat) * 9007199254740992.0 > np.float64(
                    _random(state)
                )
            if not accept:
                if out >= 0:
                    _put(out, 1, network, inside, count)
                    _meet(out, 1, cuts, met)
                value, rows, columns = value_before, rows_before, columns_before
                continue
            if add >= 0:
                _put(add, 1, network, inside, count)
                _meet(add, 1, cuts, met)
                members[size] = add
                place[add] = size
                size += 1
            if out >= 0:
                size -= 1
                last = members[size]
                members[place[out]] = last
                place[last] = place[out]
            if value > best_value[run] and rows <= max_rows and columns <= max_columns:
                best_value[run] = value
                best_set[run] = inside
    return best_set, best_value

"""Steps that change the state of a search for whole mappings, and its price and overflow exactly."""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.compiling import inner, kernel
from spinemap_exact.kernels.mapping_delays import all_late, is_late, late_around
from spinemap_exact.kernels.mapping_state import (
    ABSENT,
    CARRY,
    IDLE,
    LATE,
    OVERFLOW,
    PRICE,
    ROOT,
    STAMP,
    USED,
)
from spinemap_exact.kernels.partition_moves import excess


@kernel
def fill(net, chip, now, place, parent):
    """Set an empty state to these slots of synapses and parents of units."""
    for i in net.neurons:
        for t in range(len(now.site)):
            if parent[i, t] != ABSENT:
                birth(chip, now, i, t, ROOT)
    for i in net.neurons:  # a cell is only counted where there are columns
        for t in range(len(now.site)):
            if parent[i, t] >= 0:
                now.parent[i, t] = parent[i, t]
                _edge(chip, now, i, parent[i, t], 1)
            elif parent[i, t] == ROOT:
                now.home[i] = t
    for s in range(len(place)):
        _attach(net, chip, now, s, place[s])


@kernel(bare=True)
def beyond(chip, now):
    """How far the state breaks limits."""
    return now.totals[OVERFLOW] + excess(now.totals[USED], chip.max_crossbars) + now.totals[LATE]


@inner
def send(chip, now, a, b, packets):
    now.traffic[a, b] += packets
    now.totals[PRICE] += packets * chip.way[now.site[a], now.site[b]]


@inner
def _row(chip, now, t, d):
    limit, before = chip.rows[now.site[t]], now.rows[t]
    now.rows[t] = before + d
    now.totals[OVERFLOW] += excess(before + d, limit) - excess(before, limit)


@inner
def _idle(chip, now, t):
    return chip.prices[IDLE] * max(0, chip.cells[now.site[t]] - now.cells[t])


@inner
def _cell(chip, now, t, d):
    now.totals[PRICE] -= _idle(chip, now, t)
    now.cells[t] += d
    now.totals[PRICE] += _idle(chip, now, t)


@inner
def _column(chip, now, t, d):
    limit, before = chip.columns[now.site[t]], now.columns[t]
    now.columns[t] = before + d
    now.totals[OVERFLOW] += excess(before + d, limit) - excess(before, limit)
    if before == 0:
        now.totals[USED] += 1
        now.totals[PRICE] += _idle(chip, now, t)
    elif before + d == 0:
        now.totals[USED] -= 1
        now.totals[PRICE] -= _idle(chip, now, t)


@inner
def _carry(chip, now, i, t, p, packets):
    """``packets`` more from the unit in ``t`` to its parent in ``p``."""
    send(chip, now, t, p, packets)
    now.totals[PRICE] += packets * chip.prices[CARRY]


@inner
def _edge(chip, now, i, p, d):
    """A carry more, or less, enters the unit in ``p``."""
    now.kids[i, p] += d
    _row(chip, now, p, d)
    _cell(chip, now, p, d)


@inner
def _axon(net, chip, now, k, t, d):
    """A synapse of ``k`` more, or less, in ``t``."""
    before = now.reads[k, t]
    now.reads[k, t] = before + d
    is_row = before == 0 or before + d == 0
    if is_row:
        _row(chip, now, t, d)
    if is_row or chip.per_synapse:
        packets = d * net.spikes[k]
        if now.home[k] < 0:
            now.entering[t] += packets
            now.totals[PRICE] += packets * chip.entry[now.site[t]]
        else:
            send(chip, now, now.home[k], t, packets)


@inner
def _axons_from_home(net, chip, now, k, d):
    """Send, or take back, all that leaves the home of ``k``."""
    if now.home[k] < 0:
        return
    packets = d * net.spikes[k]
    now.totals[STAMP] += 1
    for s in range(net.out_ptr[k], net.out_ptr[k + 1]):
        t = now.place[s]
        if chip.per_synapse or now.mark[t] != now.totals[STAMP]:
            now.mark[t] = now.totals[STAMP]
            send(chip, now, now.home[k], t, packets)


@inner
def _climb(chip, now, i, t, spikes):
    """So many spikes more enter the unit in ``t`` and all above it."""
    now.flow[i, t] += spikes
    p = now.parent[i, t]
    while p >= 0:
        _carry(chip, now, i, t, p, spikes)
        t, p = p, now.parent[i, p]
        now.flow[i, t] += spikes


@inner
def _attach(net, chip, now, s, t):
    k, i = net.pre[s], net.post[s]
    now.place[s] = t
    now.served[i, t] += 1
    _cell(chip, now, t, 1)
    _axon(net, chip, now, k, t, 1)
    _climb(chip, now, i, t, net.spikes[k])
    if chip.max_delay >= 0:
        now.totals[LATE] += is_late(net, chip, now, s)


@inner
def put(net, chip, now, s, b):
    """Serve a synapse in ``b``, where its neuron has a unit."""
    k, i, a = net.pre[s], net.post[s], now.place[s]
    if chip.max_delay >= 0:
        now.totals[LATE] -= is_late(net, chip, now, s)
    now.served[i, a] -= 1
    _cell(chip, now, a, -1)
    _axon(net, chip, now, k, a, -1)
    _climb(chip, now, i, a, -net.spikes[k])
    _attach(net, chip, now, s, b)


@inner
def _enlist(now, i, t):
    now.slots_of[i, now.units[i]] = t
    now.units[i] += 1
    now.member[t, now.columns[t]] = i
    now.seat[i, t] = now.columns[t]


@inner
def _dismiss(now, i, t):
    q = 0
    while now.slots_of[i, q] != t:
        q += 1
    now.units[i] -= 1
    now.slots_of[i, q] = now.slots_of[i, now.units[i]]
    other = now.member[t, now.columns[t] - 1]
    now.member[t, now.seat[i, t]] = other
    now.seat[other, t] = now.seat[i, t]


@inner
def birth(chip, now, i, t, p):
    """An empty unit in ``t`` that sends its carry to ``p``."""
    _enlist(now, i, t)
    _column(chip, now, t, 1)
    now.parent[i, t] = p
    if p >= 0:
        _edge(chip, now, i, p, 1)


@inner
def death(chip, now, i, t):
    """The unit in ``t`` goes; it has no synapses and no children."""
    p = now.parent[i, t]
    if p >= 0:
        _edge(chip, now, i, p, -1)
    now.parent[i, t] = ABSENT
    _dismiss(now, i, t)
    _column(chip, now, t, -1)


@inner
def is_above(now, i, a, t):
    """True if the unit in ``a`` is that in ``t`` or one that its carries pass."""
    while t >= 0 and t != a:
        t = now.parent[i, t]
    return t == a


@inner
def reparent(net, chip, now, i, t, p):
    """The unit in ``t`` sends its carry to ``p``, which is not below it."""
    if chip.max_delay >= 0:
        now.totals[LATE] -= late_around(net, chip, now, i)
    spikes, old = now.flow[i, t], now.parent[i, t]
    _carry(chip, now, i, t, old, -spikes)
    _climb(chip, now, i, old, -spikes)
    _edge(chip, now, i, old, -1)
    now.parent[i, t] = p
    _carry(chip, now, i, t, p, spikes)
    _climb(chip, now, i, p, spikes)
    _edge(chip, now, i, p, 1)
    if chip.max_delay >= 0:
        now.totals[LATE] += late_around(net, chip, now, i)


@inner
def reroot(net, chip, now, i, t):
    """The unit in ``t`` becomes the soma unit: carries between it and the old one turn round."""
    if chip.max_delay >= 0:
        now.totals[LATE] -= late_around(net, chip, now, i)
    _axons_from_home(net, chip, now, i, -1)
    events = now.flow[i, now.home[i]]
    now.home[i] = t
    p, spikes = now.parent[i, t], now.flow[i, t]
    now.parent[i, t], now.flow[i, t] = ROOT, events
    while p >= 0:
        above, entering = now.parent[i, p], now.flow[i, p]
        _carry(chip, now, i, t, p, -spikes)
        _edge(chip, now, i, p, -1)
        _carry(chip, now, i, p, t, events - spikes)
        _edge(chip, now, i, t, 1)
        now.parent[i, p], now.flow[i, p] = t, events - spikes
        t, p, spikes = p, above, entering
    _axons_from_home(net, chip, now, i, 1)
    if chip.max_delay >= 0:
        now.totals[LATE] += late_around(net, chip, now, i)


@inner
def relocate(net, chip, now, i, a, b):
    """The whole unit in ``a`` goes to ``b``, where its neuron has none."""
    if chip.max_delay >= 0:
        now.totals[LATE] -= late_around(net, chip, now, i)
    _enlist(now, i, b)
    _column(chip, now, b, 1)
    if now.served[i, a] > 0:
        for q in range(net.in_ptr[i], net.in_ptr[i + 1]):
            s = net.in_synapse[q]
            if now.place[s] == a:
                now.place[s] = b
                _axon(net, chip, now, net.pre[s], a, -1)
                _axon(net, chip, now, net.pre[s], b, 1)
                _cell(chip, now, a, -1)
                _cell(chip, now, b, 1)
    p = now.parent[i, a]
    if p >= 0:
        _carry(chip, now, i, a, p, -now.flow[i, a])
        _carry(chip, now, i, b, p, now.flow[i, a])
    else:
        _axons_from_home(net, chip, now, i, -1)
        now.home[i] = b
        _axons_from_home(net, chip, now, i, 1)
    for q in range(now.units[i]):
        t = now.slots_of[i, q]
        if now.parent[i, t] == a and t != b:
            _carry(chip, now, i, t, a, -now.flow[i, t])
            _edge(chip, now, i, a, -1)
            now.parent[i, t] = b
            _carry(chip, now, i, t, b, now.flow[i, t])
            _edge(chip, now, i, b, 1)
    for counts in (now.served, now.parent):
        counts[i, b] = counts[i, a]
    now.flow[i, b] = now.flow[i, a]
    now.served[i, a], now.flow[i, a], now.parent[i, a] = 0, 0, ABSENT
    _dismiss(now, i, a)
    _column(chip, now, a, -1)
    if chip.max_delay >= 0:
        now.totals[LATE] += late_around(net, chip, now, i)


@inner
def _standing(chip, now, a, b):
    """Price and overflow of two slots that depend on where they stand."""
    price, overflow = np.int64(0), np.int64(0)
    for t in range(len(now.site)):
        for c in (a, b):
            if t != a and t != b:
                price += now.traffic[c, t] * chip.way[now.site[c], now.site[t]]
                price += now.traffic[t, c] * chip.way[now.site[t], now.site[c]]
    for c in (a, b):
        x = now.site[c]
        for t in (a, b):
            price += now.traffic[c, t] * chip.way[x, now.site[t]]
        price += now.entering[c] * chip.entry[x]
        if now.columns[c] > 0:
            price += _idle(chip, now, c)
        overflow += excess(now.rows[c], chip.rows[x]) + excess(now.columns[c], chip.columns[x])
    return price, overflow


@inner
def exchange_sites(net, chip, now, a, b):
    """Two crossbars change places with all that they hold."""
    price, overflow = _standing(chip, now, a, b)
    now.totals[PRICE] -= price
    now.totals[OVERFLOW] -= overflow
    now.site[a], now.site[b] = now.site[b], now.site[a]
    price, overflow = _standing(chip, now, a, b)
    now.totals[PRICE] += price
    now.totals[OVERFLOW] += overflow
    now.totals[LATE] = all_late(net, chip, now)

"""The state of a search for whole mappings, and the steps that change it and its price exactly.

A crossbar is a *slot* that stands on a *site* (an index into the tiles that the search may use). A neuron has at most
one unit in a slot: two could be merged without needing more. Its units form a tree whose root is the soma unit, the
home of its axon. The price follows from packets between slots, which every step keeps up to date, so that exchanging
whole crossbars costs little.
"""
# mypy: allow-untyped-decorators, allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.partition_moves import excess

ABSENT, ROOT = -2, -1  # instead of a parent
OUTSIDE = -1  # home of an external input
PRICE, OVERFLOW, USED, LATE, STAMP = range(5)
CARRY, IDLE = range(2)
BARE = {"_nrt": False}  # kernels that allocate nothing: counting references to a state's arrays takes most of the time


class Net(NamedTuple):
    """What is mapped."""

    pre: Array
    post: Array
    spikes: Array
    out_ptr: Array  # synapses out_ptr[k] ... out_ptr[k + 1] - 1 leave k
    in_ptr: Array
    in_synapse: Array  # those that end at a neuron, the quietest first
    neurons: Array  # that need a column
    heir: Array  # (num_neurons,) who goes on with what a unit carries, -1 for none; for given units


class Chip(NamedTuple):
    """Sites and prices."""

    way: Array  # (sites, sites) price of a packet; a local read on the diagonal
    entry: Array  # (sites,) price of a packet from outside
    step: Array  # (sites, sites) delay
    entry_step: Array
    rows: Array
    columns: Array
    cells: Array
    prices: Array  # of a spike that is carried beyond its way, of an idle cell
    per_synapse: bool
    max_crossbars: int
    max_delay: int  # -1 for none


class Now(NamedTuple):
    """The state; counts are (neurons, slots) unless said otherwise."""

    place: Array  # (synapses,) slot
    served: Array  # synapses of a neuron
    kids: Array
    parent: Array  # slot of the parent unit
    flow: Array  # spikes that enter a unit and all below it
    home: Array  # (neurons,) slot of the root
    reads: Array  # synapses of an axon
    rows: Array  # (slots,)
    columns: Array
    cells: Array
    site: Array
    traffic: Array  # (slots, slots) packets
    entering: Array  # (slots,)
    slots_of: Array  # where a neuron has units: the first units[i]
    units: Array  # (neurons,)
    member: Array  # (slots, neurons) who has a unit there: the first columns[t]
    seat: Array
    mark: Array  # (slots,)
    totals: Array


def empty_state(neurons: int, synapses: int, slots: int) -> Now:
    """Arrays for a state; `fill` gives them their values."""

    def zeros(*shape: int, kind: type[np.integer] = np.int64) -> Array:
        return np.zeros(shape, dtype=kind)

    small = {"kind": np.int32}
    return Now(
        place=zeros(synapses),
        served=zeros(neurons, slots, **small),
        kids=zeros(neurons, slots, **small),
        parent=zeros(neurons, slots, **small),
        flow=zeros(neurons, slots),
        home=zeros(neurons),
        reads=zeros(neurons, slots, **small),
        rows=zeros(slots),
        columns=zeros(slots),
        cells=zeros(slots),
        site=zeros(slots),
        traffic=zeros(slots, slots),
        entering=zeros(slots),
        slots_of=zeros(neurons, slots, **small),
        units=zeros(neurons),
        member=zeros(slots, neurons, **small),
        seat=zeros(neurons, slots, **small),
        mark=zeros(slots),
        totals=zeros(5),
    )


@njit(cache=True)
def fill(net, chip, now, place, parent, site):
    """Set the state to these slots of synapses, parents of units and sites of slots."""
    for counts in (now.served, now.kids, now.reads):
        counts[:] = 0
    for counts in (now.rows, now.columns, now.cells, now.entering, now.units, now.totals):
        counts[:] = 0
    now.flow[:] = 0
    now.traffic[:] = 0
    now.parent[:] = ABSENT
    now.site[:] = site
    now.home[:] = OUTSIDE
    for i in net.neurons:
        for t in range(len(site)):
            if parent[i, t] != ABSENT:
                birth(chip, now, i, t, ROOT)
    for i in net.neurons:  # a cell is only counted where there are columns
        for t in range(len(site)):
            if parent[i, t] >= 0:
                now.parent[i, t] = parent[i, t]
                _edge(chip, now, i, parent[i, t], 1)
            elif parent[i, t] == ROOT:
                now.home[i] = t
    for s in range(len(place)):
        _attach(net, chip, now, s, place[s])


@njit(cache=True, **BARE)
def beyond(chip, now):
    """How far the state breaks limits."""
    return now.totals[OVERFLOW] + excess(now.totals[USED], chip.max_crossbars) + now.totals[LATE]


@njit(cache=True, **BARE)
def send(chip, now, a, b, packets):
    now.traffic[a, b] += packets
    now.totals[PRICE] += packets * chip.way[now.site[a], now.site[b]]


@njit(cache=True, **BARE)
def _row(chip, now, t, d):
    limit, before = chip.rows[now.site[t]], now.rows[t]
    now.rows[t] = before + d
    now.totals[OVERFLOW] += excess(before + d, limit) - excess(before, limit)


@njit(cache=True, **BARE)
def _idle(chip, now, t):
    return chip.prices[IDLE] * max(0, chip.cells[now.site[t]] - now.cells[t])


@njit(cache=True, **BARE)
def _cell(chip, now, t, d):
    now.totals[PRICE] -= _idle(chip, now, t)
    now.cells[t] += d
    now.totals[PRICE] += _idle(chip, now, t)


@njit(cache=True, **BARE)
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


@njit(cache=True, **BARE)
def _carry(chip, now, i, t, p, packets):
    """``packets`` more from the unit in ``t`` to its parent in ``p``."""
    send(chip, now, t, p, packets)
    now.totals[PRICE] += packets * chip.prices[CARRY]


@njit(cache=True, **BARE)
def _edge(chip, now, i, p, d):
    """A carry more, or less, enters the unit in ``p``."""
    now.kids[i, p] += d
    _row(chip, now, p, d)
    _cell(chip, now, p, d)


@njit(cache=True, **BARE)
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


@njit(cache=True, **BARE)
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


@njit(cache=True, **BARE)
def _climb(chip, now, i, t, spikes):
    """So many spikes more enter the unit in ``t`` and all above it."""
    now.flow[i, t] += spikes
    p = now.parent[i, t]
    while p >= 0:
        _carry(chip, now, i, t, p, spikes)
        t, p = p, now.parent[i, p]
        now.flow[i, t] += spikes


@njit(cache=True, **BARE)
def is_late(net, chip, now, s):
    """1 if a spike on this synapse reaches the soma too late."""
    k, i, t = net.pre[s], net.post[s], now.place[s]
    delay = chip.entry_step[now.site[t]] if now.home[k] < 0 else chip.step[now.site[now.home[k]], now.site[t]]
    while now.parent[i, t] >= 0:
        delay += chip.step[now.site[t], now.site[now.parent[i, t]]]
        t = now.parent[i, t]
    return 1 if delay > chip.max_delay else 0


@njit(cache=True, **BARE)
def _late_around(net, chip, now, i):
    """Late synapses of a neuron, of its axon included."""
    late = 0
    for q in range(net.in_ptr[i], net.in_ptr[i + 1]):
        late += is_late(net, chip, now, net.in_synapse[q])
    for s in range(net.out_ptr[i], net.out_ptr[i + 1]):
        if net.post[s] != i:
            late += is_late(net, chip, now, s)
    return late


@njit(cache=True, **BARE)
def all_late(net, chip, now):
    """All late synapses. Where units are given, what they carry on counts to the last one."""
    late = 0
    if chip.max_delay < 0:
        return late
    for s in range(len(net.pre)):
        k, i = net.pre[s], net.post[s]
        if net.heir[k] >= 0:
            continue
        if net.heir[i] < 0:
            late += is_late(net, chip, now, s)
            continue
        t = now.site[now.home[i]]
        delay = chip.entry_step[t] if now.home[k] < 0 else chip.step[now.site[now.home[k]], t]
        while net.heir[i] >= 0:
            delay += chip.step[now.site[now.home[i]], now.site[now.home[net.heir[i]]]]
            i = net.heir[i]
        late += 1 if delay > chip.max_delay else 0
    return late


@njit(cache=True, **BARE)
def _attach(net, chip, now, s, t):
    k, i = net.pre[s], net.post[s]
    now.place[s] = t
    now.served[i, t] += 1
    _cell(chip, now, t, 1)
    _axon(net, chip, now, k, t, 1)
    _climb(chip, now, i, t, net.spikes[k])
    if chip.max_delay >= 0:
        now.totals[LATE] += is_late(net, chip, now, s)


@njit(cache=True, **BARE)
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


@njit(cache=True, **BARE)
def _enlist(now, i, t):
    now.slots_of[i, now.units[i]] = t
    now.units[i] += 1
    now.member[t, now.columns[t]] = i
    now.seat[i, t] = now.columns[t]


@njit(cache=True, **BARE)
def _dismiss(now, i, t):
    q = 0
    while now.slots_of[i, q] != t:
        q += 1
    now.units[i] -= 1
    now.slots_of[i, q] = now.slots_of[i, now.units[i]]
    other = now.member[t, now.columns[t] - 1]
    now.member[t, now.seat[i, t]] = other
    now.seat[other, t] = now.seat[i, t]


@njit(cache=True, **BARE)
def birth(chip, now, i, t, p):
    """An empty unit in ``t`` that sends its carry to ``p``."""
    _enlist(now, i, t)
    _column(chip, now, t, 1)
    now.parent[i, t] = p
    if p >= 0:
        _edge(chip, now, i, p, 1)


@njit(cache=True, **BARE)
def death(chip, now, i, t):
    """The unit in ``t`` goes; it has no synapses and no children."""
    p = now.parent[i, t]
    if p >= 0:
        _edge(chip, now, i, p, -1)
    now.parent[i, t] = ABSENT
    _dismiss(now, i, t)
    _column(chip, now, t, -1)


@njit(cache=True, **BARE)
def is_above(now, i, a, t):
    """True if the unit in ``a`` is that in ``t`` or one that its carries pass."""
    while t >= 0 and t != a:
        t = now.parent[i, t]
    return t == a


@njit(cache=True, **BARE)
def reparent(net, chip, now, i, t, p):
    """The unit in ``t`` sends its carry to ``p``, which is not below it."""
    if chip.max_delay >= 0:
        now.totals[LATE] -= _late_around(net, chip, now, i)
    spikes, old = now.flow[i, t], now.parent[i, t]
    _carry(chip, now, i, t, old, -spikes)
    _climb(chip, now, i, old, -spikes)
    _edge(chip, now, i, old, -1)
    now.parent[i, t] = p
    _carry(chip, now, i, t, p, spikes)
    _climb(chip, now, i, p, spikes)
    _edge(chip, now, i, p, 1)
    if chip.max_delay >= 0:
        now.totals[LATE] += _late_around(net, chip, now, i)


@njit(cache=True, **BARE)
def reroot(net, chip, now, i, t):
    """The unit in ``t`` becomes the soma unit: carries between it and the old one turn round."""
    if chip.max_delay >= 0:
        now.totals[LATE] -= _late_around(net, chip, now, i)
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
        now.totals[LATE] += _late_around(net, chip, now, i)


@njit(cache=True, **BARE)
def relocate(net, chip, now, i, a, b):
    """The whole unit in ``a`` goes to ``b``, where its neuron has none."""
    if chip.max_delay >= 0:
        now.totals[LATE] -= _late_around(net, chip, now, i)
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
        now.totals[LATE] += _late_around(net, chip, now, i)


@njit(cache=True, **BARE)
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


@njit(cache=True, **BARE)
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

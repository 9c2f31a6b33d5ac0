"""Moves of a search for whole mappings: each is a few steps, written down so that they can be taken back."""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from spinemap_exact.kernels import mapping_steps as steps
from spinemap_exact.kernels.compiling import inner, kernel
from spinemap_exact.kernels.mapping_state import ABSENT, ROOT
from spinemap_exact.kernels.partition_annealing import below

(
    SYNAPSE, AXON, UNIT, EXCHANGE_UNITS, EXCHANGE_CROSSBARS, CARRY, SOMA, SPLIT, EXCHANGE_SYNAPSES, EXCHANGE_AXONS,
    FOLLOW, GROUP,
) = range(12)  # fmt: skip
_PUT, _BIRTH, _DEATH, _REPARENT, _REROOT, _RELOCATE, _SITES = range(7)


@inner
def _note(log, step, i, a, b):
    n = log[0, 0] + 1
    log[0, 0] = n
    log[n, 0], log[n, 1], log[n, 2], log[n, 3] = step, i, a, b


@kernel(bare=True)
def take_back(net, chip, now, log):
    """Undo all steps in the log, the last one first."""
    for n in range(log[0, 0], 0, -1):
        step, i, a, b = log[n, 0], log[n, 1], log[n, 2], log[n, 3]
        if step == _PUT:
            steps.put(net, chip, now, i, a)
        elif step == _BIRTH:
            steps.death(chip, now, i, a)
        elif step == _DEATH:
            steps.birth(chip, now, i, a, b)
        elif step == _REPARENT:
            steps.reparent(net, chip, now, i, a, b)
        elif step == _REROOT:
            steps.reroot(net, chip, now, i, a)
        elif step == _RELOCATE:
            steps.relocate(net, chip, now, i, b, a)
        else:
            steps.exchange_sites(net, chip, now, a, b)


@inner
def _put(net, chip, now, log, s, b):
    _note(log, _PUT, s, now.place[s], b)
    steps.put(net, chip, now, s, b)


@inner
def _reparent(net, chip, now, log, i, t, p):
    _note(log, _REPARENT, i, t, now.parent[i, t])
    steps.reparent(net, chip, now, i, t, p)


@inner
def _reroot(net, chip, now, log, i, t):
    _note(log, _REROOT, i, now.home[i], t)
    steps.reroot(net, chip, now, i, t)


@inner
def _relocate(net, chip, now, log, i, a, b):
    _note(log, _RELOCATE, i, a, b)
    steps.relocate(net, chip, now, i, a, b)


@inner
def _death(chip, now, log, i, t):
    _note(log, _DEATH, i, t, now.parent[i, t])
    steps.death(chip, now, i, t)


@inner
def _unit(now, random, i):
    """A random unit of a neuron."""
    return now.slots_of[i, below(random, now.units[i])]


@inner
def _parent_for(chip, now, random, i, t):
    """Where a new unit in ``t`` sends its carry: to the soma unit or to another one, whichever has room."""
    best = now.home[i]
    other = _unit(now, random, i)
    if other in (best, t):
        return best
    is_full = now.rows[best] >= chip.rows[now.site[best]]
    is_other_full = now.rows[other] >= chip.rows[now.site[other]]
    if is_full != is_other_full:
        return other if is_full else best
    return other if below(random, 4) == 0 else best


@inner
def _settle(net, chip, now, log, i, t):
    """A unit without synapses goes if nothing, or only one carry, enters it; then perhaps its parent, too."""
    while now.parent[i, t] >= 0 and now.served[i, t] == 0 and now.kids[i, t] <= 1:
        p = now.parent[i, t]
        for q in range(now.units[i]):
            c = now.slots_of[i, q]
            if now.parent[i, c] == t:
                _reparent(net, chip, now, log, i, c, p)
                break
        _death(chip, now, log, i, t)
        t = p


@inner
def _transfer(net, chip, now, log, random, s, b):
    """Serve a synapse in ``b``, in a new unit if need be."""
    i, a = net.post[s], now.place[s]
    if a == b:
        return
    if now.parent[i, b] == ABSENT:
        if now.served[i, a] == 1 and now.kids[i, a] == 0:
            _relocate(net, chip, now, log, i, a, b)
            return
        p = _parent_for(chip, now, random, i, b)
        _note(log, _BIRTH, i, b, p)
        steps.birth(chip, now, i, b, p)
    _put(net, chip, now, log, s, b)
    _settle(net, chip, now, log, i, a)


@inner
def _merge(net, chip, now, log, i, a, b):
    """The unit in ``a`` becomes one with that in ``b``."""
    if steps.is_above(now, i, a, b):
        if now.parent[i, a] == ROOT:
            _reroot(net, chip, now, log, i, b)
        elif now.parent[i, b] != now.parent[i, a]:
            _reparent(net, chip, now, log, i, b, now.parent[i, a])
    for q in range(net.in_ptr[i], net.in_ptr[i + 1]):
        if now.place[net.in_synapse[q]] == a:
            _put(net, chip, now, log, net.in_synapse[q], b)
    for q in range(now.units[i]):
        c = now.slots_of[i, q]
        if now.parent[i, c] == a:
            _reparent(net, chip, now, log, i, c, b)
    _death(chip, now, log, i, a)


@inner
def _move_unit(net, chip, now, log, i, a, b, given):
    if a == b:
        return
    if now.parent[i, b] == ABSENT:
        _relocate(net, chip, now, log, i, a, b)
    elif not given:
        _merge(net, chip, now, log, i, a, b)


@inner
def _near_unit(net, now, random, i, a):
    """A slot where something lies that a unit has to do with; sometimes any."""
    inputs, outputs = net.in_ptr[i + 1] - net.in_ptr[i], net.out_ptr[i + 1] - net.out_ptr[i]
    draw = below(random, 8)
    if draw > 1 and now.home[i] == a and outputs > 0 and below(random, inputs + outputs) < outputs:
        return now.place[net.out_ptr[i] + below(random, outputs)]
    if draw == 2 and now.parent[i, a] >= 0:
        return now.parent[i, a]
    if draw > 1 and inputs > 0:
        s = net.in_synapse[net.in_ptr[i] + below(random, inputs)]
        if now.place[s] != a and below(random, 2) == 0:
            return now.place[s]
        k = net.pre[s]
        if now.home[k] >= 0 and now.home[k] != a and below(random, 2) == 0:
            return now.home[k]
        return now.place[net.out_ptr[k] + below(random, net.out_ptr[k + 1] - net.out_ptr[k])]
    return below(random, len(now.site))


@inner
def _near_synapse(net, now, random, s):
    """A slot where the neuron of a synapse, or its axon, is already; sometimes any."""
    k, draw = net.pre[s], below(random, 16)
    if draw < 8:
        return _unit(now, random, net.post[s])
    if draw < 14:
        return now.place[net.out_ptr[k] + below(random, net.out_ptr[k + 1] - net.out_ptr[k])]
    if draw == 14 and now.home[k] >= 0:
        return now.home[k]
    return below(random, len(now.site))


@inner
def _move_axon(net, chip, now, log, random, s):
    """All, or some, of the synapses that an axon has in a crossbar go to another one."""
    k, a, b = net.pre[s], now.place[s], _near_synapse(net, now, random, s)
    mode = below(random, 3)
    for r in range(net.out_ptr[k], net.out_ptr[k + 1]):
        if now.place[r] != a or (mode == 1 and below(random, 2) == 0):
            continue
        if mode == 2 and now.parent[net.post[r], b] == ABSENT:
            continue
        _transfer(net, chip, now, log, random, r, b)


@inner
def _follow(net, chip, now, log, random, s):
    """The synapses of an axon go, each to where another axon's synapse of the same neuron is."""
    k, a, i = net.pre[s], now.place[s], net.post[s]
    other = net.pre[net.in_synapse[net.in_ptr[i] + below(random, net.in_ptr[i + 1] - net.in_ptr[i])]]
    everywhere = below(random, 2) == 0
    q = net.out_ptr[other]
    for r in range(net.out_ptr[k], net.out_ptr[k + 1]):
        while q < net.out_ptr[other + 1] and net.post[q] < net.post[r]:
            q += 1
        if q == net.out_ptr[other + 1]:
            return
        if net.post[q] == net.post[r] and (everywhere or now.place[r] == a):
            _transfer(net, chip, now, log, random, r, now.place[q])


@inner
def _exchange_axons(net, chip, now, log, random, s):
    """Two axons change places in all neurons, or those with a unit in one crossbar, that read both."""
    k, a, i = net.pre[s], now.place[s], net.post[s]
    inputs = net.in_ptr[i + 1] - net.in_ptr[i]
    q = net.in_ptr[i] + below(random, inputs)
    if below(random, 2) == 0:  # one of about as many spikes
        rank = 0
        while net.pre[net.in_synapse[net.in_ptr[i] + rank]] != k:
            rank += 1
        q = net.in_ptr[i] + min(max(0, rank + below(random, 7) - 3), inputs - 1)
    other = net.pre[net.in_synapse[q]]
    if other == k:
        return
    c = now.place[net.in_synapse[q]]
    mode = below(random, 3)
    q = net.out_ptr[other]
    for r in range(net.out_ptr[k], net.out_ptr[k + 1]):
        while q < net.out_ptr[other + 1] and net.post[q] < net.post[r]:
            q += 1
        if q == net.out_ptr[other + 1]:
            return
        here, there = now.place[r], now.place[q]
        if net.post[q] != net.post[r] or here == there or (mode > 0 and here != a) or (mode > 1 and there != c):
            continue
        _put(net, chip, now, log, r, there)
        _put(net, chip, now, log, q, here)


@inner
def _exchange_synapses(net, chip, now, log, random, i):
    """Two synapses of a neuron change units."""
    inputs = net.in_ptr[i + 1] - net.in_ptr[i]
    s = net.in_synapse[net.in_ptr[i] + below(random, inputs)]
    r = net.in_synapse[net.in_ptr[i] + below(random, inputs)]
    a, b = now.place[s], now.place[r]
    if a != b:
        _put(net, chip, now, log, s, b)
        _put(net, chip, now, log, r, a)


@inner
def _split(net, chip, now, log, random, i, a):
    """The quietest, or the busiest, synapses of a unit go to another crossbar."""
    number = 1 + below(random, max(1, now.served[i, a]))
    b = _near_unit(net, now, random, i, a)
    first, last = net.in_ptr[i], net.in_ptr[i + 1]
    is_upward = below(random, 2) == 0
    for q in range(last - first):
        s = net.in_synapse[first + q if is_upward else last - 1 - q]
        if number > 0 and now.place[s] == a:
            number -= 1
            _transfer(net, chip, now, log, random, s, b)


@inner
def _change_tree(net, chip, now, log, random, i):
    """A carry goes to another unit."""
    t, p = _unit(now, random, i), _unit(now, random, i)
    old = now.parent[i, t]
    if old >= 0 and old != p and not steps.is_above(now, i, t, p):
        _reparent(net, chip, now, log, i, t, p)
        _settle(net, chip, now, log, i, old)


@inner
def _change_soma(net, chip, now, log, random, i):
    """Another unit becomes the soma unit; it may also take over the carries of the old one."""
    old, t = now.home[i], _unit(now, random, i)
    if old == t:
        return
    _reroot(net, chip, now, log, i, t)
    if below(random, 2) == 0:
        for q in range(now.units[i]):
            c = now.slots_of[i, q]
            if now.parent[i, c] == old:
                _reparent(net, chip, now, log, i, c, t)
    _settle(net, chip, now, log, i, old)


@inner
def _move_group(net, chip, now, log, random, a, b, given):
    """Some of the units of a crossbar go to another one."""
    share = 1 + below(random, 7)
    q = now.columns[a] - 1
    while q >= 0:
        if below(random, 8) < share:
            _move_unit(net, chip, now, log, now.member[a, q], a, b, given)
        q = min(q, now.columns[a]) - 1


@inner
def _exchange_units(net, chip, now, log, random, i, a, b):
    if a == b or now.columns[b] == 0 or now.parent[i, b] != ABSENT:
        return
    j = now.member[b, below(random, now.columns[b])]
    if now.parent[j, a] == ABSENT:
        _relocate(net, chip, now, log, i, a, b)
        _relocate(net, chip, now, log, j, b, a)


@kernel(bare=True)
def propose(net, chip, now, log, random, move, given):
    """Make a move; what it did is in the log, nothing if it was not possible."""
    log[0, 0] = 0
    if move in (SYNAPSE, AXON, FOLLOW, EXCHANGE_AXONS):
        s = below(random, len(net.pre))
        if move == SYNAPSE:
            _transfer(net, chip, now, log, random, s, _near_synapse(net, now, random, s))
        elif move == AXON:
            _move_axon(net, chip, now, log, random, s)
        elif move == FOLLOW:
            _follow(net, chip, now, log, random, s)
        else:
            _exchange_axons(net, chip, now, log, random, s)
        return
    if move == EXCHANGE_CROSSBARS:
        a, b = below(random, len(now.site)), below(random, len(now.site))
        if a != b and now.columns[a] + now.columns[b] > 0:
            _note(log, _SITES, 0, a, b)
            steps.exchange_sites(net, chip, now, a, b)
        return
    i = net.neurons[below(random, len(net.neurons))]
    a = _unit(now, random, i)
    if move == UNIT:
        _move_unit(net, chip, now, log, i, a, _near_unit(net, now, random, i, a), given)
    elif move == EXCHANGE_UNITS:
        _exchange_units(net, chip, now, log, random, i, a, _near_unit(net, now, random, i, a))
    elif move == GROUP:
        b = below(random, len(now.site))
        if a != b:
            _move_group(net, chip, now, log, random, a, b, given)
    elif now.units[i] == 1 and move != SPLIT:
        return
    elif move == CARRY:
        _change_tree(net, chip, now, log, random, i)
    elif move == SOMA:
        _change_soma(net, chip, now, log, random, i)
    elif move == SPLIT:
        _split(net, chip, now, log, random, i, a)
    elif net.in_ptr[i + 1] > net.in_ptr[i]:
        _exchange_synapses(net, chip, now, log, random, i)

"""Spikes that reach the soma too late, in a state of a search for whole mappings."""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from spinemap_exact.kernels.compiling import inner, kernel


@inner
def is_late(net, chip, now, s):
    """1 if a spike on this synapse reaches the soma too late."""
    k, i, t = net.pre[s], net.post[s], now.place[s]
    delay = chip.entry_step[now.site[t]] if now.home[k] < 0 else chip.step[now.site[now.home[k]], now.site[t]]
    while now.parent[i, t] >= 0:
        delay += chip.step[now.site[t], now.site[now.parent[i, t]]]
        t = now.parent[i, t]
    return 1 if delay > chip.max_delay else 0


@inner
def late_around(net, chip, now, i):
    """Late synapses of a neuron, of its axon included."""
    late = 0
    for q in range(net.in_ptr[i], net.in_ptr[i + 1]):
        late += is_late(net, chip, now, net.in_synapse[q])
    for s in range(net.out_ptr[i], net.out_ptr[i + 1]):
        if net.post[s] != i:
            late += is_late(net, chip, now, s)
    return late


@kernel(bare=True)
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

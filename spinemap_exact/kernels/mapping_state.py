"""The state of a search for whole mappings.

A crossbar is a *slot* that stands on a *site* (an index into the tiles that the search may use). A neuron has at most
one unit in a slot: two could be merged without needing more. Its units form a tree whose root is the soma unit, the
home of its axon. The price follows from packets between slots, which every step (`mapping_steps`) keeps up to date, so
that exchanging whole crossbars costs little.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array

ABSENT, ROOT = -2, -1  # instead of a parent
OUTSIDE = -1  # home of an external input
PRICE, OVERFLOW, USED, LATE, STAMP = range(5)
CARRY, IDLE = range(2)


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


def room_for(neurons: int, synapses: int, slots: int) -> Now:
    """Arrays for a state; `clear` and `mapping_steps.fill` give them their values."""

    def zeros(*shape: int) -> Array:  # of one kind: each kernel is compiled again for another one
        return np.zeros(shape, dtype=np.int64)

    return Now(
        place=zeros(synapses),
        served=zeros(neurons, slots),
        kids=zeros(neurons, slots),
        parent=zeros(neurons, slots),
        flow=zeros(neurons, slots),
        home=zeros(neurons),
        reads=zeros(neurons, slots),
        rows=zeros(slots),
        columns=zeros(slots),
        cells=zeros(slots),
        site=zeros(slots),
        traffic=zeros(slots, slots),
        entering=zeros(slots),
        slots_of=zeros(neurons, slots),
        units=zeros(neurons),
        member=zeros(slots, neurons),
        seat=zeros(neurons, slots),
        mark=zeros(slots),
        totals=zeros(5),
    )


def clear(now: Now, site: Array) -> None:
    """Take everything out of the slots, which stand on these sites."""
    for values in now:
        values.fill(0)
    now.parent.fill(ABSENT)
    now.home.fill(OUTSIDE)
    now.site[:] = site

"""Counting arguments: bounds that follow from sums over the instance; the certificate only names one."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Instance, Mapping, Packing, Partition, Placement, Unroll
from spinemap_exact.certificate.check.kinds import proves


@proves("counting", Packing, Unroll, Partition, Placement, Mapping)
def prove(instance: Instance, evidence: Field, claim: int | None) -> int | None:
    """Return the bound of the argument that the evidence names; None if it shows that nothing is feasible."""
    argument = evidence.table("kind", "argument")["argument"]
    known = ARGUMENTS[type(instance)]
    if not isinstance(argument.value, str) or argument.value not in known:
        argument.malformed(f"none of {', '.join(known)}")
    return known[argument.value](instance)


def _zero(instance: Instance) -> int:
    """No cost is negative."""
    return 0


def _ceil(amount: int, each: int) -> int:
    return -(-amount // each)


# --- packing ---------------------------------------------------------------------------------------------------------


def _volume(instance: Packing) -> int:
    """A bin holds at most its capacity."""
    return _ceil(sum(instance.sizes), instance.capacity)


def _large_items(instance: Packing) -> int:
    """No two items above half the capacity share a bin."""
    return sum(2 * size > instance.capacity for size in instance.sizes)


# --- unroll ----------------------------------------------------------------------------------------------------------


def units_due(instance: Unroll, most: int) -> list[int]:
    """Fewest units of each neuron if a unit reads F = ``most`` axons and carries at most.

    Its t units read f axons and t - 1 carries: f + t - 1 <= t F.
    """
    fan_in = [len(p) for p, is_input in zip(instance.nets.pres, instance.nets.is_input, strict=True) if not is_input]
    return [max(1, _ceil(f - 1, most - 1)) if most > 1 else 1 for f in fan_in]


def _units_due(instance: Unroll) -> list[int]:
    """Fewest units of each neuron; homogeneous units are exactly as many by definition."""
    return units_due(instance, instance.unit_fan_in or instance.rows)


def _crossbars(instance: Unroll, bound: int) -> int | None:
    """Turn a bound on the number of crossbars into one on the objective."""
    if instance.max_crossbars is not None and bound > instance.max_crossbars:
        return None
    return bound if instance.objective == "crossbars" else 0


def _columns(instance: Unroll) -> int | None:
    """Every unit takes a column."""
    return _crossbars(instance, _ceil(sum(_units_due(instance)), instance.columns))


def _rows(instance: Unroll) -> int | None:
    """An axon of d readers takes a row in at least ceil(d / columns) crossbars; every carry takes a row of its own."""
    due = _units_due(instance)
    axons = sum(_ceil(len(posts), instance.columns) for posts in instance.nets.posts)
    return _crossbars(instance, _ceil(axons + sum(due) - len(due), instance.rows))


def _cells(instance: Unroll) -> int | None:
    """Every synapse and every carry takes a cell of its own."""
    due = _units_due(instance)
    synapses = sum(map(len, instance.nets.posts))
    return _crossbars(instance, _ceil(synapses + sum(due) - len(due), instance.rows * instance.columns))


def _units(instance: Unroll) -> int | None:
    """The fewest units of all neurons together."""
    bound = sum(_units_due(instance))
    if instance.max_units is not None and bound > instance.max_units:
        return None
    return bound if instance.objective == "units" else 0


def _depth(instance: Unroll) -> int | None:
    """A tree of depth d whose units read at most F inputs reads at most F^(d+1) axons."""
    if instance.max_depth is None:
        return 0
    most = instance.unit_fan_in or instance.rows
    widest = max(map(len, instance.nets.pres))
    reach = most
    for _ in range(min(instance.max_depth, widest)):
        reach = min(reach * most, widest)
    return None if widest > reach else 0


def _codes(instance: Unroll) -> int:
    """A neuron by itself carries no fewer spikes than the best code for its axons, of the depth that is allowed."""
    if instance.objective != "carry-spikes":
        return 0
    fan_in, nets = instance.unit_fan_in or instance.rows, instance.nets
    spikes = [sorted(nets.spikes[k] for k in pres) for pres in nets.pres]
    return sum(_least_carried(each, fan_in, instance.max_depth) for each in spikes if len(each) > fan_in)


_MOST_LEAVES = 100  # of a code of limited depth; one of any depth costs no more


def _least_carried(spikes: list[int], fan_in: int, max_depth: int | None) -> int:
    """Fewest spikes on the carries of a neuron; ``spikes`` ascend."""
    if max_depth is not None and max_depth + 1 < len(spikes) <= _MOST_LEAVES:
        return _least_within(spikes, fan_in, max_depth)
    heap = [0] * (-(len(spikes) - 1) % (fan_in - 1)) + spikes  # ascending, so a heap: Huffman's greedy merge
    carried = 0
    while len(heap) > fan_in:
        merged = sum(heapq.heappop(heap) for _ in range(fan_in))
        carried += merged
        heapq.heappush(heap, merged)
    return carried


def _least_within(spikes: list[int], fan_in: int, max_depth: int) -> int:
    """From the deepest level up: the least carried of the quietest axons, by their number and that of the inputs there.

    An input of a unit at the last depth is an axon. One above is an axon, or a unit with ``fan_in`` inputs below; the
    busiest axons are read first, and whatever is left is carried once more.
    """
    m = len(spikes)
    sums = [0, *accumulate(spikes)]
    # least[left][inputs]: of the `left` quietest axons, all below inputs of this level; None if they are too many
    least: list[list[int | None]] = [[0 if left <= room else None for room in range(m + 1)] for left in range(m + 1)]
    for _ in range(max_depth):
        above: list[list[int | None]] = [[None] * (m + 1) for _ in range(m + 1)]
        for left in range(m + 1):
            for inputs in range(m + 1):
                found = []
                for here in range(min(left, inputs) + 1):
                    below = least[left - here][min(m, (inputs - here) * fan_in)]
                    if below is not None:
                        found.append(below + sums[left - here])
                above[left][inputs] = min(found, default=None)
        least = above
    return least[m][min(m, fan_in)] or 0


# --- partition -------------------------------------------------------------------------------------------------------


def _clusters(instance: Partition, need: int, sizes: list[int]) -> int | None:
    """Fewest clusters, largest crossbars first, whose sizes add up to what is needed; None if all do not suffice."""
    ranked = sorted(zip(sizes, instance.crossbars, strict=True), key=lambda pair: -pair[0])
    clusters = 0
    for size, crossbar in ranked:
        most = instance.max_clusters - clusters
        use = min(_ceil(need, size), most if crossbar.count is None else min(most, crossbar.count))
        clusters, need = clusters + use, need - use * size
        if need <= 0:
            return clusters
    return None


def _resource(instance: Partition, need: int, sizes: list[int]) -> int | None:
    """Turn a need of columns or rows into a bound on the objective."""
    clusters = _clusters(instance, need, sizes)
    # area is spent at least at the rate of the type that gives most for it
    area = min(_ceil(need * c.area, size) for c, size in zip(instance.crossbars, sizes, strict=True))
    if clusters is None or (instance.max_area is not None and area > instance.max_area):
        return None
    return {"crossbars": clusters, "area": area, "packets": 0}[instance.objective]


def _partition_columns(instance: Partition) -> int | None:
    """Every unit takes a column."""
    return _resource(instance, instance.num_units, [c.columns for c in instance.crossbars])


def _partition_rows(instance: Partition) -> int | None:
    """A source of d readers takes a row in at least ceil(d / columns) clusters."""
    need = sum(_ceil(len(posts), instance.max_columns) for posts in instance.nets.posts)
    return _resource(instance, need, [c.rows for c in instance.crossbars])


def _fan_in(instance: Partition) -> int | None:
    """A unit reads all its sources in one crossbar."""
    return None if max(map(len, instance.nets.pres)) > instance.max_rows else 0


def _spread(instance: Partition) -> int | None:
    """A source and the p units it reaches take at least ceil(p / columns) clusters, one of which may be its own.

    An external input sends a packet to each of them. Under per-synapse traffic the source's own cluster holds at most
    ``columns`` of its readers, itself included.
    """
    if instance.objective != "packets":
        return 0
    total, width = 0, instance.max_columns
    for k, posts in enumerate(instance.nets.posts):
        own = not instance.nets.is_input[k]
        if instance.traffic == "per-tile":
            packets = _ceil(len({*posts, k}), width) - 1 if own else _ceil(len(posts), width)
        else:
            local = min(len(posts), width if k in posts else width - 1) if own else 0
            packets = len(posts) - local
        total += instance.nets.spikes[k] * packets
    return total


# --- placement -------------------------------------------------------------------------------------------------------


def _hops(instance: Placement) -> int:
    """Every flow between two clusters crosses the shortest distance at least; inputs reach distinct tiles."""
    tiles = range(instance.num_tiles)
    nearest = min((instance.distance(a, b) for a in tiles for b in tiles if a != b), default=0)
    stay = min(instance.distance(a, a) for a in tiles)
    total = sum(f * (stay if a == b else nearest) for a, b, f in instance.flows)
    if instance.input_flow is not None and instance.io_tile is not None:
        away = sorted(instance.distance(instance.io_tile, t) for t in tiles)
        # the largest flow to the nearest tile: no other order of the same numbers has a smaller sum of products
        total += sum(f * d for f, d in zip(sorted(instance.input_flow, reverse=True), away, strict=False))
    return total


# --- mapping ---------------------------------------------------------------------------------------------------------


def _of_units(argument: Callable[[Unroll], int | None]) -> Callable[[Mapping], int | None]:
    """Whatever units a mapping has, they are an unrolling in as many crossbars."""

    def bound(instance: Mapping) -> int | None:
        objective = "crossbars" if instance.objective == "crossbars" else "units"
        limits = (None, None, objective, instance.most_crossbars, None)
        return argument(Unroll(instance.nets, instance.max_rows, instance.max_columns, *limits))

    return bound


def _slowest(instance: Mapping) -> int:
    """A neuron of more axons than R^d holds one d carries deep, or deeper; each carry crosses to another tile.

    Two units of a neuron in one crossbar can be merged, which makes no spike slower.
    """
    nets, ps = instance.nets, instance.ps
    if instance.objective != "worst-latency" or not any(nets.posts):
        return 0
    hops = [ps["hop_x"]] * (instance.width > 1) + [ps["hop_y"]] * (instance.height > 1)
    crossing = ps["packet"] + min(hops, default=0)
    near = min(ps["local"], crossing)
    shortest = []
    for pres in nets.pres:
        first = {ps["packet"] if nets.is_input[k] else near for k in pres}
        depth, reach = 0, instance.max_rows
        while reach < len(pres) and instance.max_rows > 1:
            depth, reach = depth + 1, reach * instance.max_rows
        if pres:
            deep = min(first) + depth * (crossing + ps["synapse"])
            shortest.append(ps["synapse"] + max(deep, *first))
    return max(shortest)


ARGUMENTS: dict[type, dict[str, Callable[[Any], int | None]]] = {
    Packing: {"zero": _zero, "volume": _volume, "large-items": _large_items},
    Unroll: {
        "zero": _zero,
        "columns": _columns,
        "rows": _rows,
        "cells": _cells,
        "units": _units,
        "depth": _depth,
        "codes": _codes,
    },
    Partition: {
        "zero": _zero,
        "columns": _partition_columns,
        "rows": _partition_rows,
        "fan-in": _fan_in,
        "spread": _spread,
    },
    Placement: {"zero": _zero, "hops": _hops},
    Mapping: {
        "zero": _zero,
        "columns": _of_units(_columns),
        "rows": _of_units(_rows),
        "cells": _of_units(_cells),
        "slowest": _slowest,
    },
}

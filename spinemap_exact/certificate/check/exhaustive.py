"""Tiny instances: the checker tries everything itself. The evidence is empty; the work is bounded beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations, product
from math import comb, perm
from typing import Any

from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Instance, Packing, Partition, Placement, Unroll
from spinemap_exact.certificate.check.kinds import proves
from spinemap_exact.certificate.check.witness import cluster_packets

MAX_STEPS = 2 * 10**6


@proves("exhaustive", Packing, Unroll, Partition, Placement)
def prove(instance: Instance, evidence: Field, claim: int | None) -> int | None:
    """Return the optimum, found by trying every solution; None if there is none."""
    evidence.table("kind")
    solve: dict[type, Callable[[Any, Field, int | None], int | None]] = {
        Packing: _packing,
        Partition: _partition,
        Placement: _placement,
        Unroll: _unroll,
    }
    return solve[type(instance)](instance, evidence, claim)


def _budget() -> Budget:
    return Budget(MAX_STEPS, f"trying everything takes more than {MAX_STEPS} steps")


def _packing(instance: Packing, evidence: Field, claim: int | None) -> int:
    """Fill bins one after the other: for each set of items the fewest bins, then the least load of the last."""
    sizes, capacity = instance.sizes, instance.capacity
    _budget().spend(len(sizes) << min(len(sizes), 60))
    best = [(1, 0)] + [(len(sizes) + 1, 0)] * (2 ** len(sizes) - 1)
    for items in range(1, len(best)):
        for k, size in enumerate(sizes):
            if items >> k & 1:
                bins, load = best[items ^ (1 << k)]
                best[items] = min(best[items], (bins, load + size) if load + size <= capacity else (bins + 1, size))
    return best[-1][0]


def _placement(instance: Placement, evidence: Field, claim: int | None) -> int:
    """Place cluster after cluster on every free tile; no branch is cut, since no cost need be kept.

    With so few steps there are eight clusters at most, one within the other.
    """
    n, tiles = instance.num_clusters, instance.num_tiles
    _budget().spend(sum(perm(tiles, k) * (k + 1) for k in range(1, n + 1)) if tiles < 30 else MAX_STEPS + 1)
    away = [[instance.distance(a, b) for b in range(tiles)] for a in range(tiles)]
    flow = [[0] * n for _ in range(n)]
    for a, b, f in instance.flows:
        flow[a][b] += f
    entering = [0] * n if instance.input_flow is None else instance.input_flow
    io_tile = 0 if instance.io_tile is None else instance.io_tile

    def place(c: int, tile: list[int]) -> int:
        if c == n:
            return 0
        costs = []
        for t in sorted(set(range(tiles)) - set(tile)):
            cost = flow[c][c] * away[t][t] + entering[c] * away[io_tile][t]
            cost += sum(flow[c][b] * away[t][s] + flow[b][c] * away[s][t] for b, s in enumerate(tile))
            costs.append(cost + place(c + 1, [*tile, t]))
        return min(costs)

    return place(0, [])


def _partition(instance: Partition, evidence: Field, claim: int | None) -> int | None:
    """Take off the cluster of the lowest unit that is left, in every way; equal remainders are met once."""
    n, steps = instance.num_units, _budget()
    steps.spend((len(instance.nets.posts) + 1) << min(n, 60))
    limits = [(c.rows, c.columns, c.area) for c in instance.crossbars]
    fitting = _priced_clusters(instance)
    # (units left, crossbars used of each type) -> least cost; area is fixed by the types used
    states: dict[tuple[int, tuple[int, ...]], int] = {(2**n - 1, (0,) * len(limits)): 0}
    done = []
    for _ in range(min(n, instance.max_clusters) + 1):
        reached: dict[tuple[int, tuple[int, ...]], int] = {}
        for (left, used), cost in states.items():
            if not left:
                area = sum(u * limit[2] for u, limit in zip(used, limits, strict=True))
                if instance.max_area is None or area <= instance.max_area:
                    done.append(cost)
                continue
            for cluster, kind, price in fitting[(left & -left).bit_length() - 1]:
                steps.spend(1)
                count = instance.crossbars[kind].count
                if cluster & ~left or (count is not None and used[kind] >= count):
                    continue
                state = (left ^ cluster, (*used[:kind], used[kind] + 1, *used[kind + 1 :]))
                reached[state] = min(cost + price, reached.get(state, cost + price))
        states = reached
    return min(done, default=None)


def _priced_clusters(instance: Partition) -> list[list[tuple[int, int, int]]]:
    """(cluster, crossbar type, cost) of all feasible clusters, listed under their lowest unit."""
    found: list[list[tuple[int, int, int]]] = [[] for _ in range(instance.num_units)]
    for cluster in range(1, 2**instance.num_units):
        units = {u for u in range(instance.num_units) if cluster >> u & 1}
        rows = len({k for u in units for k in instance.nets.pres[u]})
        packets = cluster_packets(instance, units)
        for kind, crossbar in enumerate(instance.crossbars):
            if rows <= crossbar.rows and len(units) <= crossbar.columns:
                price = {"packets": packets, "crossbars": 1, "area": crossbar.area}[instance.objective]
                found[min(units)].append((cluster, kind, price))
    return found


_Crossbar = tuple[int, int, int]  # axons as a bit set, carries, columns


def _unroll(instance: Unroll, evidence: Field, claim: int | None) -> int | None:
    """Show that fewer crossbars than claimed do not suffice, by filling them neuron by neuron in every way.

    Two units of one neuron in one crossbar may be merged, so a neuron is given by the crossbars where it has a column,
    the crossbar where each synapse ends, and how many carries enter each: as many as it has columns, less one, and any
    such numbers can be realised as a tree. A unit with a single input only passes it on, so it can be left out, unless
    the neuron has no other input. Crossbars are alike, so their order does not matter. Limits on units, depth or
    fan-in only exclude solutions. Without any crossbar nothing is left as soon as a neuron asks for one, and those
    beyond the columns that all neurons can have stay empty.
    """
    if instance.objective != "crossbars" and claim is not None:
        return 0
    crossbars = instance.max_crossbars if claim is None else claim - 1
    if crossbars is None or crossbars < 0:
        return 0
    neurons = [fed for fed, is_input in zip(instance.nets.pres, instance.nets.is_input, strict=True) if not is_input]
    crossbars = min(crossbars, sum(max(1, len(fed) - 1) for fed in neurons))
    steps = _budget()
    axons = {k: 1 << bit for bit, k in enumerate(k for k, posts in enumerate(instance.nets.posts) if posts)}
    states: set[tuple[_Crossbar, ...]] = {((0, 0, 0),) * crossbars}
    for fed in neurons:
        reached = set()
        ways = _shares([axons[k] for k in fed], crossbars, steps)
        for way in ways:
            for state in states:
                steps.spend(crossbars)
                filled = [
                    (a | own, c + carries, n + used) for (a, c, n), (own, carries, used) in zip(state, way, strict=True)
                ]
                if all(a.bit_count() + c <= instance.rows and n <= instance.columns for a, c, n in filled):
                    reached.add(tuple(sorted(filled)))
        states = reached
    if states:
        evidence.rejected(f"{crossbars} crossbars suffice")
    return claim


def _shares(axons: list[int], crossbars: int, steps: Budget) -> list[list[_Crossbar]]:
    """All ways of one neuron: what it adds to each crossbar."""
    ways: set[tuple[_Crossbar, ...]] = set()
    for size in range(1, min(crossbars, max(1, len(axons) - 1)) + 1):
        for homes in combinations(range(crossbars), size):
            steps.spend(size ** min(len(axons), 60) * comb(2 * size - 2, size - 1))
            for ends in product(homes, repeat=len(axons)):
                for entering in combinations(range(2 * size - 2), size - 1):  # stars and bars: size - 1 carries
                    carries = Counter(homes[star - k] for k, star in enumerate(entering))
                    synapses = Counter(ends)
                    if size > 1 and min(synapses[home] + carries[home] for home in homes) < 2:
                        continue
                    read = [sum(a for a, end in zip(axons, ends, strict=True) if end == b) for b in range(crossbars)]
                    ways.add(tuple((read[b], carries[b], int(b in homes)) for b in range(crossbars)))
    return [list(way) for way in sorted(ways)]

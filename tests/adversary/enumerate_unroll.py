"""Unrollings of tiny networks with their crossbars, tried out from the definitions alone; see `enumerate_stages`.

A unit that reads a single axon or carry only passes it on: leaving it out frees a row and a column, and no limit asks
for it (with homogeneous units the fewest units leave no room for one either). So every unit of an unrolled neuron reads
two things or more. Two units of one neuron may share a crossbar.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

from enumerate_stages import Table, TooLarge, synapses_of

_MOST_STATES = 20_000
# a way to unroll one neuron: (axons, carries) of each unit; carries on the deepest path; spikes on all carries
_Shape = tuple[tuple[tuple[frozenset[int], int], ...], int, int]
_Boxes = tuple[tuple[frozenset[int], int, int], ...]  # axons, carries and columns of each crossbar


def price_unroll(instance: Table, witness: Table) -> int | None:
    """Walk every tree and fill every crossbar."""
    network, synapses = instance["network"], synapses_of(instance["network"])
    unit_of, owner = witness["unit_of_synapse"], witness["neuron_of_unit"]
    parent, cluster = witness["parent_of_unit"], witness["cluster_of_unit"]
    units = range(len(owner))
    if len(unit_of) != len(synapses) or len(parent) != len(owner) or len(cluster) != len(owner):
        return None
    if any(owner[u] != post for u, (_, post) in zip(unit_of, synapses, strict=True)):
        return None
    somas = sorted(owner[u] for u in units if parent[u] < 0)
    if somas != [i for i, is_input in enumerate(network["is_input"]) if not is_input]:
        return None
    if any(p >= 0 and owner[p] != owner[u] for u, p in enumerate(parent)):
        return None
    paths = [_path(u, parent) for u in units]
    if any(path is None for path in paths):
        return None
    read = [[k for u, (k, _) in zip(unit_of, synapses, strict=True) if u == v] for v in units]
    inputs = [len(read[v]) + parent.count(v) for v in units]
    boxes = [{u for u in units if cluster[u] == b} for b in set(cluster)]
    for box in boxes:
        rows = len({k for u in box for k in read[u]}) + sum(parent[u] in box for u in units)
        if rows > instance["rows"] or len(box) > instance["columns"]:
            return None
    fan_in = instance["unit_fan_in"]
    if fan_in is not None and (max(inputs, default=0) > fan_in or _counts(instance) != _owned(owner)):
        return None
    depth = max((len(path or ()) for path in paths), default=0)
    if instance["max_depth"] is not None and depth > instance["max_depth"]:
        return None
    if not _within(len(boxes), instance["max_crossbars"]) or not _within(len(owner), instance["max_units"]):
        return None
    if instance["objective"] == "crossbars":
        return len(boxes)
    if instance["objective"] == "units":
        return len(owner)
    return sum(network["spikes"][k] * len(paths[u] or ()) for u, (k, _) in zip(unit_of, synapses, strict=True))


def best_unroll(instance: Table) -> int | None:
    shapes = [_shapes_of(instance, i) for i, is_input in enumerate(instance["network"]["is_input"]) if not is_input]
    if not all(shapes):
        return None
    fewest, limit = sum(min(len(s[0]) for s in options) for options in shapes), instance["max_crossbars"]
    if instance["objective"] != "crossbars" and limit is None:
        limit = sum(max(len(s[0]) for s in options) for options in shapes)  # every unit may stand alone
    if instance["objective"] == "crossbars":  # every unit of the smallest shapes alone is feasible
        most = fewest if limit is None else min(fewest, limit)
        return next((b for b in range(most + 1) if _outcomes(instance, shapes, b)), None)
    which = 0 if instance["objective"] == "units" else 1
    return min((o[which] for o in _outcomes(instance, shapes, limit)), default=None)


def _shapes_of(instance: Table, neuron: int) -> set[_Shape]:
    axons = frozenset(pre for pre, post in synapses_of(instance["network"]) if post == neuron)
    fan_in, depth, spikes = instance["unit_fan_in"], instance["max_depth"], instance["network"]["spikes"]
    if len(axons) > 6:
        raise TooLarge

    @cache
    def shapes(read: frozenset[int]) -> set[_Shape]:
        if len(read) < 2:
            return {(((read, 0),), 0, 0)} if len(read) <= instance["rows"] else set()
        found = set()
        for blocks in _splits(sorted(read)):
            if not 2 <= len(blocks) <= (fan_in or instance["rows"]):
                continue
            below = [frozenset(block) for block in blocks if len(block) > 1]
            own = frozenset(block[0] for block in blocks if len(block) == 1)
            for children in product(*(shapes(b) for b in below)):
                units = sorted([(own, len(below)), *(u for c in children for u in c[0])], key=_key)
                carried = sum(c[2] for c in children) + sum(spikes[k] for b in below for k in b)
                found.add((tuple(units), 1 + max((c[1] for c in children), default=-1), carried))
        return found

    due = None if fan_in is None else _due(len(axons), fan_in)
    return {s for s in shapes(axons) if _within(s[1], depth) and (due is None or len(s[0]) == due)}


def _outcomes(instance: Table, shapes: list[set[_Shape]], crossbars: int) -> set[tuple[int, int]]:
    """Every (units, spikes on carries) that fits into so many crossbars, which are interchangeable."""
    wants = instance["objective"]
    most = sum(max((len(units) for units, *_ in options), default=0) for options in shapes)  # more stay empty
    states: set[tuple[_Boxes, int, int]] = {(((frozenset(), 0, 0),) * min(crossbars, most), 0, 0)}
    for options in shapes:
        reached = set()
        for boxes, count, carried in states:
            for units, _, more in options:
                if not _within(count + len(units), instance["max_units"]):
                    continue
                spent = carried + more if wants == "carry-spikes" else 0
                for filled in _fill(boxes, units, instance):
                    reached.add((filled, count + len(units), spent))
                if len(reached) > _MOST_STATES:
                    raise TooLarge
        states = reached
    return {(count, carried) for _, count, carried in states}


def _fill(boxes: _Boxes, units: Any, instance: Table) -> set[_Boxes]:
    ways = {boxes}
    for axons, carries in units:
        ways = {
            tuple(sorted((*way[:b], box, *way[b + 1 :]), key=_key))
            for way in ways
            for b in range(len(way))
            if (box := (way[b][0] | axons, way[b][1] + carries, way[b][2] + 1))[2] <= instance["columns"]
            and len(box[0]) + box[1] <= instance["rows"]
        }
    return ways


def _splits(items: list[int]) -> Iterator[list[list[int]]]:
    """All set partitions."""
    if not items:
        yield []
        return
    for blocks in _splits(items[1:]):
        yield [[items[0]], *blocks]
        for b in range(len(blocks)):
            yield [*blocks[:b], [items[0], *blocks[b]], *blocks[b + 1 :]]


def _key(entry: tuple[frozenset[int], *tuple[int, ...]]) -> tuple[list[int], tuple[int, ...]]:
    return sorted(entry[0]), entry[1:]


def _path(unit: int, parent: list[int]) -> list[int] | None:
    """Units above one; None if they run in a circle."""
    path: list[int] = []
    while parent[unit] >= 0:
        unit = parent[unit]
        if len(path) > len(parent):
            return None
        path.append(unit)
    return path


def _due(inputs: int, fan_in: int) -> int:
    return max(1, -(-(inputs - 1) // (fan_in - 1)))


def _counts(instance: Table) -> dict[int, int]:
    """Homogeneous units that each neuron must have."""
    post = [post for _, post in synapses_of(instance["network"])]
    neurons = [i for i, is_input in enumerate(instance["network"]["is_input"]) if not is_input]
    return {i: _due(post.count(i), instance["unit_fan_in"]) for i in neurons}


def _owned(owner: list[int]) -> dict[int, int]:
    return {i: owner.count(i) for i in sorted(set(owner))}


def _within(value: int, limit: int | None) -> bool:
    return limit is None or value <= limit

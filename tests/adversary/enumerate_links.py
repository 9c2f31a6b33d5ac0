"""The busiest link of tiny networks, tried out from the definitions alone: trees of a few units, each on any tile.

An instance is the table of `enumerate_mapping`. Here two units of a neuron may share a tile, and a unit may pass on a
single carry: both can lead packets around a busy link, so that nothing may be merged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from enumerate_stages import Table, TooLarge, synapses_of

_MOST_STEPS = 300_000
_MOST_UNITS = {1: 4, 2: 3, 3: 3}  # of a neuron, by the number of neurons


@dataclass(frozen=True)
class _Tree:
    """The units of one neuron on tiles; the soma unit is the first."""

    tiles: tuple[int, ...]
    reads: frozenset[tuple[int, int, int]]  # (axon, tile, synapse): per tile, the synapse is -1
    rows: frozenset[tuple[int, int]]  # (axon, tile)
    carries: tuple[tuple[int, int, int], ...]  # (spikes, from, to)


def least_bottleneck(instance: Table) -> int | None:
    """Packets on the busiest link in the best mapping of trees of up to 3 or 4 units; None if none is feasible."""
    network = instance["network"]
    neurons = [i for i, is_input in enumerate(network["is_input"]) if not is_input]
    trees = [list(_trees(instance, i, _MOST_UNITS[len(neurons)])) for i in neurons]
    best: list[int] = []
    budget = [_MOST_STEPS]

    def choose(chosen: list[_Tree]) -> None:
        loads = _loads(instance, neurons, chosen)
        if best and loads >= best[-1]:
            return
        if len(chosen) == len(neurons):
            best.append(loads)
            return
        for tree in trees[len(chosen)]:
            budget[0] -= 1
            if budget[0] < 0:
                raise TooLarge
            if _fits(instance, [*chosen, tree]):
                choose([*chosen, tree])

    choose([])
    return best[-1] if best else None


def _trees(instance: Table, neuron: int, most: int) -> Iterator[_Tree]:
    spikes = instance["network"]["spikes"]
    axons = [pre for pre, post in synapses_of(instance["network"]) if post == neuron]
    per_tile, seen = instance["traffic"] == "per-tile", set()
    for units in range(1, most + 1):
        for parent in product(*(range(u) for u in range(1, units))):  # of units 1, 2, ...: before their child
            for unit_of in product(range(units), repeat=len(axons)):
                carried = [sum(spikes[k] for k, u in zip(axons, unit_of, strict=True) if u == v) for v in range(units)]
                for u in reversed(range(1, units)):
                    carried[parent[u - 1]] += carried[u]
                if set(range(1, units)) - set(parent) - set(unit_of):
                    continue  # a unit without inputs
                for tiles in product(range(len(instance["tiles"])), repeat=units):
                    served = [(k, tiles[u]) for k, u in zip(axons, unit_of, strict=True)]
                    reads = frozenset((k, t, -1 if per_tile else s) for s, (k, t) in enumerate(served))
                    sent = ((carried[u], tiles[u], tiles[parent[u - 1]]) for u in range(1, units))
                    tree = _Tree((tiles[0], *sorted(tiles[1:])), reads, frozenset(served), tuple(sorted(sent)))
                    if tree not in seen and _fits(instance, [tree]):
                        seen.add(tree)
                        yield tree


def _fits(instance: Table, chosen: list[_Tree]) -> bool:
    rows = Counter(t for _, t in frozenset().union(*(tree.rows for tree in chosen)))
    rows.update(to for tree in chosen for _, _, to in tree.carries)
    columns = Counter(t for tree in chosen for t in tree.tiles)
    return (
        all(rows[t] <= most for t, (most, _) in enumerate(instance["tiles"]))
        and all(columns[t] <= most for t, (_, most) in enumerate(instance["tiles"]))
        and len(columns) <= (instance.get("max_crossbars") or len(columns))
    )


def _loads(instance: Table, neurons: list[int], chosen: list[_Tree]) -> int:
    """Load of the busiest link by what is chosen so far; axons whose soma is still to be put count nothing."""
    spikes, is_input = instance["network"]["spikes"], instance["network"]["is_input"]
    home = {i: tree.tiles[0] for i, tree in zip(neurons, chosen, strict=False)}
    home |= {k: instance["io_tile"] for k, flag in enumerate(is_input) if flag}
    sent = [carry for tree in chosen for carry in tree.carries]
    per_tile = instance["traffic"] == "per-tile"
    read = [key for tree in chosen for key in tree.reads]
    sent += [(spikes[k], home.get(k), t) for k, t, _ in (set(read) if per_tile else read)]
    loads: Counter[tuple[int, int]] = Counter()
    for count, source, target in sent:
        for link in [] if source is None else pairwise(_way(instance["width"], source, target)):
            loads[link] += count
    return max(loads.values(), default=0)


def _way(width: int, source: int, target: int) -> list[int]:
    """Tiles of a packet's way: along its row first, then along the column."""
    (x, y), (to_x, to_y) = (source % width, source // width), (target % width, target // width)
    tiles = [source]
    while (x, y) != (to_x, to_y):
        x, y = (x + (to_x > x) - (to_x < x), y) if x != to_x else (x, y + (to_y > y) - (to_y < y))
        tiles.append(y * width + x)
    return tiles

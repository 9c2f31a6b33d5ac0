"""Trees of units with the fewest spikes on carries: Huffman's code, also of limited depth.

Leaves are the axons of a neuron, inner nodes its units with at most R inputs. A spike is carried once for every unit
between the one that reads it and the soma unit, so the spikes on carries are those of a code for the axons, less one
level. Axons without spikes are added until all units can be full.

D. A. Huffman 1952, doi:10.1109/JRPROC.1952.273898; of limited depth by package-merge: L. L. Larmore and D. S.
Hirschberg 1990, doi:10.1145/79147.79150, with packages of R.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def carries_of_axons(spikes: Sequence[int], fan_in: int, max_depth: int | None = None) -> list[int] | None:
    """Return how often the spikes of each axon are carried in a tree with the fewest spikes on carries.

    Parameters
    ----------
    spikes : sequence of int
        Of the axons that a neuron reads.
    fan_in : int
        Axons and carries that a unit reads at most; at least two if there are more axons.
    max_depth : int, optional
        Most carries between any unit and the soma unit.

    Returns
    -------
    list of int or None
        None if no tree of this depth reads all axons.
    """
    if len(spikes) <= fan_in:
        return [0] * len(spikes)
    if max_depth is None or max_depth >= len(spikes):
        return [length - 1 for length in _huffman(spikes, fan_in)]
    if fan_in ** (max_depth + 1) < len(spikes):
        return None
    return [length - 1 for length in _package_merge(spikes, fan_in, max_depth + 1)]


def huffman_carries(spikes: Sequence[int], rows: int) -> int:
    """Fewest spikes on the carries of a neuron, over all trees of units with at most ``rows`` inputs.

    Parameters
    ----------
    spikes : sequence of int
        Of the axons that the neuron reads.
    rows : int
        At least two if there are more axons than rows.

    Returns
    -------
    int
        Spikes summed over all carries; 0 where one unit holds all axons.
    """
    heap = [*spikes, *[0] * _missing(len(spikes), rows)]
    heapq.heapify(heap)
    carried = 0
    while len(heap) > rows:
        merged = sum(heapq.heappop(heap) for _ in range(rows))
        carried += merged
        heapq.heappush(heap, merged)
    return carried


def _missing(axons: int, fan_in: int) -> int:
    """Axons without spikes that let all units be full."""
    return -(axons - 1) % (fan_in - 1) if axons > fan_in else 0


def _huffman(spikes: Sequence[int], fan_in: int) -> list[int]:
    """Code lengths; axons that were added come first among equals, and so lie deepest."""
    missing = _missing(len(spikes), fan_in)
    heap = [(0, -1, node) for node in range(len(spikes), len(spikes) + missing)]
    heap += [(count, 0, node) for node, count in enumerate(spikes)]
    heapq.heapify(heap)
    parent: dict[int, int] = {}
    fresh = len(spikes) + missing
    while len(heap) > 1:
        merged = [heapq.heappop(heap) for _ in range(fan_in)]
        parent.update((node, fresh) for _, _, node in merged)
        heapq.heappush(heap, (sum(count for count, _, _ in merged), 1, fresh))
        fresh += 1
    depth = {fresh - 1: 0}
    for node in sorted(parent, reverse=True):  # parents have larger numbers
        depth[node] = depth[parent[node]] + 1
    return [depth[axon] for axon in range(len(spikes))]


def _package_merge(spikes: Sequence[int], fan_in: int, longest: int) -> list[int]:
    """Code lengths of at most ``longest``: each level packs the cheapest items of the one below by ``fan_in``.

    An item is what it costs and the axons in it; of the last level the cheapest are taken, and an axon's length is how
    many of them it is in.
    """
    missing = _missing(len(spikes), fan_in)
    # ties: axons that were added are taken first, so that they lie deepest
    coins: list[tuple[int, int, tuple[int, ...]]] = [(0, 0, (len(spikes) + k,)) for k in range(missing)]
    coins += sorted((count, 1, (axon,)) for axon, count in enumerate(spikes))
    level = coins
    for _ in range(longest - 1):
        packed = [level[k : k + fan_in] for k in range(0, len(level) - fan_in + 1, fan_in)]
        packages = [
            (sum(cost for cost, _, _ in items), 2, tuple(axon for _, _, axons in items for axon in axons))
            for items in packed
        ]
        level = sorted([*coins, *packages], key=lambda item: item[:2])
    length = [0] * (len(spikes) + missing)
    units = (len(spikes) + missing - 1) // (fan_in - 1)
    for _, _, axons in level[: units * fan_in]:
        for axon in axons:
            length[axon] += 1
    return length[: len(spikes)]

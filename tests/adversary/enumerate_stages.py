"""Packings, partitions and placements of tiny instances, tried out from the definitions alone.

Instances are tables as in an instance file (``docs/certificates.md``), solutions are tables as in a witness; both are
lists and Python integers, so that nothing overflows. Nothing of the product is imported: this is a second mind.

`best_*` returns the least cost, None if nothing is feasible; `price_*` returns what a solution costs, None if it breaks
a limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Table = dict[str, Any]


class TooLarge(Exception):
    """Trying everything would take too long."""


def synapses_of(network: Table) -> list[tuple[int, int]]:
    """(pre, post) in the order of the network."""
    ptr, idx = network["fanout_ptr"], network["fanout_idx"]
    return [(pre, post) for pre, (a, b) in enumerate(pairwise(ptr)) for post in idx[a:b]]


# --- packing -----------------------------------------------------------------------------------------------------


def price_packing(instance: Table, witness: Table) -> int | None:
    load: Counter[int] = Counter()
    for b, size in zip(witness["bin_of_item"], instance["sizes"], strict=True):
        load[b] += size
    fits = min(load) >= 0 and max(load.values()) <= instance["capacity"]
    return len(load) if fits else None


def best_packing(instance: Table) -> int:
    """Fewest bins, and then the least load of the last one, for every set of items."""
    sizes, capacity = instance["sizes"], instance["capacity"]
    if len(sizes) > 15:
        raise TooLarge
    best = [(0, capacity)]
    for items in range(1, 1 << len(sizes)):
        ways = []
        for k, size in enumerate(sizes):
            if items >> k & 1:
                bins, load = best[items ^ 1 << k]
                ways.append((bins, load + size) if load + size <= capacity else (bins + 1, size))
        best.append(min(ways))
    return best[-1][0]


# --- partition ---------------------------------------------------------------------------------------------------


def price_partition(instance: Table, witness: Table) -> int | None:
    clusters, types = witness["cluster_of_unit"], witness["crossbar_of_cluster"]
    members = [{u for u, c in enumerate(clusters) if c == k} for k in range(len(types))]
    if len(clusters) != _num_units(instance) or sum(map(len, members)) != len(clusters) or not all(members):
        return None
    if any(not 0 <= t < len(instance["crossbars"]) for t in types):
        return None
    fits = all(_fits(instance, cluster, t) for cluster, t in zip(members, types, strict=True))
    if not fits or not _is_allowed(instance, types):
        return None
    return sum(_cluster_cost(instance, cluster, t) for cluster, t in zip(members, types, strict=True))


def best_partition(instance: Table) -> int | None:
    """Cover the units cluster by cluster; remember the least cost by units covered and crossbars of each type used."""
    n, types = _num_units(instance), len(instance["crossbars"])
    if n > 10:
        raise TooLarge
    priced = {}
    for units in range(1, 1 << n):
        cluster = {u for u in range(n) if units >> u & 1}
        priced[units] = [(t, _cluster_cost(instance, cluster, t)) for t in range(types) if _fits(instance, cluster, t)]
    reached: list[dict[tuple[int, ...], int]] = [{} for _ in range(1 << n)]
    reached[0][()] = 0
    for covered in range((1 << n) - 1):
        for used, cost in reached[covered].items():
            for units in _with_lowest(~covered & (1 << n) - 1):
                for t, more in priced[units]:
                    then = tuple(sorted((*used, t)))
                    if _is_allowed(instance, then):
                        known = reached[covered | units]
                        known[then] = min(cost + more, known.get(then, cost + more))
    return min(reached[-1].values(), default=None)


def _with_lowest(units: int) -> Iterator[int]:
    """All subsets that contain the lowest unit."""
    lowest = units & -units
    rest = part = units ^ lowest
    while True:
        yield lowest | part
        if not part:
            return
        part = (part - 1) & rest


def _num_units(instance: Table) -> int:
    return sum(not i for i in instance["network"]["is_input"])


def _is_allowed(instance: Table, types: Any) -> bool:
    """Number of clusters, crossbars of each type, area."""
    crossbars, most = instance["crossbars"], instance["max_area"]
    return (
        len(types) <= instance["max_clusters"]
        and all(count is None or list(types).count(t) <= count for t, (_, _, _, count) in enumerate(crossbars))
        and (most is None or sum(crossbars[t][2] for t in types) <= most)
    )


def _fits(instance: Table, cluster: set[int], kind: int) -> bool:
    rows, columns = instance["crossbars"][kind][:2]
    return len(cluster) <= columns and len({k for k, u in synapses_of(instance["network"]) if u in cluster}) <= rows


def _cluster_cost(instance: Table, cluster: set[int], kind: int) -> int:
    if instance["objective"] == "crossbars":
        return 1
    if instance["objective"] == "area":
        return int(instance["crossbars"][kind][2])
    network = instance["network"]
    remote = [k for k, u in synapses_of(network) if u in cluster and k not in cluster]
    sent = set(remote) if instance["traffic"] == "per-tile" else remote
    return sum(network["spikes"][k] for k in sent)


# --- placement ---------------------------------------------------------------------------------------------------


def price_placement(instance: Table, witness: Table) -> int | None:
    tile, away = witness["tile_of_cluster"], distances(instance)
    n = instance["num_clusters"]
    if len(tile) != n or len(set(tile)) != n or any(not 0 <= t < len(away) for t in tile):
        return None
    flows = zip(instance["flow_from"], instance["flow_to"], instance["flow"], strict=True)
    total = sum(f * away[tile[a]][tile[b]] for a, b, f in flows)
    if instance["input_flow"] is not None:
        total += sum(f * away[instance["io_tile"]][t] for f, t in zip(instance["input_flow"], tile, strict=True))
    return total


def best_placement(instance: Table) -> int:
    """Cluster after cluster on every free tile; a beginning that costs as much as the best is not gone on with."""
    n, away = instance["num_clusters"], distances(instance)
    if len(away) > 9:
        raise TooLarge
    flows = list(zip(instance["flow_from"], instance["flow_to"], instance["flow"], strict=True))
    known = [[(a, b, f) for a, b, f in flows if max(a, b) == c] for c in range(n)]
    entering, io_tile = instance["input_flow"] or [0] * n, instance["io_tile"] or 0
    best: list[int] = []

    def place(tile: list[int], spent: int) -> None:
        c = len(tile)
        if best and spent >= best[-1]:
            return
        if c == n:
            best.append(spent)
            return
        for t in range(len(away)):
            if t not in tile:
                then = [*tile, t]
                more = sum(f * away[then[a]][then[b]] for a, b, f in known[c])
                place(then, spent + more + entering[c] * away[io_tile][t])

    place([], 0)
    return best[-1]


def distances(instance: Table) -> list[list[int]]:
    if instance["mesh"] is None:
        matrix: list[list[int]] = instance["distance"]
        return matrix
    x, y, hop_x, hop_y = instance["mesh"]
    tiles = list(zip(x, y, strict=True))
    return [[hop_x * abs(xa - xb) + hop_y * abs(ya - yb) for xb, yb in tiles] for xa, ya in tiles]

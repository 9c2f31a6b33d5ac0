"""Tiny random instances of every stage, as tables: odd magnitudes, empty parts, equal values, too little room."""

from __future__ import annotations

from random import Random
from typing import Any

Table = dict[str, Any]

STAGES = ("packing", "unroll", "partition", "placement")
# where doubles, engines' tolerances, int64 and CP-SAT's integers end; 2^21 is where eight printed digits end
_EDGES = (21, 25, 31, 40, 49, 53, 59, 62)
_VAST = (2**31 + 5, 2**40, 2**63 - 1, 2**63)  # limits that nothing reaches


def draw(stage: str, rng: Random) -> Table:
    """Return an instance of a stage, or of all at once; same generator, same instance."""
    stages = {"packing": packing, "unroll": unroll, "partition": partition, "placement": placement}
    return {**stages, "mapping": mapping_file}[stage](rng)


def numbers(rng: Random, count: int) -> list[int]:
    """Return numbers of one sort: small, equal, or beside a power of two, some of them zero."""
    edge = 1 << rng.choice(_EDGES)
    sort = rng.choice(("small", "small", "small", "equal", "beside", "beside", "mixed", "any", "zero"))
    draws = {
        "small": lambda: rng.randrange(20),
        "equal": lambda: edge // 8 if rng.random() < 0.3 else 3,
        "beside": lambda: edge // max(1, count) + rng.randrange(-3, 4),
        "mixed": lambda: rng.choice((1, 2, rng.randrange(10), edge // (2 * max(1, count)) + rng.randrange(3))),
        "any": lambda: int(2 ** rng.uniform(0, 58 - count.bit_length())),
        "zero": lambda: 0,
    }
    if sort == "equal":
        return [draws["equal"]()] * count
    return [max(0, draws[sort]()) for _ in range(count)]


def packing(rng: Random) -> Table:
    items = rng.choice((1, 2, 3, 4, 5, 6, 7, 8))
    if rng.random() < 0.5:
        sizes = [rng.randrange(1, 20) for _ in range(items)]
    else:
        sizes = [max(1, size) for size in numbers(rng, items)]
    # two to four items a bin, exactly full or one short of it
    full = sum(rng.sample(sizes, min(items, rng.choice((1, 2, 2, 3)))))
    capacity = max(max(sizes), full + rng.choice((-1, 0, 0, 0, 1, 5)))
    return {"kind": "packing", "sizes": sizes, "capacity": min(capacity, 2**63 - 1)}


def network(rng: Random, units: int, inputs: int, density: float, most: int | None = None) -> Table:
    """Units first, then the inputs; with self loops. ``most`` limits the fan-in."""
    fanout: list[list[int]] = [[] for _ in range(units + inputs)]
    for u in range(units):
        pre = [k for k in range(units + inputs) if rng.random() < density]
        for k in pre if most is None else rng.sample(pre, min(most, len(pre))):
            fanout[k].append(u)
    ptr = [0]
    for posts in fanout:
        ptr.append(ptr[-1] + len(posts))
    return {
        "fanout_ptr": ptr,
        "fanout_idx": [u for posts in fanout for u in posts],
        "spikes": numbers(rng, units + inputs),
        "is_input": [0] * units + [1] * inputs,
    }


def widest(table: Table) -> int:
    return max((table["fanout_idx"].count(u) for u in set(table["fanout_idx"])), default=0)


def unroll(rng: Random) -> Table:
    units, inputs = rng.choice(((1, 3), (1, 5), (2, 2), (2, 3), (2, 4), (3, 2), (3, 3), (0, 2), (2, 0)))
    table = network(rng, units, inputs, rng.uniform(0.3, 1), most=5 if units == 1 else 4)
    wide = widest(table)
    rows = rng.choice((1, 2, 2, 3, 3, 4, wide + 1, max(1, wide)))
    rows = 2 if rows == 1 and wide > 1 else rows
    objective = rng.choice(("crossbars", "crossbars", "units", "carry-spikes"))
    limited = rng.random() < 0.3
    return {
        "kind": "unroll",
        "network": table,
        "rows": rows,
        "columns": rng.choice((1, 2, 2, 3, rng.choice(_VAST) if rng.random() < 0.1 else 4)),
        "unit_fan_in": rng.randrange(2, rows + 1) if rows > 1 and rng.random() < 0.25 else None,
        "max_depth": rng.choice((0, 1, 2, 2, rng.choice(_VAST))) if rng.random() < 0.2 else None,
        "objective": objective,
        "max_crossbars": rng.choice((1, 2, 3, 4, rng.choice(_VAST))) if limited else None,
        "max_units": rng.randrange(1, 8) if rng.random() < 0.15 else None,
    }


def partition(rng: Random) -> Table:
    units, inputs = rng.choice((0, 1, 2, 3, 4, 5, 6, 6, 7)), rng.choice((0, 0, 1, 2, 3))
    inputs = max(inputs, 1 - units)
    table = network(rng, units, inputs, rng.choice((0.0, 0.2, 0.3, 0.5, 1.0)))
    wide, types = max(1, widest(table)), rng.choice((1, 1, 2, 3))
    areas = [max(1, a) for a in numbers(rng, types)]
    crossbars = [
        [
            max(1, wide + rng.choice((-1, 0, 0, 1, 2))),
            rng.choice((1, 2, 2, 3, 4)),
            areas[t],
            rng.choice((None, 1, 2, 3)),
        ]
        for t in range(types)
    ]
    objective = rng.choice(("packets", "packets", "crossbars", "area"))
    limit = sum(rng.choice(areas) for _ in range(rng.randrange(1, units + 2))) + rng.choice((-1, 0, 0, 1))
    return {
        "kind": "partition",
        "network": table,
        "crossbars": crossbars,
        "max_clusters": rng.choice((1, 2, 3, max(1, units), rng.choice(_VAST) if rng.random() < 0.1 else units + 1)),
        "max_area": limit if rng.random() < 0.3 else None,
        "traffic": rng.choice(("per-tile", "per-synapse")),
        "objective": objective,
    }


def placement(rng: Random) -> Table:
    width, height = rng.choice(((1, 1), (2, 1), (1, 3), (2, 2), (3, 2), (2, 3), (5, 1), (1, 6), (7, 1)))
    tiles = [(t % width, t // width) for t in range(width * height)]
    if len(tiles) > 2 and rng.random() < 0.15:
        tiles.remove(rng.choice(tiles))
    clusters = len(tiles) if rng.random() < 0.5 else rng.randrange(1, len(tiles) + 1)
    density = rng.choice((0.0, 0.2, 0.5, 1.0))
    pairs = [(a, b) for a in range(clusters) for b in range(clusters) if rng.random() < density]
    flow, hops = numbers(rng, len(pairs)), (1, 1)
    if rng.random() < 0.5:
        hops = rng.choice(((0, 1), (3, 0), (2, 3), (0, 0), tuple(numbers(rng, 2))))
    table: Table = {
        "kind": "placement",
        "num_clusters": clusters,
        "flow_from": [a for a, _ in pairs],
        "flow_to": [b for _, b in pairs],
        "flow": flow,
        "distance": None,
        "mesh": [[x for x, _ in tiles], [y for _, y in tiles], *hops],
        "io_tile": None,
        "input_flow": None,
    }
    if rng.random() < 0.25:
        n = len(tiles)
        flat = numbers(rng, n * n)
        table |= {"mesh": None, "distance": [flat[n * a : n * a + n] for a in range(n)]}
    elif rng.random() < 0.3:
        table |= {"io_tile": rng.randrange(len(tiles)), "input_flow": numbers(rng, clusters)}
    return _within_int64(table)


def _within_int64(table: Table) -> Table:
    """Halve flows until no cost overflows; most large instances would be refused otherwise."""
    if table["mesh"] is None:
        reach = max(map(max, table["distance"]))
    else:
        x, y, hop_x, hop_y = table["mesh"]
        reach = hop_x * max(x) + hop_y * max(y)
    while reach * (sum(table["flow"]) + sum(table["input_flow"] or ())) >= 2**63:
        table["flow"] = [f // 2 for f in table["flow"]]
        table["input_flow"] = table["input_flow"] and [f // 2 for f in table["input_flow"]]
    return table


def mapping_file(rng: Random) -> Table:
    """Return the instance file of a whole mapping, at times with two types of crossbars or a limit on their number."""
    table = mapping(rng)
    if len(table["tiles"]) < 4 and rng.random() < 0.4:
        table["network"] = network(rng, 1, 4, rng.uniform(0.7, 1), most=5)  # more than two units
    tiles, (rows, columns) = len(table["tiles"]), table["tiles"][0]
    types = [[rows, columns, rows * columns, None]]
    if tiles > 1 and rng.random() < 0.4:
        first, other = rng.randrange(1, tiles), [max(1, rows + rng.choice((-1, 1))), rng.choice((1, 2, 3))]
        types = [[rows, columns, 1, first], [*other, 1, tiles - first]]
    costs = {f"{k}_{unit}": v for unit in ("fj", "ps") for k, v in table[unit].items()} | {"idle_cell_fj": 0}
    return {
        "kind": "mapping",
        "network": table["network"],
        "hardware": {"grid": [table["width"], table["height"], table["io_tile"]], "crossbars": types, "costs": costs},
        "traffic": table["traffic"],
        "objective": rng.choice(("energy", "energy", "mean-latency")),
        "max_crossbars": rng.randrange(1, tiles + 2) if rng.random() < 0.4 else None,
        "max_latency_ps": None,
        "unrolling": None,
    }


def mapping(rng: Random) -> Table:
    """Return a network of up to three neurons with hardware of up to four tiles; see `enumerate_mapping`."""
    units, inputs = rng.choice(((1, 3), (2, 2), (2, 3), (3, 1), (3, 2)))
    width, height = rng.choice(((1, 1), (2, 1), (3, 1), (2, 2) if units < 3 else (1, 2)))
    rows, columns = rng.choice((2, 3, 3)), rng.choice((1, 2, 3))

    def price(odds: float) -> int:
        return rng.choice((1, 2, 5, 1700)) if rng.random() < odds else 0

    names = ("packet", "hop_x", "hop_y", "local", "synapse")
    return {
        "kind": "mapping",
        "network": network(rng, units, inputs, rng.uniform(0.3, 0.9), most=3),
        "width": width,
        "height": height,
        "io_tile": rng.randrange(width * height) if rng.random() < 0.4 else None,
        "tiles": [[rows, columns]] * (width * height),
        "fj": {name: price(0.7) for name in names} | {"idle_cell": price(0.1)},
        "ps": {name: price(0.7) for name in names},
        "traffic": rng.choice(("per-tile", "per-synapse")),
    }


def random_mapping(instance: Table, rng: Random) -> Table:
    """Any units on any tiles of what `mapping` draws, whether they fit or not."""
    net = instance["network"]
    owner: list[int] = []
    parent: list[int] = []
    for i, is_input in enumerate(net["is_input"]):
        first = len(owner)
        for k in range(0 if is_input else rng.choice((1, 1, 2, 3))):
            owner.append(i)
            parent.append(rng.randrange(first, first + k) if k else -1)
    mine = [[u for u, o in enumerate(owner) if o == i] for i in range(len(net["is_input"]))]
    unit_of = [rng.choice(mine[post]) for post in net["fanout_idx"]]
    tiles = range(len(instance["tiles"]))
    return {"neuron_of_unit": owner, "parent_of_unit": parent, "unit_of_synapse": unit_of,
            "cluster_of_unit": [rng.choice(tiles) for _ in owner], "tile_of_cluster": list(tiles)}  # fmt: skip

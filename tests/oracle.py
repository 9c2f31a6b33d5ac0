"""Exhaustive enumeration of tiny problems, and the random tiny problems to enumerate.

Every optimum here is found by trying everything with plain loops that share nothing with the code under test: no
`cost`, no `violations`, no model. ``None`` means that nothing is feasible.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import permutations, product

import numpy as np
from enumerate_links import least_bottleneck
from enumerate_mapping import best_mapping

from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.mapping import Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.problems.unroll import UnrollObjective, UnrollProblem


def optimum(problem) -> int | None:
    """Return the least cost of any feasible solution, or None if there is none."""
    return {
        "partition": _partition,
        "placement": _placement,
        "packing": _packing,
        "unroll": _unroll,
        "mapping": _mapping,
    }[problem.kind](problem)


def random_problem(kind: str, seed: int):
    """Return a tiny problem of one kind; same seed, same problem."""
    return {
        "partition": random_partition_problem,
        "placement": random_placement_problem,
        "packing": random_packing_problem,
        "unroll": partial(random_unroll_problem, neurons=3, max_fan_in=3),
        "mapping": (random_mapping_problem, random_free_mapping_problem)[seed % 2],
    }[kind](seed)


# --- partition ---------------------------------------------------------------------------------------------------


def _partition(problem: PartitionProblem) -> int | None:
    """All set partitions with all choices of crossbar types: up to 9 units."""
    n, spikes = problem.num_units, problem.network.spikes.tolist()
    synapses = list(zip(problem.network.pre.tolist(), problem.network.post.tolist(), strict=True))
    best: list[int] = []

    def price(cluster: frozenset[int], kind: int) -> int:
        if problem.objective is PartitionObjective.CROSSBARS:
            return 1
        if problem.objective is PartitionObjective.AREA:
            return problem.crossbars[kind].area
        remote = [pre for pre, post in synapses if post in cluster and pre not in cluster]
        if problem.traffic is Traffic.PER_TILE:
            return sum(spikes[pre] for pre in set(remote))
        return sum(spikes[pre] for pre in remote)

    def fits(cluster: frozenset[int], kind: int) -> bool:
        axons = {pre for pre, post in synapses if post in cluster}
        return len(cluster) <= problem.crossbars[kind].columns and len(axons) <= problem.crossbars[kind].rows

    kinds = range(len(problem.crossbars))
    priced = {
        (cluster, kind): price(cluster, kind)
        for cluster in map(frozenset, _subsets(range(n)))
        for kind in kinds
        if cluster and fits(cluster, kind)
    }

    def extend(left: frozenset[int], used: list[int], total: int) -> None:
        if not left:
            if problem.max_area is None or sum(problem.crossbars[k].area for k in used) <= problem.max_area:
                best.append(total)
            return
        if len(used) == problem.max_clusters:
            return
        first, *others = sorted(left)
        for mates in _subsets(others):
            cluster = frozenset((first, *mates))
            for kind in kinds:
                count = problem.crossbars[kind].count
                if (cluster, kind) in priced and (count is None or used.count(kind) < count):
                    extend(left - cluster, [*used, kind], total + priced[cluster, kind])

    extend(frozenset(range(n)), [], 0)
    return min(best, default=None)


def random_partition_problem(
    seed: int,
    units: int = 6,
    inputs: int | None = None,
    *,
    traffic: Traffic | str | None = None,
    objective: PartitionObjective | str | None = None,
    crossbar_types: int | None = None,
    max_area: bool | None = None,
) -> PartitionProblem:
    """Return a problem with self loops, external inputs and zero spike counts; what is None is drawn.

    One in ten is infeasible or nearly so.
    """
    rng = np.random.default_rng([seed, 1])
    inputs = int(rng.integers(0, 4)) if inputs is None else inputs
    network = random_network(rng, units, inputs, density=rng.uniform(0.1, 0.5))
    types = int(rng.integers(1, 3)) if crossbar_types is None else crossbar_types
    widest = max(1, int(network.fan_in.max(initial=1)))
    crossbars = [
        Crossbar(
            int(rng.integers(widest - (rng.random() < 0.1), widest + 3)) or 1,
            int(rng.integers(2, max(3, units // 2 + 2))),
            area=int(rng.integers(1, 9)),
            count=int(rng.integers(1, 5)) if types > 1 or rng.random() < 0.2 else None,
        )
        for _ in range(types)
    ]
    columns = max(c.columns for c in crossbars)
    fewest = -(-units // columns)
    limited = rng.random() < 0.2 if max_area is None else max_area
    return PartitionProblem(
        network,
        tuple(crossbars),
        max_clusters=int(rng.integers(max(1, fewest - (rng.random() < 0.1)), units + 1)),
        traffic=Traffic(rng.choice(list(Traffic))) if traffic is None else Traffic(traffic),
        objective=(
            PartitionObjective(rng.choice(list(PartitionObjective)))
            if objective is None
            else PartitionObjective(objective)
        ),
        max_area=int(rng.integers(fewest, 9 * fewest + 1)) if limited else None,
    )


# --- placement ---------------------------------------------------------------------------------------------------


def _placement(problem: PlacementProblem) -> int | None:
    """All injections of clusters into tiles: up to 8 tiles."""
    mesh, tiles = problem.mesh, range(problem.num_tiles)

    def apart(a: int, b: int) -> int:
        if mesh is None:
            return int(problem.distance[a, b])
        dx, dy = abs(int(mesh.x[a]) - int(mesh.x[b])), abs(int(mesh.y[a]) - int(mesh.y[b]))
        return mesh.hop_x * dx + mesh.hop_y * dy

    distance = [[apart(a, b) for b in tiles] for a in tiles]
    flows = list(zip(problem.flow_from.tolist(), problem.flow_to.tolist(), problem.flow.tolist(), strict=True))
    entering = [] if problem.input_flow is None else list(enumerate(problem.input_flow.tolist()))
    return min(
        (
            sum(f * distance[tile[a]][tile[b]] for a, b, f in flows)
            + sum(f * distance[problem.io_tile][tile[c]] for c, f in entering)
            for tile in permutations(tiles, problem.num_clusters)
        ),
        default=None,
    )


def random_placement_problem(
    seed: int,
    max_tiles: int = 6,
    *,
    empty_tiles: bool | None = None,
    anisotropic: bool | None = None,
    io_tile: bool | None = None,
    missing_tiles: bool | None = None,
    matrix: bool | None = None,
    symmetric: bool | None = None,
) -> PlacementProblem:
    """Return directed traffic on a mesh or on a distance matrix; what is None is drawn."""
    rng = np.random.default_rng([seed, 2])

    def choose(wish: bool | None, chance: float) -> bool:
        drawn = bool(rng.random() < chance)
        return drawn if wish is None else wish

    shapes = [(w, h) for w in range(1, max_tiles + 1) for h in range(1, max_tiles + 1) if 3 <= w * h <= max_tiles]
    width, height = shapes[rng.integers(len(shapes))]
    tile = np.arange(width * height)
    if choose(missing_tiles, 0.15) and tile.size > 2:
        tile = np.delete(tile, rng.integers(tile.size))
    hop_x, hop_y = (int(h) for h in rng.integers(0, 5, size=2)) if choose(anisotropic, 0.4) else (1, 1)
    mesh = Mesh(tile % width, tile // width, hop_x, hop_y)
    clusters = tile.size - (int(rng.integers(1, tile.size)) if choose(empty_tiles, 0.5) else 0)
    flow = rng.integers(0, 20, size=(clusters, clusters)) * (rng.random((clusters, clusters)) < rng.uniform(0.2, 1))
    if choose(symmetric, 0.2):
        flow = flow + flow.T
    source, target = np.nonzero(flow)
    if choose(matrix, 0.2):
        distance = rng.integers(0, 9, size=(tile.size, tile.size))  # neither symmetric nor zero on the diagonal
        return PlacementProblem(clusters, source, target, flow[source, target], distance=distance)
    entry = choose(io_tile, 0.3)
    return PlacementProblem(
        clusters,
        source,
        target,
        flow[source, target],
        mesh=mesh,
        io_tile=int(rng.integers(tile.size)) if entry else None,
        input_flow=rng.integers(0, 20, size=clusters) if entry else None,
    )


# --- packing -----------------------------------------------------------------------------------------------------


def _packing(problem: PackingProblem) -> int:
    """All set partitions of the items: up to 9 items."""
    sizes, best = problem.sizes.tolist(), [problem.num_items]

    def extend(item: int, loads: list[int]) -> None:
        if item == len(sizes):
            best.append(len(loads))
            return
        for b in range(len(loads)):
            if loads[b] + sizes[item] <= problem.capacity:
                extend(item + 1, [*loads[:b], loads[b] + sizes[item], *loads[b + 1 :]])
        extend(item + 1, [*loads, sizes[item]])

    extend(0, [])
    return min(best)


def random_packing_problem(seed: int, items: int = 7) -> PackingProblem:
    """Return sizes that leave two to four items a bin."""
    rng = np.random.default_rng([seed, 3])
    capacity = int(rng.integers(5, 40))
    return PackingProblem(rng.integers(1, max(2, int(capacity * rng.uniform(0.4, 1))) + 1, size=items), capacity)


# --- unroll ------------------------------------------------------------------------------------------------------

# A tree of one neuron: the units below each other. A unit is (axons it reads itself, units whose carry it reads).
_Tree = tuple[frozenset[int], tuple["_Tree", ...]]


def _unroll(problem: UnrollProblem) -> int | None:
    """All trees of every neuron with all ways to put their units into crossbars.

    A unit of a single input, be it an axon or a carry, only passes on what it reads: leaving it out is never worse.
    So every unit has two inputs or more, except the only unit of a neuron with fewer.
    """
    network = problem.network
    trees = {
        i: [
            tree
            for tree in _trees(frozenset(network.fan_in_of(i).tolist()), problem)
            if _allowed(tree, network.fan_in[i], problem)
        ]
        for i in np.flatnonzero(~network.is_input).tolist()
    }
    if problem.objective is not UnrollObjective.CROSSBARS and problem.max_crossbars is None:
        return _cheapest_trees(problem, trees)
    most = sum(max((_size(t) for t in trees[i]), default=0) for i in trees)
    if problem.max_crossbars is not None:
        most = min(most, problem.max_crossbars)
    fewest = -(-sum(min(map(_size, trees[i]), default=0) for i in trees) // problem.columns)
    few = range(fewest, most + 1) if problem.objective is UnrollObjective.CROSSBARS else range(most, most + 1)
    for crossbars in few:
        outcomes = _pack(problem, trees, crossbars)
        if outcomes and problem.objective is UnrollObjective.CROSSBARS:
            return crossbars
        if outcomes:
            return min(units if problem.objective is UnrollObjective.UNITS else carry for units, carry in outcomes)
    return None


def _cheapest_trees(problem: UnrollProblem, trees: dict[int, list[_Tree]]) -> int | None:
    """With as many crossbars as units each unit stands alone, and only the rows matter."""
    totals = {(0, 0)}
    for options in trees.values():
        worth = {(_size(t), _carry_spikes(t, problem.network.spikes)) for t in options}
        totals = {(units + a, carry + b) for units, carry in totals for a, b in worth}
    units_matter = problem.objective is UnrollObjective.UNITS
    allowed = [t for t in totals if problem.max_units is None or t[0] <= problem.max_units]
    return min((units if units_matter else carry for units, carry in allowed), default=None)


def _pack(problem: UnrollProblem, trees: dict[int, list[_Tree]], crossbars: int) -> set[tuple[int, int]]:
    """Return every (units, carry spikes) that fits into so many crossbars."""
    # a crossbar is (axons as a bit mask, carries, columns); crossbars are interchangeable, hence sorted
    states = {(((0, 0, 0),) * crossbars, 0, 0)}
    for options in trees.values():
        reached = set()
        for boxes, units, carry in states:
            for tree in options:
                grown = units + _size(tree)
                if problem.max_units is not None and grown > problem.max_units:
                    continue
                spent = carry + _carry_spikes(tree, problem.network.spikes)
                for filled in _place(tree, boxes, problem):
                    reached.add((filled, grown, spent))
        states = reached
    return {(units, carry) for _, units, carry in states}


def _place(tree: _Tree, boxes, problem: UnrollProblem) -> set:
    """Return all ways to put the units of a tree into the crossbars."""
    ways = {boxes}
    for axons, children in _units(tree):
        mask = sum(1 << k for k in axons)
        ways = {
            tuple(sorted((*way[:b], (read, carries, columns), *way[b + 1 :])))
            for way in ways
            for b in range(len(way))
            if (columns := way[b][2] + 1) <= problem.columns
            and (read := way[b][0] | mask).bit_count() + (carries := way[b][1] + len(children)) <= problem.rows
        }
    return ways


def _trees(axons: frozenset[int], problem: UnrollProblem) -> Iterator[_Tree]:
    most = problem.rows if problem.unit_fan_in is None else problem.unit_fan_in
    if len(axons) < 2:
        yield (axons, ())
        return
    for blocks in _set_partitions(sorted(axons)):
        if not 2 <= len(blocks) <= most:
            continue
        own = frozenset(b[0] for b in blocks if len(b) == 1)
        carried = [frozenset(b) for b in blocks if len(b) > 1]
        for children in _product([partial(_trees, c, problem) for c in carried]):
            yield (own, children)


def _product(makers) -> Iterator[tuple]:
    if not makers:
        yield ()
        return
    for first in makers[0]():
        for rest in _product(makers[1:]):
            yield (first, *rest)


def _allowed(tree: _Tree, fan_in: int, problem: UnrollProblem) -> bool:
    if problem.max_depth is not None and _depth(tree) > problem.max_depth:
        return False
    if problem.unit_fan_in is None:
        return True
    due = 1 if fan_in <= problem.unit_fan_in else -(-(int(fan_in) - 1) // (problem.unit_fan_in - 1))
    return _size(tree) == due


def _units(tree: _Tree) -> Iterator[_Tree]:
    yield tree
    for child in tree[1]:
        yield from _units(child)


def _size(tree: _Tree) -> int:
    return sum(1 for _ in _units(tree))


def _depth(tree: _Tree) -> int:
    return 1 + max(map(_depth, tree[1])) if tree[1] else 0


def _carry_spikes(tree: _Tree, spikes, depth: int = 0) -> int:
    """A spike is carried once for every unit between its unit and the soma unit, its own unit included."""
    return depth * sum(int(spikes[k]) for k in tree[0]) + sum(_carry_spikes(c, spikes, depth + 1) for c in tree[1])


def random_unroll_problem(
    seed: int,
    neurons: int = 4,
    axons: int = 6,
    *,
    max_fan_in: int = 4,
    rows: int | None = None,
    columns: int | None = None,
    **options,
) -> UnrollProblem:
    """Return a network of at most so many neurons and sources; ``options`` go to `UnrollProblem`."""
    rng = np.random.default_rng([seed, 4])
    neurons = int(rng.integers(1, neurons + 1))
    network = random_network(rng, neurons, axons - neurons, density=rng.uniform(0.3, 1), max_fan_in=max_fan_in)
    return UnrollProblem(
        network,
        rows=int(rng.integers(2, 4)) if rows is None else rows,
        columns=int(rng.integers(1, 4)) if columns is None else columns,
        **options,
    )


# --- shared ------------------------------------------------------------------------------------------------------


def random_network(
    rng: np.random.Generator, units: int, inputs: int, *, density: float, max_fan_in: int | None = None
) -> Network:
    """Return units followed by external inputs, self loops and silent neurons among them."""
    connected = rng.random((units + inputs, units)) < density
    if max_fan_in is not None:
        for u in range(units):
            surplus = np.flatnonzero(connected[:, u])
            rng.shuffle(surplus)
            connected[surplus[max_fan_in:], u] = False
    pre, post = np.nonzero(connected)
    spikes = rng.integers(0, 30, size=units + inputs)
    return Network.from_synapses(pre, post, spikes, is_input=np.arange(units + inputs) >= units)


def _subsets(items) -> Iterator[tuple]:
    items = list(items)
    for mask in range(2 ** len(items)):
        yield tuple(x for k, x in enumerate(items) if mask >> k & 1)


def _set_partitions(items: list) -> Iterator[list[list]]:
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for blocks in _set_partitions(rest):
        yield [[first], *blocks]
        for b in range(len(blocks)):
            yield [*blocks[:b], [first, *blocks[b]], *blocks[b + 1 :]]


# --- mapping -------------------------------------------------------------------------------------------


def mappings(problem: MappingProblem) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Energy of every way to put given units on tiles within the limits, and the tile of each unit: up to 6 units."""
    units, hardware = problem.unrolling.unit_network(problem.network), problem.hardware
    costs, crossbar, grid = hardware.costs, hardware.crossbar, hardware.grid
    synapses = list(zip(units.pre.tolist(), units.post.tolist(), strict=True))
    spikes, n = units.spikes.tolist(), units.num_units

    def way(a: int, b: int) -> int:
        dx, dy = abs(a % grid.width - b % grid.width), abs(a // grid.width - b // grid.width)
        return costs.packet_fj + dx * costs.hop_x_fj + dy * costs.hop_y_fj

    def read(k: int, tile: tuple[int, ...], t: int) -> int:
        if k >= n:
            return costs.packet_fj if grid.io_tile is None else way(grid.io_tile, t)
        return costs.local_fj if tile[k] == t else way(tile[k], t)

    def fits(tile: tuple[int, ...], t: int) -> bool:
        axons = {pre for pre, post in synapses if tile[post] == t}
        return tile.count(t) <= crossbar.columns and len(axons) <= crossbar.rows

    fixed = sum(spikes[pre] for pre, _ in synapses) * costs.synapse_fj - len(synapses) * costs.idle_cell_fj
    for tile in product(range(grid.num_tiles), repeat=n):
        if all(fits(tile, t) for t in set(tile)):
            reads = [(pre, tile[post]) for pre, post in synapses]
            sent = reads if problem.traffic is Traffic.PER_SYNAPSE else sorted(set(reads))
            idle = len(set(tile)) * crossbar.cells * costs.idle_cell_fj
            yield fixed + idle + sum(spikes[k] * read(k, tile, t) for k, t in sent), tile


def _mapping(problem: MappingProblem) -> int | None:
    if problem.unrolling is None:
        return _free_mapping(problem)
    return min((energy for energy, _ in mappings(problem)), default=None)


def _free_mapping(problem: MappingProblem) -> int | None:
    """Every unrolling, partition and placement, by an enumerator that knows nothing of the package: up to 3 neurons."""
    network, hardware = problem.network, problem.hardware
    grid, costs = hardware.grid, vars(hardware.costs).items()
    table = {
        "network": {
            name: getattr(network, name).tolist() for name in ("fanout_ptr", "fanout_idx", "spikes", "is_input")
        },
        **{unit: {name[:-3]: value for name, value in costs if name.endswith(unit)} for unit in ("fj", "ps")},
        "width": grid.width,
        "height": grid.height,
        "io_tile": grid.io_tile,
        "tiles": [[hardware.crossbar.rows, hardware.crossbar.columns]] * grid.num_tiles,
        "traffic": str(problem.traffic),
    }

    def best(measure: str, most: int = problem.most_crossbars) -> int | Fraction | None:
        return best_mapping(table | {"max_crossbars": most}, measure)

    if problem.objective is MappingObjective.BOTTLENECK:
        return least_bottleneck(table | {"max_crossbars": problem.most_crossbars})
    if problem.objective is MappingObjective.CROSSBARS:
        return next((b for b in range(1, problem.most_crossbars + 1) if best("energy", b) is not None), None)
    if problem.objective is MappingObjective.ENERGY or best("energy") is None:
        return best("energy")
    if problem.objective is MappingObjective.WORST_LATENCY:
        return best("worst") or 0
    return int((best("mean") or 0) * problem.arrivals)


def random_free_mapping_problem(seed: int, objective: MappingObjective | None = None) -> MappingProblem:
    """Return a network of up to three neurons, any units; local reads may be dear, idle cells are free."""
    rng = np.random.default_rng([seed, 7])
    neurons, inputs = [(1, 3), (2, 2), (2, 3), (3, 1), (3, 2)][rng.integers(5)]
    network = random_network(rng, neurons, inputs, density=rng.uniform(0.3, 0.9), max_fan_in=3)
    meshes = [(1, 1), (2, 1), (3, 1), (1, 2) if neurons == 3 else (2, 2)]
    width, height = meshes[rng.integers(4)]
    entry = int(rng.integers(width * height)) if rng.random() < 0.5 else None
    prices = {name: int(rng.integers(0, 8)) for name in CostModel.__dataclass_fields__} | {"idle_cell_fj": 0}
    crossbar = Crossbar(int(rng.integers(2, 4)), int(rng.integers(1, 4)))
    hardware = Hardware("tiny", TileGrid(width, height, entry), (crossbar,), CostModel(**prices))
    drawn = MappingObjective(rng.choice(["energy", "energy", "mean-latency", "worst-latency", "crossbars"]))
    return MappingProblem(
        network,
        hardware,
        Traffic(rng.choice(list(Traffic))),
        objective or drawn,
        max_crossbars=int(rng.integers(1, 5)) if rng.random() < 0.25 else None,
    )


def random_mapping_problem(seed: int, units: int | None = None) -> MappingProblem:
    """Return units to place with self loops, inputs and silent sources; local reads may be dearer than packets."""
    rng = np.random.default_rng([seed, 5])
    n = int(rng.integers(2, 6)) if units is None else units
    network = random_network(rng, n, int(rng.integers(0, 3)), density=rng.uniform(0.2, 0.7))
    width, height = [(2, 2), (3, 1), (1, 3), (2, 1), (3, 2)][rng.integers(5)]
    entry = int(rng.integers(width * height)) if rng.random() < 0.5 else None
    rows = max(1, int(network.fan_in.max())) + int(rng.integers(0, 3))
    crossbar = Crossbar(rows, int(rng.integers(1, 4)))
    costs = CostModel(**{name: int(rng.integers(0, 8)) for name in CostModel.__dataclass_fields__})
    hardware = Hardware("tiny", TileGrid(width, height, entry), (crossbar,), costs)
    return MappingProblem(network, hardware, Traffic(rng.choice(list(Traffic))), unrolling=Unrolling.identity(network))

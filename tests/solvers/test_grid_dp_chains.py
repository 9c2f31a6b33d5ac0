"""The dynamic programmes of one direction against all chains, and bounds by multipliers against all placements."""

from __future__ import annotations

from itertools import combinations, permutations, product

import numpy as np
import pytest
from oracle import optimum

from spinemap_exact.hardware import TileGrid
from spinemap_exact.kernels import tabu
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.placement import grid_dp
from spinemap_exact.solvers.placement.grid_dp import _empties, _ends, _roots, _tree
from spinemap_exact.solvers.placement.grid_dp._blocks import Blocks, constant, gains, num_multipliers
from spinemap_exact.solvers.placement.grid_dp._chains import extract
from spinemap_exact.solvers.placement.grid_dp._empties import Margins, patterns
from spinemap_exact.solvers.placement.grid_dp._layers import Layers
from spinemap_exact.solvers.placement.grid_dp._lists import Direction, SetLists, TooManyChains

SIZES = [(2, 2), (3, 2), (2, 1, 3), (1, 3, 0, 2), (2, 2, 2), (1, 2, 1, 2), (1, 1, 2, 1, 1), (6,), (1, 0, 2, 1, 1, 1)]


def a_direction(sizes: tuple[int, ...], seed: int) -> tuple[Layers, np.ndarray]:
    """Random weights and linear terms, and the charges of random multipliers, most of them zero."""
    random = np.random.default_rng(seed)
    m = sum(sizes)
    weight = np.triu(random.integers(0, 9, (m, m)), 1)
    linear = random.integers(-3, 4, (len(sizes) - 1, m)) * int(seed % 2)
    constant = random.integers(0, 5, len(sizes) - 1)
    direction = Direction(sizes, weight + weight.T, linear, constant)
    blocks = Blocks(m, set(sizes))
    multipliers = random.integers(0, 9, num_multipliers(m)) * (random.random(num_multipliers(m)) < 0.3)
    return Layers(direction, blocks, SetLists(direction.weight, lambda: None)), multipliers


def all_chains(sizes: tuple[int, ...]):
    """Lines of clusters, every way once."""
    return sorted(set(permutations(np.repeat(np.arange(len(sizes)), sizes).tolist())))


def chain_cost(direction: Direction, line: tuple[int, ...], multipliers: np.ndarray) -> int:
    """Cuts and charges by plain loops."""
    m, total = len(line), int(direction.constant.sum())
    for p in range(direction.num_lines - 1):
        for i in range(m):
            if line[i] <= p:
                total += int(direction.linear[p, i])
                total += sum(int(direction.weight[i, j]) for j in range(m) if line[j] > p)
    at = 0
    for j in range(m):
        for i in range(j):
            total += int(multipliers[at]) * (line[i] == line[j])
            at += 1
    for k in range(m):
        for j in range(k):
            for i in range(j):
                total += int(multipliers[at]) * (3 - len({line[i], line[j], line[k]}))
                at += 1
    return total


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("in_table", [16, 2])
def test_the_cheapest_chain_and_all_cheap_ones(sizes, seed, in_table, monkeypatch):
    """Also with tables that speak of two clusters only."""
    monkeypatch.setattr(_ends, "_IN_TABLE", in_table)
    layers, multipliers = a_direction(sizes, seed)
    costs = {line: chain_cost(layers.direction, line, multipliers) for line in all_chains(sizes)}
    charge = layers.blocks.charges(multipliers)

    value, line = layers.least(charge, [], 10**6)
    assert value == min(costs.values()) == costs[tuple(line.tolist())]

    threshold = value + seed * 7
    chains = extract(layers, charge, threshold, 10**6, 10**6)
    assert chains is not None
    # An arc is kept if and only if it lies on some chain below the threshold.
    kept = {
        (int(chains.blocks[b]), p) for p in range(len(sizes)) for b in chains.block[slice(*chains.arc_ptr[p : p + 2])]
    }
    cheap = [line for line, cost in costs.items() if cost <= threshold]
    assert kept == {
        (sum(1 << i for i, at in enumerate(line) if at == p), p) for line in cheap for p in range(len(sizes))
    }
    assert extract(layers, charge, value - 1, 10**6, 10**6) is None


def test_too_many_sets_or_arcs_are_said():
    layers, multipliers = a_direction((2, 2, 2), 0)
    charge = layers.blocks.charges(multipliers)
    for most in ((2, 10**6), (10**6, 2)):
        with pytest.raises(TooManyChains):
            extract(layers, charge, 10**6, *most)


def test_three_tiles_stand_on_four_lines():
    """What the multipliers of triples stand on; two tiles may share one line."""
    tiles = [(x, y) for x in range(4) for y in range(4)]
    for three in combinations(tiles, 3):
        assert len({x for x, _ in three}) + len({y for _, y in three}) >= 4


@pytest.mark.parametrize("seed", range(40))
def test_no_multipliers_bound_above_the_optimum(seed):
    """Random multipliers, large ones too, on meshes of 2 x 3 with an empty tile or none."""
    random = np.random.default_rng(seed)
    m = 5 + seed % 2
    flow = random.integers(0, 9, (m, m)) * (random.random((m, m)) < 0.6)
    problem = PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(3, 2)))
    weight = flow + flow.T
    np.fill_diagonal(weight, 0)
    multipliers = random.integers(0, 1 + 3 ** (seed % 4), num_multipliers(m))
    least = []
    for lines, length in ((3, 2), (2, 3)):
        sizes = _roots.profiles(m, lines, length)
        blocks = Blocks(m, {size for profile in sizes for size in profile})
        charge, lists = blocks.charges(multipliers), SetLists(weight, lambda: None)
        zeros = np.zeros((lines - 1, m), np.int64), np.zeros(lines - 1, np.int64)
        least.append(
            min(Layers(Direction(s, weight, *zeros), blocks, lists).least(charge, [], 10**6)[0] for s in sizes)
        )
    assert sum(least) - constant(multipliers, m) <= optimum(problem)


def test_slopes_of_a_placement_are_nowhere_positive():
    """Clusters on distinct tiles keep all inequalities; two on one tile break that of their pair."""
    gain = np.empty(num_multipliers(6), dtype=np.int64)
    assert gains(np.array([0, 1, 2, 0, 1, 2]), np.array([0, 0, 0, 1, 1, 1]), gain)
    assert gain.max() == 0
    assert not gains(np.array([0, 0, 2, 0, 1, 2]), np.array([0, 0, 0, 1, 1, 1]), gain)
    assert gain.max() == 1


@pytest.mark.parametrize("seed", range(30))
def test_multipliers_climb_where_chains_are_too_many(seed, monkeypatch):
    """With room for no chain at first, every root climbs on models of a few arcs; answers stay the same."""
    monkeypatch.setattr(_roots, "_FEW_ARCS", 0)
    monkeypatch.setattr(_roots, "_ONE_CLIMB", (40, 0.002))
    monkeypatch.setattr(_roots, "_MANY_CLIMBS", (40, 0.05))
    random = np.random.default_rng(seed)
    width, height, m = [(3, 2, 5), (3, 2, 6), (3, 3, 6), (4, 2, 7), (3, 3, 7), (4, 3, 5)][seed % 6]
    flow = random.integers(0, 9, (m, m)) * (random.random((m, m)) < 0.5)
    problem = PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(width, height)))
    result = grid_dp.solve(problem, Watch(Limits(time_s=None, workers=1)))
    assert (result.status, result.objective) == (Status.OPTIMAL, optimum(problem))


def test_patterns_are_all_sets_of_tiles_with_their_margins():
    """Of the sets of three tiles on a 3 x 4 mesh, each appears under its own margins only."""
    tiles = list(product(range(3), range(4)))
    by_margins: dict[Margins, list[set[tuple[int, int]]]] = {}
    for chosen in combinations(tiles, 3):
        columns, rows = (np.bincount([t[d] for t in chosen], minlength=(3, 4)[d]).tolist() for d in (0, 1))
        by_margins.setdefault(Margins(tuple(columns), tuple(rows)), []).append(set(chosen))
    for margins, expected in by_margins.items():
        found = patterns(margins)
        assert found is not None
        assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
    assert patterns(Margins((3, 0, 0), (2, 1, 0, 0))) == []  # three tiles of one column lie on three rows


def test_too_many_patterns_are_not_listed():
    assert patterns(Margins((1,) * 6, (1,) * 6)) is None  # 720


def test_empty_tiles_are_placed_without_loss(monkeypatch):
    """Roots do not climb, so that the positions of empty tiles are decided where a pair is not closed at once."""
    monkeypatch.setattr(_tree, "_ROOT_STEPS", 0)
    placed: list[int] = []
    occupied = _empties.occupied
    monkeypatch.setattr(_empties, "occupied", lambda *given: placed.append(1) or occupied(*given))
    for seed in range(40):
        rng = np.random.default_rng(seed)
        width, height = [(3, 3), (4, 2), (2, 4), (2, 3)][seed % 4]
        clusters = width * height - 1 - seed % 3
        flow = rng.integers(0, 9, (clusters, clusters)) * (rng.random((clusters, clusters)) < 0.6)
        source, target = np.nonzero(flow)
        inputs = rng.integers(0, 9, clusters) if seed % 5 == 0 else None
        io_tile = None if inputs is None else int(rng.integers(width * height))
        mesh = Mesh.of_grid(TileGrid(width, height))
        problem = PlacementProblem(
            clusters, source, target, flow[source, target], mesh=mesh, io_tile=io_tile, input_flow=inputs
        )
        anywhere = Placement(rng.permutation(width * height)[:clusters])
        monkeypatch.setattr(tabu, "search", lambda *_, anywhere=anywhere, **__: anywhere)
        result = grid_dp.solve(problem, Watch(Limits(time_s=None, workers=1)))
        assert (result.status, result.objective) == (Status.OPTIMAL, optimum(problem)), seed
    assert len(placed) > 40

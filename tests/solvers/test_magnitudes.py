"""Costs up to the largest that fit int64: bounds hold and prices are exact, or a sentence says what is too large."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from oracle import optimum, random_placement_problem, random_problem

from spinemap_exact import heuristics, registry, solvers
from spinemap_exact.errors import InvalidInstance
from spinemap_exact.hardware import TileGrid
from spinemap_exact.problems.coarse import coarsened
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.partition.branch_price._pricer import as_integers
from spinemap_exact.solvers.placement import grid_dp, rlt1
from spinemap_exact.solvers.placement._bounds import cheap_bound

OURS = registry.names(sys.modules[solvers.__name__], "placement")
HEURISTICS = heuristics.names("placement")


def large_placement_problem(seed: int, bits: int, max_tiles: int = 5) -> PlacementProblem:
    """A random problem whose costs may reach some 2^bits, with flows and distances that have no common divisor."""
    small = random_placement_problem(seed, max_tiles=max_tiles)
    rng = np.random.default_rng([seed, bits])
    of_distance = int(rng.integers(0, bits // 2))
    stretch = 2**of_distance
    mesh = small.mesh
    mesh = mesh and Mesh(mesh.x, mesh.y, mesh.hop_x * stretch + 1, mesh.hop_y * stretch)
    distance = None if small.distance is None else small.distance * stretch + 1
    reach = mesh.diameter if mesh else int(distance.max())
    share = max(1, 2**bits // (max(1, reach) * (len(small.flow) + 2 * small.num_clusters)))

    def enlarged(flow):
        return np.minimum(flow * (share // 20) + rng.integers(0, 3, flow.shape), share)

    inputs = None if small.input_flow is None else enlarged(small.input_flow)
    ends = small.flow_from, small.flow_to
    return PlacementProblem(small.num_clusters, *ends, enlarged(small.flow), mesh, distance, small.io_tile, inputs)


def check_solver(name: str, problem: PlacementProblem) -> None:
    least = optimum(problem)
    watch = Watch(Limits(time_s=None, workers=1))
    result = solvers.load("placement", name)(problem, watch)
    assert result.dual_bound <= least <= result.objective
    assert result.status is not Status.OPTIMAL or result.objective == least
    assert all(point.dual_bound is None or point.dual_bound <= least for point in watch.trace)
    assert all(point.objective is None or point.objective >= least for point in watch.trace)


def check_heuristic(name: str, problem: PlacementProblem) -> None:
    watch = Watch(Limits(time_s=None, workers=1))
    found = heuristics.load("placement", name)(problem, watch)
    assert not problem.violations(found)
    exact = exact_price(problem, found.tile_of_cluster.tolist())
    assert problem.cost(found) == exact
    assert all(point.objective >= exact for point in watch.trace)


def exact_price(problem: PlacementProblem, tile: list[int]) -> int:
    """In Python's integers, flow by flow."""
    distance = problem.distances.tolist()
    flows = zip(problem.flow_from.tolist(), problem.flow_to.tolist(), problem.flow.tolist(), strict=True)
    inputs = [] if problem.input_flow is None else enumerate(problem.input_flow.tolist())
    price = sum(flow * distance[tile[a]][tile[b]] for a, b, flow in flows)
    return price + sum(flow * distance[problem.io_tile][tile[c]] for c, flow in inputs)


@pytest.mark.usefixtures("without_tabu")
@pytest.mark.parametrize("bits", (20, 40, 48, 56, 58, 60, 62))
@pytest.mark.parametrize("name", OURS)
def test_bounds_hold_at_any_magnitude(name, bits):
    for seed in range(4):
        check_solver(name, large_placement_problem(seed, bits))


@pytest.mark.parametrize("bits", (20, 56, 61, 62))
@pytest.mark.parametrize("name", HEURISTICS)
def test_heuristics_price_exactly_at_any_magnitude(name, bits):
    for seed in range(2):
        check_heuristic(name, large_placement_problem(seed, bits, max_tiles=6))


@pytest.mark.slow
@pytest.mark.parametrize("bits", range(20, 63))
@pytest.mark.parametrize("name", OURS)
def test_bounds_hold_at_any_magnitude_for_many_problems(name, bits):
    for seed in range(100, 120):
        check_solver(name, large_placement_problem(seed, bits, max_tiles=6))


@pytest.mark.slow
@pytest.mark.parametrize("bits", range(20, 63))
@pytest.mark.parametrize("name", HEURISTICS)
def test_heuristics_price_exactly_at_any_magnitude_for_many_problems(name, bits):
    for seed in range(100, 105):
        check_heuristic(name, large_placement_problem(seed, bits, max_tiles=6))


def chain(flow: int, tiles: int = 3, hop: int = 1) -> PlacementProblem:
    """Clusters in a row, each sending as much to the next one, on a row of tiles."""
    clusters = np.arange(tiles)
    mesh = Mesh.of_grid(TileGrid(tiles, 1), hop, hop)
    return PlacementProblem(tiles, clusters[:-1], clusters[1:], np.full(tiles - 1, flow), mesh=mesh)


@pytest.mark.parametrize("name", OURS)
def test_common_divisors_are_taken_out_first(name):
    """Flows of 2^60 on three tiles: 2 * 2^60 for two neighbours, proven as if flows were 1."""
    result = solvers.load("placement", name)(chain(2**60), Watch(Limits(time_s=None, workers=1)))
    assert (result.status, result.objective) == (Status.OPTIMAL, 2**61)


@pytest.mark.parametrize(("a", "b", "is_exact"), ((0, -1, True), (1, -1, True), (1, 0, False)))
@pytest.mark.parametrize("largest", (grid_dp.LARGEST_COST, rlt1.LARGEST_COST))
def test_costs_are_rounded_from_where_they_may_overflow(largest, a, b, is_exact):
    """Two flows without common divisor, a quarter of the largest cost each or nearly so, over at most two hops."""
    flow = [largest // 4 + a, largest // 4 + b]
    coarse = coarsened(PlacementProblem(3, [0, 1], [1, 2], flow, mesh=chain(1).mesh), largest)
    assert (coarse.is_exact, coarse.unit) == (is_exact, 1 if is_exact else 2)
    assert coarse.problem.ceiling <= largest


def test_rounding_keeps_as_many_digits_of_flows_as_of_hops():
    """Flows of 32 and hops of 30 binary digits may cost 2^62: the 23 that are too many go 12 to 11."""
    mesh = Mesh.of_grid(TileGrid(2, 2), 2**29 + 1, 2**29)
    coarse = coarsened(PlacementProblem(3, [0, 1], [1, 2], [2**31 + 1, 2**31], mesh=mesh), 2**40)
    assert coarse.problem.flow.tolist() == [2**19, 2**19]
    assert coarse.problem.mesh.hop_x == coarse.problem.mesh.hop_y == 2**18


@pytest.mark.parametrize(("hop", "flow"), ((1, 2**62), (2**62, 2), (2**63, 1), (2**80, 0)))
def test_what_overflows_even_the_price_is_refused(hop, flow):
    """Two flows over up to two hops: 4 * flow * hop."""
    with pytest.raises(InvalidInstance, match="overflow"):
        chain(flow, hop=hop)


def test_the_simple_bound_is_exact_up_to_the_end_of_int64():
    """The flow counts at both of its ends, twice 2^63 - 1 in the middle of the calculation."""
    assert cheap_bound(chain(2**63 - 1, tiles=2)) == 2**63 - 1


def with_spikes(problem, bits: int, seed: int):
    """The same network with spikes that sum to some 2^bits over all synapses."""
    network, rng = problem.network, np.random.default_rng([seed, bits])
    share = max(2, 2**bits // (network.num_synapses + network.num_neurons))
    return replace(problem, network=replace(network, spikes=rng.integers(0, share, network.num_neurons)))


def large_packing_problem(seed: int, bits: int) -> PackingProblem:
    """A random problem whose bins hold up to some 2^bits, with a little more or less in every item."""
    small, rng = random_problem("packing", seed), np.random.default_rng([seed, bits])
    share = 2**bits // (2 * small.num_items * small.capacity)
    sizes = small.sizes * share + rng.integers(-1, 2, small.num_items)
    return PackingProblem(sizes, max(int(sizes.max()), small.capacity * share + int(rng.integers(-1, 2))))


def check_claims(problem, name: str, limits: Limits) -> None:
    """Whatever a solver says in its time is true."""
    least = optimum(problem)
    result = solvers.load(problem.kind, name)(problem, Watch(limits))
    if result.status is Status.INFEASIBLE or least is None:
        assert least is None
        assert not result.status.has_solution
        return
    assert result.dual_bound is None or result.dual_bound <= least
    assert result.objective is None or result.objective >= least


SECONDS = Limits(time_s=2.0, workers=1)


@pytest.mark.parametrize("bits", (20, 45, 53, 62))
def test_partitions_are_bounded_at_any_magnitude(bits):
    for seed in range(6):
        check_claims(with_spikes(random_problem("partition", seed), bits, seed), "branch-price", SECONDS)


@pytest.mark.parametrize("bits", (20, 62))
def test_unrollings_are_bounded_at_any_magnitude(bits):
    for seed in range(4):
        problem = with_spikes(random_problem("unroll", seed), bits, seed)
        check_claims(problem, import_module("spinemap_exact.solvers.unroll._choice").choose(problem), SECONDS)


@pytest.mark.parametrize("bits", (20, 40, 62))
def test_packings_are_bounded_at_any_magnitude(bits):
    for seed in range(6):
        problem = large_packing_problem(seed, bits)
        check_claims(problem, "patterns", SECONDS)
        for name in heuristics.names("packing"):
            assert not problem.violations(heuristics.load("packing", name)(problem, Watch(SECONDS)))


@pytest.mark.slow
@pytest.mark.parametrize("bits", range(20, 63, 3))
def test_claims_hold_at_any_magnitude_for_many_problems(bits):
    for seed in range(100, 130):
        check_claims(with_spikes(random_problem("partition", seed), bits, seed), "branch-price", SECONDS)
        check_claims(with_spikes(random_problem("unroll", seed), bits, seed), "cover", SECONDS)
        check_claims(large_packing_problem(seed, bits), "patterns", SECONDS)


def test_loads_of_bins_fit_int64():
    """Two items of s in bins of 2 s, 4 s in all: below 2^62 they are packed, at 2^62 refused."""
    below = PackingProblem([2**60 - 1] * 2, 2**61 - 2)
    assert solvers.load("packing", "patterns")(below, Watch(SECONDS)).objective == 1
    with pytest.raises(InvalidInstance, match="loads overflow int64"):
        PackingProblem([2**60] * 2, 2**61)


def test_items_of_one_large_size_are_packed_as_if_they_were_small():
    """Seven items of 2^50 in bins of three: three bins, found by a table over the capacity 3."""
    result = solvers.load("packing", "patterns")(PackingProblem([2**50] * 7, 3 * 2**50 + 1), Watch(SECONDS))
    assert (result.status, result.objective) == (Status.OPTIMAL, 3)


@pytest.mark.parametrize("name", OURS)
def test_searches_end_where_sums_would_have_wrapped(name):
    """Eight tiles in a row with hops of 42: half of all permutations of eight clusters cost some 2^61."""
    rng = np.random.default_rng(3)
    flow = np.triu(rng.integers(0, 2**62 // (42 * 7 * 16), (8, 8)), 1)
    problem = PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(1, 8), 30, 42))
    result = solvers.load("placement", name)(problem, Watch(Limits(time_s=20.0, workers=1)))
    assert result.objective - result.dual_bound < 2**-16 * result.objective
    assert "were rounded down to multiples of" in result.reason


def test_prices_of_units_are_cut_off_before_they_overflow():
    """Three prices: the largest is 2^48 // 3, nothing else is too large, and what is no number counts nothing."""
    duals, penalties = as_integers(np.array([np.inf, -1e300, 2.7]), np.array([np.nan, 2.2]))
    assert duals.tolist() == [2**48 // 3, -(2**48 // 3), 2]
    assert penalties.tolist() == [0, 3]

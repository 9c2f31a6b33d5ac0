"""Branch and price over clusters on tiles: against enumeration, from bad mappings, and when stopped at any time."""

import random

import numpy as np
import pytest
from interrupted import StopsAfter
from oracle import mappings, optimum, random_mapping_problem

from spinemap_exact.errors import InvalidInput
from spinemap_exact.evaluator import evaluate
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.instances import instances
from spinemap_exact.io.mapping_file import read_mapping
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.mapping.branch_price import _tree, solve
from spinemap_exact.solvers.mapping.branch_price._anchors import Anchors, Multipliers
from spinemap_exact.solvers.mapping.branch_price._classes import classes
from spinemap_exact.solvers.mapping.branch_price._instance import Instance
from spinemap_exact.solvers.mapping.branch_price._local import LocalSearch
from spinemap_exact.solvers.mapping.branch_price._pricing import Pricing


def patient(workers: int = 1) -> Watch:
    return Watch(Limits(time_s=None, workers=workers))


def some_mapping(problem: MappingProblem, seed: int) -> Mapping | None:
    """Any feasible mapping, mostly a bad one."""
    found = list(mappings(problem))
    if not found:
        return None
    tiles, cluster = np.unique(random.Random(seed).choice(found)[1], return_inverse=True)
    return Mapping(problem.unrolling, Partition(cluster.ravel()), Placement(tiles))


def agree(seeds, workers: int = 1) -> None:
    for seed in seeds:
        problem = random_mapping_problem(seed)
        expected = optimum(problem)
        result = solve(problem, patient(workers), some_mapping(problem, seed) if seed % 3 else None)
        assert (result.objective, result.dual_bound) == (expected, expected), seed
        assert result.status is (Status.INFEASIBLE if expected is None else Status.OPTIMAL), seed


def test_agrees_with_enumeration():
    agree(range(40))


@pytest.mark.slow
def test_agrees_with_enumeration_in_hundreds_of_cases():
    agree(range(40, 400))


@pytest.fixture
def guesses_lead(monkeypatch):
    """Guesses come before exact prices, as where these take long: never in a problem that can be enumerated."""
    monkeypatch.setattr(_tree, "_SLOW", -1)


@pytest.mark.parametrize("workers", [1, 2])
def test_agrees_with_enumeration_where_guesses_lead(guesses_lead, workers):
    agree(range(400, 420), workers)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_agrees_with_enumeration_where_guesses_lead_in_hundreds_of_cases(guesses_lead, workers):
    agree(range(420, 620), workers)


FEATURES = {
    "per synapse": {"traffic": Traffic.PER_SYNAPSE},
    "entry": {"entry": 1},
    "unequal hops": {"hop_x_fj": 1, "hop_y_fj": 13},
    "idle cells": {"idle_cell_fj": 5},
}


def with_feature(seed: int, feature: str) -> MappingProblem:
    """Three to five units on a mesh of two by two, or by three, with one thing that is special."""
    given, special = random_mapping_problem(seed, units=int(3 + seed % 3)), dict(FEATURES[feature])
    traffic, entry = special.pop("traffic", Traffic.PER_TILE), special.pop("entry", None)
    plain = {"packet_fj": 17, "hop_x_fj": 35, "hop_y_fj": 35, "local_fj": 17}
    hardware = Hardware(
        "tiny", TileGrid(2 + seed % 2, 2, entry), given.hardware.crossbars, CostModel(**{**plain, **special})
    )
    return MappingProblem(given.network, hardware, traffic, unrolling=given.unrolling)


def features_agree(seeds, feature: str) -> None:
    for seed in seeds:
        problem = with_feature(seed, feature)
        expected = optimum(problem)
        for watch in (patient(), patient(2), StopsAfter(seed % 40), StopsAfter(seed, workers=2)):
            result = solve(problem, watch, some_mapping(problem, seed) if seed % 2 else None)
            if isinstance(watch, StopsAfter):
                assert expected is None or result.dual_bound <= expected, seed
            else:
                assert (result.objective, result.dual_bound) == (expected, expected), seed


@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_agrees_with_enumeration(guesses_lead, feature):
    features_agree(range(4), feature)


@pytest.mark.slow
@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_agrees_with_enumeration_in_many_cases(guesses_lead, feature):
    features_agree(range(4, 80), feature)


@pytest.mark.parametrize("seed", range(20))
def test_local_search_finds_clusters_that_fit_and_are_worth_it(seed):
    """From the empty cluster; worths are added up by plain loops, and no single step improves on a result."""
    rng = np.random.default_rng(seed)
    instance = Instance(random_mapping_problem(seed, units=5))
    gain = rng.integers(-10, 60, instance.num_items)
    outside, inside = rng.integers(0, 30, instance.num_reads), rng.integers(0, 30, instance.num_reads)
    decided = np.where(rng.random(instance.num_items) < 0.2, -1, 0).astype(np.int8)

    def worth(cluster):
        read = [r for r in range(instance.num_reads) if cluster & set(instance.readers[r])]
        prices = sum(int(inside[r] if instance.home[r] in cluster else outside[r]) for r in read)
        return sum(int(gain[i]) for i in cluster) - prices

    starts = np.zeros((1, instance.num_items), dtype=bool)
    for cluster in LocalSearch(instance).improved(starts, gain, outside, inside, decided, 0):
        assert instance.fits(cluster)
        assert all(decided[i] >= 0 for i in cluster)
        near = [cluster ^ {i} for i in range(instance.num_items) if decided[i] >= 0]
        assert worth(cluster) == max(worth(c) for c in [cluster, *near] if instance.fits(c)) > 0


def layers(seed: int) -> MappingProblem:
    """Two dense layers: units of equal inputs, which mostly lie together."""
    rng = np.random.default_rng(seed)
    inputs, first, second = int(rng.integers(1, 4)), 3, 2
    n = first + second
    pairs = [(n + k, u) for k in range(inputs) for u in range(first)]
    pairs += [(u, first + v) for u in range(first) for v in range(second)]
    pre, post = np.array(pairs).T
    network = Network.from_synapses(pre, post, rng.integers(1, 2**20, n + inputs), is_input=np.arange(n + inputs) >= n)
    costs = CostModel(**{name: int(rng.integers(0, 2**10)) for name in CostModel.__dataclass_fields__})
    hardware = Hardware("tiny", TileGrid(2, 2), (Crossbar(4, int(rng.integers(2, 4))),), costs)
    return MappingProblem(network, hardware, unrolling=Unrolling.identity(network))


def test_layers_agree_with_enumeration_and_are_whole_on_trial():
    merged = 0
    for seed in range(25):
        problem = layers(seed)
        found = sorted(mappings(problem))
        tiles, cluster = np.unique(found[min(seed % 5, len(found) - 1)][1], return_inverse=True)
        start = Mapping(problem.unrolling, Partition(cluster.ravel()), Placement(tiles))
        result = solve(problem, patient(), start)
        assert (result.objective, result.dual_bound) == (found[0][0], found[0][0]), seed
        merged += len(result.evidence.classes) if result.evidence else 0
    assert merged > 0


@pytest.mark.parametrize("seed", range(25))
def test_no_mapping_that_takes_a_class_apart_undercuts_what_that_costs(seed):
    problem = layers(seed)
    found = list(mappings(problem))
    for whole in classes(problem):
        apart = [energy for energy, tile in found if len({tile[u] for u in whole.units}) > 1]
        assert not apart or whole.apart_fj <= min(apart)


@pytest.mark.parametrize("questions", [0, 1, 2, 5, 10, 20, 50, 100])
def test_stopped_at_any_time_it_claims_no_more_than_holds(questions):
    for seed in range(15):
        problem = random_mapping_problem(seed, units=5)
        expected = optimum(problem)
        result = solve(problem, StopsAfter(questions), some_mapping(problem, seed) if seed % 2 else None)
        if expected is not None:
            assert result.dual_bound <= expected, seed
            assert result.status is not Status.INFEASIBLE, seed


@pytest.mark.parametrize("traffic", list(Traffic))
@pytest.mark.parametrize("seed", range(12))
def test_any_multipliers_bound_all_mappings(seed, traffic):
    """Integers drawn at random stand for multipliers, some items are fixed: no mapping that agrees costs less."""
    rng = np.random.default_rng(seed)
    given = random_mapping_problem(seed, units=4)
    problem = MappingProblem(given.network, given.hardware, traffic, unrolling=given.unrolling)
    instance, pricing = Instance(problem), Pricing(Instance(problem))
    found = list(mappings(problem))
    for _ in range(6):
        fixed = np.where(rng.random(4) < 0.3, rng.integers(instance.num_tiles, size=4), -1)
        anchors = Anchors(instance, fixed)
        levels = [
            (r, t, d)
            for r, t in np.argwhere(anchors.has_levels).tolist()
            for d in range(len(instance.levels[t]) - 1)
            if rng.random() < 0.5
        ]
        rows = np.array(levels, dtype=np.int64).reshape(-1, 3)
        gamma = np.array([rng.integers(0, most + 1) for most in anchors.increments(rows).tolist()], dtype=np.int64)
        most = max(2, instance.dearest // 4)
        multipliers = Multipliers(
            rng.integers(-most // 4, most, 4), -rng.integers(0, most, instance.num_tiles), gamma, rows
        )
        gain, outside, inside = anchors.priced(multipliers, 1)
        decided = np.where(anchors.on_tile, 1, np.where(fixed[:, None] >= 0, -1, 0))
        bound = int(multipliers.pi.sum() + multipliers.mu.sum())
        for t in range(instance.num_tiles):
            enough = int(instance.tile_cost - multipliers.mu[t])
            worth, _ = pricing.best(gain[:, t], outside[:, t], inside, decided[:, t], enough, 0, patient())
            if worth is not None:
                surplus = worth - enough
                bound -= surplus if anchors.on_tile[:, t].any() else max(0, surplus)
        costs = [e for e, tile in found if all(f < 0 or f == t for f, t in zip(fixed.tolist(), tile, strict=True))]
        assert not costs or instance.energy(bound) <= min(costs)


def reference(name: str) -> tuple[MappingProblem, Mapping]:
    entry = instances()[name]
    network, hardware = entry.load()
    mapping = read_mapping(entry.reference, network, hardware)
    return MappingProblem(network, hardware, unrolling=mapping.unrolling), mapping


@pytest.mark.parametrize(
    ("name", "energy"),
    [("convolution-8", 3_658_400), ("small-world-32", 2_091_600), ("digits-64-32-10-64x64", 406_113_800)],
)
def test_reference_mappings_that_are_optimal_are_proven(name, energy):
    problem, mapping = reference(name)
    result = solve(problem, patient(), mapping)
    assert (result.status, result.objective) == (Status.OPTIMAL, energy)
    assert evaluate(problem.network, problem.hardware, result.incumbent).energy_fj.total == energy


@pytest.mark.slow
@pytest.mark.parametrize(("name", "energy"), [("digits-64-32-10", 19_184_131_800), ("layered-16-24-8", 5_723_000)])
def test_better_mappings_of_the_units_of_a_reference_are_found_and_proven(name, energy):
    problem, mapping = reference(name)
    result = solve(problem, patient(), mapping)
    assert (result.status, result.objective) == (Status.OPTIMAL, energy)


def test_too_few_tiles_are_proven():
    """Three units of which no two share a crossbar, on two tiles."""
    network = Network.from_synapses([0, 1], [1, 2], [1, 1, 1])
    hardware = Hardware("pair", TileGrid(2, 1), (Crossbar(1, 1),))
    result = solve(MappingProblem(network, hardware, unrolling=Unrolling.identity(network)), patient())
    assert result.status is Status.INFEASIBLE


def test_a_network_of_inputs_alone_costs_nothing():
    network = Network.from_synapses([], [], [3], is_input=[True])
    hardware = Hardware("one", TileGrid(1, 1), (Crossbar(1, 1),))
    result = solve(MappingProblem(network, hardware, unrolling=Unrolling.identity(network)), patient())
    assert (result.status, result.objective) == (Status.OPTIMAL, 0)


@pytest.mark.parametrize(("tiles", "spikes"), [(257, 1), (3, 2**50)])
def test_what_is_too_large_to_price_is_counted(tiles, spikes):
    """Three units in a row, one to a crossbar."""
    network = Network.from_synapses([0, 1], [1, 2], [spikes, spikes + 1, 0])
    hardware = Hardware("row", TileGrid(tiles, 1), (Crossbar(1, 1),), CostModel(packet_fj=1, hop_x_fj=1))
    result = solve(MappingProblem(network, hardware, unrolling=Unrolling.identity(network)), patient())
    # both sources send a packet over a hop at least
    assert (result.status, result.dual_bound, result.reason) == (
        Status.UNKNOWN,
        2 * (2 * spikes + 1),
        "too large to price",
    )


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"unrolling": None}, "unrolling"),
        ({"objective": MappingObjective.CROSSBARS}, "objective crossbars"),
        ({"max_crossbars": 1}, "limits on crossbars"),
        ({"max_latency_ps": 1}, "limits on crossbars or latency"),
    ],
)
def test_what_is_not_covered_is_named(change, culprit):
    network = Network.from_synapses([0], [1], [1, 1])
    hardware = Hardware("pair", TileGrid(2, 1), (Crossbar(2, 2),), CostModel())
    asked = {"unrolling": Unrolling.identity(network), **change}
    with pytest.raises(InvalidInput, match=f"does not cover.*{culprit}"):
        solve(MappingProblem(network, hardware, **asked), patient())

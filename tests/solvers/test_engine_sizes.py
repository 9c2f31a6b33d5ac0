"""Sizes up to and beyond what an engine can tell apart: whatever a solver claims is true.

Every formulation on every engine, found by the registry; what is right is enumerated.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from oracle import optimum, random_network, random_placement_problem, random_problem

from spinemap_exact import registry, solvers
from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._milp import Milp
from spinemap_exact.formulations.packing import assignment
from spinemap_exact.formulations.partition import set_partitioning_milp
from spinemap_exact.formulations.placement import xia_yuan_milp
from spinemap_exact.hardware import Crossbar
from spinemap_exact.mapping import Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Status, Watch

MODELS = [(kind, name) for kind in registry.KINDS for name in solvers.modelled(kind)]
ENGINES = ("cbc", "highs", "scip")


def load(kind: str, name: str):
    if name.endswith("-scip"):
        pytest.importorskip("pyscipopt")
    return solvers.load(kind, name)


def watch() -> Watch:
    return Watch(Limits(time_s=5, workers=1))  # some sizes keep an engine busy for ever


def near(rng: np.random.Generator, bits: int, size: int | None = None):
    """Numbers around a power of two: a few units decide, and they have no common divisor."""
    return 2**bits + rng.integers(-min(2, 2**bits - 1), 3, size=size)


def packing(rng: np.random.Generator, bits: int) -> PackingProblem:
    """Pairs of items that fill a bin to the last unit, or are one unit too large for it."""
    capacity = int(near(rng, bits))
    halves = rng.integers(max(1, capacity // 4), max(2, capacity // 2), size=3)
    others = np.minimum(capacity - halves + rng.integers(0, 2, size=3), capacity)
    return PackingProblem(rng.permutation([*halves, *others]), capacity)


def partition(rng: np.random.Generator, bits: int) -> PartitionProblem:
    """Spikes and areas of this size; half of the problems have a limit on area where one unit decides."""
    network = random_network(rng, 5, 2, density=0.4)
    loud = near(rng, bits, size=network.num_neurons) * (rng.random(network.num_neurons) < 0.8)
    network = Network.from_synapses(network.pre, network.post, loud, is_input=network.is_input)
    area = [int(a) for a in near(rng, bits, size=2)]
    fewest = int(rng.integers(2, 4))
    return PartitionProblem(
        network,
        tuple(Crossbar(int(rng.integers(4, 8)), int(rng.integers(2, 4)), area=a) for a in area),
        max_clusters=5,
        traffic=rng.choice(["per-tile", "per-synapse"]),
        objective=rng.choice(["packets", "packets", "area"]),
        max_area=fewest * int(rng.choice(area)) + int(rng.integers(-1, 2)) if rng.random() < 0.5 else None,
    )


def placement(rng: np.random.Generator, bits: int) -> PlacementProblem:
    """Flows and hops whose products have this size."""
    small = random_placement_problem(int(rng.integers(1000)), max_tiles=4)
    part = bits // 2
    scaled = replace(small, flow=small.flow * near(rng, bits - part, size=small.flow.size))
    if scaled.mesh is None:
        return replace(scaled, distance=scaled.distance * near(rng, part))
    hops = {"hop_x": int(near(rng, part)), "hop_y": int(near(rng, part))}
    return replace(scaled, mesh=replace(scaled.mesh, **hops))


def unroll(rng: np.random.Generator, bits: int):
    small = random_problem("unroll", int(rng.integers(1000)))
    return replace(small, network=replace(small.network, spikes=near(rng, bits, size=small.network.num_neurons)))


def mapping(rng: np.random.Generator, bits: int):
    """Spikes and energies whose products have this size."""
    small = random_problem("mapping", int(rng.integers(1000)))
    part = bits // 2
    prices = ("packet_fj", "hop_x_fj", "hop_y_fj", "local_fj")
    costs = replace(small.hardware.costs, **{name: int(near(rng, part)) for name in prices})
    network = replace(small.network, spikes=near(rng, bits - part, size=small.network.num_neurons))
    unrolling = small.unrolling and Unrolling.identity(network)
    return replace(small, network=network, hardware=replace(small.hardware, costs=costs), unrolling=unrolling)


# product sums must stay within int64
DRAW = {
    "packing": (packing, 59),
    "partition": (partition, 57),
    "placement": (placement, 50),
    "unroll": (unroll, 50),
    "mapping": (mapping, 50),
}


def claims_are_true(kind: str, name: str, seed: int) -> None:
    rng = np.random.default_rng([seed, 6])
    draw, most = DRAW[kind]
    problem = draw(rng, int(rng.integers(1, most + 1)))
    expected = optimum(problem)
    try:
        result = load(kind, name)(problem, watch())
    except InvalidInput as refusal:
        assert "does not cover" in str(refusal) or "beyond" in str(refusal), (kind, name, seed)
        return
    if expected is None:
        assert result.status in (Status.INFEASIBLE, Status.UNKNOWN), (kind, name, seed)
        return
    assert result.status is not Status.INFEASIBLE, (kind, name, seed)
    assert result.objective is None or result.objective >= expected, (kind, name, seed)
    assert result.dual_bound is None or result.dual_bound <= expected, (kind, name, seed)


@pytest.mark.parametrize(("kind", "name"), MODELS, ids=[" ".join(m) for m in MODELS])
def test_claims_are_true_whatever_the_sizes(kind, name):
    for seed in range(6):
        claims_are_true(kind, name, seed)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), MODELS, ids=[" ".join(m) for m in MODELS])
def test_claims_are_true_whatever_the_sizes_often(kind, name):
    for seed in range(6, 150):
        claims_are_true(kind, name, seed)


def bins(capacity: int, overfull: int) -> PackingProblem:
    """Four items, two to a bin, that together leave the bins full, or so many units too full."""
    quarter = capacity // 4
    return PackingProblem([capacity - quarter, quarter, capacity - quarter - 1, quarter + 1 + overfull], capacity)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("capacity", "status"), [(83_333, Status.OPTIMAL), (83_334, Status.UNKNOWN)])
def test_rows_are_believed_up_to_a_weight(engine, capacity, status):
    # one bin with everything: 2 W + 1 units of items and W of the bin weigh 250 000, or 250 003
    result = load("packing", f"assignment-{engine}")(bins(capacity, 1), watch())
    assert result.dual_bound == (3 if status is Status.OPTIMAL else None)
    assert (status is Status.OPTIMAL) == (result.status is Status.OPTIMAL)
    assert status is Status.OPTIMAL or f"a constraint of weight {3 * capacity + 1} is beyond" in result.reason


@pytest.mark.parametrize("engine", ENGINES)
def test_a_common_divisor_of_a_row_does_not_count(engine):
    small, unit = bins(100, 1), 10**12
    problem = PackingProblem(small.sizes * unit, small.capacity * unit + 7)  # 7 units hold no item
    result = load("packing", f"assignment-{engine}")(problem, watch())
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, 3, 3)


@pytest.mark.parametrize(("divisor", "max_area", "expected"), [(10**12, 3, 3), (10**12 - 1, 2, None)])
def test_areas_count_in_units_of_their_divisor(divisor, max_area, expected):
    # three units that nothing joins, a column each: three crossbars
    lonely = Network.from_synapses([], [], [1, 1, 1])
    crossbar = Crossbar(1, 1, area=divisor)
    problem = PartitionProblem(lonely, (crossbar,), 3, objective="crossbars", max_area=(max_area + 1) * divisor - 1)
    model = set_partitioning_milp.build(problem, Milp())
    assert model.data.areas == [1]
    assert model.data.max_area == (None if expected else max_area)  # three crossbars cannot exceed three
    assert load("partition", "assignment-highs")(problem, watch()).objective == expected


def test_flows_and_distances_count_in_units_of_their_divisors():
    mesh = Mesh(np.arange(3), np.zeros(3), hop_x=10**6)
    problem = PlacementProblem(3, [0, 1], [1, 2], np.array([3, 5]) * 10**6, mesh=mesh)
    say = Milp()
    model = xia_yuan_milp.build(problem, say)
    # cluster 1 from an end tile: 5 from tile 1, 3 from tile 2, against 1 + 2 hops for all of them in the row
    assert model.unit == 10**12
    assert say.weight < 100
    result = load("placement", "xia-yuan-highs")(problem, watch())
    assert (result.objective, result.dual_bound) == (8 * 10**12, 8 * 10**12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("loud", "proven"), [(399_989, True), (1_999_993, False)])
def test_objectives_are_proven_up_to_half_a_million(engine, loud, proven):
    # 0 -> 1 cannot share a crossbar of one row and column: its spikes and those of the input are all packets
    network = Network.from_synapses([0, 2], [1, 0], [loud, 0, 2], is_input=[False, False, True])
    problem = PartitionProblem(network, (Crossbar(1, 1),), 2)
    result = load("partition", f"assignment-{engine}")(problem, watch())
    assert result.objective == loud + 2
    assert (result.dual_bound == loud + 2) == proven
    # 0.5 + a millionth of the bound and some tolerance: three units at two million
    assert loud + 2 - 3 <= result.dual_bound <= loud + 2


def test_weight_counts_coefficients_and_the_right_hand_side():
    say = Milp()
    assignment.build(PackingProblem([1, 2, 4], 4), say)
    # (B2) of bin 0: 1 + 2 + 4 for the items and 4 for the bin; no other row comes near
    assert say.weight == 11

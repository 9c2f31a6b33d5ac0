"""Several crossbar types in branch and price: mixes against plain loops, results against enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import oracle
import pytest

from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.partition import branch_price
from spinemap_exact.solvers.partition.branch_price import _best, _mixes, _run, _tree
from spinemap_exact.solvers.partition.branch_price._mixes import Mixes, Range, undominated


def watch(time_s: float | None = None) -> Watch:
    return Watch(Limits(time_s=time_s, workers=1))


def loose(units: int) -> Network:
    """Units that nothing connects: only columns matter."""
    return Network.from_synapses([], [], [1] * units)


@pytest.mark.parametrize("seed", range(40))
def test_mixes_and_their_bounds_agree_with_loops(seed: int) -> None:
    problem = oracle.random_partition_problem(seed, 6, crossbar_types=1 + seed % 3)
    crossbars, network = problem.crossbars, problem.network
    mixes = Mixes(problem, problem.max_clusters)
    read = sum(1 for source in range(network.num_neurons) if network.fan_out[source])
    fan_in = network.fan_in[: problem.num_units].tolist()

    def has_room(mix: tuple[int, ...]) -> bool:
        """Columns for the units of more axons than any number, rows for all sources."""
        enough = sum(k * c.rows for k, c in zip(mix, crossbars, strict=True)) >= read
        for axons in range(-1, max(fan_in) + 1):
            room = sum(k * c.columns for k, c in zip(mix, crossbars, strict=True) if c.rows > axons)
            enough &= room >= sum(1 for f in fan_in if f > axons)
        return enough

    expected = {
        mix
        for mix in itertools.product(range(problem.max_clusters + 1), repeat=len(crossbars))
        if sum(mix) <= problem.max_clusters
        and all(c.count is None or k <= c.count for k, c in zip(mix, crossbars, strict=True))
        and (
            problem.max_area is None or sum(k * c.area for k, c in zip(mix, crossbars, strict=True)) <= problem.max_area
        )
        and has_room(mix)
    }
    assert set(map(tuple, mixes.vectors.tolist())) == expected

    random = np.random.default_rng(seed)
    node = Range(
        tuple(random.integers(0, 2, len(crossbars)).tolist()), tuple(random.integers(1, 4, len(crossbars)).tolist())
    )
    most = random.integers(0, 50, len(crossbars)).tolist()
    left = [m for m in expected if all(a <= k <= b for a, k, b in zip(node.low, m, node.high, strict=True))]
    worth = {m: sum(k * v for k, v in zip(m, most, strict=True)) for m in left}
    assert mixes.least_packets(node, 100, most) == min((100 - w for w in worth.values()), default=None)
    areas = [sum(k * c.area for k, c in zip(m, crossbars, strict=True)) for m in left if worth[m] >= 60]
    assert mixes.least_price(node, 60, most, mixes.area.tolist()) == min(areas, default=None)


@pytest.mark.parametrize("seed", range(60))
def test_clusters_are_served_with_the_least_area(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 4, int(random.integers(1, 5))).tolist()
    crossbars = tuple(
        Crossbar(1, int(random.integers(1, 5)), area=int(random.integers(1, 9)), count=int(random.integers(1, 4)))
        for _ in range(3)
    )
    problem = PartitionProblem(loose(sum(sizes)), crossbars, 9, objective="area")
    ends = np.cumsum(sizes).tolist()
    clusters = [frozenset(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
    areas = [
        sum(crossbars[t].area for t in types)
        for types in itertools.product(range(3), repeat=len(sizes))
        if all(size <= crossbars[t].columns for size, t in zip(sizes, types, strict=True))
        and all(types.count(t) <= (crossbars[t].count or 9) for t in range(3))
    ]

    served = Mixes(problem, 9).served(clusters)

    assert (None if served is None else problem.area(served)) == min(areas, default=None)
    assert served is None or not problem.violations(served)


def test_a_type_that_another_replaces_is_left_out() -> None:
    small, large = Crossbar(4, 4, area=3), Crossbar(8, 4, area=5)
    few = Crossbar(8, 4, area=5, count=1)

    def kept(*crossbars: Crossbar, **options: object) -> list[int]:
        return undominated(PartitionProblem(loose(4), crossbars, 2, **options), 2)  # type: ignore[arg-type]

    # where nobody asks for area, the larger crossbar does whatever the smaller one does
    assert kept(small, large) == [1]
    assert kept(small, large, objective="area") == [0, 1]
    assert kept(small, large, max_area=9) == [0, 1]
    # one large crossbar cannot replace two small ones
    assert kept(small, few) == [0, 1]
    # of two equal types one is enough, whichever comes first
    assert kept(large, large) == [0]
    assert kept(few, large) == [1]


@pytest.mark.parametrize("objective", PartitionObjective)
def test_branching_alone_agrees_with_the_oracle(objective: PartitionObjective, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without annealing, cuts and engines the tree has to branch, down to leaves where every pair is decided."""
    monkeypatch.setattr(_run, "annealed", lambda problem, watch, start, target: start)
    monkeypatch.setattr(_tree._cuts, "separate", lambda *_: [])
    monkeypatch.setattr(_best.Best, "anneal", lambda *_: None)
    monkeypatch.setattr(_best.Best, "choose", lambda *_: None)
    nodes = []
    run = _tree.Tree.run

    def counted(tree: _tree.Tree) -> int:
        bound = run(tree)
        nodes.append(tree.nodes_done)
        return bound

    monkeypatch.setattr(_tree.Tree, "run", counted)
    for seed in range(10):
        problem = oracle.random_partition_problem(seed, 5 + seed % 3, crossbar_types=2 + seed % 2, objective=objective)
        optimum = oracle.optimum(problem)

        result = branch_price.solve(problem, watch())

        assert (result.objective, result.dual_bound) == (optimum, optimum), f"seed {seed}"
        assert (result.status is Status.INFEASIBLE) == (optimum is None)
    assert max(nodes) > 2


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_type_bounds_few_large_clusters(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, "_LARGE", 0)
    problem = oracle.random_partition_problem(seed, 7, objective=PartitionObjective.PACKETS, crossbar_types=2)

    assert branch_price.solve(problem, watch()).objective == oracle.optimum(problem)


@pytest.mark.parametrize("seed", range(6))
def test_bounds_hold_where_there_are_too_many_mixes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mixes, "_MOST", 3)
    problem = oracle.random_partition_problem(seed, 6, crossbar_types=3)
    optimum = oracle.optimum(problem)

    result = branch_price.solve(problem, watch())

    if optimum is None:
        assert result.objective is None
    else:
        assert result.dual_bound is not None and result.dual_bound <= optimum
        assert result.objective is None or result.objective >= optimum


@pytest.mark.parametrize("time_s", (0.01, 0.3))
@pytest.mark.parametrize("traffic", Traffic)
def test_bounds_hold_at_a_tiny_time_limit(time_s: float, traffic: Traffic) -> None:
    random = np.random.default_rng(5)
    pre, post = np.nonzero(random.random((40, 40)) < 0.1)
    network = Network.from_synapses(pre, post, random.integers(1, 99, 40))
    crossbars = (Crossbar(24, 12, area=10, count=3), Crossbar(16, 8, area=5, count=4))
    problem = PartitionProblem(network, crossbars, 8, traffic=traffic)

    result = branch_price.solve(problem, watch(time_s))

    assert result.dual_bound is not None and result.dual_bound >= 0
    assert result.objective is None or result.dual_bound <= result.objective


# three units of two axons each, every two of them of three: on two rows each needs a crossbar of its own
PAIRS = Network.from_synapses([3, 4, 4, 5, 5, 3], [0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 1], is_input=[0] * 3 + [1] * 3)


@pytest.mark.parametrize("objective", PartitionObjective)
def test_what_the_crossbars_lack_is_named(objective: PartitionObjective) -> None:
    def solve(crossbars: tuple[Crossbar, ...], clusters: int = 3, max_area: int | None = None):  # type: ignore[no-untyped-def]
        problem = PartitionProblem(PAIRS, crossbars, clusters, objective=objective, max_area=max_area)
        return branch_price.solve(problem, watch())

    one, two, narrow = Crossbar(2, 3, area=2, count=2), Crossbar(2, 2, area=1, count=1), Crossbar(1, 3)
    single = Crossbar(2, 3, area=2, count=1)
    cases = [
        (solve((Crossbar(1, 3),)), "unit 0 has fan-in 2, the largest crossbar has 1 rows"),
        (solve((narrow, Crossbar(1, 4))), "unit 0 has fan-in 2, the largest crossbar has 1 rows"),
        (solve((Crossbar(2, 3),), clusters=1), "at least 2 clusters are necessary, 1 are allowed"),
        (solve((Crossbar(2, 3),), clusters=2), "clusters are necessary"),
        (
            solve((Crossbar(2, 3, area=2),), max_area=3),
            "at least 2 clusters are necessary, 1 are allowed within area 3",
        ),
        (solve((single, two)), "no clusters fit the crossbars within the limits on number and counts"),
        (solve((one, two), max_area=4), "no clusters fit the crossbars within the limits on number, counts and area"),
        (solve((one, two), max_area=1), "no 1 crossbars of area 1 have the columns and rows that 3 units need"),
    ]
    for result, reason in cases:
        assert (result.status, result.objective, result.dual_bound) == (Status.INFEASIBLE, None, None)
        assert reason in result.reason
    # two crossbars of area 2 and one of area 1
    served = solve((one, two), max_area=5)
    assert served.objective == {"packets": 6, "crossbars": 3, "area": 5}[objective]


def test_silence_costs_nothing_on_several_types() -> None:
    network = Network.from_synapses([0, 1, 2], [1, 2, 0], [0, 0, 0])
    crossbars = (Crossbar(2, 1, area=1, count=2), Crossbar(3, 2, area=3, count=1))

    packets, area = (branch_price.solve(PartitionProblem(network, crossbars, 3, objective=o), watch())
                     for o in ("packets", "area"))  # fmt: skip

    assert (packets.status, packets.objective) == (Status.OPTIMAL, 0)
    # three columns: all three small ones are not there, so one of each at least
    assert (area.status, area.objective) == (Status.OPTIMAL, 1 + 3)

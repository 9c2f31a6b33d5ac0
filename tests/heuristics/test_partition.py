"""Heuristics for partitions: limits, exact increments, and what they find where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from spinemap_exact import heuristics
from spinemap_exact.hardware import Crossbar
from spinemap_exact.kernels import partition_moves as moves
from spinemap_exact.kernels.partition_search import Search
from spinemap_exact.mapping import Partition
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.result import Limits, Watch

LOCAL_SEARCH = ("kl", "fm", "anneal")


def random_problem(seed: int, units: int = 12, inputs: int = 3, **options: object) -> PartitionProblem:
    """A sparse network with self loops, silent sources and limits that some partition keeps."""
    random = np.random.default_rng(seed)
    pre, post = np.nonzero(random.random((units + inputs, units)) < 0.2)
    network = Network.from_synapses(
        pre, post, random.integers(0, 9, units + inputs), is_input=np.arange(units + inputs) >= units
    )
    rows = int(network.fan_in.max()) + 2
    return PartitionProblem(network, (Crossbar(rows, 4),), **{"max_clusters": 8, **options})  # type: ignore[arg-type]


def two_triangles() -> PartitionProblem:
    """Two triangles of 50 spikes joined by one synapse of 3 spikes; columns for three units each."""
    pre, post = [0, 1, 2, 3, 4, 5, 3], [1, 2, 0, 4, 5, 3, 0]
    network = Network.from_synapses(pre, post, [50, 50, 50, 3, 50, 50])
    return PartitionProblem(network, (Crossbar(4, 3),), 2)


def watch(time_s: float | None = None) -> Watch:
    return Watch(Limits(time_s=time_s, workers=1, seed=1))


@pytest.mark.parametrize("traffic", Traffic)
@pytest.mark.parametrize("seed", range(5))
def test_increments_equal_the_price_of_the_problem(traffic: Traffic, seed: int) -> None:
    problem = random_problem(seed, traffic=traffic)
    search = Search(problem)
    random = np.random.default_rng(seed)
    search.set(random.integers(len(search.slots), size=12))
    for _ in range(60):
        u, b = random.integers(12), random.integers(len(search.slots))
        if b == search.home[u]:
            continue
        before, over = problem.packets(search.current()), search.totals[moves.OVERFLOW]
        packets, overflow, _ = moves.delta(
            u, b, search.home, search.count, search.rows, search.columns, search.totals, search.net, search.limits
        )
        moves.move(u, b, *(search.arrays[i] for i in (0, 2, 3, 4, 5, 6, 7)))
        assert problem.packets(search.current()) == before + packets
        kept = search.rows.copy(), search.columns.copy(), int(search.totals[moves.USED])
        moves.fill(*search.arrays)
        assert search.totals[moves.OVERFLOW] == over + overflow
        assert (kept[0] == search.rows).all() and (kept[1] == search.columns).all()
        assert kept[2] == search.totals[moves.USED]


@pytest.mark.parametrize("name", ("fm", "anneal"))  # plain swaps may stop at 153 = 3 * 50 + 3
def test_two_triangles_split_at_their_bridge(name: str) -> None:
    problem = two_triangles()

    found = heuristics.load("partition", name)(problem, watch())  # a set number of starts, however slow the machine

    # any other balanced split cuts a net of 50 spikes
    assert problem.violations(found) == []
    assert problem.cost(found) == 3


def test_slices_are_consecutive() -> None:
    found = heuristics.load("partition", "sequential")(two_triangles(), watch())

    assert found.cluster_of_unit.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("name", ("sequential", *LOCAL_SEARCH))
@pytest.mark.parametrize("objective", PartitionObjective)
@pytest.mark.parametrize("seed", range(3))
def test_limits_are_kept(name: str, objective: PartitionObjective, seed: int) -> None:
    problem = random_problem(seed, objective=objective)

    found = heuristics.load("partition", name)(problem, watch(0.3))

    assert found is None or problem.violations(found) == []
    assert found is not None or name == "sequential"


@pytest.mark.parametrize("name", ("sequential", *LOCAL_SEARCH))
def test_nothing_is_found_where_nothing_fits(name: str) -> None:
    problem = random_problem(0, max_clusters=2)  # 12 units, two clusters of four columns

    assert heuristics.load("partition", name)(problem, watch(0.2)) is None


@pytest.mark.parametrize("name", LOCAL_SEARCH)
def test_a_start_is_never_worsened(name: str) -> None:
    problem = two_triangles()
    start = Partition(np.array([0, 0, 0, 1, 1, 1]))

    found = heuristics.load("partition", name)(problem, watch(0.2), start)

    assert problem.cost(found) <= problem.cost(start)


def test_annealing_chooses_crossbar_types_within_their_counts() -> None:
    """A ring of four units on a wide crossbar, a pair on a narrow one: two wide ones would take more area."""
    pre, post = [0, 1, 2, 3, 4, 5], [1, 2, 3, 0, 5, 4]
    network = Network.from_synapses(pre, post, [9] * 6)
    crossbars = (Crossbar(4, 4, count=2), Crossbar(2, 2, count=2))
    problem = PartitionProblem(network, crossbars, 3, objective=PartitionObjective.AREA)

    found = heuristics.load("partition", "anneal")(problem, watch(0.5))

    assert problem.cost(found) == 4 * 4 + 2 * 2

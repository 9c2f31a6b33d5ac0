"""Branch and price: pricing against enumeration of all clusters, results against enumeration of all partitions."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import oracle
import pytest

from spinemap_exact.certificate import check
from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network
from spinemap_exact.pipeline import area_then_packets
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.proofs.partition import clusters as cluster_proof
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.partition import branch_price
from spinemap_exact.solvers.partition.branch_price import _ascent, _best, _graph, _run, _tree
from spinemap_exact.solvers.partition.branch_price._counting import packets_by_eigenvalues, packets_of_sources
from spinemap_exact.solvers.partition.branch_price._graph import Branching, Instance, Pricing

SCALE = 1000


def watch(time_s: float | None = None) -> Watch:
    return Watch(Limits(time_s=time_s, workers=1))


def random_pricing(seed: int, partial: bool = False) -> tuple[Pricing, np.ndarray, np.ndarray] | None:
    """A pricing problem of up to 9 units with inputs, self loops, pairs and cuts; None if the pairs contradict.

    With ``partial``, some units may fit no cluster.
    """
    random = np.random.default_rng(seed)
    n, m = int(random.integers(2, 10)), int(random.integers(0, 4))
    pre, post = np.nonzero(random.random((n + m, n)) < random.choice([0.15, 0.3, 0.5]))
    network = Network.from_synapses(pre, post, random.integers(0, 9, n + m), is_input=np.arange(n + m) >= n)
    rows = max(1, int(network.fan_in.max()) + int(random.integers(0, 3)) - 2 * partial)
    columns = int(random.integers(1, n + 1))
    problem = PartitionProblem(network, (Crossbar(rows, columns),), n, traffic=random.choice(list(Traffic)))
    pairs = [tuple(random.choice(n, 2, replace=False).tolist()) for _ in range(int(random.integers(0, 4)))]
    cut = int(random.integers(0, len(pairs) + 1))
    triples = (
        [tuple(sorted(random.choice(n, 3, replace=False).tolist())) for _ in range(int(random.integers(0, 5)))]
        if n > 2
        else []
    )
    instance = Instance(problem, rows, columns, packets=random.random() < 0.85)
    pricing = Pricing(instance, Branching(tuple(pairs[:cut]), tuple(pairs[cut:])), triples)
    duals = (random.random(n) * 33 * SCALE - 3 * SCALE).astype(np.int64)
    penalties = (random.random(len(triples)) * 15 * SCALE).astype(np.int64)
    return (pricing, duals, penalties) if pricing.feasible else None


def allowed_values(pricing: Pricing, duals: np.ndarray, penalties: np.ndarray) -> dict[frozenset[int], int]:
    """Value of every cluster within limits and decisions, by plain loops."""
    instance, n = pricing.instance, pricing.instance.num_units
    problem = instance.problem
    values = {}
    for size in range(1, min(n, instance.columns) + 1):
        for cluster in map(frozenset, itertools.combinations(range(n), size)):
            reads = [k for u in cluster for k in problem.network.fan_in_of(u).tolist()]
            if len(set(reads)) > instance.rows or not pricing.branching.allows(cluster):
                continue
            remote = [k for k in reads if k not in cluster]
            if problem.traffic is Traffic.PER_TILE:
                remote = list(set(remote))
            cost = sum(int(problem.network.spikes[k]) for k in remote) if instance.packets else 0
            paid = sum(
                int(p) for t, p in zip(pricing.triples, penalties, strict=True) if sum(u in cluster for u in t) >= 2
            )
            values[cluster] = sum(int(duals[u]) for u in cluster) - SCALE * cost - paid
    return values


@pytest.mark.parametrize("partial", (False, True))
@pytest.mark.parametrize("seed", range(0, 300, 20))
def test_pricing_agrees_with_all_clusters(seed: int, partial: bool) -> None:
    for case in filter(None, (random_pricing(s, partial) for s in range(seed, seed + 20))):
        pricing, duals, penalties = case
        values = allowed_values(*case)
        best = max([0, *values.values()])

        priced = pricing.exact(duals, penalties, SCALE, 0, 0, watch())
        assert (priced.most, priced.complete) == (best, True)
        assert max([0, *(values[c] for c in priced.clusters)]) == best

        # values below the cutoff need no proof; stopping early leaves a bound that is weaker, never wrong
        assert pricing.exact(duals, penalties, SCALE, best + 7, best, watch()).most == best + 7
        assert pricing.exact(duals, penalties, SCALE, best // 2, best // 2, watch()).most == best
        for enough in (-1, 0, best // 2):  # stopped early, the bound holds all the same
            assert pricing.exact(duals, penalties, SCALE, 0, 0, watch(), enough).most >= best

        state = np.array([seed + 1], dtype=np.uint64)
        probed = pricing.probe(duals, penalties, SCALE, 0, [frozenset()] * 3, 200, state)
        assert all(values[c] == pricing.value(c, duals, penalties, SCALE) > 0 for c in probed)


@pytest.mark.parametrize("seed", range(0, 200, 20))
def test_listing_finds_every_cluster_above_a_value(seed: int) -> None:
    for case in filter(None, map(random_pricing, range(seed, seed + 20))):
        pricing, duals, penalties = case
        values = allowed_values(*case)
        for above in (-20 * SCALE, -1, 5 * SCALE):
            wanted = {c for c, value in values.items() if value > above}

            listed = pricing.above(duals, penalties, SCALE, above, watch(), 600)

            assert listed is not None and len(listed) == len(wanted) and set(listed) == wanted
            if wanted:
                assert pricing.above(duals, penalties, SCALE, above, watch(), len(wanted) - 1) is None


@pytest.mark.parametrize("seed", range(6))
def test_threads_find_what_one_finds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_graph, "_SHARED", -1.0)
    random = np.random.default_rng(seed)
    pre, post = np.nonzero(random.random((40, 40)) < 0.12)
    network = Network.from_synapses(pre, post, random.integers(1, 60, 40))
    problem = PartitionProblem(network, (Crossbar(16, 12),), 5, traffic=list(Traffic)[seed % 2])
    pricing = Pricing(Instance(problem, 16, 12, packets=True), Branching(), [(0, 1, 2), (5, 7, 9)])
    duals, penalties = random.integers(0, 120 * SCALE, 40), np.array([20 * SCALE, 10 * SCALE])
    alone, beside = (Watch(Limits(workers=workers)) for workers in (1, 3))
    one, three = (pricing.exact(duals, penalties, SCALE, 0, 0, w) for w in (alone, beside))
    assert one.complete and three.complete and one.nodes > 20
    assert one.most == three.most == pricing.value(three.clusters[0], duals, penalties, SCALE)
    least = one.most - one.most // 10
    listed, of_three = (pricing.above(duals, penalties, SCALE, least, w, 10**5) for w in (alone, beside))
    assert listed and of_three and len(of_three) == len(listed) == len({*listed, *of_three})


@pytest.mark.parametrize("traffic", Traffic)
def test_agrees_with_the_oracle_where_clusters_are_listed(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed at once after the root, on trees that annealing and cuts have not closed before."""
    monkeypatch.setattr(_tree, "_PATIENCE", 1)
    monkeypatch.setattr(_run, "annealed", lambda problem, watch, start, target: start)
    monkeypatch.setattr(_tree._cuts, "separate", lambda *_: [])
    monkeypatch.setattr(_best.Best, "anneal", lambda *_: None)
    monkeypatch.setattr(_best.Best, "choose", lambda *_: None)
    listed = []
    monkeypatch.setattr(_tree.Selection, "choose", _counted(_tree.Selection.choose, listed))
    for seed in range(25):
        problem = oracle.random_partition_problem(
            seed, 8, traffic=traffic, objective=PartitionObjective.PACKETS, crossbar_types=1
        )
        optimum = oracle.optimum(problem)

        result = branch_price.solve(problem, watch())

        assert (result.objective, result.dual_bound) == (optimum, optimum), f"seed {seed}"
    assert listed


def _counted(function, calls):  # type: ignore[no-untyped-def]
    def wrapper(*args):  # type: ignore[no-untyped-def]
        calls.append(1)
        return function(*args)

    return wrapper


GOALS = ("packets per-tile", "packets per-synapse", "crossbars", "area", "area-then-packets")


def agrees(goal: str, seed: int, units: int, types: int) -> None:
    """One random problem, with counts, with a limit on area or without, against enumeration."""
    objective, _, traffic = goal.partition(" ")
    problem = oracle.random_partition_problem(
        seed,
        units,
        traffic=traffic or None,
        objective="area" if objective == "area-then-packets" else objective,
        crossbar_types=types,
        max_area=True if seed % 4 == 0 else None,
    )
    optimum = oracle.optimum(problem)
    if objective != "area-then-packets":
        result = branch_price.solve(problem, watch())
        expected = Status.INFEASIBLE if optimum is None else Status.OPTIMAL
        assert (result.status, result.objective, result.dual_bound) == (expected, optimum, optimum)
        assert (result.vouched_by is None) == (result.status is Status.UNKNOWN)
        for step in result.trace if optimum is not None else ():
            assert step.objective is None or step.objective >= optimum
            assert step.dual_bound is None or step.dual_bound <= optimum
        return
    run = area_then_packets(problem, limits=Limits(None, 1), solver="branch-price", warm_start="none")
    if optimum is None:
        assert (run.status, len(run.stages)) == (Status.INFEASIBLE, 1)
        return
    packets = oracle.optimum(replace(problem, objective=PartitionObjective.PACKETS, max_area=optimum))
    proven = [(stage.result.objective, stage.result.dual_bound) for stage in run.stages]
    assert (run.status, proven) == (Status.OPTIMAL, [(optimum, optimum), (packets, packets)])


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("types", (1, 2, 3))
def test_agrees_with_the_oracle(goal: str, types: int) -> None:
    for seed in range(6):
        agrees(goal, seed, 6 + seed % 3, types)


@pytest.mark.slow
@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("seed", range(500))
def test_agrees_with_the_oracle_on_many(goal: str, seed: int) -> None:
    agrees(goal, seed, 5 + seed % 5, 1 + seed % 3)


def test_a_bound_and_an_incumbent_survive_a_tiny_time_limit() -> None:
    random = np.random.default_rng(5)
    pre, post = np.nonzero(random.random((60, 60)) < 0.1)
    network = Network.from_synapses(pre, post, random.integers(1, 99, 60))
    problem = PartitionProblem(network, (Crossbar(24, 12),), 12)

    result = branch_price.solve(problem, watch(0.05))

    assert result.dual_bound is not None and result.dual_bound >= 0


def test_too_few_clusters_are_proven_infeasible() -> None:
    """Two pairs of units that read nothing in common: two rows hold one pair, so two clusters are necessary."""
    network = Network.from_synapses(
        [4, 5, 4, 5, 6, 7, 6, 7], [0, 0, 1, 1, 2, 2, 3, 3], [1] * 8, is_input=[0] * 4 + [1] * 4
    )

    result = branch_price.solve(PartitionProblem(network, (Crossbar(2, 4),), 1), watch())

    assert result.status is Status.INFEASIBLE
    assert "2 clusters are necessary" in result.reason


def test_silence_costs_nothing() -> None:
    network = Network.from_synapses([0, 1, 2], [1, 2, 0], [0, 0, 0])

    result = branch_price.solve(PartitionProblem(network, (Crossbar(2, 1),), 3), watch())

    assert (result.status, result.objective) == (Status.OPTIMAL, 0)


@pytest.mark.parametrize("traffic", Traffic)
def test_counting_and_eigenvalues_stay_below_the_optimum(traffic: Traffic) -> None:
    for seed in range(100):
        problem = oracle.random_partition_problem(
            seed, traffic=traffic, objective=PartitionObjective.PACKETS, crossbar_types=1
        )
        optimum = oracle.optimum(problem)
        if optimum is not None:
            rows, columns = problem.crossbar.rows, problem.crossbar.columns
            assert packets_of_sources(problem, rows, columns).sum() <= optimum
            assert packets_by_eigenvalues(problem, rows, columns, problem.max_clusters) <= optimum


def test_a_wide_source_pays_for_readers_beyond_its_cluster() -> None:
    """One source of 7 spikes, five readers, two columns: four readers lie elsewhere, two to a cluster."""
    network = Network.from_synapses([0] * 5, [1, 2, 3, 4, 5], [7, 0, 0, 0, 0, 0])
    shared, single = (PartitionProblem(network, (Crossbar(2, 2),), 3, traffic=t) for t in Traffic)

    # of six units in clusters of two, one reader shares the source's cluster
    assert packets_of_sources(shared, 2, 2).sum() == 7 * 2
    assert packets_of_sources(single, 2, 2).sum() == 7 * 4


def test_units_that_do_not_fit_together_send_each_other_packets() -> None:
    """A chain of three units that read two inputs each: with three rows no two of them share a cluster."""
    network = Network.from_synapses([3, 4, 5, 6, 0, 7, 8, 1], [0, 0, 1, 1, 1, 2, 2, 2], [5, 9, 0] + [1] * 6,
                                    is_input=np.arange(9) >= 3)  # fmt: skip
    problem = PartitionProblem(network, (Crossbar(3, 3),), 3)

    # either carry goes to another cluster, and each input is read in one
    assert packets_of_sources(problem, 3, 3).sum() == 5 + 9 + 6
    # with five rows the first two units fit together, with six the last two as well
    assert packets_of_sources(problem, 5, 3).sum() == 9 + 6
    assert packets_of_sources(problem, 6, 3).sum() == 6


@pytest.mark.parametrize("seed", range(6))
def test_a_bundle_proves_what_column_generation_does(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Duals found by a bundle at the root close small problems at their optimum."""
    monkeypatch.setattr(_ascent, "_LARGE", 0)
    for traffic in Traffic:
        problem = oracle.random_partition_problem(
            seed, units=7, traffic=traffic, objective=PartitionObjective.PACKETS, crossbar_types=1
        )
        result = branch_price.solve(problem, watch())
        optimum = oracle.optimum(problem)

        assert result.objective == optimum
        assert result.status is (Status.INFEASIBLE if optimum is None else Status.OPTIMAL)
        if optimum and result.evidence is not None:
            evidence = cluster_proof.prove(problem, optimum, result.evidence, lambda: False)
            assert evidence is not None
            assert check.proven_bound(problem, evidence, optimum) == optimum


@pytest.mark.parametrize("seed", range(3))
def test_a_bundle_survives_guesses_that_find_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Duals that only guesses speak for are dropped once a proof does not confirm them."""
    monkeypatch.setattr(_ascent, "_LARGE", 0)
    monkeypatch.setattr(_ascent.Ascent, "guess", lambda *_, **__: [])
    problem = oracle.random_partition_problem(
        seed, units=7, objective=PartitionObjective.PACKETS, traffic=Traffic.PER_TILE, crossbar_types=1
    )

    assert branch_price.solve(problem, watch()).objective == oracle.optimum(problem)

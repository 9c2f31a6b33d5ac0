"""The choice among all clusters of a small problem, against enumeration of all partitions."""

from __future__ import annotations

import itertools

import numpy as np
import oracle
import pytest

from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.partition.branch_price import _selection
from spinemap_exact.solvers.partition.branch_price._cuts import RankOne, rank_one
from spinemap_exact.solvers.partition.branch_price._graph import Instance
from spinemap_exact.solvers.partition.branch_price._selection import Selection

UNITS = 8


def random_problem(seed: int, traffic: Traffic = Traffic.PER_TILE) -> PartitionProblem:
    return oracle.random_partition_problem(
        seed, UNITS, traffic=traffic, objective=PartitionObjective.PACKETS, crossbar_types=1
    )


def all_clusters(problem: PartitionProblem) -> list[frozenset[int]]:
    """Every set of units within the limits."""
    crossbar, fits = problem.crossbars[0], []
    for size in range(1, min(UNITS, crossbar.columns) + 1):
        for cluster in map(frozenset, itertools.combinations(range(UNITS), size)):
            if len({k for u in cluster for k in problem.network.fan_in_of(u).tolist()}) <= crossbar.rows:
                fits.append(cluster)
    return fits


def selection(problem: PartitionProblem, cutoff: int) -> Selection:
    crossbar = problem.crossbars[0]
    instance = Instance(problem, crossbar.rows, crossbar.columns, packets=True)
    return Selection(instance, all_clusters(problem), problem.max_clusters, [], cutoff, 1, 1000, 0)


@pytest.mark.parametrize("traffic", Traffic)
@pytest.mark.parametrize("seed", range(30))
def test_bounds_and_choice_agree_with_the_oracle(seed: int, traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_selection, "_FEW", 0)  # cut to the end
    problem = random_problem(seed, traffic)
    optimum = oracle.optimum(problem)
    if optimum is None:
        return
    for cutoff in (optimum + 7, optimum + 1, optimum):
        choice, watch = selection(problem, cutoff), Watch(Limits(workers=1))

        choice.tighten(watch)
        assert choice.bound <= optimum
        chosen = choice.choose(watch)

        assert choice.bound == optimum
        assert chosen is None if cutoff == optimum else problem.cost(_partition(chosen)) == optimum


@pytest.mark.parametrize("traffic", Traffic)
def test_branching_agrees_with_the_oracle(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cuts, so that pairs are branched on."""
    monkeypatch.setattr(_selection, "_FEW", 0)
    monkeypatch.setattr(_selection, "separate", lambda *_: [])
    monkeypatch.setattr(_selection, "rank_one", lambda *_: [])
    splits = []
    split = Selection._split
    monkeypatch.setattr(Selection, "_split", lambda self, u, v: splits.append((u, v)) or split(self, u, v))
    for seed in range(40):
        problem = random_problem(seed, traffic)
        optimum = oracle.optimum(problem)
        if optimum is None:
            continue
        choice = selection(problem, optimum + 9)

        chosen = choice.search(Watch(Limits(workers=1)))

        assert choice.bound == optimum
        assert problem.cost(_partition(chosen)) == optimum
    assert splits


def _partition(clusters: list[frozenset[int]]) -> Partition:
    labels = np.zeros(UNITS, dtype=np.int64)
    for c, cluster in enumerate(clusters):
        labels[list(cluster)] = c
    return Partition.from_labels(labels)


def test_every_partition_respects_every_cut_found() -> None:
    random, seen = np.random.default_rng(1), set()
    for _ in range(20):
        member = np.unique((random.random((60, UNITS)) < 0.4).astype(float), axis=0)
        for cut in rank_one(member, random.random(len(member)), random, set(), 200):
            seen.add((cut.multipliers, cut.divisor))
            for _ in range(20):
                labels = random.integers(0, 4, UNITS)
                clusters = np.array([labels == c for c in range(4)], dtype=float)
                assert cut.counts(clusters).sum() <= cut.most
    assert len(seen) >= 6


def test_a_cut_counts_what_its_docstring_says() -> None:
    cut = RankOne((0, 2, 3, 5), (2, 1, 1, 1), 3)

    counts = cut.counts(
        np.array([[1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 1], [1, 0, 1, 1, 0, 1]], float)
    )

    assert cut.most == 1 and counts.tolist() == [1, 0, 1, 1]

"""The automatic choice among placement solvers: optimal as enumeration says, one at a time, nothing found is lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from draws import some
from interrupted import StopsAfter
from oracle import optimum, random_placement_problem

from spinemap_exact.hardware import TileGrid
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.proofs import best as best_proof
from spinemap_exact.result import Limits, Status, StopReason, Watch
from spinemap_exact.solvers.placement import portfolio
from spinemap_exact.solvers.placement._stage import Player, Stage
from spinemap_exact.solvers.placement.portfolio import expected_order


def on_mesh(width: int, height: int, clusters: int, seed: int = 0) -> PlacementProblem:
    """Dense traffic."""
    flow = np.random.default_rng(seed).integers(0, 9, (clusters, clusters))
    return PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(width, height)))


@pytest.mark.usefixtures("without_tabu")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("hundred", some(1, 2))
def test_agrees_with_enumeration(hundred, workers):
    """Empty, missing and I/O tiles, unequal hops, matrices that are neither symmetric nor zero on the diagonal."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        problem = random_placement_problem(seed, max_tiles=8 if seed % 50 == 0 else 6)
        result = portfolio.solve(problem, Watch(Limits(time_s=None, workers=workers)))
        assert (result.status, result.objective) == (Status.OPTIMAL, optimum(problem)), seed


@pytest.mark.usefixtures("without_tabu")
def test_short_turns_lose_nothing(monkeypatch):
    """With turns of no length at all every search is interrupted over and over again."""
    monkeypatch.setattr(portfolio, "_root_s", lambda problem: 1e-4)
    for seed in range(60):
        problem = random_placement_problem(seed, max_tiles=6)
        result = portfolio.solve(problem, Watch(Limits(time_s=None, workers=1 + seed % 2)))
        assert (result.status, result.objective) == (Status.OPTIMAL, optimum(problem)), seed


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_choice_still_bounds(workers):
    watch = Watch(Limits(time_s=None, workers=workers))
    watch.request_stop()
    result = portfolio.solve(on_mesh(4, 4, 14), watch)
    assert (result.status, result.stopped_by) == (Status.FEASIBLE, StopReason.INTERRUPTED)
    assert 0 < result.dual_bound < result.objective


@pytest.mark.parametrize("workers", [1, 2])
def test_bounds_hold_when_time_is_up(workers):
    problem = on_mesh(6, 6, 36)
    result = portfolio.solve(problem, Watch(Limits(time_s=1.0, workers=workers)))
    assert (result.status, result.stopped_by, result.reason) == (Status.FEASIBLE, StopReason.TIME, "1 s limit")
    assert 0 < result.dual_bound < result.objective == problem.cost(result.incumbent)


@pytest.mark.usefixtures("without_tabu")
def test_bounds_hold_wherever_the_search_ends():
    for seed in range(6):
        problem = random_placement_problem(seed, max_tiles=6)
        least = optimum(problem)
        for questions in (0, 1, 2, 3, 5, 8, 13, 21, 34):
            result = portfolio.solve(problem, StopsAfter(questions))
            assert result.dual_bound <= least <= result.objective


@pytest.mark.parametrize("first", ["grid-dp", "rlt1"])
def test_evidence_of_the_winner_is_kept(monkeypatch, first):
    """The certificate is written from what the search has left that proved the bound."""
    monkeypatch.setattr(portfolio, "expected_order", lambda problem: [first])
    problem = on_mesh(4, 3, 12)
    watch = Watch(Limits(time_s=None, workers=1))
    result = portfolio.solve(problem, watch)
    assert result.vouched_by is not None
    assert (result.status, result.engine, result.vouched_by.by) == (Status.OPTIMAL, first, first)
    assert result.details[first]["bound"] == result.dual_bound
    certificate = best_proof.certificate(problem, result, watch)
    assert certificate is not None
    assert certificate.lower == result.objective


def test_the_largest_problems_get_a_simple_bound():
    path = np.arange(2_999)
    problem = PlacementProblem(3_000, path, path + 1, np.ones(2_999), mesh=Mesh.of_grid(TileGrid(100, 30)))
    result = portfolio.solve(problem, Watch(Limits(time_s=None)))
    assert result.dual_bound == 2_999  # neighbours at distance one
    assert result.reason == "fell back to a simple bound: 3000 tiles are more than 49"


def test_who_begins():
    path = np.arange(15)
    square, large = (Mesh.of_grid(TileGrid(k, k)) for k in (4, 6))
    assert expected_order(PlacementProblem(16, path, path + 1, np.ones(15), mesh=square))[0] == "rlt1"
    assert expected_order(on_mesh(4, 4, 14)) == ["grid-dp", "rlt1", "semidefinite"]
    # without a mesh there are no columns, and with more than 31 clusters too many sets
    matrix = PlacementProblem.from_matrices(np.ones((9, 9)), distance=np.ones((9, 9)))
    assert expected_order(matrix) == ["rlt1", "semidefinite"]
    assert expected_order(PlacementProblem.from_matrices(np.ones((32, 32)), mesh=large)) == ["rlt1", "semidefinite"]


class _Fake:
    """A search that asks its watch, and otherwise does what it is told."""

    evidence = None

    def __init__(self, act: Callable[[_Fake], str], watch: Watch, incumbent: Placement) -> None:
        self.act, self.watch, self.incumbent, self.bound = act, watch, incumbent, 0
        self.details: dict[str, int] = {}
        self.accepted: list[Placement] = []

    def accept(self, placement: Placement) -> None:
        self.accepted.append(placement)

    def run(self) -> str:
        return self.act(self)


# two clusters on a row of three tiles: they cost 1 beside each other, 2 apart
ROW = PlacementProblem(2, [0], [1], [1], mesh=Mesh.of_grid(TileGrid(3, 1)))
APART, BESIDE = Placement(np.array([0, 2])), Placement(np.array([0, 1]))


def player(stage: Stage, act: Callable[[_Fake], str]) -> Player:
    return Player(stage, "fake", lambda problem, watch, incumbent: _Fake(act, watch, incumbent))


def test_only_those_search_whose_turn_it_is():
    stage = Stage(ROW, Watch(Limits(time_s=None)), APART, 0)
    steps = {"a": 0, "b": 0}

    def count(name: str) -> Callable[[_Fake], str]:
        def act(search: _Fake) -> str:
            while not search.watch.should_stop():
                steps[name] += 1
            return ""

        return act

    a, b = player(stage, count("a")), player(stage, count("b"))
    stage.play([a], 0.05)
    assert (steps["a"] > 0, steps["b"]) == (True, 0)
    before = steps["a"]
    stage.play([b], 0.05)
    assert (steps["a"], steps["b"] > 0) == (before, True)
    stage.play([a, b], 0.05)
    assert steps["a"] > before
    stage.close([a, b])
    assert a.ended
    assert b.ended


def test_a_placement_found_by_one_reaches_the_other():
    stage = Stage(ROW, Watch(Limits(time_s=None)), APART, 0)

    def find(search: _Fake) -> str:
        search.incumbent = BESIDE
        search.watch.report(objective=1)
        return "found"

    def listen(search: _Fake) -> str:
        while not search.watch.should_stop() and not search.accepted:
            pass
        return ""

    listener, finder = player(stage, listen), player(stage, find)
    stage.play([listener], 0.01)
    stage.play([finder], 10.0)
    stage.play([listener], 10.0)
    stage.close([listener, finder])
    assert isinstance(listener.search, _Fake)
    assert [p.tile_of_cluster.tolist() for p in listener.search.accepted] == [[0, 1]]
    assert (stage.cost, finder.reason, finder.best) == (1, "found", 0)


def test_a_bound_that_meets_the_incumbent_ends_all():
    stage = Stage(ROW, Watch(Limits(time_s=None)), BESIDE, 0)

    def prove(search: _Fake) -> str:
        search.bound = 1
        return ""

    def wait(search: _Fake) -> str:
        while not search.watch.should_stop():
            pass
        return ""

    players = [player(stage, wait), player(stage, prove)]
    stage.play(players, 60.0)
    stage.close(players)
    assert (stage.bound, stage.over.is_set()) == (1, True)
    assert not stage.watch.stop_requested


def test_a_failure_comes_out():
    stage = Stage(ROW, Watch(Limits(time_s=None)), APART, 0)

    def fail(search: _Fake) -> str:
        raise RuntimeError("broken")

    players = [player(stage, fail)]
    stage.play(players, 60.0)
    with pytest.raises(RuntimeError, match="broken"):
        stage.close(players)


@pytest.mark.usefixtures("without_tabu")
def test_whoever_gives_up_is_replaced(monkeypatch):
    """Memory for no more than two sets: `grid-dp` ends at once, and the proof is another's."""

    def small(problem, watch, incumbent):
        return portfolio.grid_dp.Search(problem, watch, incumbent, memory_gb=1e-6)

    class Small:
        LARGEST_COST, misfit = portfolio.grid_dp.LARGEST_COST, staticmethod(portfolio.grid_dp.misfit)
        Search, obstacle = staticmethod(small), staticmethod(portfolio.grid_dp.obstacle)

    monkeypatch.setitem(portfolio._ENGINES, "grid-dp", Small)
    result = portfolio.solve(on_mesh(4, 3, 12), Watch(Limits(time_s=None, workers=1)))
    assert result.status is Status.OPTIMAL
    assert result.vouched_by is not None
    assert result.vouched_by.by == "rlt1"

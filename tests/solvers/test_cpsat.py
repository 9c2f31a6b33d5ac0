"""The CP-SAT boundary: what the engine says is translated totally, and nothing it says is believed."""

from __future__ import annotations

import threading
import time
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from oracle import random_network
from ortools.sat.python import cp_model

from spinemap_exact import solvers
from spinemap_exact.errors import EngineDefect, InvalidInput
from spinemap_exact.formulations.partition import assignment
from spinemap_exact.formulations.placement import table_cpsat
from spinemap_exact.hardware import Crossbar
from spinemap_exact.mapping import Partition
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Status, StopReason, Watch
from spinemap_exact.solvers import cpsat


def model_of(cls) -> ModuleType:
    module = ModuleType("formulations.lying")
    module.build = cls
    return module


def bridge(spikes: int = 3, **options) -> PartitionProblem:
    """Two pairs of units joined by one net."""
    network = Network.from_synapses([0, 1, 2], [1, 2, 3], [50, spikes, 50, 0])
    return PartitionProblem(network, (Crossbar(2, 2),), max_clusters=2, **options)


def hard() -> PartitionProblem:
    """Far beyond what an assignment model closes in seconds."""
    network = random_network(np.random.default_rng(0), 40, 5, density=0.2)
    return PartitionProblem(network, (Crossbar(45, 8),), max_clusters=8)


def one_worker(time_s: float = 60, **options) -> Watch:
    return Watch(Limits(time_s=time_s, workers=1), **options)


def test_says_what_was_proven_and_by_whom():
    watch = one_worker()
    result = cpsat.solve(assignment, bridge(), watch)
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, 3, 3)
    assert str(result.vouched_by).startswith("attested (cp-sat ")
    assert result.formulation == "assignment-cpsat"
    assert (watch.trace[-1].objective, watch.trace[-1].dual_bound) == (3, 3)


def test_infeasible_has_no_numbers():
    result = cpsat.solve(assignment, bridge(max_area=4), one_worker())
    assert (result.status, result.objective, result.dual_bound) == (Status.INFEASIBLE, None, None)


def test_a_reading_that_breaks_a_constraint_is_noticed():
    class Lying(assignment.Assignment):
        def read(self, value):
            return Partition(np.zeros(4))

    with pytest.raises(EngineDefect, match="breaks 2 constraints, first: cluster 0 needs 3 rows"):
        cpsat.solve(model_of(Lying), bridge(), one_worker())


def test_a_reading_that_costs_more_than_the_engine_says_is_noticed():
    class Lying(assignment.Assignment):
        def read(self, value):
            return Partition([0, 1, 1, 0])

    with pytest.raises(EngineDefect, match="prices a solution at 3; it costs 100"):
        cpsat.solve(model_of(Lying), bridge(), one_worker())


def test_an_optimum_that_is_cheaper_than_the_engine_says_is_noticed():
    class Lying(assignment.Assignment):
        def minimise(self, terms, constant=0):
            super().minimise(terms, constant=7)

    with pytest.raises(EngineDefect, match="claims the bound 10 above a solution of cost 3"):
        cpsat.solve(model_of(Lying), bridge(), one_worker())


def test_an_incomplete_hint_is_noticed():
    class Forgetful(assignment.Assignment):
        def values(self, solution):
            return list(super().values(solution))[1:]

    with pytest.raises(EngineDefect, match="the warm start gives 21 of 22 variables a value"):
        cpsat.solve(model_of(Forgetful), bridge(), one_worker(), Partition([0, 0, 1, 1]))


@pytest.mark.parametrize("name", ["assignment-cpsat", "representatives-cpsat"])
def test_a_warm_start_without_units_is_complete(name):
    inputs = Network.from_synapses([], [], [13, 16], is_input=[True, True])
    problem = PartitionProblem(inputs, (Crossbar(2, 1, area=12),), max_clusters=2, max_area=15)
    result = solvers.load("partition", name)(problem, one_worker(), warm_start=Partition([], []))
    assert (result.status, result.objective) == (Status.OPTIMAL, 0)


def test_an_infeasible_warm_start_is_refused():
    with pytest.raises(InvalidInput, match="the warm start is not feasible: cluster 0 needs 3 columns"):
        cpsat.solve(assignment, bridge(), one_worker(), Partition([0, 0, 0, 1]))


def test_costs_beyond_its_integers_are_refused():
    huge = bridge(2**61)
    with pytest.raises(InvalidInput, match="beyond CP-SAT's integers"):
        cpsat.solve(assignment, huge, one_worker())


def test_costs_that_only_presolving_adds_up_are_refused():
    # three flows pay 5 * 2^57 each at most, which int64 holds; written as a cost for each pair of tiles it does not
    a, b = np.triu_indices(6, 1)
    flow = np.where((b == a + 1) & (a < 3), 2**57, 1)
    mesh = Mesh(np.zeros(6, dtype=int), np.arange(6))
    problem = PlacementProblem(6, flow_from=a, flow_to=b, flow=flow, mesh=mesh)
    with pytest.raises(InvalidInput, match="beyond CP-SAT's integers once it has presolved the model"):
        cpsat.solve(table_cpsat, problem, one_worker())


def test_large_costs_are_exact():
    spikes = 2**55 + 1  # no double holds it
    result = cpsat.solve(assignment, bridge(spikes, objective="packets"), one_worker())
    assert (result.objective, result.dual_bound) == (100, 100)  # both loud pairs apart: 50 + 50 < spikes
    chain = PartitionProblem(Network.from_synapses([0], [1], [spikes, 0]), (Crossbar(1, 1),), max_clusters=2)
    result = cpsat.solve(assignment, chain, one_worker())
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, spikes, spikes)


@pytest.mark.parametrize(("most", "hears"), [(2**42 - 1, True), (2**42, False), (-(2**42), False)])
def test_bounds_on_the_way_are_doubles_and_count_where_costs_are_small(most, hears):
    # 24 was said of an optimum of 15 where another coefficient was 57646075230342348: near 2^56 doubles are 8 apart
    model = cp_model.CpModel()
    model.minimize(1 + (most // 3) * model.new_int_var(-2, 3, "x") + (most % 3) * model.new_bool_var("y"))
    run = cpsat._Run(SimpleNamespace(constant=0), SimpleNamespace(proto=model), one_worker(), best=None)
    assert run.hears_bounds is hears
    assert (run._solver().best_bound_callback is not None) is hears


@pytest.mark.parametrize("warm", [False, True])
def test_a_stop_request_returns_the_best_so_far(warm):
    stop = threading.Event()
    heard = []

    def listen(progress):
        heard.append(progress)
        if progress.objective is not None:
            stop.set()

    problem = hard()
    start = Partition(np.arange(40) // 5) if warm else None
    result = cpsat.solve(assignment, problem, one_worker(stop=stop, listen=listen), start)
    assert result.status is Status.FEASIBLE
    assert result.stopped_by is StopReason.INTERRUPTED
    assert result.dual_bound is None or result.dual_bound < result.objective


def test_a_limit_is_never_a_search_that_was_exhausted():
    """CP-SAT ended some milliseconds before its own limit: then nobody knew why it had."""
    for time_s in (0.2, 0.3, 0.4):
        result = cpsat.solve(assignment, hard(), one_worker(time_s))
        assert (result.stopped_by, result.reason) == (StopReason.TIME, f"{time_s} s limit")


def test_a_clock_of_processor_time_is_the_only_one():
    """A limit on a clock that runs at a tenth of the wall's: CP-SAT once ended after a tenth of it."""
    begin = time.perf_counter()
    watch = one_worker(0.1, clock=lambda: begin + (time.perf_counter() - begin) / 10)
    result = cpsat.solve(assignment, hard(), watch)
    assert (result.stopped_by, watch.should_stop()) == (StopReason.TIME, True)


def test_an_engine_that_ends_for_no_reason_of_ours_is_said_to_have_given_up(monkeypatch):
    # its memory limit is the only other thing that ends it; so does a limit on its work
    def hasty(watch):
        solver = plain(watch)
        solver.parameters.max_deterministic_time = 0.01
        return solver

    plain = cpsat._solver
    monkeypatch.setattr(cpsat, "_solver", hasty)
    result = cpsat.solve(assignment, hard(), one_worker())
    assert (result.stopped_by, result.reason) == (StopReason.ENGINE, "the engine gave up")


def test_stopped_before_it_begins():
    stop = threading.Event()
    stop.set()
    result = cpsat.solve(assignment, hard(), one_worker(stop=stop))
    assert (result.status, result.objective, result.dual_bound) == (Status.UNKNOWN, None, None)
    warm = cpsat.solve(assignment, bridge(), one_worker(stop=stop), Partition([0, 0, 1, 1]))
    assert (warm.status, warm.objective, warm.dual_bound) == (Status.FEASIBLE, 3, None)

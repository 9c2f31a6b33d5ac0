"""The MILP boundary: one model on CBC, HiGHS and SCIP; statuses translated totally, floating bounds made integers."""

from __future__ import annotations

import itertools
import sys
import threading
from fractions import Fraction
from types import ModuleType, SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from oracle import optimum, random_network, random_placement_problem

from spinemap_exact import solvers
from spinemap_exact.errors import EngineDefect, InvalidInput
from spinemap_exact.formulations._milp import Milp
from spinemap_exact.formulations.packing import assignment as packing
from spinemap_exact.formulations.partition import assignment
from spinemap_exact.formulations.placement import xia_yuan_milp
from spinemap_exact.hardware import Crossbar
from spinemap_exact.mapping import Partition
from spinemap_exact.network import Network
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Limits, Status, StopReason, Watch
from spinemap_exact.solvers import _cbc, _highs, _scip, milp
from spinemap_exact.solvers._engine import integer_bound


@pytest.fixture(params=["cbc", "highs", "scip"])
def engine(request):
    if request.param == "scip":
        pytest.importorskip("pyscipopt")
    return request.param


def model_of(cls) -> ModuleType:
    module = ModuleType("formulations.lying")
    module.build = cls
    return module


def bridge(spikes: int = 3, loud: int = 50, **options) -> PartitionProblem:
    """Two pairs of units joined by one net."""
    network = Network.from_synapses([0, 1, 2], [1, 2, 3], [loud, spikes, loud, 0])
    return PartitionProblem(network, (Crossbar(2, 2),), max_clusters=2, **options)


def hard() -> PartitionProblem:
    """Far beyond what an assignment model closes in seconds."""
    network = random_network(np.random.default_rng(0), 40, 5, density=0.2)
    return PartitionProblem(network, (Crossbar(45, 8),), max_clusters=8)


def one_worker(time_s: float | None = 60, **options) -> Watch:
    return Watch(Limits(time_s=time_s, workers=1), **options)


def test_says_what_was_proven_and_by_whom(engine):
    result = milp.solve(assignment, bridge(), one_worker(), engine=engine)
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, 3, 3)
    assert str(result.vouched_by).startswith(f"attested ({engine} ")
    assert result.formulation == "assignment-milp"


def test_infeasible_has_no_numbers(engine):
    result = milp.solve(assignment, bridge(max_area=4), one_worker(), engine=engine)
    assert (result.status, result.objective, result.dual_bound) == (Status.INFEASIBLE, None, None)


def test_a_reading_that_breaks_a_constraint_is_noticed(engine):
    class Lying(assignment.Assignment):
        def read(self, value):
            return Partition(np.zeros(4))

    with pytest.raises(EngineDefect, match="breaks 2 constraints, first: cluster 0 needs 3 rows"):
        milp.solve(model_of(Lying), bridge(), one_worker(), engine=engine)


def test_a_reading_that_costs_more_than_the_engine_says_is_noticed(engine):
    class Lying(assignment.Assignment):
        def read(self, value):
            return Partition([0, 1, 1, 0])

    with pytest.raises(EngineDefect, match="prices a solution at 3; it costs 100"):
        milp.solve(model_of(Lying), bridge(), one_worker(), engine=engine)


def test_a_bound_above_a_solution_is_noticed(engine):
    class Lying(assignment.Assignment):
        def minimise(self, terms, constant=0):
            super().minimise(terms, constant=7)

    with pytest.raises(EngineDefect, match="claims the bound 10 above a solution of cost 3"):
        milp.solve(model_of(Lying), bridge(), one_worker(), engine=engine)


def test_an_incomplete_warm_start_is_noticed(engine):
    class Forgetful(assignment.Assignment):
        def values(self, solution):
            return list(super().values(solution))[1:]

    with pytest.raises(EngineDefect, match="the warm start gives assign_0,0_ no value"):
        milp.solve(model_of(Forgetful), bridge(), one_worker(), Partition([0, 0, 1, 1]), engine=engine)


def test_an_infeasible_warm_start_is_refused(engine):
    with pytest.raises(InvalidInput, match="the warm start is not feasible: cluster 0 needs 3 columns"):
        milp.solve(assignment, bridge(), one_worker(), Partition([0, 0, 0, 1]), engine=engine)


def test_costs_beyond_floating_point_are_refused(engine):
    with pytest.raises(InvalidInput, match="beyond the floating point of a MILP engine"):
        milp.solve(assignment, bridge(2**51, 2**53 + 1), one_worker(), engine=engine)


def test_a_common_divisor_of_the_costs_does_not_count(engine):
    # a trillion times 3 and 50: the engine sees 3 and 50
    result = milp.solve(assignment, bridge(3 * 10**15, 50 * 10**15), one_worker(), engine=engine)
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, 3 * 10**15, 3 * 10**15)


@pytest.mark.parametrize("warm", [False, True])
def test_a_stop_request_returns_the_best_so_far(engine, warm):
    stop = threading.Event()
    start = Partition(np.arange(40) // 5) if warm else None
    watch = one_worker(None, stop=stop)
    clock = threading.Timer(1.0, stop.set)
    clock.start()
    result = milp.solve(assignment, hard(), watch, start, engine=engine)
    clock.join()
    assert result.stopped_by is StopReason.INTERRUPTED
    assert result.status in ((Status.FEASIBLE,) if warm else (Status.FEASIBLE, Status.UNKNOWN))
    # 1638 packets is a known solution, the relaxation proves 296
    assert result.dual_bound is None or result.dual_bound <= 1638


def test_a_clock_ahead_of_ours_is_a_limit_all_the_same(engine):
    """The engine is told what is left; when it ends, our own clock has hardly moved."""
    ours = itertools.chain([0.0], itertools.repeat(59.5))
    result = milp.solve(assignment, hard(), one_worker(60, clock=lambda: next(ours)), engine=engine)
    assert (result.stopped_by, result.reason) == (StopReason.TIME, "60 s limit")


def test_stopped_before_it_begins(engine):
    stop = threading.Event()
    stop.set()
    result = milp.solve(assignment, hard(), one_worker(stop=stop), engine=engine)
    assert (result.status, result.objective, result.dual_bound) == (Status.UNKNOWN, None, None)


def test_an_unknown_engine_is_named():
    with pytest.raises(InvalidInput, match="unknown engine 'cplex'"):
        milp.solve(assignment, bridge(), one_worker(), engine="cplex")


@pytest.mark.parametrize(
    ("bound", "proven"),
    [
        (3.0, 3),
        (2.9999999, 3),
        (3.0000001, 3),  # within the tolerance of 3
        (3.001, 4),
        (-0.2, 0),
        (1e6 + 0.5, 10**6),  # half a unit of a million is within one in a million
        (1e20, None),
        (float("-inf"), None),
        (float("nan"), None),
    ],
)
def test_floating_bounds_become_integers_carefully(bound, proven):
    assert integer_bound(bound) == proven
    if proven is not None:
        assert proven - 1 < Fraction(bound)  # a solution of cost proven - 1 would lie below the bound


@pytest.mark.parametrize(
    ("first", "in_a_hurry", "status"),
    [
        ("Optimal - objective value 3.00000000", False, Status.OPTIMAL),
        ("Stopped on time - objective value 7.00000000", False, Status.FEASIBLE),
        ("Stopped on iterations - objective value 7.00000000", True, Status.FEASIBLE),
        ("Stopped on time (no integer solution - continuous used) - objective value 2.5", False, Status.UNKNOWN),
        ("Integer infeasible - objective value 0.00000000", False, Status.INFEASIBLE),
        ("Infeasible - objective value 0.00000000", False, Status.INFEASIBLE),
        ("Infeasible - objective value 0.00000000", True, Status.UNKNOWN),  # CBC says so when interrupted
    ],
)
def test_what_cbc_writes(tmp_path, first, in_a_hurry, status):
    path = tmp_path / "model.sol"
    path.write_text(f"{first}\n** 0 C0000000 1 0\n 0 X0000000 1 3\n 1 X0000001 0 0\n")
    outcome = _cbc._outcome(path, [], in_a_hurry)
    assert outcome.status is status
    assert (outcome.stopped_by is StopReason.TIME) == first.startswith("Stopped on time")
    assert outcome.values == ([1.0, 0.0] if status.has_solution else None)
    assert (outcome.bound is None) == (status is not Status.OPTIMAL)


@pytest.mark.parametrize(
    ("text", "digits", "least"),
    [
        ("1.88679e+06", 6, 1886785),  # stands for 1886785 ... 1886795
        ("999999", 6, 999998.5),
        ("1886787", 8, 1886786.95),
        ("1.8867867e+09", 8, 1886786650),
        ("-2.5", 6, -2.500005),
        ("0", 6, -5e-6),
        ("1e+50", 8, 9.9999995e49),
    ],
)
def test_digits_that_cbc_left_out_count_as_nothing(text, digits, least):
    assert _cbc._least(text, digits) == pytest.approx(least, rel=1e-12)
    assert _cbc._least("inf", digits) == float("inf")


def test_a_log_that_has_no_number_is_a_defect():
    with pytest.raises(EngineDefect, match="CBC wrote 'much' where its log has a bound"):
        _cbc._least("much", 6)


def test_bounds_in_the_log_of_cbc(tmp_path, monkeypatch):
    """The relaxation comes with six digits, the tree with eight and the best solution so far."""
    heard = []
    lines = (
        "Continuous objective value is 1.88679e+06 - 0.05 seconds",
        "Cbc0010I After 0 nodes, 1 on tree, 1886789 best solution, best possible 1886786.5 (0.80 seconds)",
        "Cbc0010I After 0 nodes, 1 on tree, 1e+50 best solution, best possible 3 (0.80 seconds)",
    )
    pretend(monkeypatch, tmp_path, *(f"echo '{line}'" for line in lines))
    listener = SimpleNamespace(on_bound=lambda *numbers: heard.append(numbers))
    _cbc.run(tmp_path / "model.mps", None, one_worker(), listener)
    assert heard == [(1886785, float("inf")), pytest.approx((1886786.45, 1886788.95)), pytest.approx((3, 1e50))]


def test_a_bound_within_the_gap_of_a_solution_is_no_bound():
    """An engine may drop what is half a unit better than its best, and then bound by its best: 77.3 proves 77."""
    say = Milp()
    run = milp._Run(assignment.build(bridge(), say), say, one_worker(), None, "cbc", 2e-6)
    run.on_bound(77.3, 77.3)
    assert run.bound == 77
    run.on_bound(77.3, 80.0)
    assert run.bound == 78


def pretend(monkeypatch, folder, *commands: str) -> None:
    """Put a script in the place of CBC and of the interpreter that runs the others."""
    for engine in (_cbc, _highs, _scip):
        monkeypatch.setattr(engine, "name", lambda: "an engine")
    program = folder / "engine"
    program.write_text("\n".join(["#!/bin/sh", *commands]) + "\n")
    program.chmod(0o755)
    monkeypatch.setattr(_cbc, "_program", lambda: str(program))
    monkeypatch.setattr(sys, "executable", str(program))


@pytest.mark.parametrize(("start", "status"), [(Partition([0, 1, 0, 1]), Status.FEASIBLE), (None, Status.UNKNOWN)])
def test_an_engine_that_dies_leaves_the_warm_start(engine, start, status, monkeypatch, tmp_path):
    pretend(monkeypatch, tmp_path, "kill -SEGV $$")
    result = milp.solve(assignment, bridge(), one_worker(), start, engine=engine)
    assert (result.status, result.dual_bound) == (status, None)
    assert (result.stopped_by, result.reason) == (StopReason.ENGINE, f"{engine} died of SIGSEGV")


def test_an_engine_that_hears_nothing_is_killed(engine, monkeypatch, tmp_path):
    pretend(monkeypatch, tmp_path, "trap '' INT", "while true; do sleep 0.1; done")
    result = milp.solve(assignment, bridge(), one_worker(0.2), Partition([0, 1, 0, 1]), engine=engine)
    assert (result.status, result.objective, result.dual_bound) == (Status.FEASIBLE, 103, None)
    assert (result.stopped_by, result.reason) == (StopReason.TIME, "0.2 s limit")


@pytest.mark.parametrize("engine", ["highs", "scip"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [("echo no memory >&2", "{} ended without an answer: no memory"), ("""echo '["defect", "odd"]'""", "odd")],
)
def test_a_library_that_fails_says_why(engine, line, reason, monkeypatch, tmp_path):
    pretend(monkeypatch, tmp_path, line, "exit 3")
    with pytest.raises(EngineDefect, match=reason.format(engine)):
        milp.solve(assignment, bridge(), one_worker(), engine=engine)


class Contradiction(assignment.Assignment):
    """Allows no cluster at all."""

    def respect_counts(self):
        self.say.require(self.say.sum(self.assign.values()) <= 0)


def test_infeasibility_is_not_passed_on_against_a_known_solution(engine):
    result = milp.solve(model_of(Contradiction), bridge(), one_worker(), Partition([0, 1, 0, 1]), engine=engine)
    assert (result.status, result.objective, result.dual_bound) == (Status.FEASIBLE, 103, None)
    assert result.stopped_by is StopReason.ENGINE
    assert result.reason.endswith("calls infeasible what has solutions: no bound counts")


def test_packings_are_never_infeasible(engine):
    class Tight(packing.Assignment):
        def use_bins_in_order(self):
            self.say.require(self.say.sum(self.used) <= 1)

    result = milp.solve(model_of(Tight), PackingProblem([2, 2], 3), one_worker(), engine=engine)
    assert (result.status, result.dual_bound) == (Status.UNKNOWN, None)


def test_an_unlisted_outcome_of_cbc_is_a_defect(tmp_path):
    path = tmp_path / "model.sol"
    path.write_text("Abandoned - objective value 0\n")
    with pytest.raises(EngineDefect, match="unlisted status 'Abandoned"):
        _cbc._outcome(path, [], False)


def test_cbc_that_wrote_nothing_says_nothing(tmp_path):
    assert _cbc._outcome(tmp_path / "model.sol", [], False).status is Status.UNKNOWN


def test_highs_keeps_the_optimum():
    """HiGHS 1.14 with restarts proves 78 here, above the optimum of 77."""
    problem = random_placement_problem(59)
    result = milp.solve(xia_yuan_milp, problem, one_worker(), engine="highs")
    assert (result.objective, result.dual_bound) == (optimum(problem), 77)


@pytest.mark.parametrize("name", ["representatives-cbc", "representatives-highs", "representatives-scip"])
def test_presolving_keeps_the_optimum(name):
    """Two units that fit one crossbar: the inputs send 19 + 11 packets. HiGHS 1.14 cut that off and proved 52."""
    pre, post = [0, 1, 1, 2, 3, 3], [0, 0, 1, 1, 0, 1]
    network = Network.from_synapses(pre, post, [16, 11, 19, 11], is_input=np.arange(4) >= 2)
    problem = PartitionProblem(network, (Crossbar(4, 2, count=2),), 2)
    if name.endswith("scip"):
        pytest.importorskip("pyscipopt")
    result = solvers.load("partition", name)(problem, Watch(Limits(time_s=30, workers=1)))
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, 30, 30)


def test_scip_that_does_not_listen_yet_is_asked_again():
    refusal = Exception("SCIP: method cannot be called at this time in solution process!")
    _scip._interrupt(SimpleNamespace(interruptSolve=Mock(side_effect=refusal)))
    with pytest.raises(Exception, match="out of memory"):
        _scip._interrupt(SimpleNamespace(interruptSolve=Mock(side_effect=Exception("SCIP: out of memory!"))))

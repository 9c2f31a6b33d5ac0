"""What a time limit covers, and how work ends that asks no watch."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.in_time import in_time
from spinemap_exact.network import Network
from spinemap_exact.pipeline import Found, Wanted, certify_all, evidence, map_by_stages, solve, solve_within, stages
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.result import Limits, Status, Watch, conclude

PACKING = PackingProblem(np.array([6, 4, 5, 5]), 10)


@pytest.mark.parametrize(
    ("wanted", "limit_s", "reserve_s"),
    [
        (Wanted(certificate=True), 60.0, 15.0),  # a quarter
        (Wanted(certificate=True, beyond_s=5.0), 60.0, 0.0),  # evidence has time of its own
        (Wanted(), 60.0, 3.0),  # a twentieth
        (Wanted(), 100.0, 5.0),
        (Wanted(), 1000.0, 5.0),  # five seconds at most
    ],
)
def test_evidence_has_its_share_of_the_limit(wanted, limit_s, reserve_s):
    assert wanted.reserve_s(limit_s) == pytest.approx(reserve_s)


@pytest.mark.parametrize(
    ("beyond_s", "to_solve_s", "to_certify_s"),
    [
        (None, 7.5, 8.0),  # of 10 s, 2 s were needed: what a proof leaves goes to evidence
        (3.0, 10.0, 11.0),  # all of the limit to solve; 10 - 2 + 3 for evidence
    ],
)
def test_solver_and_evidence_share_one_limit(monkeypatch, beyond_s, to_solve_s, to_certify_s):
    now, given = [100.0], []

    def solved(problem, watch, **_):
        given.append(watch.limits.time_s)
        now[0] += 2.0
        return "test", conclude(problem, np.array([0, 0, 1, 1]), None, engine="test", watch=watch)

    def certified(name, problem, solver, result, watch, *, thorough):
        given.append(watch.limits.time_s)
        return evidence.Stage(name, problem, solver, result)

    monkeypatch.setattr(evidence, "solve_problem", solved)
    monkeypatch.setattr(evidence, "certify", certified)
    watch = Watch(Limits(time_s=10.0), clock=lambda: now[0])
    stage = evidence.solve_and_certify("packing", PACKING, watch, Wanted(True, beyond_s))

    assert given == pytest.approx([to_solve_s, to_certify_s])
    assert stage.result.limits.time_s == 10.0  # what was asked for


def test_a_stage_says_where_its_time_went():
    stage = solve_within(Limits(time_s=20, workers=1), "packing", PACKING, Wanted())
    assert stage.result.status is Status.OPTIMAL
    assert set(stage.spent_s) == {"warm start", "solve", "check", "compiling"}
    assert stage.as_json()["spent_s"].keys() == stage.spent_s.keys()


def test_a_limit_of_no_time_still_ends_with_what_was_found():
    stage = solve_within(Limits(time_s=1e-3, workers=1), "packing", PACKING, Wanted(certificate=True))
    # first fit on two bins of 6 + 4 and 5 + 5
    assert (stage.result.objective, stage.result.status.has_solution) == (2, True)


def test_endless_work_is_ended():
    ended = threading.Event()

    def endless():
        try:
            yield 1
            yield 2
            while True:
                time.sleep(1e-3)
        finally:
            ended.set()

    assert in_time(endless, Watch(Limits(time_s=0.05))) == 2
    assert ended.wait(10)


def test_work_in_time_comes_back_or_raises():
    def failing():
        raise InvalidInput("as it is")

    watch = Watch(Limits(time_s=60))
    assert in_time(lambda: [1, 2, 3], watch) == 3
    assert in_time(list, watch) is None
    with pytest.raises(InvalidInput, match="as it is"):
        in_time(failing, watch)


def test_what_cannot_be_done_without_is_waited_for():
    needed = threading.Event()

    def late():
        time.sleep(1.2)
        needed.set()
        yield 7

    assert in_time(late, Watch(Limits(time_s=0.01)), grace_s=0.1, can_do_without=needed.is_set) == 7


def test_a_request_to_stop_waits_for_nothing():
    watch = Watch(Limits(time_s=60))
    watch.request_stop()
    assert in_time(lambda: [time.sleep(0.01) for _ in range(10**4)], watch, can_do_without=lambda: False) is None


def endless(best, bound=None):
    """A search that finds something at once and asks no watch."""

    def search(problem, watch, start=None, warm_start=None):
        watch.report(dual_bound=bound)
        watch.offer(best)
        while True:
            time.sleep(1e-3)

    return search


def test_a_late_search_leaves_the_best_that_it_offered(monkeypatch):
    # 6 + 4 and 5 + 5 fill two bins of ten; 20 / 10 = 2 bins are needed
    monkeypatch.setattr(solve.heuristics, "load", lambda kind, name: endless(np.array([0, 0, 1, 1])))
    watch = Watch(Limits(time_s=0.2))
    author, result = solve.solve_problem(PACKING, watch, warm_start="best-fit", solver="none", punctual=True)
    assert (author, result.objective, result.dual_bound) == ("best-fit", 2, None)


def test_a_late_solver_leaves_its_best_and_its_bound(monkeypatch):
    kept = []
    monkeypatch.setattr(solve, "_GRACE_OF_SOLVER_S", 0.1)
    monkeypatch.setattr(solve.solvers, "load", lambda kind, name: endless(np.array([0, 0, 1, 1]), bound=1))
    watch = Watch(Limits(time_s=0.2))
    _, result = solve.solve_problem(
        PACKING, watch, solver="patterns", warm_start="none", starts=[np.array([0, 1, 2, 3])], keep=kept.append,
        punctual=True,
    )  # fmt: skip
    assert (result.objective, result.dual_bound, str(result.vouched_by)) == (2, 1, "attested (patterns)")
    assert [PACKING.cost(solution) for solution in kept] == [4, 2]


def test_what_breaks_a_limit_is_no_best_so_far(monkeypatch):
    monkeypatch.setattr(solve.heuristics, "load", lambda kind, name: endless(np.array([0, 0, 0, 1])))
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    watch = Watch(Limits(time_s=60), stop=stop)
    assert solve.solve_problem(PACKING, watch, warm_start="best-fit", punctual=True)[1].status is Status.UNKNOWN


@pytest.mark.parametrize("units", [None, 2])
def test_few_units_may_be_asked_for_whatever_their_fan_in(units):
    """Eight neurons that read seven others each: more than the six rows, and than units of two inputs."""
    pre, post = np.nonzero(~np.eye(8, dtype=bool))
    network = Network.from_synapses(pre, post, np.ones(8))
    hardware = chip(Crossbar(6, 8), tiles=40)
    run = map_by_stages(
        network, hardware, limits=Limits(time_s=20, workers=1), unroll_objective="units", unit_fan_in=units,
        last_stage="unroll",
    )  # fmt: skip
    # ceil(7 / 6) = 2 units, the second takes the carry of the first; of two inputs, a tree over 7 leaves has 6 units
    assert run.stages[0].result.objective == (16 if units is None else 48)


def ring(neurons: int) -> Network:
    """Each neuron feeds the next two."""
    pre = np.repeat(np.arange(neurons), 2)
    return Network.from_synapses(pre, (pre + np.tile([1, 2], neurons)) % neurons, np.ones(neurons))


def chip(*crossbars: Crossbar, tiles: int) -> Hardware:
    return Hardware("chip", TileGrid(tiles, 1), crossbars)


def test_no_evidence_is_looked_for_after_an_interrupt(monkeypatch):
    run = map_by_stages(ring(6), chip(Crossbar(6, 2), tiles=3), limits=Limits(time_s=20, workers=1))
    run = replace(run, stages=tuple(replace(stage, unverified="something") for stage in run.stages))
    looked: list[str] = []
    monkeypatch.setattr(stages, "certify", lambda name, *_, **__: looked.append(name))
    stop = threading.Event()
    stop.set()

    assert certify_all(run, Wanted(True), stop=stop).stages == run.stages
    assert looked == []


def test_what_cannot_be_placed_is_refused_before_anything_is_solved():
    mixed = chip(Crossbar(6, 2, count=2), Crossbar(6, 4, count=1), tiles=3)
    with pytest.raises(InvalidInput, match="several crossbar types; only --stage unroll and partition"):
        map_by_stages(ring(6), mixed, keep=pytest.fail)


@pytest.mark.parametrize(("tiles", "solved"), [(2, 0), (3, 3)])
def test_too_few_tiles_are_counted_before_anything_is_solved(tiles, solved):
    # six neurons in crossbars of two columns
    run = map_by_stages(ring(6), chip(Crossbar(6, 2), tiles=tiles), limits=Limits(time_s=20, workers=1))
    assert len(run.stages) == solved
    assert (run.status is Status.INFEASIBLE) == (solved == 0) == (run.as_json()["stages"] == {})


def test_every_best_so_far_is_kept():
    kept: list[Found] = []
    hardware = chip(Crossbar(6, 2), tiles=3)
    run = map_by_stages(ring(6), hardware, limits=Limits(time_s=20, workers=1), keep=kept.append)

    assert [f.mapping(hardware).violations(run.network, hardware) for f in kept] == [[]] * len(kept)
    # nothing is kept of a stage before those above it are done
    depth = [len(f.stages) for f in kept]
    assert depth == sorted(depth) and depth[0] <= 1 and depth[-1] == 3
    assert kept[-1].mapping(hardware).placement.digest == run.mapping.placement.digest
    assert kept[-1].partition.digest == run.mapping.partition.digest

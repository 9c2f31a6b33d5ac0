"""HiGHS behind `spinemap_exact.solvers.milp`, in a process of its own."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

import highspy

from spinemap_exact.errors import EngineDefect
from spinemap_exact.result import Status, StopReason, Watch
from spinemap_exact.solvers import _apart as apart
from spinemap_exact.solvers._engine import POLL_S, Outcome

TOLERANCE = 2e-6
"""See `spinemap_exact.solvers.milp`: values within 1e-6 of an integer; rows within 1e-6, perhaps after scaling."""

_M = highspy.HighsModelStatus
_STOPPED = (_M.kTimeLimit, _M.kInterrupt, _M.kHighsInterrupt)
# every variable of our models is bounded, so "unbounded or infeasible" can only be the latter
_INFEASIBLE = (_M.kInfeasible, _M.kUnboundedOrInfeasible)
_GAVE_UP = (_M.kPresolveError, _M.kSolveError, _M.kPostsolveError)


@cache
def name() -> str:
    """Name and version."""
    return f"highs {highspy.Highs().version()}"


def run(mps: Path, start: list[float] | None, watch: Watch, listener: Any) -> Outcome:
    """Solve an MPS file; ``listener`` has ``on_bound`` and ``on_solution``."""
    return apart.run("highs", mps, start, watch, listener)


def search(mps: Path, start: list[float] | None, watch: Watch, listener: Any) -> Outcome:
    """Solve an MPS file in this process."""
    highs = highspy.Highs()
    for option, value in (
        ("output_flag", False),
        ("mip_rel_gap", 0.0),
        ("mip_abs_gap", 0.5),  # the objective is an integer
        ("mip_allow_restart", False),  # 1.14 was seen to cut off the optimum of a tiny model after a restart
        ("random_seed", watch.limits.seed),
        ("parallel", "off"),  # its tree search is sequential, and one thread gives the same result every time
        ("threads", 1),
    ):
        highs.setOptionValue(option, value)
    if highs.readModel(str(mps)) == highspy.HighsStatus.kError:
        return Outcome.given_up("HiGHS does not read the model: numbers beyond 1e15")
    if watch.remaining_s is not None:
        highs.setOptionValue("time_limit", watch.remaining_s)  # set earlier it can end the reading of the file
    if start is not None:
        solution = highspy.HighsSolution()
        solution.col_value = start
        highs.setSolution(solution)
    _Search(highs, listener).solve(watch)
    return _outcome(highs, watch)


class _Search:
    """Runs HiGHS in a thread of its own; its callbacks look at a flag that the caller's thread sets."""

    def __init__(self, highs: Any, listener: Any) -> None:
        self.highs, self.listener = highs, listener
        self.stop = threading.Event()
        self.defect: Exception | None = None
        highs.cbSimplexInterrupt += self._look
        highs.cbMipInterrupt += self._look
        highs.cbMipImprovingSolution += self._improved

    def solve(self, watch: Watch) -> None:
        thread = threading.Thread(target=self.highs.run, name="highs", daemon=True)
        thread.start()
        while thread.is_alive():
            if watch.should_stop():
                self.stop.set()
            thread.join(POLL_S)
        if self.defect is not None:
            raise self.defect

    def _look(self, event: Any) -> None:
        if self.stop.is_set():
            event.interrupt()

    def _improved(self, event: Any) -> None:
        # an exception must not cross the engine's stack: it is kept, and raised once the search has ended
        try:
            self.listener.on_solution(event.data_out.mip_solution)
            self.listener.on_bound(event.data_out.mip_dual_bound, event.data_out.mip_primal_bound)
        except Exception as defect:
            self.defect = defect
            self.stop.set()


def _outcome(highs: Any, watch: Watch) -> Outcome:
    said = highs.getModelStatus()
    info = highs.getInfo()
    if said in _INFEASIBLE:
        return Outcome(Status.INFEASIBLE)
    if said in _GAVE_UP:
        return Outcome.given_up(f"HiGHS gave up ({highs.modelStatusToString(said)})")
    if said != _M.kOptimal and said not in _STOPPED:
        raise EngineDefect(f"HiGHS ended with the unlisted status {highs.modelStatusToString(said)}")
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    if said == _M.kOptimal and not found:
        raise EngineDefect("HiGHS claims an optimum and has no solution")
    status = Status.OPTIMAL if said == _M.kOptimal else Status.FEASIBLE if found else Status.UNKNOWN
    end = StopReason.TIME if said in _STOPPED and not watch.stop_requested else None
    if not found:
        return Outcome(status, info.mip_dual_bound, stopped_by=end)
    values = list(highs.getSolution().col_value)
    return Outcome(status, info.mip_dual_bound, values, info.objective_function_value, end)

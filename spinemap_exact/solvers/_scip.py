"""SCIP behind `spinemap_exact.solvers.milp`, in a process of its own."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

from spinemap_exact.errors import EngineDefect, MissingExtra
from spinemap_exact.result import Status, StopReason, Watch
from spinemap_exact.solvers import _apart as apart
from spinemap_exact.solvers._engine import POLL_S, Outcome

TOLERANCE = 2e-6
"""See `spinemap_exact.solvers.milp`: values within 1e-6 of an integer; rows within 1e-6 of their right-hand side."""

_STOPPED = ("timelimit", "userinterrupt")
# every variable of our models is bounded, so "infeasible or unbounded" can only be the former
_INFEASIBLE = ("infeasible", "inforunbd")
_OPTIMAL = ("optimal", "gaplimit")  # the gap limit is half a unit of an integer objective


@cache
def name() -> str:
    """Name and version."""
    model = _scip().Model()
    return f"scip {model.getMajorVersion()}.{model.getMinorVersion()}.{model.getTechVersion()}"


def run(mps: Path, start: list[float] | None, watch: Watch, listener: Any) -> Outcome:
    """Solve an MPS file; ``listener`` hears nothing on the way."""
    return apart.run("scip", mps, start, watch, listener)


def search(mps: Path, start: list[float] | None, watch: Watch, listener: Any) -> Outcome:
    """Solve an MPS file in this process."""
    model = _scip().Model()
    model.hideOutput()
    model.readProblem(str(mps))
    model.setParams(
        {"limits/absgap": 0.5, "randomization/randomseedshift": watch.limits.seed, "parallel/maxnthreads": 1}
    )
    if watch.remaining_s is not None:
        model.setParam("limits/time", watch.remaining_s)
    variables = sorted(model.getVars(), key=lambda v: v.name)  # the MPS file numbers them X0000000, X0000001, ...
    if start is not None:
        solution = model.createSol()
        for variable, value in zip(variables, start, strict=True):
            model.setSolVal(solution, variable, value)
        model.addSol(solution)
    thread = threading.Thread(target=model.optimizeNogil, name="scip", daemon=True)
    thread.start()
    while thread.is_alive():
        if watch.should_stop():
            _interrupt(model)
        thread.join(POLL_S)
    return _outcome(model, variables, watch)


def _interrupt(model: Any) -> None:
    """Ask SCIP to stop; before it begins, and after it has ended, it does not listen, and is asked again or is done."""
    try:
        model.interruptSolve()
    except Exception as refusal:
        if "cannot be called at this time" not in str(refusal):
            raise


def _outcome(model: Any, variables: list[Any], watch: Watch) -> Outcome:
    said = model.getStatus()
    if said in _INFEASIBLE:
        return Outcome(Status.INFEASIBLE)
    if said not in _OPTIMAL and said not in _STOPPED:
        raise EngineDefect(f"SCIP ended with the unlisted status {said!r}")
    found = model.getNSols() > 0
    if said in _OPTIMAL and not found:
        raise EngineDefect("SCIP claims an optimum and has no solution")
    status = Status.OPTIMAL if said in _OPTIMAL else Status.FEASIBLE if found else Status.UNKNOWN
    end = StopReason.TIME if said in _STOPPED and not watch.stop_requested else None
    if not found:
        return Outcome(status, model.getDualbound(), stopped_by=end)
    best: Any = model.getBestSol()
    return Outcome(status, model.getDualbound(), [best[v] for v in variables], model.getSolObjVal(best), end)


def _scip() -> Any:
    try:
        import pyscipopt
    except ImportError as absent:
        raise MissingExtra("pyscipopt", "scip", "SCIP") from absent
    return pyscipopt

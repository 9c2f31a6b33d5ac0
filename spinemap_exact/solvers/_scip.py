"""SCIP behind `spinemap_exact.solvers.milp`.

It was seen to end its process by a segmentation fault, so it gets one of its own, which runs this module. Model and
answer are files in one folder; the end of the child's standard input asks it to stop, and comes by itself if we die.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from spinemap_exact.errors import EngineDefect, MissingExtra
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers._engine import POLL_S, Outcome
from spinemap_exact.solvers._process import EngineProcess

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
    """Solve an MPS file."""
    task = {"start": start, "time_s": watch.remaining_s, "seed": watch.limits.seed}
    mps.with_suffix(".task").write_text(json.dumps(task))
    complaints = mps.with_suffix(".err")
    with complaints.open("w") as errors:
        child = _Scip(
            [sys.executable, "-P", "-m", __name__, str(mps)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip
        child.watch_over(watch)
    if (death := child.death()) is not None:
        return Outcome(Status.UNKNOWN, why=f"SCIP died of {death}")
    answer = mps.with_suffix(".answer")
    if answer.exists():
        said = json.loads(answer.read_text())
        return Outcome(**said | {"status": Status(said["status"])})
    if child.interrupted:
        return Outcome(Status.UNKNOWN)
    *_, reason = ["nothing was said", *complaints.read_text().splitlines()]
    raise EngineDefect(f"SCIP ended without an answer: {reason}")


class _Scip(EngineProcess):
    """SCIP at work."""

    def ended(self) -> bool:
        try:
            self.process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def interrupt(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


def main(mps: Path) -> None:
    """Solve what `run` left beside an MPS file: the child's part."""
    task = json.loads(mps.with_suffix(".task").read_text())
    watch = Watch(Limits(time_s=task["time_s"] and max(task["time_s"], 1e-3), workers=1, seed=task["seed"]))
    threading.Thread(target=lambda: (sys.stdin.read(), watch.request_stop()), daemon=True).start()
    draft = mps.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(_solve(mps, task["start"], watch))))
    draft.rename(mps.with_suffix(".answer"))  # whole or not at all


def _solve(mps: Path, start: list[float] | None, watch: Watch) -> Outcome:
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
            model.interruptSolve()
        thread.join(POLL_S)
    return _outcome(model, variables)


def _outcome(model: Any, variables: list[Any]) -> Outcome:
    said = model.getStatus()
    if said in _INFEASIBLE:
        return Outcome(Status.INFEASIBLE)
    if said not in _OPTIMAL and said not in _STOPPED:
        raise EngineDefect(f"SCIP ended with the unlisted status {said!r}")
    found = model.getNSols() > 0
    if said in _OPTIMAL and not found:
        raise EngineDefect("SCIP claims an optimum and has no solution")
    status = Status.OPTIMAL if said in _OPTIMAL else Status.FEASIBLE if found else Status.UNKNOWN
    if not found:
        return Outcome(status, model.getDualbound())
    best: Any = model.getBestSol()
    return Outcome(status, model.getDualbound(), [best[v] for v in variables], model.getSolObjVal(best))


def _scip() -> Any:
    try:
        import pyscipopt
    except ImportError as absent:
        raise MissingExtra("pyscipopt", "scip", "SCIP") from absent
    return pyscipopt


if __name__ == "__main__":
    main(Path(sys.argv[1]))

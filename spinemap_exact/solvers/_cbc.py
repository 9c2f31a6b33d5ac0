"""CBC, the program that comes with PuLP, behind `spinemap_exact.solvers.milp`.

It runs as a process of its own. Asked to stop it is interrupted, then ended; what its log said until then still counts.

Its log rounds bounds to six or eight digits: such a number counts for the least that is printed like it.
"""

from __future__ import annotations

import math
import os
import pty
import re
import signal
import subprocess
import time
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

import pulp

from spinemap_exact.errors import EngineDefect
from spinemap_exact.result import Status, StopReason, Watch
from spinemap_exact.solvers._engine import Outcome
from spinemap_exact.solvers._process import EngineProcess

TOLERANCE = 2e-6
"""See `spinemap_exact.solvers.milp`: values within 1e-6 of an integer; rows within ten times 1e-7, after scaling."""

_HURRY = 0.9  # share of its limit from which on CBC may have been in a hurry, whatever our own clock says

_VERSION = re.compile(r"Version: *(\S+)")
_RELAXATION = re.compile(r"Continuous objective value is (\S+)")  # %g
_TREE = re.compile(r"(\S+) best solution, best possible (\S+)")  # %.8g
_LOWER_BOUND = re.compile(r"Lower bound: *([-+.\d]+)")  # %.3f
# The first line of the solution file. "Stopped on ..." is written with the fractional relaxation if nothing was found.
_STATUS = (
    (re.compile(r"Optimal - objective value"), Status.OPTIMAL),
    (re.compile(r"Optimal \(within gap tolerance\) - objective value"), Status.OPTIMAL),
    (re.compile(r"(Integer infeasible|Infeasible) - objective value"), Status.INFEASIBLE),
    (re.compile(r"Stopped on [a-z ]+ - objective value"), Status.FEASIBLE),
    (re.compile(r"Stopped on [a-z ]+ \(no integer solution - continuous used\)"), Status.UNKNOWN),
)


@cache
def name() -> str:
    """Name and version."""
    banner = subprocess.run([_program(), "-exit"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found = _VERSION.search(banner.stdout)
    return f"cbc {found.group(1) if found else 'unknown'}"


def run(mps: Path, start: list[float] | None, watch: Watch, listener: Any) -> Outcome:
    """Solve an MPS file; ``listener`` has ``on_bound``."""
    solution = mps.with_suffix(".sol")
    command = [_program(), str(mps), "-ratio", "0", "-allow", "0.5", "-randomCbcSeed", str(watch.limits.seed)]
    limit_s = watch.remaining_s
    if limit_s is not None:
        command += ["-timeMode", "elapsed", "-sec", f"{limit_s:.3f}"]
    if start is not None:
        command += ["-mips", str(_write_start(mps.with_suffix(".mst"), start))]
    command += ["-solve", "-printingOptions", "all", "-solution", str(solution)]
    begun_s = time.perf_counter()
    process = _Cbc(command, listener)
    process.watch_over(os.fdopen(process.output, encoding="ascii", errors="replace"), watch)
    if process.died:
        cause = process.cause("cbc")
        return Outcome.given_up(cause) if cause else Outcome(Status.UNKNOWN)
    late = limit_s is not None and time.perf_counter() - begun_s > _HURRY * limit_s
    outcome = _outcome(solution, process.log, in_a_hurry=late or process.interrupted or watch.should_stop())
    return replace(outcome, stopped_by=StopReason.TIME) if late and not watch.stop_requested else outcome


def _program() -> str:
    return str(pulp.PULP_CBC_CMD.pulp_cbc_path)


def _write_start(path: Path, start: list[float]) -> Path:
    lines = ["Stopped on time - objective value 0"]
    lines += [f"{i:>7} X{i:07d} {value:>15} 0" for i, value in enumerate(start)]
    path.write_text("\n".join(lines) + "\n")
    return path


class _Cbc(EngineProcess):
    """CBC at work, followed by its log."""

    def __init__(self, command: list[str], listener: Any) -> None:
        self.listener = listener
        self.log: list[str] = []
        self.output, screen = pty.openpty()  # a terminal, or CBC keeps its log back until the end
        try:
            super().__init__(command, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen)
        finally:
            os.close(screen)

    def hear(self, line: str) -> None:
        if self.interrupted:
            return  # what CBC says after a signal is not to be trusted
        self.log.append(line)
        if (found := _RELAXATION.search(line)) is not None:
            self.listener.on_bound(_least(found.group(1), digits=6), math.inf)
        elif (found := _TREE.search(line)) is not None:
            best, possible = (_least(text, digits=8) for text in found.groups())
            self.listener.on_bound(possible, best)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)


def _least(text: str, digits: int) -> float:
    """Return the least number that is printed like this with so many significant digits."""
    try:
        number = Decimal(text)
    except InvalidOperation as defect:
        raise EngineDefect(f"CBC wrote {text!r} where its log has a bound") from defect
    if not number.is_finite():
        return float(number)
    return float(number - Decimal(5).scaleb(number.adjusted() - digits))


def _outcome(solution: Path, log: list[str], in_a_hurry: bool) -> Outcome:
    """Read the solution file. CBC interrupted calls feasible models infeasible, so in a hurry only values count."""
    if not solution.exists():
        return Outcome(Status.UNKNOWN)
    first, *rest = solution.read_text().splitlines()
    status = next((status for pattern, status in _STATUS if pattern.match(first)), None)
    if status is None:
        raise EngineDefect(f"CBC ended with the unlisted status {first!r}")
    if status is Status.INFEASIBLE:
        return Outcome(Status.UNKNOWN if in_a_hurry else status)
    end = StopReason.TIME if first.startswith("Stopped on time") else None
    if not status.has_solution:
        return Outcome(status, _lower_bound(log), stopped_by=end)
    rows = [line.replace("**", " ").split() for line in rest]  # it marks values outside its bounds with stars
    of = {row[1]: float(row[2]) for row in rows if row[1].startswith("X")}  # constraints are C0000000 ...
    objective = float(first.rpartition(" ")[2])
    bound = _lower_bound(log)
    if status is Status.OPTIMAL and bound is None and not in_a_hurry:
        bound = objective
    return Outcome(status, bound, [of[name] for name in sorted(of)], objective, end)


def _lower_bound(log: list[str]) -> float | None:
    """The bound that CBC sums up with, printed to three decimals."""
    return next((float(found.group(1)) - 5e-4 for line in log if (found := _LOWER_BOUND.search(line))), None)

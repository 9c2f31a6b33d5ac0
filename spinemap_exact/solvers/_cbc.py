"""CBC, the program that comes with PuLP, behind `spinemap_exact.solvers.milp`.

It runs as a process of its own. Asked to stop it is interrupted, then ended; what its log said until then still counts.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pulp

from spinemap_exact.errors import EngineDefect
from spinemap_exact.result import Status, Watch
from spinemap_exact.solvers._engine import POLL_S, Outcome

_GRACE_S = 0.6
_VERSION = re.compile(r"Version: *(\S+)")
_BEST_POSSIBLE = re.compile(r"(?:best possible|Continuous objective value is) ([-+.\de]+)")
_LOWER_BOUND = re.compile(r"Lower bound: *([-+.\de]+)")
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
    if watch.remaining_s is not None:
        command += ["-timeMode", "elapsed", "-sec", f"{watch.remaining_s:.3f}"]
    if start is not None:
        command += ["-mips", str(_write_start(mps.with_suffix(".mst"), start))]
    command += ["-solve", "-printingOptions", "all", "-solution", str(solution)]
    process = _Process(command, listener)
    process.watch_over(watch)
    return _outcome(solution, process.log, in_a_hurry=process.interrupted or watch.should_stop())


def _program() -> str:
    return str(pulp.PULP_CBC_CMD.pulp_cbc_path)


def _write_start(path: Path, start: list[float]) -> Path:
    lines = ["Stopped on time - objective value 0"]
    lines += [f"{i:>7} X{i:07d} {value:>15} 0" for i, value in enumerate(start)]
    path.write_text("\n".join(lines) + "\n")
    return path


class _Process:
    """CBC at work: its log is followed in a thread, the caller's thread watches the clock."""

    def __init__(self, command: list[str], listener: Any) -> None:
        self.listener = listener
        self.log: list[str] = []
        self.interrupted = False
        self.defect: Exception | None = None
        # a terminal, or CBC keeps its log back until the end; a session of its own, since Ctrl-C is ours to pass on
        self.output, screen = pty.openpty()
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, start_new_session=True
            )
        finally:
            os.close(screen)

    def watch_over(self, watch: Watch) -> None:
        """Wait for the end, or bring it about: CBC's own clock first, then a signal, then the end of the process."""
        reader = threading.Thread(target=self._follow, name="cbc", daemon=True)
        reader.start()
        patience = None
        try:
            while reader.is_alive():
                now = time.perf_counter()
                if patience is None and watch.should_stop():
                    patience = now + (0.0 if watch.stop_requested else _GRACE_S)
                if patience is not None and now >= patience:
                    self.process.send_signal(signal.SIGKILL if self.interrupted else signal.SIGINT)
                    self.interrupted, patience = True, now + _GRACE_S
                reader.join(POLL_S)
        finally:
            if self.process.poll() is None and reader.is_alive():
                self.process.kill()
            self.process.wait()
        reader.join()
        if self.defect is not None:
            raise self.defect

    def _follow(self) -> None:
        with (
            os.fdopen(self.output, encoding="ascii", errors="replace") as lines,
            suppress(OSError),
        ):  # the end of a terminal
            for line in lines:
                if self.interrupted:
                    continue  # what CBC says after a signal is not to be trusted
                self.log.append(line)
                if (found := _BEST_POSSIBLE.search(line)) is not None and self.defect is None:
                    self._take_bound(found.group(1))

    def _take_bound(self, text: str) -> None:
        try:
            self.listener.on_bound(_number(text))
        except Exception as defect:  # raised again in the caller's thread
            self.defect = defect


def _number(text: str) -> float:
    """Read a number of the log, which is printed to three decimals or eight digits, perhaps rounded up."""
    try:
        return float(text) - 1e-3
    except ValueError as defect:
        raise EngineDefect(f"CBC wrote {text!r} where its log has a bound") from defect


def _outcome(solution: Path, log: list[str], in_a_hurry: bool) -> Outcome:
    """Read the solution file. CBC interrupted calls feasible models infeasible, so in a hurry only values count."""
    if not solution.exists():
        return Outcome(Status.UNKNOWN, None, None)
    first, *rest = solution.read_text().splitlines()
    status = next((status for pattern, status in _STATUS if pattern.match(first)), None)
    if status is None:
        raise EngineDefect(f"CBC ended with the unlisted status {first!r}")
    if status is Status.INFEASIBLE:
        return Outcome(Status.UNKNOWN if in_a_hurry else status, None, None)
    values = None
    if status.has_solution:
        rows = [line.replace("**", " ").split() for line in rest]  # it marks values outside its bounds with stars
        of = {row[1]: float(row[2]) for row in rows if row[1].startswith("X")}  # constraints are C0000000 ...
        values = [of[name] for name in sorted(of)]
    bound = next((_number(m.group(1)) for line in log if (m := _LOWER_BOUND.search(line))), None)
    if status is Status.OPTIMAL and bound is None and not in_a_hurry:
        bound = float(first.rpartition(" ")[2]) - 1e-3
    return Outcome(status, bound, values)

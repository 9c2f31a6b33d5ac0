"""Engines that are libraries, HiGHS and SCIP, in a process of their own, which runs this module.

SCIP was seen to end its process by a segmentation fault, HiGHS to loop for ever, deaf to its own time limit, both on
large coefficients. Model and start are files; the child answers in lines of JSON. It is asked to stop by the end of its
standard input, which comes by itself if we die.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from spinemap_exact.errors import EngineDefect
from spinemap_exact.result import Limits, Status, StopReason, Watch
from spinemap_exact.solvers._engine import Outcome
from spinemap_exact.solvers._process import EngineProcess

_PATIENCE_S = 5.0


def run(engine: str, mps: Path, start: list[float] | None, watch: Watch, listener: Any) -> Outcome:
    """Have a child run ``search`` of the module of an engine.

    Raises
    ------
    EngineDefect
        If the engine contradicts itself, or the child fails.
    """
    task = {"start": start, "time_s": watch.remaining_s, "seed": watch.limits.seed}
    mps.with_suffix(".task").write_text(json.dumps(task))
    complaints = mps.with_suffix(".err")
    with complaints.open("w") as errors:
        child = _Child(
            [sys.executable, "-P", "-m", __name__, engine, str(mps)], listener,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        assert child.process.stdin is not None
        assert child.process.stdout is not None
        with child.process.stdin:  # closed, it asks the child to stop
            child.watch_over(child.process.stdout, watch)
    if child.outcome is not None:
        return child.outcome
    if child.died:
        cause = child.cause(engine)
        return Outcome.given_up(cause) if cause else Outcome(Status.UNKNOWN)
    *_, reason = ["nothing was said", *complaints.read_text().splitlines()]
    raise EngineDefect(f"{engine} ended without an answer: {reason}")


class _Child(EngineProcess):
    """The child as its parent sees it."""

    def __init__(self, command: list[str], listener: Any, **streams: Any) -> None:
        self.listener = listener
        self.outcome: Outcome | None = None
        super().__init__(command, **streams)

    def hear(self, line: str) -> None:
        match json.loads(line):
            case "solution", values:
                self.listener.on_solution(values)
            case "bound", bound, best:
                self.listener.on_bound(bound, best)
            case "defect", reason:
                raise EngineDefect(reason)
            case "outcome", said:
                end = said["stopped_by"] and StopReason(said["stopped_by"])
                self.outcome = Outcome(**said | {"status": Status(said["status"]), "stopped_by": end})

    def interrupt(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


class _Parent:
    """The parent as its child sees it: a listener."""

    def __init__(self) -> None:
        self.lines = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)  # what a library prints is no answer

    def say(self, *words: Any) -> None:
        print(json.dumps(words), file=self.lines)

    def on_solution(self, values: Sequence[float]) -> None:
        self.say("solution", list(values))

    def on_bound(self, bound: float, best: float) -> None:
        self.say("bound", bound, best)


def _await_the_end(watch: Watch) -> None:
    os.read(0, 1)  # of our standard input
    watch.request_stop()
    time.sleep(_PATIENCE_S)
    os._exit(1)  # nobody is left to end an engine that does not hear


def main(engine: str, mps: Path) -> None:
    """Do what `run` asks for: the child's part."""
    parent = _Parent()
    task = json.loads(mps.with_suffix(".task").read_text())
    time_s = None if task["time_s"] is None else max(task["time_s"], 1e-3)
    watch = Watch(Limits(time_s=time_s, workers=1, seed=task["seed"]))
    threading.Thread(target=_await_the_end, args=(watch,), daemon=True).start()
    library = import_module(f"spinemap_exact.solvers._{engine}")
    try:
        parent.say("outcome", asdict(library.search(mps, task["start"], watch, parent)))
    except EngineDefect as defect:
        parent.say("defect", str(defect))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

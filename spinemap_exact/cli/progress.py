"""Progress on stderr, and work that can be interrupted."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from spinemap_exact.result import Progress

T = TypeVar("T")


def interruptible(work: Callable[[threading.Event], T]) -> T:
    """Run ``work`` in a thread; SIGINT and SIGTERM ask it to stop and hand back the best so far.

    The main thread only waits: engines block signal handlers of the thread they run in. A second signal ends the
    process at once.
    """
    stop = threading.Event()
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((True, work(stop)))
        except BaseException as defect:
            outcome.append((False, defect))

    def on_signal(number: int, frame: object) -> None:
        if stop.is_set():
            sys.stderr.flush()
            os._exit(128 + number)  # an orderly exit would wait for threads of engines
        stop.set()
        print("stopping; the best so far follows (once more to quit at once)", file=sys.stderr)

    before = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    thread = threading.Thread(target=run, name="work", daemon=True)
    try:
        thread.start()
        while thread.is_alive():
            thread.join(0.1)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    return value  # type: ignore[no-any-return]


class Reporter:
    """Progress on stderr: a live line on a terminal, else a line per change, at most one a second and stage."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.quiet: bool = args.quiet
        self.lines: list[str] = []
        self._live: Any = None
        self._last: dict[str, float] = {}

    def __enter__(self) -> Reporter:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console

            self._live = Console(stderr=True).status("starting")
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """Tell something that belongs to no stage."""
        if self._live is not None:
            self._live.update(line)
        elif not self.quiet:
            print(line, file=sys.stderr, flush=True)

    def __call__(self, stage: str, progress: Progress) -> None:
        line = f"{progress.time_s:8.1f} s  {stage}: {_progress_text(progress)}"
        self.lines.append(line)
        if self._live is not None:
            self._live.update(line)
        elif not self.quiet and (progress.note or progress.time_s - self._last.get(stage, -1.0) >= 1.0):
            self._last[stage] = progress.time_s
            print(line, file=sys.stderr, flush=True)


def _progress_text(progress: Progress) -> str:
    from spinemap_exact.result import relative_gap

    gap = relative_gap(progress.objective, progress.dual_bound)
    parts = [
        "" if progress.objective is None else f"incumbent {progress.objective}",
        "" if progress.dual_bound is None else f"bound {progress.dual_bound}",
        "" if gap is None else f"gap {100 * gap:.1f} %",
        progress.note,
    ]
    return ", ".join(part for part in parts if part)

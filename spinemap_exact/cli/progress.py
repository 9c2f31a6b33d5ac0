"""Progress on stderr, and work that can be interrupted."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from spinemap_exact import interrupts

if TYPE_CHECKING:
    from spinemap_exact.result import Limits, Progress

T = TypeVar("T")


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interruptible(work: Callable[[threading.Event], T]) -> T:
    """Run ``work``; SIGINT and SIGTERM ask it for the best so far, and end the process when they come once more."""
    stop = threading.Event()

    def quit_at_once(number: int) -> NoReturn:
        sys.stderr.flush()
        os._exit(128 + number)  # an orderly exit would wait for threads of engines

    return interrupts.interruptible(
        lambda: work(stop),
        stop,
        signals=_SIGNALS,
        first=lambda number: print("stopping; the best so far follows (once more to quit at once)", file=sys.stderr),
        second=quit_at_once,
    )


class Stopped:
    """True once SIGINT or SIGTERM came while there was nothing to hand back; it raises KeyboardInterrupt.

    What it interrupts may make another exception of that: a module that is being imported does.
    """

    def __init__(self) -> None:
        self.came = False
        self._before: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return self.came

    def __enter__(self) -> Stopped:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> NoReturn:
        self.came = True
        raise KeyboardInterrupt


class Reporter:
    """Progress on stderr: a live line on a terminal, else a line per change, at most one a second and stage.

    One clock runs from the first news to the end, and says how much of the limit is left.
    """

    def __init__(self, args: argparse.Namespace, limits: Limits | None = None) -> None:
        self.quiet: bool = args.quiet
        self.lines: list[str] = []
        self._limit_s = None if limits is None else limits.time_s
        if self._limit_s is not None:
            self._limit_s += args.certify_time or 0.0
        self._begun: float | None = None
        self._live: Any = None
        self._news = "starting"
        self._last: dict[str, float] = {}

    def __enter__(self) -> Reporter:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console

            self._live = Console(stderr=True).status(self)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __rich__(self) -> str:
        from rich.markup import escape

        return escape(self._clock_text() + self._news)

    def close(self) -> None:
        """Leave the terminal to others."""
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """Tell something that belongs to no stage."""
        self._news = line
        if self._live is None and not self.quiet:
            print(line, file=sys.stderr, flush=True)

    def __call__(self, stage: str, progress: Progress) -> None:
        if self._begun is None:
            self._begun = time.monotonic() - progress.time_s
        now = time.monotonic() - self._begun
        self._news = f"{stage}: {_progress_text(progress)}"
        line = self._clock_text() + self._news
        self.lines.append(line)
        if self._live is None and not self.quiet and (progress.note or now - self._last.get(stage, -1.0) >= 1.0):
            self._last[stage] = now
            print(line, file=sys.stderr, flush=True)

    def _clock_text(self) -> str:
        if self._begun is None:
            return ""
        now = time.monotonic() - self._begun
        left = "" if self._limit_s is None else f", {max(0.0, self._limit_s - now):.1f} s left"
        return f"{now:8.1f} s{left}  "


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

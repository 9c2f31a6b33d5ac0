"""An engine in a process of its own: it can neither take ours with it when it dies, nor outstay a limit."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import IO, Any

from spinemap_exact.result import Watch
from spinemap_exact.solvers._engine import POLL_S

_GRACE_S = 0.6


class EngineProcess(ABC):
    """An engine at work: what it says is heard in a thread, the caller's thread watches the clock.

    It has a session of its own, since Ctrl-C is ours to pass on.
    """

    def __init__(self, command: list[str], **streams: Any) -> None:
        self.interrupted = False
        self.defect: Exception | None = None
        self.process = subprocess.Popen(command, start_new_session=True, **streams)

    def watch_over(self, lines: IO[str], watch: Watch) -> None:
        """Wait for the end, or bring it about: the engine's own clock first, then a request, then a kill."""
        reader = threading.Thread(target=self._follow, args=(lines,), name="engine", daemon=True)
        reader.start()
        patience = None
        try:
            while reader.is_alive():
                now = time.perf_counter()
                if patience is None and watch.should_stop():
                    patience = now + (0.0 if watch.stop_requested else _GRACE_S)
                if patience is not None and now >= patience:
                    self.process.kill() if self.interrupted else self.interrupt()
                    self.interrupted, patience = True, now + _GRACE_S
                reader.join(POLL_S)
        except BaseException:
            self.process.kill()
            raise
        finally:
            self.process.wait()
        if self.defect is not None:
            raise self.defect

    @abstractmethod
    def hear(self, line: str) -> None:
        """Take a line of what it says."""

    @abstractmethod
    def interrupt(self) -> None:
        """Ask for the best so far."""

    @property
    def died(self) -> bool:
        """True if a signal ended it; what it left may be half written."""
        return bool(self.process.returncode < 0)

    def cause(self, engine: str) -> str:
        """Name the signal that ended it, unless it was ours."""
        return "" if self.interrupted else f"{engine} died of {signal.Signals(-self.process.returncode).name}"

    def _follow(self, lines: IO[str]) -> None:
        with lines, suppress(OSError):  # the end of a terminal
            for line in lines:
                if self.defect is None:
                    try:
                        self.hear(line)
                    except Exception as defect:  # raised again in the caller's thread
                        self.defect = defect

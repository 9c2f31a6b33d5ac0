"""An engine in a process of its own: stopped in time, and its death is a sentence."""

from __future__ import annotations

import signal
import subprocess
import time
from abc import ABC, abstractmethod
from typing import Any

from spinemap_exact.result import Watch

_GRACE_S = 0.6


class EngineProcess(ABC):
    """An engine at work; the caller's thread watches the clock.

    It has a session of its own, since Ctrl-C is ours to pass on.
    """

    def __init__(self, command: list[str], **streams: Any) -> None:
        self.interrupted = False
        self.process = subprocess.Popen(command, start_new_session=True, **streams)

    def watch_over(self, watch: Watch) -> None:
        """Wait for the end, or bring it about: the engine's own clock first, then a request, then a kill."""
        patience = None
        try:
            while not self.ended():
                now = time.perf_counter()
                if patience is None and watch.should_stop():
                    patience = now + (0.0 if watch.stop_requested else _GRACE_S)
                if patience is not None and now >= patience:
                    self.process.kill() if self.interrupted else self.interrupt()
                    self.interrupted, patience = True, now + _GRACE_S
        except BaseException:
            self.process.kill()
            raise
        finally:
            self.process.wait()

    @abstractmethod
    def ended(self) -> bool:
        """Wait a moment for the end; say whether it came."""

    @abstractmethod
    def interrupt(self) -> None:
        """Ask for the best so far."""

    def death(self) -> str | None:
        """Name the signal that ended it, if it was not ours."""
        code = self.process.returncode
        return None if self.interrupted or code is None or code >= 0 else signal.Signals(-code).name

"""Where the time of a solve went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

WARM_START, SOLVE, CHECK = "warm start", "solve", "check"
COMPILING = "compiling"


class Spent:
    """Seconds by what they were spent on, by the clock of the limit: one that stands still while kernels compile."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the time in here for ``what``."""
        begun = self._clock()
        try:
            yield
        finally:
            self.seconds[what] = self.seconds.get(what, 0.0) + self._clock() - begun

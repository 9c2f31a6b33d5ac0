"""Kernels are compiled when first called and then kept on disk: seconds that somebody who waits should know of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

from spinemap_exact.result import Watch

_COMPILING = "numba:compile"  # not sent for a kernel that is read from the cache


@contextmanager
def announced(watch: Watch) -> Iterator[None]:
    """Say so, once, if a kernel is compiled in here rather than read from its cache.

    Nothing can interrupt the compiler, so a first run may outlive a limit of a few seconds.
    """
    listener = _Teller(watch)
    event.register(_COMPILING, listener)
    try:
        yield
    finally:
        event.unregister(_COMPILING, listener)


@contextmanager
def not_counted(clock: Callable[[], float]) -> Iterator[Callable[[], float]]:
    """Give a clock that stands still while this thread compiles kernels."""
    listener = _Pauser(clock)
    event.register(_COMPILING, listener)
    try:
        yield listener.now
    finally:
        event.unregister(_COMPILING, listener)


class _Teller(event.Listener):  # type: ignore[misc]
    def __init__(self, watch: Watch) -> None:
        self.watch, self.told = watch, False

    def on_start(self, event: Any) -> None:
        if not self.told:
            self.told = True
            self.watch.report(note="compiling kernels (once, they are kept)")

    def on_end(self, event: Any) -> None:
        pass


class _Pauser(event.Listener):  # type: ignore[misc]
    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock, self.thread = clock, threading.get_ident()
        self.depth, self.begun, self.paused = 0, 0.0, 0.0

    def now(self) -> float:
        return (self.begun if self.depth else self.clock()) - self.paused

    def on_start(self, event: Any) -> None:
        if threading.get_ident() == self.thread:
            if self.depth == 0:
                self.begun = self.clock()
            self.depth += 1  # a kernel compiles those that it calls

    def on_end(self, event: Any) -> None:
        if threading.get_ident() == self.thread:
            self.depth -= 1
            if self.depth == 0:
                self.paused += self.clock() - self.begun

"""Kernels are compiled when first called and then kept on disk: seconds that somebody who waits should know of."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from numba import njit
from numba.core import event

from spinemap_exact.result import Watch

logger = logging.getLogger(__name__)

unkept: list[str] = []  # kernels that are compiled anew in every process, since there is no folder to keep them in
_NEWS = "compiling kernels (once, they are kept)"
_COMPILING = "numba:compile"  # not sent for a kernel that is read from the cache


def kernel(function: Any = None, *, bare: bool = False, **options: Any) -> Any:
    """Decorate a function that is compiled when it is first called, and then kept on disk.

    Parameters
    ----------
    bare : bool
        The function allocates nothing; counting references to the arrays of a large state takes most of the time.
    """
    if function is None:
        return partial(kernel, bare=bare, **options)
    options |= {"_nrt": False} if bare else {}
    compiled = njit(no_cfunc_wrapper=True, **options)(function)
    try:
        compiled.enable_caching()
    except RuntimeError:  # numba finds no folder that it may write to
        unkept.append(function.__name__)
    return compiled


def inner(function: Any) -> Any:
    """Decorate a bare function that only kernels call: to unpack a state of 40 arrays for each takes half the time."""
    return kernel(function, bare=True, no_cpython_wrapper=True)


@contextmanager
def announced(watch: Watch) -> Iterator[None]:
    """Say so, once, if a kernel is compiled in here rather than read from its cache: to the listener, or in the log.

    Nothing can interrupt the compiler, so a first run may outlive a limit of a few seconds.
    """
    listener = _Teller(watch)
    event.register(_COMPILING, listener)
    try:
        yield
    finally:
        event.unregister(_COMPILING, listener)


@contextmanager
def not_counted(clock: Callable[[], float], *, everywhere: bool = False) -> Iterator[Callable[[], float]]:
    """Give a clock that stands still while this thread, or any thread (``everywhere``), compiles kernels."""
    listener = _Pauser(clock, None if everywhere else threading.get_ident())
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
            if self.watch.is_heard:
                self.watch.report(note=_NEWS)
            else:  # somebody at a prompt would wait for minutes and not know for what
                logger.warning("%s; `spinemap-exact warm-up` does it ahead, on all cores", _NEWS)

    def on_end(self, event: Any) -> None:
        pass


class _Pauser(event.Listener):  # type: ignore[misc]
    def __init__(self, clock: Callable[[], float], thread: int | None) -> None:
        self.clock, self.thread = clock, thread
        self.depth, self.begun, self.paused = 0, 0.0, 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return (self.begun if self.depth else self.clock()) - self.paused

    def on_start(self, event: Any) -> None:
        if self.thread in (None, threading.get_ident()):
            with self._lock:
                if self.depth == 0:
                    self.begun = self.clock()
                self.depth += 1  # a kernel compiles those that it calls

    def on_end(self, event: Any) -> None:
        if self.thread in (None, threading.get_ident()):
            with self._lock:
                self.depth -= 1
                if self.depth == 0:
                    self.paused += self.clock() - self.begun

"""Kernels are compiled when first called and then kept on disk: seconds that somebody who waits should know of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

from spinemap_exact.result import Watch


@contextmanager
def announced(watch: Watch) -> Iterator[None]:
    """Say so, once, if a kernel is compiled in here rather than read from its cache.

    Nothing can interrupt the compiler, so a first run may outlive a limit of a few seconds.
    """
    listener = _Teller(watch)
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)


class _Teller(event.Listener):  # type: ignore[misc]
    def __init__(self, watch: Watch) -> None:
        self.watch, self.told = watch, False

    def on_start(self, event: Any) -> None:
        if not self.told:
            self.told = True
            self.watch.report(note="compiling kernels (once, they are kept)")

    def on_end(self, event: Any) -> None:
        pass

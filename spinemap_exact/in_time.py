"""Work that asks no watch, ended all the same when its time is over."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from spinemap_exact.result import Watch

T = TypeVar("T")

_GRACE_S, _GRACE_OF_STOP_S = 0.5, 0.2  # for work that asks the watch after all, and sums up what it has
_POLL_S = 0.02


def in_time(work: Callable[[], Iterable[T]], watch: Watch) -> T | None:
    """Return the last of what ``work`` yields until soon after the watch says stop; None if that is nothing.

    The checker bounds its own work, in minutes, and so does what builds a model. Work that is late is ended by an
    exception at its next step of Python, and nobody waits for it: it must leave nothing half done that others use.
    """
    found: list[T] = []
    defects: list[BaseException] = []

    def run() -> None:
        try:
            found.extend(work())
        except SystemExit:  # asked for below
            return
        except BaseException as defect:
            defects.append(defect)

    thread = threading.Thread(target=run, name="in time", daemon=True)
    thread.start()
    while thread.is_alive() and not watch.should_stop():
        thread.join(_POLL_S)
    thread.join(_GRACE_OF_STOP_S if watch.stop_requested else _GRACE_S)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
    if defects:
        raise defects[0]
    return found[-1] if found else None

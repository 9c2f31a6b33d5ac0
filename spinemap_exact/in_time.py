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


def in_time(
    work: Callable[[], Iterable[T]],
    watch: Watch,
    *,
    grace_s: float = _GRACE_S,
    grace_of_stop_s: float = _GRACE_OF_STOP_S,
    can_do_without: Callable[[], bool] = lambda: True,
) -> T | None:
    """Return the last of what ``work`` yields until soon after the watch says stop; None if that is nothing.

    The checker bounds its own work, in minutes, and so does what builds a model. Work that is late is ended by an
    exception at its next step of Python, and nobody waits for it: it must leave nothing half done that others use.

    Parameters
    ----------
    grace_s, grace_of_stop_s : float
        Seconds that it has after the limit, and after a request to stop.
    can_do_without : callable
        While this is False, the limit does not end the work; a request to stop always does.
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
    late_s = 0.0
    while thread.is_alive() and late_s < grace_s and not watch.stop_requested:
        thread.join(_POLL_S)
        late_s = late_s + _POLL_S if watch.should_stop() and can_do_without() else 0.0
    if watch.stop_requested:
        thread.join(grace_of_stop_s)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
    if defects:
        raise defects[0]
    return found[-1] if found else None

"""Work that Ctrl-C ends in good order: it hands back the best so far."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_LOOK_S = 0.1


def quit_at_once(number: int) -> NoReturn:
    """End the work where it stands."""
    raise KeyboardInterrupt


def interruptible(
    work: Callable[[], T],
    stop: threading.Event,
    *,
    signals: tuple[int, ...] = (signal.SIGINT,),
    first: Callable[[int], object] = lambda number: None,
    second: Callable[[int], NoReturn] = quit_at_once,
) -> T:
    """Run ``work`` in a thread; a signal sets ``stop``, which asks it for the best so far.

    The main thread only waits: engines block signal handlers of the thread they run in. No signal reaches any other
    thread, so what is called from there just works.

    Parameters
    ----------
    first, second : callable
        Called with the number of the first signal; with that of any later one, which does not wait for ``work``.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    outcome: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            outcome.append((True, work()))
        except BaseException as defect:
            outcome.append((False, defect))

    def on_signal(number: int, frame: object) -> None:
        if stop.is_set():
            second(number)
        stop.set()
        first(number)

    before = {number: signal.signal(number, on_signal) for number in signals}
    thread = threading.Thread(target=run, name="work", daemon=True)
    try:
        thread.start()
        while thread.is_alive():
            thread.join(_LOOK_S)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    return value  # type: ignore[no-any-return]


def stoppable(solve: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that takes ``stop``: Ctrl-C sets it, and the function returns the best so far."""

    @wraps(solve)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        stop: Any = kwargs.get("stop") or threading.Event()
        kwargs["stop"] = stop
        return interruptible(lambda: solve(*args, **kwargs), stop)

    return run

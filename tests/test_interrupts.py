"""Ctrl-C, as the library answers it: the best so far comes back."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from spinemap_exact.instances import load
from spinemap_exact.interrupts import interruptible, stoppable
from spinemap_exact.pipeline import map_by_stages, map_network, pareto_front
from spinemap_exact.result import Limits

LONG = Limits(time_s=600, workers=1)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


class PressedOnce:
    """A listener that presses Ctrl-C when it is first called with what it waits for."""

    def __init__(self, awaited=lambda found: True) -> None:
        self.awaited, self.pressed = awaited, False

    def __call__(self, found) -> None:
        if not self.pressed and self.awaited(found):
            self.pressed = True
            press()


def test_a_signal_asks_for_the_best_so_far():
    stop, before = threading.Event(), signal.getsignal(signal.SIGINT)

    def work() -> str:
        press()
        return "the best so far" if stop.wait(60) else "nobody asked"

    assert interruptible(work, stop) == "the best so far"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_does_not_wait():
    stop, ended = threading.Event(), threading.Event()

    def work() -> None:
        press()
        stop.wait(60)
        press()
        ended.wait(60)

    with pytest.raises(KeyboardInterrupt):
        interruptible(work, stop)
    ended.set()


def test_what_work_raises_is_raised():
    def work() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        interruptible(work, threading.Event())


def test_another_thread_just_works():
    names: list[str] = []

    @stoppable
    def solve(*, stop: threading.Event | None = None) -> None:
        names.append(threading.current_thread().name)

    thread = threading.Thread(target=solve, name="a caller's")
    thread.start()
    thread.join()
    solve()
    assert names == ["a caller's", "work"]


def test_map_network_hands_over_the_best_so_far():
    """small-world-256 is open after hours."""
    network, hardware = load("small-world-256")
    run = map_network(network, hardware, limits=LONG, keep=PressedOnce())
    assert run.interrupted
    assert run.mapping.violations(network, hardware) == []
    assert run.stages[0].result.reason == "interrupted"


def test_stages_end_after_the_one_that_is_interrupted():
    network, hardware = load("random-200")
    run = map_by_stages(network, hardware, limits=LONG, keep=PressedOnce(lambda found: len(found.stages) == 1))
    assert run.interrupted
    assert run.mapping is None or run.mapping.violations(network, hardware) == []


def test_a_front_keeps_its_points():
    # the first point, after which the key is pressed, has a tenth of the time
    limits = Limits(time_s=30, workers=1)
    front = pareto_front(*load("layered-16-24-8"), "crossbars", limits=limits, keep=PressedOnce())
    assert len(front.points) >= 1

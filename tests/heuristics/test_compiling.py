"""What is said while kernels are compiled, and what it costs."""

import time

from numba import njit

from spinemap_exact.kernels.compiling import announced, not_counted
from spinemap_exact.result import Limits, Watch


def notes_of(work) -> list[str]:
    notes: list[str] = []
    watch = Watch(Limits(), lambda progress: notes.append(progress.note))
    with announced(watch):
        work()
    return notes


def test_compiling_is_said_once_and_never_where_a_kernel_is_ready():
    @njit
    def twice(x):
        return 2 * x

    assert notes_of(lambda: (twice(1), twice(1.0))) == ["compiling kernels (once, they are kept)"]
    assert notes_of(lambda: twice(2)) == []


def test_where_nobody_listens_the_log_says_it(caplog):
    @njit
    def half(x):
        return x / 2

    for _ in range(2):
        with announced(Watch(Limits())):
            half(1)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.text.count("compiling kernels (once, they are kept); `spinemap-exact warm-up` does it ahead") == 1


def test_nothing_is_said_after_the_end():
    @njit
    def thrice(x):
        return 3 * x

    notes = notes_of(lambda: None)
    thrice(1)
    assert notes == []


def test_a_clock_stands_still_while_kernels_are_compiled():
    @njit
    def called(x):
        return x + 1

    @njit
    def calling(x):
        return called(x) + called(1.0 * x)

    with not_counted(time.perf_counter) as clock:
        begun, counted = time.perf_counter(), clock()
        calling(1)
        wall, left = time.perf_counter() - begun, clock() - counted
        assert 0 <= left < wall
        time.sleep(0.01)
        assert clock() - counted >= left + 0.01

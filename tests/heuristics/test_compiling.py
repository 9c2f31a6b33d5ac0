"""What is said while kernels are compiled."""

from numba import njit

from spinemap_exact.kernels.compiling import announced
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


def test_nothing_is_said_after_the_end():
    @njit
    def thrice(x):
        return 3 * x

    notes = notes_of(lambda: None)
    thrice(1)
    assert notes == []

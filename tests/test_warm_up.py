"""Kernels compiled ahead: what is missing, what is started, and what is said where it does not work."""

import os
import subprocess
import sys

import pytest
from oracle import random_partition_problem

from spinemap_exact.cli import main
from spinemap_exact.errors import SpinemapError
from spinemap_exact.kernels import compiling
from spinemap_exact.pipeline import warm_up as ahead
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.partition import race


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(ahead, "_folder", lambda: tmp_path)
    monkeypatch.setattr(ahead, "_mark", lambda: "sources of today")
    return tmp_path


def starts(monkeypatch, program: str) -> list[str]:
    """Let each part run this program; return the parts that are started."""
    started: list[str] = []

    def start(part: str) -> subprocess.Popen[str]:
        started.append(part)
        return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)

    monkeypatch.setattr(ahead, "_start", start)
    return started


def test_a_part_is_missing_unless_it_was_compiled_from_these_sources(folder):
    (folder / "whole.ready").write_text("sources of today")
    (folder / "partition.ready").write_text("sources of yesterday")
    assert ahead.missing(("whole", "partition", "placement")) == ("partition", "placement")


def test_what_is_ready_is_not_compiled_again(folder, monkeypatch):
    started = starts(monkeypatch, "")
    (folder / "whole.ready").write_text("sources of today")
    told: list[str] = []
    assert ahead.warm_up(("whole", "placement"), tell=told.append) > 0
    assert started == ["placement"]
    assert told == [
        "compiling kernels, once for this installation: 0 of 1 parts ready",
        "compiling kernels: 1 of 1 parts ready",
    ]
    assert ahead.warm_up(("whole",)) == 0


def test_a_part_that_fails_is_named_with_its_last_words(folder, monkeypatch):
    starts(monkeypatch, "raise MemoryError('none left')")
    with pytest.raises(SpinemapError, match="kernels for whole could not be compiled ahead: MemoryError: none left"):
        ahead.warm_up(("whole",))


def test_without_a_folder_kernels_work_and_it_is_said(monkeypatch, capsys):
    monkeypatch.setattr(compiling, "unkept", [])

    def refuse(self):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr("numba.core.dispatcher.Dispatcher.enable_caching", refuse)

    @compiling.kernel
    def twice(x):
        return 2 * x

    assert twice(3) == 6
    assert ahead.missing() == ()
    assert main(["warm-up"]) == 2
    assert "no folder to write to; NUMBA_CACHE_DIR may name one" in capsys.readouterr().err


def test_a_part_runs_the_package_that_is_installed_and_not_what_lies_in_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "spinemap_exact").mkdir()
    (tmp_path / "spinemap_exact" / "__init__.py").write_text("raise ImportError('a clone')")
    monkeypatch.chdir(tmp_path)
    assert "KeyError: 'no such part'" in ahead._start("no such part").communicate()[1]


def test_what_is_needed_exists():
    assert {part for parts in ahead.NEEDED.values() for part in parts} == ahead.PARTS.keys()


def test_solvers_that_race_share_a_clock_that_stands_still_while_kernels_are_compiled(monkeypatch):
    watches: list[Watch] = []

    def load(kind, name):
        def solve(problem, watch, warm_start=None):
            watches.append(watch)
            raise ArithmeticError(name)

        return solve

    monkeypatch.setattr(race.solvers, "load", load)
    now = [0.0]
    with pytest.raises(ArithmeticError):
        race.solve(random_partition_problem(0), Watch(Limits(time_s=5.0), clock=lambda: now[0]))
    now[0] = 3.0
    assert [watch.remaining_s for watch in watches] == [2.0, 2.0]


@pytest.mark.slow
def test_after_a_warm_up_nothing_is_left_to_compile(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "spinemap_exact", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    assert "4 of 4 parts ready" in run("warm-up")
    assert "all kernels were ready" in run("warm-up")
    for network in ("small-world-64", "digits-64-32-10"):
        for way in ((), ("--stages",), ("--units", "reference")):
            assert "compiling" not in run("map", network, "--time-limit", "20", *way)

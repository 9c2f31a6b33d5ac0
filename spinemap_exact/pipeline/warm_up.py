"""Compile kernels ahead: each part in a process of its own, by solving small instances that ship.

A process for each part, since numba compiles one kernel at a time; what they leave is the cache that every later run
reads. A stamp beside it says that a part is ready, and for which sources, compiler and processor.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numba
import numpy as np
from llvmlite.binding import get_host_cpu_features, get_host_cpu_name

from spinemap_exact import instances
from spinemap_exact.errors import SpinemapError
from spinemap_exact.hardware import TileGrid
from spinemap_exact.kernels import compiling
from spinemap_exact.kernels.partition_annealing import anneal
from spinemap_exact.pipeline.evidence import Wanted, solve_within
from spinemap_exact.pipeline.stages import map_by_stages
from spinemap_exact.pipeline.whole import map_network
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits

_LOOK_S = 0.05
_LIMITS = Limits(time_s=3.0, workers=1)


def _whole() -> None:
    map_network(*instances.load("layered-16-24-8"), limits=_LIMITS, solver="none", warm_start="anneal")


def _searches() -> None:
    for name in ("small-world-32", "digits-64-32-10"):
        map_network(*instances.load(name), limits=_LIMITS, warm_start="two-steps")
    map_by_stages(*instances.load("digits-64-100-10"), limits=_LIMITS, last_stage="unroll")


def _partition() -> None:
    for name in ("small-world-64", "convolution-12"):
        map_by_stages(*instances.load(name), limits=Limits(time_s=6.0, workers=1), wanted=Wanted())


def _placement() -> None:
    draw = np.random.default_rng(0)
    for width, height, clusters in ((3, 3, 8), (4, 4, 16), (5, 5, 25)):
        flow = np.triu(draw.integers(0, 9, (clusters, clusters)), 1)
        problem = PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(width, height)))
        solve_within(_LIMITS, "placement", problem, Wanted())


PARTS: dict[str, Callable[[], None]] = {
    "whole": _whole,
    "partition": _partition,
    "placement": _placement,
    "searches": _searches,
}
NEEDED = {
    "whole": ("whole", "searches"),
    "units": ("whole", "partition", "searches"),
    "stages": ("partition", "placement", "searches"),
    "partition": ("partition", "searches"),
    "placement": ("placement",),
    "unroll": ("searches",),
    "packing": (),
}


def nowhere_to_keep() -> bool:
    """True if numba finds no folder for its cache: then each process compiles what it calls."""
    return bool(compiling.unkept)


def missing(parts: Iterable[str] = tuple(PARTS)) -> tuple[str, ...]:
    """Those parts whose kernels are not known to be compiled."""
    if nowhere_to_keep():
        return ()
    mark = _mark()
    return tuple(part for part in parts if _read(_folder() / f"{part}.ready") != mark)


def warm_up(
    parts: Iterable[str] = tuple(PARTS), *, workers: int | None = None, tell: Callable[[str], None] | None = None
) -> float:
    """Compile the kernels that are missing, so that no later run has to wait for them.

    Parameters
    ----------
    parts : iterable of str
        Names out of `PARTS`.
    workers : int, optional
        Processes at a time; by default as many as there are processors.
    tell : callable, optional
        Called with a sentence whenever there is news.

    Returns
    -------
    float
        Seconds it took.

    Raises
    ------
    SpinemapError
        A process failed. Solving still works: kernels are then compiled when they are first called.
    """
    began, waiting = time.monotonic(), list(missing(parts))
    running: dict[str, subprocess.Popen[str]] = {}
    if not waiting:
        return 0.0
    tell = tell or (lambda news: None)
    room, number = workers or os.cpu_count() or 1, len(waiting)
    tell(f"compiling kernels, once for this installation: 0 of {number} parts ready")
    try:
        while waiting or running:
            while waiting and len(running) < room:
                part = waiting.pop(0)
                running[part] = _start(part)
            time.sleep(_LOOK_S)
            for part in [part for part, process in running.items() if process.poll() is not None]:
                _finish(part, running.pop(part))
                tell(f"compiling kernels: {number - len(waiting) - len(running)} of {number} parts ready")
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return time.monotonic() - began


def _start(part: str) -> subprocess.Popen[str]:
    # -P: not what lies in the current folder, which may be a clone
    command = [sys.executable, "-P", "-m", "spinemap_exact.pipeline.warm_up", part]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _finish(part: str, process: subprocess.Popen[str]) -> None:
    said = process.communicate()[1]
    if process.returncode != 0:
        why = said.strip().splitlines()[-1] if said.strip() else f"exit status {process.returncode}"
        raise SpinemapError(f"kernels for {part} could not be compiled ahead: {why}")


def _folder() -> Path:
    """Where numba keeps what it compiles."""
    return Path(anneal.stats.cache_path)


def _mark() -> str:
    """What compiled kernels depend on: our sources, the compiler and the processor."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(f"{sys.version} {numba.__version__} {get_host_cpu_name()}".encode())
    digest.update(get_host_cpu_features().flatten().encode())
    for path in sorted(package.rglob("*.py")):
        facts = path.stat()
        digest.update(f"{path.relative_to(package)} {facts.st_mtime_ns} {facts.st_size}".encode())
    return digest.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _main(part: str) -> None:
    folder = _folder()
    with (folder / f"{part}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be at it
        if missing([part]):
            mark = _mark()  # before: a source that changes meanwhile is compiled anew
            PARTS[part]()
            (folder / f"{part}.ready").write_text(mark)


if __name__ == "__main__":
    _main(sys.argv[1])

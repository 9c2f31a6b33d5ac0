#!/usr/bin/env python
"""Table of placement problems against solvers, in Markdown: objective, bound, gap and seconds of each.

    scripts/bench_placement.py qaplib/nug12.dat noc/pip.csv:4x2 placement/sp3.json --solvers grid-dp rlt1

QAPLIB files end in .dat, core graphs in .csv with the mesh behind a colon, cluster graphs in .json. Every solver gets
the same limit in the same run; without --solvers, all that are installed take part. Kernels are compiled beforehand.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path

import numpy as np

from spinemap_exact import solvers
from spinemap_exact.errors import SpinemapError
from spinemap_exact.hardware import TileGrid
from spinemap_exact.io import read_problem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Watch

_KIND_OF_SUFFIX = {".dat": "qap", ".csv": "noc", ".json": "placement"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="problem files; FILE.csv:WxH for core graphs")
    parser.add_argument("--solvers", nargs="+", default=list(solvers.names("placement")), metavar="NAME")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limits = Limits(time_s=options.time_limit, workers=options.workers, seed=options.seed)
    for name in options.solvers:
        warm_up(name)
    print("| problem | clusters | tiles | solver | objective | dual bound | gap | wall, s | CPU, s | stopped by |")
    print("|---|--:|--:|---|--:|--:|--:|--:|--:|---|")
    for given in options.files:
        problem = read(given)
        for name in options.solvers:
            print(row(Path(given).name, problem, name, limits), flush=True)


def read(given: str) -> PlacementProblem:
    """Read a file by its suffix."""
    path, _, mesh = given.partition(":")
    kind = _KIND_OF_SUFFIX[Path(path).suffix]
    problem, _ = read_problem(path, kind, **({"mesh": mesh} if kind == "noc" else {}))
    assert isinstance(problem, PlacementProblem)
    return problem


def warm_up(name: str) -> None:
    """Let a solver compile its kernels on a problem of twelve clusters."""
    flow = np.random.default_rng(0).integers(0, 9, (12, 12))
    problem = PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(4, 3)))
    with contextlib.suppress(SpinemapError):
        solvers.load("placement", name)(problem, Watch(Limits(time_s=1.0)))


def row(label: str, problem: PlacementProblem, name: str, limits: Limits) -> str:
    """One line of the table; a solver that refuses the problem says why."""
    watch, cpu = Watch(limits), time.process_time()
    cells = [label, problem.num_clusters, problem.num_tiles, name]
    try:
        result = solvers.load("placement", name)(problem, watch)
    except SpinemapError as refusal:
        return _line([*cells, "", "", "", "", "", refusal])
    seconds = f"{watch.elapsed_s:.1f}", f"{time.process_time() - cpu:.1f}"
    gap = "" if result.gap is None else f"{100 * result.gap:.1f} %"
    found = ["" if value is None else value for value in (result.objective, result.dual_bound)]
    return _line([*cells, *found, gap, *seconds, result.reason])


def _line(cells: list[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


if __name__ == "__main__":
    main()

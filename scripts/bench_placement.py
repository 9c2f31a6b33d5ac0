#!/usr/bin/env python
"""Run placement solvers on problem files and print a table in Markdown; run again to go on where it stopped.

    scripts/bench_placement.py runs.jsonl qaplib/nug12.dat noc/pip.csv:4x2 placement/sp3.json --time-limit 10

QAPLIB files end in .dat, core graphs in .csv with the mesh behind a colon, cluster graphs in .json. Every solver gets
the same limit, one after the other, from cold but for its kernels. Where one name is several with commas, the first
that covers the problem runs. Every run is one line of the output file.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact import registry, solvers
from spinemap_exact.errors import SpinemapError
from spinemap_exact.hardware import TileGrid
from spinemap_exact.io import read_problem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Watch

_KIND_OF_SUFFIX = {".dat": "qap", ".csv": "noc", ".json": "placement"}
_OURS = ("portfolio", "grid-dp", "rlt1", "semidefinite")
_ENGINES = (
    "cuts-cpsat,table-cpsat",
    "cuts-highs,adams-johnson-highs",
    "cuts-scip,adams-johnson-scip",
    "cuts-cbc,adams-johnson-cbc",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("files", nargs="+", help="problem files; FILE.csv:WxH for core graphs")
    parser.add_argument("--solvers", nargs="+", default=[*_OURS, *_ENGINES], metavar="NAME[,NAME]")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limits = Limits(time_s=options.time_limit, workers=options.workers, seed=options.seed)
    runs = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {(r["problem"], r["asked"]) for r in runs}
    own, warm = registry.names(solvers, "placement"), set[str]()
    for given in options.files:
        problem, label = read(given), Path(given.partition(":")[0]).stem
        for asked in options.solvers:
            if (label, asked) in done:
                continue
            if asked in own and asked not in warm:
                warm_up(asked)
                warm.add(asked)
            sizes = {"clusters": problem.num_clusters, "tiles": problem.num_tiles}
            line = {"problem": label, **sizes, "asked": asked, **run(problem, asked, limits)}
            runs.append(line)
            with options.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
    print(table(runs))


def read(given: str) -> PlacementProblem:
    """Read a file by its suffix."""
    path, _, mesh = given.partition(":")
    kind = _KIND_OF_SUFFIX[Path(path).suffix]
    problem, _ = read_problem(path, kind, **({"mesh": mesh} if kind == "noc" else {}))
    assert isinstance(problem, PlacementProblem)
    return problem


def warm_up(asked: str) -> None:
    """Let one of our own solvers compile its kernels on a problem of twelve clusters."""
    flow = np.random.default_rng(0).integers(0, 9, (12, 12))
    run(PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(4, 3))), asked, Limits(time_s=60.0))


def run(problem: PlacementProblem, asked: str, limits: Limits) -> dict[str, Any]:
    """Solve once, by the first solver that covers the problem; what none of them does, the last one says."""
    refusal = ""
    for name in asked.split(","):
        cpu = time.process_time()
        try:
            result = solvers.load("placement", name)(problem, Watch(limits))
        except SpinemapError as why:
            refusal = str(why)
            continue
        return {"solver": name, **result.as_json(), "cpu_s": round(time.process_time() - cpu, 2)}
    return {"solver": name, "refusal": refusal}


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: one line a problem, one column a solver."""
    asked = list(dict.fromkeys(r["asked"] for r in runs))
    by_key = {(r["problem"], r["asked"]): r for r in runs}
    titles = [name.replace(",", ", else ") for name in asked]
    lines = [f"| problem | clusters | tiles | {' | '.join(titles)} |", "|---|--:|--:|" + "---|" * len(asked)]
    for label in dict.fromkeys(r["problem"] for r in runs):
        of_problem = [by_key.get((label, name)) for name in asked]
        some = next(r for r in of_problem if r)
        cells = [_cell(r) for r in of_problem]
        lines.append(f"| {label} | {some['clusters']} | {some['tiles']} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(_summary(runs, name) for name in asked)])


def _cell(run: dict[str, Any] | None) -> str:
    if run is None:
        return ""
    if "refusal" in run:
        return "refused"
    value, bound = ("-" if run[k] is None else str(run[k]) for k in ("objective", "dual_bound"))
    gap = "-" if run["gap"] is None else f"{100 * run['gap']:.1f} %"
    proven = run["status"] == "OPTIMAL"
    return f"**{value}** in {run['runtime_s']:.1f} s" if proven else f"{value} / {bound}, {gap}"


def _summary(runs: list[dict[str, Any]], asked: str) -> str:
    mine = [r for r in runs if r["asked"] == asked]
    proven = sum(r.get("status") == "OPTIMAL" for r in mine)
    close = sum(r.get("gap") is not None and r["gap"] <= 0.1 for r in mine)
    return f"* {asked}: {proven} of {len(mine)} proven, {close} within 10 %"


if __name__ == "__main__":
    main()

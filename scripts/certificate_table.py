#!/usr/bin/env python3
"""Solve instances, certify what was proven, check the certificates, and print what that costs, in CPU seconds.

    scripts/certificate_table.py qaplib/nug12.dat noc/pip.csv:mesh=4x2 partition/conv_16.json:clusters=8 \\
        unroll/mix40_R16.json placement/sp3.json triplets-60:seed=1 digits-64-32-10

QAPLIB files end in .dat, core graphs in .csv, bin packing in .txt, the others in .json; options follow the file behind
colons. Names of shipped networks stand for their stages, names of `bench_packing.py` for drawn packing instances.
*write* is the time from the solver's result to a certificate, its check included; *share* is check over solve.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench_packing import FAMILIES

from spinemap_exact import instances
from spinemap_exact.certificate import format, write
from spinemap_exact.certificate.check import check
from spinemap_exact.io import read_problem
from spinemap_exact.pipeline import map_network, solve_problem
from spinemap_exact.result import Limits, SolveResult, Watch

COLUMNS = ("instance", "objective", "bound", "certified", "evidence", "bytes", "solve s", "write s", "check s", "share")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("instances", nargs="+", metavar="INSTANCE")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S", help="for each solve")
    parser.add_argument("--write-limit", type=float, default=60.0, metavar="S", help="for each search for evidence")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--solver", help="default: chosen by size")
    options = parser.parse_args()
    limits = Limits(time_s=options.time_limit, workers=options.workers)
    solved("triplets-60", {"seed": "99"}, limits, None)  # engines and kernels are loaded once
    print(line(COLUMNS) + "\n" + line(["---", *["--:"] * 3, "---", *["--:"] * 5]), flush=True)
    for given in options.instances:
        name, *pairs = given.split(":")
        for label, problem, result, seconds in solved(name, dict(p.split("=") for p in pairs), limits, options.solver):
            written = Watch(Limits(time_s=options.write_limit, workers=1))
            print(line([label, *row(problem, result, seconds, written)]), flush=True)


def solved(
    name: str, options: dict[str, str], limits: Limits, solver: str | None
) -> Iterator[tuple[str, Any, SolveResult[Any], float]]:
    """Solve what a name stands for; yield labels, problems, results and CPU seconds."""
    if name in instances.names():
        run = map_network(*instances.load(name), limits=limits)
        for stage in run.stages:  # the pipeline counts wall seconds, and looks for evidence itself
            yield f"{name} {stage.name}", stage.problem, stage.result, stage.result.runtime_s
        return
    problem = read(name, options)
    began = time.process_time()
    _, result = solve_problem(problem, Watch(limits), solver=solver)
    shown = " ".join(v for k, v in options.items() if k not in ("clusters", "mesh"))
    yield f"{Path(name).stem} {shown}".rstrip(), problem, result, time.process_time() - began


def read(name: str, options: dict[str, str]) -> Any:
    """Read a file, its kind told by suffix and keys, or draw a packing instance."""
    if name in FAMILIES:
        draw, items = FAMILIES[name]
        return draw(items, np.random.default_rng([int(options.get("seed", 0)), items]))
    kind = {".dat": "qap", ".csv": "noc", ".txt": "packing"}.get(Path(name).suffix)
    if kind is None:
        keys = json.loads(Path(name).read_text()).keys()
        kind = "placement" if "width" in keys else "partition" if "spikes" in keys else "unroll"
    given = {k: int(v) if v.isdigit() else v for k, v in options.items()}
    return read_problem(name, kind, **given)[0]


def row(problem: Any, result: SolveResult[Any], solve_s: float, watch: Watch) -> list[str]:
    """Certify one result; nothing is claimed beyond what the checker accepts."""
    began = time.process_time()
    certificate = write.certificate(problem, result, watch)
    write_s = time.process_time() - began
    claims = ["-" if v is None else str(v) for v in (result.objective, result.dual_bound)]
    if certificate is None or certificate.evidence is None:
        return [*claims, "-", "-", "-", f"{solve_s:.2f}", f"{write_s:.2f}", "-", "-"]
    content = format.to_bytes(certificate)
    began = time.process_time()
    verified = check(problem, format.from_bytes(content))
    check_s = time.process_time() - began
    proven = "infeasible" if verified.infeasible else str(verified.lower)
    seconds = [f"{s:.2f}" for s in (solve_s, write_s, check_s)]
    return [*claims, proven, str(verified.evidence), str(len(content)), *seconds, f"{100 * check_s / solve_s:.0f} %"]


def line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

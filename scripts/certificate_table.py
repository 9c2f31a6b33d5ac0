#!/usr/bin/env python3
"""Solve instances, certify what was proven, check the certificates, and print what that costs, in CPU seconds.

    scripts/certificate_table.py runs.jsonl qaplib/nug12.dat noc/pip.csv:mesh=4x2 partition/conv_16.json:clusters=8 \\
        unroll/mix40_R16.json placement/sp3.json triplets-60:seed=1 digits-64-32-10

QAPLIB files end in .dat, core graphs in .csv, bin packing in .txt, the others in .json; options follow the file behind
colons. Names of shipped networks stand for their stages, names of `bench_packing.py` for drawn packing instances.
*write* is the time from the solver's result to a certificate, its check included; *share* is check over solve. Every
instance is one line of the output file; run again to go on where it stopped. Limits are CPU seconds, too.
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
from spinemap_exact.certificate import format
from spinemap_exact.certificate.check import check
from spinemap_exact.io import read_problem
from spinemap_exact.pipeline import map_by_stages, solve_problem
from spinemap_exact.proofs import best
from spinemap_exact.result import Limits, SolveResult, Watch

COLUMNS = ("instance", "objective", "bound", "certified", "evidence", "bytes", "solve s", "write s", "check s", "share")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("instances", nargs="+", metavar="INSTANCE")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S", help="for each solve")
    parser.add_argument("--write-limit", type=float, default=60.0, metavar="S", help="for each search for evidence")
    parser.add_argument("--solver", help="default: chosen by size")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the certificates there")
    options = parser.parse_args()
    limits = Limits(time_s=options.time_limit, workers=1)
    runs = [json.loads(text) for text in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {run["asked"] for run in runs}
    if missing := [asked for asked in options.instances if asked not in done]:
        list(solved("triplets-60", {"seed": "99"}, limits, None))  # engines and kernels are loaded once
        for asked in missing:
            name, *pairs = asked.split(":")
            given = dict(p.split("=") for p in pairs)
            for label, problem, result, seconds in solved(name, given, limits, options.solver):
                written = Watch(Limits(time_s=options.write_limit, workers=1), clock=time.process_time)
                kept = None if options.keep is None else options.keep / f"{label.replace(' ', '-')}.json.gz"
                runs.append({"asked": asked, "instance": label, **row(problem, result, seconds, written, kept)})
                with options.out.open("a") as file:
                    file.write(json.dumps(runs[-1]) + "\n")
    print(table(runs))


def solved(
    name: str, options: dict[str, str], limits: Limits, solver: str | None
) -> Iterator[tuple[str, Any, SolveResult[Any], float]]:
    """Solve what a name stands for; yield labels, problems, results and CPU seconds."""
    if name in instances.names():
        run = map_by_stages(*instances.load(name), limits=limits)
        for stage in run.stages:  # the pipeline counts wall seconds, and looks for evidence itself
            yield f"{name} {stage.name}", stage.problem, stage.result, stage.result.runtime_s
        return
    problem = read(name, options)
    began = time.process_time()
    _, result = solve_problem(problem, Watch(limits, clock=time.process_time), solver=solver)
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


def row(problem: Any, result: SolveResult[Any], solve_s: float, watch: Watch, kept: Path | None) -> dict[str, Any]:
    """Certify one result; nothing is claimed beyond what the checker accepts."""
    began = time.process_time()
    certificate = best.certificate(problem, result, watch)
    cells = {"objective": result.objective, "bound": result.dual_bound, "solve s": solve_s}
    cells["write s"] = time.process_time() - began
    if certificate is None or certificate.evidence is None:
        return cells
    content = format.to_bytes(certificate)
    if kept is not None:
        kept.write_bytes(content)
    began = time.process_time()
    verified = check(problem, format.from_bytes(content))
    cells["check s"] = time.process_time() - began
    cells["share"] = cells["check s"] / solve_s
    proven = "infeasible" if verified.infeasible else verified.lower
    return {**cells, "certified": proven, "evidence": verified.evidence, "bytes": len(content)}


def table(runs: list[dict[str, Any]]) -> str:
    """Return all runs in Markdown, and what their checks take of all that was solved and proven."""
    rows = [COLUMNS, ("---", *["--:"] * 3, "---", *["--:"] * 5)]
    rows += [tuple(shown(column, run.get(column)) for column in COLUMNS) for run in runs]
    checked = [run for run in runs if run["bound"] is not None and run.get("certified") == run["objective"]]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    if checked:
        check_s, solve_s = (sum(run[name] for run in checked) for name in ("check s", "solve s"))
        lines.append(
            f"\n{len(checked)} optima certified: {check_s:.1f} s to check, {100 * check_s / solve_s:.0f} % of solve"
        )
    return "\n".join(lines)


def shown(column: str, value: Any) -> str:
    """One cell."""
    if value is None:
        return "-"
    if column == "share":
        return f"{100 * value:.0f} %"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()

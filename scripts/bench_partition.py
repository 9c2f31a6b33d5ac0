#!/usr/bin/env python
"""Run partition solvers on a folder of networks and print a table; run again to go on where it stopped.

    scripts/bench_partition.py FOLDER runs.jsonl --time-limit 60 --solvers branch-price assignment-cpsat

FOLDER holds networks as JSON (num_neurons, num_inputs, rows, columns, spikes, fan_in) and ``known.json`` with the
clusters allowed and the best value known for each objective. Every run is one line of the output file.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact import solvers
from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.result import Limits, Watch

OBJECTIVES = ("per_tile", "per_synapse", "crossbars")
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
SHIFT_S = 1.0  # of the geometric mean


def read_problem(path: Path, known: dict[str, Any], objective: str) -> PartitionProblem:
    """Build the problem of one file."""
    data = json.loads(path.read_text())
    n, m = data["num_neurons"], data["num_inputs"]
    pre = [k for sources in data["fan_in"] for k in sources]
    post = [u for u, sources in enumerate(data["fan_in"]) for _ in sources]
    network = Network.from_synapses(pre, post, data["spikes"], is_input=np.arange(n + m) >= n)
    crossbars = (Crossbar(data["rows"], data["columns"]),)
    if objective == "crossbars":
        return PartitionProblem(
            network, crossbars, known["per_tile"]["clusters"], objective=PartitionObjective.CROSSBARS
        )
    return PartitionProblem(
        network, crossbars, known[objective]["clusters"], traffic=Traffic(objective.replace("_", "-"))
    )


def run(problem: PartitionProblem, solver: str, limits: Limits, clock: str) -> dict[str, Any]:
    """Solve once, from cold; say what was found in plain numbers, and the cluster of each unit."""
    began = time.process_time()
    result = solvers.load("partition", solver)(problem, Watch(limits, clock=CLOCKS[clock]))
    labels = None if result.incumbent is None else result.incumbent.cluster_of_unit.tolist()
    return {**result.as_json(), "cpu_s": round(time.process_time() - began, 2), "clock": clock, "labels": labels}


def table(runs: list[dict[str, Any]], known: dict[str, Any]) -> str:
    """Markdown: one line a network and objective, one column a solver."""
    names = list(dict.fromkeys(r["solver"] for r in runs))
    by_key = {(r["network"], r["asked"], r["solver"]): r for r in runs}
    lines = [f"| network | objective | known | {' | '.join(names)} |", "|---|---|--:|" + "---|" * len(names)]
    for network, asked in dict.fromkeys((r["network"], r["asked"]) for r in runs):
        cells = [_cell(by_key.get((network, asked, name))) for name in names]
        lines.append(
            f"| {network} | {asked.replace('_', '-')} | {known[network][asked]['best']} | {' | '.join(cells)} |"
        )
    return "\n".join([*lines, "", *_summary(runs, known, names)])


def _cell(r: dict[str, Any] | None) -> str:
    """Value and time if proven, else value, bound and gap; then nodes and columns of the tree, if there was one."""
    if r is None:
        return ""
    value, bound = ("-" if r[k] is None else str(r[k]) for k in ("objective", "dual_bound"))
    gap = "-" if r["gap"] is None else f"{100 * r['gap']:.1f} %"
    text = f"**{value}** in {r['runtime_s']:.1f} s" if r["status"] == "OPTIMAL" else f"{value} / {bound}, {gap}"
    details = r["details"]
    return f"{text} ({details['nodes']}, {details['clusters']})" if "nodes" in details else text


def _summary(runs: list[dict[str, Any]], known: dict[str, Any], names: list[str]) -> list[str]:
    lines = []
    for asked in OBJECTIVES:
        for name in names:
            chosen = [r for r in runs if r["asked"] == asked and r["solver"] == name]
            if not chosen:
                continue
            proven = sum(r["status"] == "OPTIMAL" for r in chosen)
            close = sum(r["gap"] is not None and r["gap"] <= 0.05 for r in chosen)
            mean = math.exp(sum(math.log(r["runtime_s"] + SHIFT_S) for r in chosen) / len(chosen)) - SHIFT_S
            records = [
                f"{r['network']} {r['objective']}"
                for r in chosen
                if r["objective"] is not None and r["objective"] < known[r["network"]][asked]["best"]
            ]
            lines.append(
                f"* {asked.replace('_', '-')}, {name}: {proven} of {len(chosen)} proven, {close} within 5 %, "
                f"shifted geometric mean {mean:.1f} s"
                + (f"; below the best known: {', '.join(records)}" if records else "")
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--time-limit", type=float, default=60.0)
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="what the limit counts; cpu: seconds of this process alone"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--solvers", nargs="+", default=["branch-price"])
    parser.add_argument("--objectives", nargs="+", default=list(OBJECTIVES), choices=OBJECTIVES)
    parser.add_argument("--networks", nargs="+", help="default: all in known.json")
    options = parser.parse_args()
    known = json.loads((options.folder / "known.json").read_text())
    runs = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {(r["network"], r["asked"], r["solver"]) for r in runs}
    limits = Limits(options.time_limit, options.workers, options.seed)
    for asked in options.objectives:
        for network in options.networks or known:
            for solver in options.solvers:
                if (network, asked, solver) in done:
                    continue
                problem = read_problem(options.folder / f"{network}.json", known[network], asked)
                line = {
                    "network": network,
                    "asked": asked,
                    "solver": solver,
                    **run(problem, solver, limits, options.clock),
                }
                runs.append(line)
                with options.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    print(table(runs, known))


if __name__ == "__main__":
    main()

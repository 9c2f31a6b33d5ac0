#!/usr/bin/env python
"""Table of all heuristics against proven bounds: a folder of instances, five seeds, the same time for everyone.

    scripts/bench_heuristics.py FOLDER OUT                             # runs what is missing in OUT, prints the tables
    scripts/bench_heuristics.py FOLDER OUT --groups per-tile qaplib    # some groups of instances
    scripts/bench_heuristics.py FOLDER OUT --tables                    # runs nothing

FOLDER has ``partition/`` and ``placement/`` with JSON instances and a ``known.json`` each, ``qaplib/`` with ``.dat``
and ``.sln``, ``noc/`` with core graphs; the digits networks ship. Bounds are the proven optima named there, what lines
of ``scripts/bench_partition.py`` and ``scripts/bench_placement.py`` given by --bounds prove, and for the digits
networks those of the library; for their mappings what no mapping of the network undercuts. The time limit counts
processor time unless --clock says otherwise, so that the machine may be busy; the same command goes on after a kill.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from spinemap_exact import instances
from spinemap_exact.bench import read_runs, read_suite, run_suite
from spinemap_exact.bench.store import Run
from spinemap_exact.bench.suite import Case
from spinemap_exact.bounds import network_bound
from spinemap_exact.result import Limits

PARTITION = ("best-effort", "anneal", "fm", "multilevel", "kl", "mtkahypar", "sneap", "spinecluster-greedy")
PARTITION += ("edgemap", "hedge-overlap", "psopart", "sequential")
PLACEMENT = ("best-effort", "tabu", "sneap", "spineplacer-pso", "hilbert-force", "truenorth", "sequential")
METHODS = {
    "per-tile": PARTITION,
    "placement": PLACEMENT,
    "qaplib": PLACEMENT,
    "noc": PLACEMENT,
    "digits-partition": PARTITION,
    "digits-placement": PLACEMENT,
    "digits": ("best-effort", "two-steps", "spinemap", "sneap", "truenorth", "pacman"),
    "per-synapse": PARTITION,
}
# published optima; the reader scales the quarters of mpeg4 to integers
CORE_GRAPHS = {"pip": ("4x2", 640), "mwd": ("4x4", 1120), "mpeg4": ("4x4", 4 * 3567), "dvopd": ("4x8", None)}


def suite_of(folder: Path, proven: dict[tuple[str, str], int]) -> str:
    """Return a suite of all instances in the folder, with the bounds that are known."""
    folder = folder.resolve()
    cases: list[dict[str, Any]] = []
    known = json.loads((folder / "partition" / "known.json").read_text())
    for traffic in ("per-tile", "per-synapse"):
        asked = traffic.replace("-", "_")
        for name, of in known.items():
            bound = of[asked]["best"] if of[asked]["proven"] else proven.get((name, asked))
            file = str(folder / "partition" / f"{name}.json")
            case = {"problem": "partition", "file": file, "clusters": of[asked]["clusters"], "traffic": traffic}
            cases.append({"name": f"{name}, {traffic}", **case, "family": traffic, "best": _bound(bound)})
    known = json.loads((folder / "placement" / "known.json").read_text())
    for name in sorted((f.stem for f in (folder / "placement").glob("sp*.json")), key=lambda s: int(s[2:])):
        bound = known[name]["best"] if known.get(name, {}).get("proven") else proven.get((name, "placement"))
        case = {"problem": "placement", "file": str(folder / "placement" / f"{name}.json")}
        cases.append({"name": name, **case, "family": "placement", "best": _bound(bound)})
    for path in sorted((folder / "qaplib").glob("*.dat")):
        optimum = int(path.with_suffix(".sln").read_text().split()[1])
        case = {"problem": "qap", "file": str(path), "family": "qaplib", "best": _bound(optimum)}
        cases.append({"name": path.stem, **case})
    for name, (mesh, optimum) in CORE_GRAPHS.items():
        case = {"problem": "noc", "file": str(folder / "noc" / f"{name}.csv"), "mesh": mesh}
        cases.append({"name": name, **case, "family": "noc", "best": _bound(optimum)})
    return "\n".join(_table(case) for case in cases)


def digits() -> list[Case]:
    """The digits networks as they ship, whole, and their partition and placement stages."""
    cases = []
    for case in read_suite(instances.FOLDER / "suite.toml"):
        name, _, stage = case.name.partition("/")
        if name.startswith("digits") and case.kind == "mapping":
            least = network_bound(case.problem.network, case.problem.hardware).energy_fj
            cases.append(replace(case, family="digits", best={"bound": least}))
        elif name.startswith("digits") and stage in ("partition", "placement"):
            cases.append(replace(case, family=f"digits-{stage}"))
    return cases


def _bound(value: int | None) -> dict[str, int]:
    return {} if value is None else {"bound": value}


def _table(case: dict[str, Any]) -> str:
    lines = ["[[case]]"]
    for key, value in case.items():
        if isinstance(value, dict):
            if value:
                lines.append(f"{key} = {{ " + ", ".join(f"{k} = {v}" for k, v in value.items()) + " }")
        else:
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join([*lines, ""])


def tables(runs: list[Run], bounds: dict[str, int]) -> str:
    """Markdown: for each group one line a method."""
    parts = []
    for group in METHODS:
        chosen = [run for run in runs if run["family"] == group]
        if chosen:
            parts.append(_group(group, chosen, bounds))
    return "\n\n".join(parts)


def _group(group: str, runs: list[Run], bounds: dict[str, int]) -> str:
    best = {case: min(r["objective"] for r in of if r["objective"] is not None) for case, of in _by(runs, "case")}
    gaps_known = [case for case in best if case in bounds]
    lines = [
        f"**{group}**: {len(best)} instances, {len(gaps_known)} with a bound",
        "",
        "| method | answers | gap to bound: median | worst | above best met: median | worst | best on | seconds |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for method in METHODS[group]:
        of = [r for r in runs if r["method"] == method]
        if not of:
            continue
        met = [r for r in of if r["objective"] is not None]
        gaps = [_above(bounds[r["case"]], r["objective"], r["objective"]) for r in met if r["case"] in bounds]
        above = [_above(best[r["case"]], r["objective"], best[r["case"]]) for r in met]
        lowest = {
            case: min((r["objective"] for r in c if r["objective"] is not None), default=None)
            for case, c in _by(of, "case")
        }
        wins = sum(value == best[case] for case, value in lowest.items())
        seconds = statistics.median(r.get("cpu_s", 0.0) for r in of)
        cells = [method, f"{len(met)} of {len(of)}", *_middle_and_worst(gaps), *_middle_and_worst(above)]
        lines.append("| " + " | ".join([*cells, f"{wins} of {len(lowest)}", f"{seconds:.2f}"]) + " |")
    return "\n".join(lines)


def _above(low: int, high: int, base: int) -> float:
    return 100 * (high - low) / max(1, base)


def _middle_and_worst(values: list[float]) -> list[str]:
    return [f"{statistics.median(values):.1f} %", f"{max(values):.1f} %"] if values else ["-", "-"]


def _by(runs: list[Run], key: str) -> list[tuple[str, list[Run]]]:
    groups = defaultdict(list)
    for run in runs:
        groups[run[key]].append(run)
    return list(groups.items())


def duels(runs: list[Run]) -> str:
    """How often the mean over seeds of best-effort is at or below that of every other method, and the ratio to each."""
    lines = [
        "| group | best-effort at or below all others | packets of mtkahypar / best-effort: median | most |",
        "|---|--:|--:|--:|",
    ]
    for group, of in _by(runs, "family"):
        mean: dict[str, dict[str, float]] = defaultdict(dict)
        for run in of:
            if run["objective"] is not None:
                mean[run["case"]].setdefault(run["method"], 0.0)
        for case, methods in mean.items():
            for method in methods:
                values = [r["objective"] for r in of if r["case"] == case and r["method"] == method]
                methods[method] = statistics.mean(v for v in values if v is not None)
        won = [m.get("best-effort", float("inf")) <= min(m.values()) for m in mean.values()]
        both = [m for m in mean.values() if {"mtkahypar", "best-effort"} <= set(m) and m["best-effort"] > 0]
        ratios = [m["mtkahypar"] / m["best-effort"] for m in both]
        ratio = [f"{statistics.median(ratios):.2f}", f"{max(ratios):.2f}"] if ratios else ["-", "-"]
        lines.append(f"| {group} | {sum(won)} of {len(won)} | {ratio[0]} | {ratio[1]} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--groups", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--methods", nargs="+", help="default: all of each group")
    parser.add_argument("--time-limit", type=float, default=1.0, metavar="S")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="cpu")
    parser.add_argument("--bounds", type=Path, nargs="*", default=[], help="lines that prove something")
    parser.add_argument("--tables", action="store_true", help="of the runs there are")
    options = parser.parse_args()
    proven: dict[tuple[str, str], int] = {}
    for line in (line for path in options.bounds for line in path.read_text().splitlines()):
        run = json.loads(line)
        if run.get("dual_bound") is not None:
            key = (run["network"], run["asked"]) if "network" in run else (run["problem"], "placement")
            proven[key] = max(run["dual_bound"], proven.get(key, 0))
    options.out.mkdir(parents=True, exist_ok=True)
    suite, out = options.out / "suite.toml", options.out / "runs.jsonl"
    suite.write_text(suite_of(options.folder, proven))
    cases = [*read_suite(suite), *digits()]
    limits = Limits(options.time_limit, 1, 0)
    for group in [] if options.tables else options.groups:
        of_group = [case for case in cases if case.family == group]
        methods = [m for m in METHODS[group] if not options.methods or m in options.methods]
        if methods:
            tally = run_suite(of_group, methods, range(options.seeds), limits, out, clock=options.clock)
            print(f"{group}: {tally.written} runs written, {tally.skipped} were there already", flush=True)
    bounds = {case.name: case.best["bound"] for case in cases if "bound" in case.best}
    runs = read_runs(out)
    print(tables(runs, bounds), "\n")
    print(duels(runs))


if __name__ == "__main__":
    main()

"""The verbs `bench` and `report`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinemap_exact.cli.verbs import DONE, NOTHING_FOUND
from spinemap_exact.errors import InvalidInput, unknown
from spinemap_exact.units import last_line

if TYPE_CHECKING:
    from spinemap_exact.bench.executors import Executor
    from spinemap_exact.bench.store import Run
    from spinemap_exact.bench.suite import Case


def bench(args: argparse.Namespace) -> int:
    from spinemap_exact.bench.methods import Method
    from spinemap_exact.bench.runner import run_suite, tasks_of
    from spinemap_exact.result import Limits

    cases = _cases(args)
    if args.list:
        return _list(args, cases)
    methods = [*args.method, *(Method.of_mapping(text) for text in args.mapping)]
    if not methods:
        raise InvalidInput("name at least one --method or --mapping; --list shows those there are")
    limits = Limits(args.time_limit if args.time_limit != 0 else None, args.workers, args.seed)
    seeds = range(args.seed, args.seed + args.seeds)
    if args.dry_run:
        return _dry_run(args, len(tasks_of(cases, methods, seeds, limits, args.clock)))
    if args.out is None:
        raise InvalidInput("say where the runs go: --out runs.jsonl")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        tally = run_suite(
            cases, methods, seeds, limits, args.out, _executor(args), None if args.quiet else _say_line, args.clock
        )
    except KeyboardInterrupt:
        print(f"stopped; the same command goes on where {args.out} ends", file=sys.stderr)
        return NOTHING_FOUND
    words = (
        f"{args.out}: {tally.written} runs written, {tally.skipped} were there already"
        + (f", {tally.retried} tried again after their worker died" if tally.retried else "")
        + (f", {tally.without_answer} without an answer" if tally.without_answer else "")
        + (f", {tally.late} beyond their time limit" if tally.late else "")
        + f"\ngaps and pictures: spinemap-exact report {args.out}"
    )
    print(json.dumps(vars(tally), indent=1) if args.json else words)
    return DONE


def report(args: argparse.Namespace) -> int:
    from spinemap_exact.bench import read_runs
    from spinemap_exact.report import markdown, summarise, write_report

    cases = _cases(args)
    runs = read_runs(args.runs)
    files = write_report(runs, args.out, cases, args.title, is_interactive=args.interactive)
    if args.json:
        print(json.dumps({"files": [str(f) for f in files], "runs": len(runs)}, indent=1))
    else:
        print(markdown(summarise(runs, cases)))
        print("written: " + ", ".join(str(f) for f in files))
    return DONE


def _cases(args: argparse.Namespace) -> list[Case]:
    from spinemap_exact.bench import read_suite
    from spinemap_exact.instances import FOLDER

    cases = read_suite(args.suite or FOLDER / "suite.toml")
    wanted = getattr(args, "case", None) or []
    known = {case.name for case in cases}
    if missing := [name for name in wanted if name not in known]:
        raise InvalidInput(unknown("case", missing[0], sorted(known)))
    families, there = set(getattr(args, "family", None) or []), {case.family for case in cases} - {""}
    if families - there:
        raise InvalidInput(unknown("family", min(families - there), sorted(there)))
    return [c for c in cases if (not wanted or c.name in wanted) and (not families or c.family in families)]


def _list(args: argparse.Namespace, cases: list[Case]) -> int:
    from spinemap_exact.bench.methods import names
    from spinemap_exact.registry import KINDS
    from spinemap_exact.report.tables import amount

    methods = {kind: list(names(kind)) for kind in KINDS}
    table = [
        {**c.best, "trust": c.trust, "case": c.name, "problem": c.kind, "family": c.family, "digest": c.problem.digest}
        for c in cases
    ]
    if args.json:
        print(json.dumps({"methods": methods, "cases": table}, indent=1))
        return DONE
    print("methods")
    for kind, known in methods.items():
        print(f"  {kind}: {', '.join(known)}")
    print("\ncases")
    print(f"  {'name':28} {'problem':10} {'family':8} {'best':>16} {'bound':>16}  by")
    for row in table:
        by = " ".join(str(row[key]) for key in ("trust", "by", "proven_by") if row.get(key))
        best, bound = (amount(row["problem"], row.get(key)) for key in ("objective", "bound"))
        line = f"  {row['case']:28} {row['problem']:10} {row['family']:8} {best:>16} {bound:>16}  {by}"
        print(line.rstrip())
    return DONE


def _dry_run(args: argparse.Namespace, runs: int) -> int:
    script = None
    if args.executor == "slurm":
        from spinemap_exact.bench.executors import slurm_job_script

        script = slurm_job_script(_options(args))
    if args.json:
        print(json.dumps({"runs": runs, "job_script": script}, indent=1))
    else:
        print(f"{runs} runs" + ("" if script is None else f"; each of {args.jobs} workers is started by\n\n{script}"))
    return DONE


def _executor(args: argparse.Namespace) -> Executor:
    from spinemap_exact.bench import executors

    match args.executor:
        case "dask":
            return executors.DaskExecutor(args.scheduler, args.jobs)
        case "slurm":
            return executors.SlurmExecutor(args.jobs, _options(args))
        case _:
            return executors.ProcessExecutor(args.jobs)


def _options(args: argparse.Namespace) -> dict[str, str]:
    pairs = [text.partition("=") for text in args.slurm]
    for key, equals, _ in pairs:
        if not equals:
            raise InvalidInput(f"a SLURM option is given as KEY=VALUE, not {key!r}")
    return {key: value for key, _, value in pairs}


def _say_line(line: Run, done: int, planned: int) -> None:
    from spinemap_exact.bench.line import is_late, lateness
    from spinemap_exact.report.tables import amount

    objective = amount(line["problem"], line["objective"])
    error = f": {last_line(line['error'])}" if line.get("error") else f": {lateness(line)}" if is_late(line) else ""
    run = f"{line['case']}  {line['method']}  seed {line['seed']}"
    print(f"{done}/{planned}  {run}  {line['status']}  {objective}{error}", file=sys.stderr)


def add_verbs(verbs: Any, add: Any) -> None:
    """Add both verbs; ``add`` makes a parser with the options that every verb has."""
    _add_bench(
        add(
            verbs,
            "bench",
            bench,
            "run methods on a suite of problems, resumable",
            "Run every method on every case of a suite with every seed, one JSON line a run. Runs that the file has\n"
            "already are skipped, unless they failed: after a kill the same command goes on. A method is a heuristic\n"
            "or solver; for networks a heuristic, exact, stages, a published pair (spinemap, pacman, sneap,\n"
            "truenorth) or PARTITION+PLACEMENT.\n\n"
            "A method may also be a function of yours, FILE.py:function. It is called with a problem and a watch,\n"
            "returns a solution or None, and is believed in nothing: the bench checks and prices what it returns.\n"
            "Solutions: Partition.from_labels(cluster_of_unit), Placement(tile_of_cluster), for networks\n"
            "Mapping(unrolling, partition, placement), of spinemap_exact.mapping. An example that ships is\n"
            "examples/my_heuristic.py; docs/bench.md says what a problem offers.",
        )
    )
    parser = add(
        verbs,
        "report",
        report,
        "tables and pictures of what a bench found",
        "Write report.html (one file, opens offline), report.md, runs.csv and profiles.csv (points of the curves),\n"
        "and print the tables. Runs without an answer are counted apart and enter no gap.",
    )
    parser.add_argument("runs", metavar="RUNS", help="what bench --out wrote")
    parser.add_argument("--suite", metavar="FILE", help="whose recorded bounds count, too; default: what ships")
    parser.add_argument("--out", metavar="DIR", default="report", help="default: report")
    parser.add_argument("--interactive", action="store_true", help="interactive.html besides; needs the extra viz")
    parser.add_argument("--title", default="Bench of mapping methods")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suite", metavar="SUITE", nargs="?", help="TOML file; default: what ships")
    parser.add_argument("--list", action="store_true", help="name every method, and every case with its best bound")
    parser.add_argument("--out", metavar="FILE", type=Path, help="JSON lines, appended to")
    parser.add_argument("--method", action="append", default=[], metavar="NAME", help="may be repeated")
    parser.add_argument(
        "--mapping", action="append", default=[], metavar="NAME=FILE", help="a mapping of yours competes; {case} in "
        "FILE stands for the name of the case"
    )  # fmt: skip
    parser.add_argument("--case", action="append", metavar="NAME", help="only this case; may be repeated")
    parser.add_argument("--family", action="append", metavar="NAME", help="only this family; may be repeated")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="how many, from --seed on; default 5")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed; default 0")
    parser.add_argument("--time-limit", type=float, default=10.0, metavar="S", help="of a run, 0 for none; default 10")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="what the limit counts; cpu where a machine is shared"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="K", help="threads of a run; default 1")
    where = parser.add_argument_group("where runs run")
    where.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2), metavar="N",
                       help="runs at a time; default: half the processors")  # fmt: skip
    where.add_argument("--executor", choices=("processes", "dask", "slurm"), default="processes")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a dask scheduler; default: a cluster on this machine")
    where.add_argument("--slurm", action="append", default=[], metavar="KEY=VALUE",
                       help="option of dask_jobqueue.SLURMCluster, such as queue=short; may be repeated")  # fmt: skip
    where.add_argument(
        "--dry-run", action="store_true", help="say how many runs there are, and show the SLURM job script"
    )

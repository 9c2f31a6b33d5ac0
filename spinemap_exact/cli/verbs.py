"""What each verb does. Everything heavy is imported by the verb that needs it."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinemap_exact import __version__
from spinemap_exact.cli import text
from spinemap_exact.cli.asked import remembering
from spinemap_exact.cli.folder import MapFolder, certificate_of
from spinemap_exact.cli.progress import Reporter, interruptible
from spinemap_exact.errors import InvalidInput, SpinemapError, meant, unknown
from spinemap_exact.files import require_writable, writing
from spinemap_exact.units import picoseconds, printable

if TYPE_CHECKING:
    from spinemap_exact.cli.front import FrontFolder
    from spinemap_exact.hardware import Hardware
    from spinemap_exact.io import ProblemFile
    from spinemap_exact.mapping import Unrolling
    from spinemap_exact.network import Network
    from spinemap_exact.pipeline import MappingRun, Stage, Wanted
    from spinemap_exact.result import Limits

DONE, REJECTED, BAD_INPUT, INFEASIBLE, NOTHING_FOUND, UNPROVEN = range(6)
DEFECT = 70  # of ours; EX_SOFTWARE of sysexits.h
_NOWHERE = "compiled kernels cannot be kept: no folder to write to; NUMBA_CACHE_DIR may name one"

KIND_OF_PROBLEM = {
    "qap": "placement",
    "noc": "placement",
    "placement": "placement",
    "packing": "packing",
    "partition": "partition",
    "unroll": "unroll",
}


def info(args: argparse.Namespace) -> int:
    import numpy as np

    network, hardware, notes = read_input(args)
    fan_in = network.fan_in[~network.is_input]
    edges = [0, *(2**k for k in range(int(fan_in.max(initial=1)).bit_length() + 1))]
    histogram = [[lo, hi - 1, int(((fan_in >= lo) & (fan_in < hi)).sum())] for lo, hi in itertools.pairwise(edges)]
    facts: dict[str, Any] = {
        "network": args.input,
        "neurons": network.num_units,
        "external_inputs": network.num_inputs,
        "synapses": network.num_synapses,
        "self_loops": int((network.pre == network.post).sum()),
        "spikes": int(network.spikes.sum()),
        "synaptic_events": network.synaptic_events,
        "spikes_assumed": network.spikes_assumed,
        "fan_in_max": int(fan_in.max(initial=0)),
        "fan_in_mean": float(fan_in.mean()) if fan_in.size else 0.0,
        "fan_in_histogram": [row for row in histogram if row[2]],
        "populations": [[p.name, p.size] for p in network.populations],
        "digest": network.digest,
        "notes": notes,
    }
    if hardware is not None:
        from spinemap_exact.problems.mapping import MappingProblem
        from spinemap_exact.problems.unroll import counting_bounds

        rows, columns = hardware.max_rows, max(c.columns for c in hardware.crossbars)
        wide = int((fan_in > rows).sum())
        short = MappingProblem(network, hardware).why_infeasible()  # as `map` will say it
        facts["hardware"] = {
            "name": hardware.name,
            "tiles": hardware.grid.num_tiles,
            "crossbars": [str(c) for c in hardware.crossbars],
            "neurons_to_unroll": wide,
            "synapses_lost_by_pruning": int(np.maximum(0, fan_in - rows).sum()),
            "crossbars_at_least": None if wide and rows == 1 else max(counting_bounds(network, rows, columns).values()),
            "fits": None if short is None else False,
            "short": short,
        }
    say(args, facts, text.info(facts) + _noted(notes))
    return DONE


def map(args: argparse.Namespace) -> int:
    from spinemap_exact.pipeline import certify_all

    network, hardware, notes = read_input(args)
    if hardware is None:
        raise InvalidInput(f"say which hardware {args.input} goes onto: --hardware PRESET or FILE.toml")
    wants_stages, wanted, limits = _wants_stages(args), _wanted(args, "--out", args.out), _limits(args)
    if args.pareto:
        return _front(args, network, hardware, notes, wanted)
    run_it = _by_stages(args, network, hardware) if wants_stages else _at_once(args, network, hardware)
    folder = MapFolder(args, network, hardware) if args.out is not None else None

    def work(stop: threading.Event) -> MappingRun:
        keep = None if folder is None else folder.keep
        run = run_it(limits=limits, wanted=wanted, listen=reporter, keep=keep, stop=stop)
        if folder is not None and not stop.is_set():
            folder.save(run, *_described(args, run, notes), reporter.lines)
            if any(stage.unverified for stage in run.stages):
                run = certify_all(run, wanted, reporter, stop=stop)
        facts, words = _described(args, run, notes)
        try:
            if folder is not None:
                folder.save(run, facts, words, reporter.lines)
                folder.end(interrupted=stop.is_set())
        finally:  # a disk that is full by now shall not cost the result
            reporter.close()
            say(args, facts, words)
        return run

    with Reporter(args, limits) as reporter:
        _compile_ahead(reporter, _parts_of_map(args), folder)
        run = interruptible(work)
    return _exit_status(args, run.status)


def _front(args: argparse.Namespace, network: Network, hardware: Hardware, notes: list[str], wanted: Wanted) -> int:
    """Weigh energy against a second goal."""
    from spinemap_exact.cli.front import FrontFolder, second_goal
    from spinemap_exact.pipeline import Front, pareto_front
    from spinemap_exact.problems.mapping import MappingProblem

    second, limits = second_goal(args), _limits(args)
    most = {"max_crossbars": args.max_crossbars, "max_latency_ps": max_latency_ps(args)}
    MappingProblem(network, hardware, **most)  # refuses limits that make no sense
    folder = FrontFolder(args, network, hardware, second) if args.out is not None else None

    def work(stop: threading.Event) -> Front:
        front = pareto_front(
            network, hardware, second, **most, limits=limits, traffic=args.traffic, wanted=wanted, listen=reporter,
            keep=None if folder is None else folder.keep, stop=stop,
        )  # fmt: skip
        facts = {"network": args.input, **front.as_json(), "version": __version__, "notes": notes}
        words = front.summary() + _noted(notes)
        try:
            if folder is not None:
                folder.save(front, facts, words, reporter.lines)
                folder.end(interrupted=stop.is_set())
        finally:
            reporter.close()
            say(args, facts, words)
        return front

    with Reporter(args, limits) as reporter:
        _compile_ahead(reporter, "whole", folder)
        front = interruptible(work)
    return _exit_status(args, front.status)


def _wants_stages(args: argparse.Namespace) -> bool:
    """True where stages are asked for, by that name or by what only stages have."""
    of_stages = {
        "--stages": args.stages,
        "--stage": args.stage,
        "--no-unroll": args.no_unroll,
        "--unit-fan-in": args.unit_fan_in,
        "--unroll-objective": args.unroll_objective,
        "STAGE=NAME": any("=" in name for name in (*args.solver, *args.warm_start)),
    }
    at_once = {"--minimise": args.minimise, "--max-crossbars": args.max_crossbars, "--max-latency": args.max_latency}
    at_once |= {"--units": args.units, "--pareto": args.pareto}
    asked = [[option for option, given in options.items() if given] for options in (of_stages, at_once)]
    if asked[0] and asked[1]:
        raise InvalidInput(f"{asked[1][0]} is for whole mappings, {asked[0][0]} goes stage by stage: choose one")
    return bool(asked[0])


def _at_once(args: argparse.Namespace, network: Network, hardware: Hardware) -> Callable[..., MappingRun]:
    from spinemap_exact.pipeline import map_network, require_posed

    names = {"--solver": args.solver, "--warm-start": args.warm_start}
    if several := next((option for option, given in names.items() if len(given) > 1), None):
        raise InvalidInput(f"{several} is given twice; whole mappings take one")
    asked = {
        "minimise": args.minimise or "energy",
        "max_crossbars": args.max_crossbars,
        "max_latency_ps": max_latency_ps(args),
        "unrolling": given_units(args, network, hardware),
        "traffic": args.traffic,
        "solver": next(iter(args.solver), None),
        "warm_start": next(iter(args.warm_start), None),
    }
    _require_known("solver", "mapping", asked["solver"])
    _require_known("heuristic", "mapping", asked["warm_start"])
    require_posed(network, hardware, **asked)
    return partial(map_network, network, hardware, **asked)


def given_units(args: argparse.Namespace, network: Network, hardware: Hardware) -> Unrolling | None:
    from spinemap_exact import instances
    from spinemap_exact.io.mapping_file import read_mapping

    if args.units is None:
        return None
    ships = args.input in instances.names() and not Path(args.input).exists()
    file = instances.instances()[args.input].reference if ships and args.units == "reference" else Path(args.units)
    return read_mapping(file, network, hardware).unrolling


def max_latency_ps(args: argparse.Namespace) -> int | None:
    return None if args.max_latency is None else picoseconds(args.max_latency)


def _by_stages(args: argparse.Namespace, network: Network, hardware: Hardware) -> Callable[..., MappingRun]:
    from spinemap_exact.pipeline import Choices, map_by_stages, require_supported

    last_stage, unroll = args.stage or "placement", not args.no_unroll
    require_supported(network, hardware, last_stage, unroll=unroll, unit_fan_in=args.unit_fan_in)
    return partial(
        map_by_stages,
        network,
        hardware,
        traffic=args.traffic,
        choices=Choices(_by_stage("solver", args.solver), _by_stage("heuristic", args.warm_start)),
        last_stage=last_stage,
        unroll=unroll,
        unit_fan_in=args.unit_fan_in,
        unroll_objective=args.unroll_objective or "crossbars",
    )


def _described(args: argparse.Namespace, run: MappingRun, notes: Sequence[str]) -> tuple[dict[str, Any], str]:
    """What is known of a run, for machines and for people."""
    if args.out:
        notes = [*notes, *(f"{stage.name}: {stage.unverified}" for stage in run.stages if stage.unverified)]
    facts = {"network": args.input, **run.as_json(), "version": __version__, "notes": notes}
    words = run.summary()
    if run.mapping is not None:
        words += "\n\n" + run.costs()
    return facts, words + _noted(notes)


def solve(args: argparse.Namespace) -> int:
    from spinemap_exact.pipeline import AREA_THEN_PACKETS, solve_within

    wanted, limits = _wanted(args, "--certificate", args.certificate), _limits(args)
    if args.certificate is not None:
        require_writable(args.certificate)
    if args.objective == AREA_THEN_PACKETS:
        return _solve_in_order(args, wanted, limits)
    read = bare_problem(args, args.file)
    problem, notes = read.problem, read.notes
    kind = KIND_OF_PROBLEM[args.problem]
    _require_known("solver", kind, args.solver)
    _require_known("heuristic", kind, args.warm_start)
    with Reporter(args, limits) as reporter:
        _compile_ahead(reporter, kind)
        stage = interruptible(
            lambda stop: solve_within(
                limits,
                kind,
                problem,
                wanted,
                solver=args.solver,
                warm_start=args.warm_start,
                listen=partial(reporter, kind),
                stop=stop,
            )
        )
    result = stage.result
    if args.certificate:
        notes = [*notes, *_certified(args, args.certificate, stage)]
    facts = {
        "file": args.file,
        "scale": read.scale,
        **stage.as_json(),
        "digest": problem.digest,
        "notes": notes,
        "version": __version__,
    }
    facts["stages"] = {kind: stage.as_json()}
    facts["solution"] = text.solution_json(result.incumbent)
    if result.incumbent is not None and kind == "placement":
        facts["solution"] |= _as_in_the_file(args.problem, read, result.incumbent)
    say(args, facts, text.solved(args.file, facts) + _noted(notes))
    return _exit_status(args, result.status)


def _as_in_the_file(kind: str, read: ProblemFile, solution: Any) -> dict[str, Any]:
    """A placement in the terms of its file: cores by name, or the permutation of its formula."""
    if kind == "qap":
        from spinemap_exact.io.qaplib import permutation

        return {"permutation": permutation(solution, transposed=read.transposed), "transposed": read.transposed}
    return {} if read.cores is None else {"core_of_cluster": list(read.cores)}


def _solve_in_order(args: argparse.Namespace, wanted: Wanted, limits: Limits) -> int:
    """Least area, then the fewest packets within it."""
    from spinemap_exact.pipeline import AREA_THEN_PACKETS, area_then_packets
    from spinemap_exact.problems.partition import PartitionProblem

    args.objective = "area"
    read = bare_problem(args, args.file)
    problem, notes = read.problem, read.notes
    if not isinstance(problem, PartitionProblem):
        raise InvalidInput(f"the objective {AREA_THEN_PACKETS!r} does not belong to a {args.problem} problem")
    with Reporter(args, limits) as reporter:
        _compile_ahead(reporter, "partition")
        run = interruptible(
            lambda stop: area_then_packets(
                problem,
                limits=limits,
                solver=args.solver,
                warm_start=args.warm_start,
                wanted=wanted,
                listen=reporter,
                stop=stop,
            )
        )
    if args.certificate:
        path = Path(args.certificate)
        paths = {"area": path.with_name(f"{path.stem}.area{path.suffix}"), "packets": path}
        notes = [*notes, *(note for stage in run.stages for note in _certified(args, paths[stage.name], stage))]
    facts = {"file": args.file, "scale": read.scale, **run.as_json(), "notes": notes, "version": __version__}
    facts["solution"] = text.solution_json(run.incumbent)
    words = [
        f"{args.file}: {run.status}",
        *(text.solved(name, {**s, "scale": 1}) for name, s in facts["stages"].items()),
    ]
    say(args, facts, "\n".join(words) + _noted(notes))
    return _exit_status(args, run.status)


def warm_up(args: argparse.Namespace) -> int:
    from spinemap_exact.pipeline import warm_up as ahead

    with Reporter(args) as reporter:
        taken_s = ahead.warm_up(tell=reporter.say)
    if ahead.nowhere_to_keep():
        raise InvalidInput(_NOWHERE)
    words = f"all kernels are ready; compiling took {taken_s:.1f} s" if taken_s else "all kernels were ready"
    say(args, {"compiling_s": taken_s}, words)
    return DONE


def _parts_of_map(args: argparse.Namespace) -> str:
    return "stages" if _wants_stages(args) else "units" if args.units else "whole"


def _compile_ahead(reporter: Reporter, what: str, folder: MapFolder | FrontFolder | None = None) -> None:
    """Have the kernels ready that are needed for ``what``, before any clock starts."""
    from spinemap_exact.pipeline import warm_up as ahead

    if ahead.nowhere_to_keep():
        reporter.say(_NOWHERE)
        return
    try:
        ahead.warm_up(ahead.NEEDED[what], tell=reporter.say)
    except SpinemapError as failure:
        reporter.say(f"{failure}; each is compiled when it is first called")
    except KeyboardInterrupt:
        if folder is not None:
            folder.end(interrupted=True)
        raise


def evaluate(args: argparse.Namespace) -> int:
    from spinemap_exact.evaluator import evaluate
    from spinemap_exact.io.mapping_file import read_mapping

    network, hardware, notes = read_input(args)
    hardware = _required(args, hardware)
    mapping = read_mapping(Path(args.mapping), network, hardware)
    if violations := mapping.violations(network, hardware):  # what does not fit has no price
        if args.json:
            print(json.dumps({"violations": violations, "notes": notes}, indent=1))
        for broken in violations:
            print(printable(f"rejected: {broken}"), file=sys.stderr)
        return REJECTED
    found = evaluate(network, hardware, mapping, args.traffic)
    say(args, {**found.as_json(), "notes": notes}, found.summary() + _noted(notes))
    return DONE


def convert(args: argparse.Namespace) -> int:
    from spinemap_exact.io import write_network

    network, hardware, notes = read_input(args)
    if args.mapping:
        return _convert_mapping(args, network, _required(args, hardware), notes)
    if args.to:
        raise InvalidInput(f"--to {args.to} writes a mapping: --mapping FILE names it")
    write_network(Path(args.output), network)
    words = f"{args.output}: {network.num_neurons:,} neurons, {network.num_synapses:,} synapses"
    facts = {"output": args.output, "neurons": network.num_neurons, "synapses": network.num_synapses, "notes": notes}
    say(args, facts, words + _noted(notes))
    return DONE


def _convert_mapping(args: argparse.Namespace, network: Network, hardware: Hardware, notes: list[str]) -> int:
    from spinemap_exact.io.mapping_file import read_mapping, write_mapping
    from spinemap_exact.io.pacman import write_pacman
    from spinemap_exact.io.sanafe import write_sanafe

    mapping = read_mapping(Path(args.mapping), network, hardware)
    if violations := mapping.violations(network, hardware):
        raise InvalidInput(f"{args.mapping} is no mapping onto this hardware: {violations[0]}")
    if args.to == "sanafe":
        notes = notes + write_sanafe(args.output, mapping, network, hardware)
    elif args.to == "pacman":
        write_pacman(args.output, mapping, hardware)
    else:
        if Path(args.output).suffix.lower() not in (".csv", ".json", ".gz"):
            raise InvalidInput(f"{args.output} names no format of mappings: .csv, .json or .json.gz, or --to TOOL")
        write_mapping(args.output, mapping, network, hardware)
    units, clusters = mapping.unrolling.num_units, mapping.partition.num_clusters
    facts = {"output": args.output, "units": units, "clusters": clusters, "notes": notes}
    say(args, facts, f"{args.output}: {units:,} units in {clusters:,} clusters" + _noted(notes))
    return DONE


def bare_problem(args: argparse.Namespace, path: str) -> ProblemFile:
    from spinemap_exact.io import read_problem_file

    options = ("mesh", "clusters", "traffic", "objective", "max_area", "unit_fan_in", "max_depth")
    given = {name: getattr(args, name) for name in options if getattr(args, name) is not None}
    return read_problem_file(path, args.problem, **given)


def _certified(args: argparse.Namespace, path: str | Path, stage: Stage) -> list[str]:
    """Write what is certified of a stage; return what is to be said about it."""
    from spinemap_exact.certificate import format as certificates

    certificate, said = certificate_of(stage)
    if certificate is not None:
        with writing(path) as file:
            file.write(certificates.to_bytes(remembering(certificate, args, stage.problem)))
    return [said.replace("{}", str(path))] if said else []


def _required(args: argparse.Namespace, hardware: Hardware | None) -> Hardware:
    if hardware is None:
        raise InvalidInput(f"say which hardware {args.input} is mapped onto: --hardware PRESET or FILE.toml")
    return hardware


def read_input(args: argparse.Namespace) -> tuple[Network, Hardware | None, list[str]]:
    """Read the network, shipped or from a file, and the hardware if any is named or ships with it."""
    from spinemap_exact import instances
    from spinemap_exact.hardware import read_hardware
    from spinemap_exact.io import read_network

    hardware = None
    notes: list[str] = []
    if args.input in instances.names() and not Path(args.input).exists():
        network, hardware = instances.load(args.input)
        if args.spikes is not None or args.weight_threshold or args.where or args.pooling_neurons:
            raise InvalidInput(f"{args.input} ships with its spikes and synapses; options for reading are for files")
    else:
        _require_file(args.input)
        network, notes = read_network(
            args.input,
            spikes=args.spikes,
            weight_threshold=args.weight_threshold,
            where=_pairs(args.where),
            pooling_neurons=args.pooling_neurons,
        )
    if getattr(args, "hardware", None):
        hardware = read_hardware(args.hardware)
    return network, hardware, list(notes)


def _require_file(name: str) -> None:
    """Say that there is no such instance where a name can have been nothing else."""
    from spinemap_exact import instances

    if not Path(name).suffix and not Path(name).exists():
        raise InvalidInput(f"{name} is no file and no instance that ships; {meant(name, instances.names())}")


def _pairs(given: Sequence[str]) -> dict[str, str]:
    for item in given:
        if "=" not in item:
            raise InvalidInput(f"--where takes COLUMN=VALUE, not {item!r}")
    return {item.split("=", 1)[0]: item.split("=", 1)[1] for item in given}


def _require_known(what: str, kind: str, name: str | None) -> None:
    """Refuse an unknown solver or heuristic before anything is compiled or solved."""
    from spinemap_exact import heuristics, solvers
    from spinemap_exact.pipeline import NO_SOLVER

    known = (*(solvers.names if what == "solver" else heuristics.names)(kind), NO_SOLVER)
    if name is not None and name not in known:
        raise InvalidInput(unknown(f"{kind} {what}", name, known))


def _by_stage(what: str, given: Sequence[str]) -> dict[str, str]:
    """Read ``stage=NAME`` or a bare NAME, which goes to every stage that has it."""
    from spinemap_exact import heuristics, solvers
    from spinemap_exact.pipeline import NO_SOLVER, STAGES

    known = solvers.names if what == "solver" else heuristics.names
    chosen: dict[str, str] = {}
    for item in given:
        stage, named, name = item.rpartition("=")
        if named and stage not in STAGES:
            raise InvalidInput(f"unknown stage {stage!r} in {item!r}; {meant(stage, STAGES)}")
        stages = [stage] if named else [s for s in STAGES if name == NO_SOLVER or name in known(s)]
        for s in stages:
            _require_known(what, s, name)
        if not stages:
            everything = sorted({n for s in STAGES for n in known(s)})
            raise InvalidInput(unknown(what, name, everything))
        chosen.update(dict.fromkeys(stages, name))
    return chosen


def _limits(args: argparse.Namespace) -> Limits:
    from spinemap_exact.result import Limits

    return Limits(args.time_limit if args.time_limit != 0 else None, args.workers, args.seed)


def _wanted(args: argparse.Namespace, option: str, path: str | None) -> Wanted:
    """How long evidence is looked for."""
    from spinemap_exact.pipeline import Wanted

    beyond_s = args.certify_time
    if beyond_s is not None and not path:
        raise InvalidInput(f"--certify-time is time for certificates: say with {option} where they go")
    if beyond_s is not None and not 0 < beyond_s < math.inf:
        raise InvalidInput(f"--certify-time {beyond_s:g} is not a positive number of seconds")
    return Wanted(bool(path), beyond_s)


def _exit_status(args: argparse.Namespace, status: str) -> int:
    if status == "OPTIMAL":
        return DONE
    if status == "FEASIBLE":
        return UNPROVEN if args.require_proof else DONE
    return INFEASIBLE if status == "INFEASIBLE" else NOTHING_FOUND


def _noted(notes: Sequence[str]) -> str:
    return "".join(f"\nnote: {note}" for note in notes)


def say(args: argparse.Namespace, facts: dict[str, Any], text: str) -> None:
    print(json.dumps(facts, indent=1) if args.json else printable(text))

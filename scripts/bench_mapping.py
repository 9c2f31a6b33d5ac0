#!/usr/bin/env python
"""Whole mappings of the shipped instances against two-step ones, with bounds; run again to go on where it stopped.

    scripts/bench_mapping.py rows.jsonl --time-limit 20                      # all instances, prints the table
    scripts/bench_mapping.py rows.jsonl --instances random-40 lenet --jobs 2
    scripts/bench_mapping.py large.jsonl --instances 784-100-10 400-400-200 lenet-like --time-limit 60
    scripts/bench_mapping.py rows.jsonl --instances                          # only prints

The two-step mapping is the reference that ships: units for few crossbars, a partition for few packets, a placement for
few hops, one after the other. Three larger networks are drawn by rule, for 128x128 crossbars on 16x16 tiles with the
prices of the digits' chip; there the heuristic `two-steps` takes the steps. The limit counts processor seconds of one
worker, for each search by itself, so that the machine may be busy. Every instance has a process of its own and one line
of the output file.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact import heuristics, instances, solvers
from spinemap_exact.bench.methods import Method
from spinemap_exact.bench.suite import Case
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.heuristics.mapping import two_steps
from spinemap_exact.instances.convolutional import lenet
from spinemap_exact.instances.generators import layered, log_normal_spikes
from spinemap_exact.io.mapping_file import read_mapping
from spinemap_exact.kernels.compiling import not_counted
from spinemap_exact.mapping import Mapping
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.mapping._choice import choose
from spinemap_exact.units import duration_text, energy_text

_DRAWN = {
    "784-100-10": lambda: layered((784, 100, 10)),
    "400-400-200": lambda: layered((400, 400, 200)),
    "lenet-like": lambda: uneven(lenet()),
}
_WARM_UP, _WARM_UP_S = "layered-16-24-8", 0.5
_ENERGIES = {
    "reference": "two steps (reference)",
    "spinemap": "spinemap",
    "spike-slices": "spike-slices",
    "given-units": "units of the reference",
    "best-effort": "free units",
}
_TITLES = [
    *_ENERGIES.values(), "bound of any mapping", "gap", "bound of the units of the reference",
    "crossbars: two steps, free", "worst latency: two steps, free",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    known = [*instances.names(), *_DRAWN]
    parser.add_argument("--instances", nargs="*", default=instances.names(), metavar="NAME", choices=known)
    parser.add_argument("--time-limit", type=float, default=20.0, metavar="S")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="instances at a time")
    options = parser.parse_args()
    limits = Limits(options.time_limit, 1, options.seed)
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {row["instance"] for row in rows}
    pool = ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn"), max_tasks_per_child=1)
    with pool, options.out.open("a") as file:
        for row in as_completed([pool.submit(warm, name, limits) for name in options.instances if name not in done]):
            rows.append(row.result())
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
    print(table(rows))


def warm(name: str, limits: Limits) -> dict[str, Any]:
    """Measure one instance after a small one, which loads the kernels."""
    measure(_WARM_UP, replace(limits, time_s=_WARM_UP_S))
    return measure(name, limits)


def measure(name: str, limits: Limits) -> dict[str, Any]:
    """Map one instance in every way, each with the same limit."""
    network, hardware, reference = load(name)
    problem, began = MappingProblem(network, hardware), time.process_time()
    with not_counted(time.process_time) as clock:
        if name in _DRAWN:
            reference = heuristics.load("mapping", "two-steps")(problem, Watch(limits, clock=clock))
        found = {
            "reference": reference,
            "spinemap": Method("spinemap").answer(Case(name, problem), Watch(limits, clock=clock)),
        }
        for heuristic in ("spike-slices", "best-effort"):
            found[heuristic] = heuristics.load("mapping", heuristic)(problem, Watch(limits, clock=clock))
        units = reference.unrolling if reference else two_steps.units(problem, Watch(limits, clock=clock))
        given = replace(problem, unrolling=units)
        start = heuristics.load("mapping", "anneal")(given, Watch(limits, clock=clock))
        solved = solvers.load("mapping", "branch-price")(given, Watch(limits, clock=clock), warm_start=start)
        found["given-units"] = solved.incumbent
        least = min((m for m in found.values() if m is not None), key=problem.cost, default=None)
        bounded = solvers.load("mapping", choose(problem))(problem, Watch(limits, clock=clock), warm_start=least)
    bound = bounded.dual_bound
    return {
        "instance": name,
        "limit_s": limits.time_s,
        "seed": limits.seed,
        "cpu_s": round(time.process_time() - began, 1),
        "bound_fj": bound,
        "units_bound_fj": None if solved.dual_bound is None else max(bound, solved.dual_bound),
        **{way: _judged(problem, mapping) for way, mapping in found.items()},
    }


def load(name: str) -> tuple[Network, Hardware, Mapping | None]:
    """Return network, hardware, and the reference that ships with them."""
    if name in _DRAWN:
        small = instances.load("digits-64-32-10")[1]
        chip = replace(small, name="128x128", crossbars=(Crossbar(128, 128),), grid=TileGrid(16, 16))
        return _DRAWN[name](), chip, None
    entry = instances.instances()[name]
    network, hardware = entry.load()
    return network, hardware, read_mapping(entry.reference, network, hardware) if entry.reference.exists() else None


def uneven(network: Network) -> Network:
    """Return the network with 20 spikes on average, log-normal."""
    spikes = log_normal_spikes(np.random.default_rng(0), network.num_neurons, 20.0)
    return replace(network, spikes=spikes, spikes_assumed=False)


def _judged(problem: MappingProblem, mapping: Mapping | None) -> dict[str, int | None] | None:
    if mapping is None:
        return None
    result = problem.evaluate(mapping)
    assert result.violations == ()
    return {
        "energy_fj": result.energy_fj.total,
        "crossbars": result.crossbars,
        "latency_worst_ps": result.latency_worst_ps,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: one line an instance; the gap is that of its best mapping. A bound of units in bold is met."""
    order = [*instances.names(), *_DRAWN]
    lines = [f"| instance | {' | '.join(_TITLES)} |", "|---|" + "--:|" * len(_TITLES)]
    for row in sorted(rows, key=lambda row: order.index(row["instance"])):
        lines.append(f"| {row['instance']} | {' | '.join(_cells(row))} |")
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> list[str]:
    energies = [row[way] and row[way]["energy_fj"] for way in _ENERGIES]
    least, bound = min((e for e in energies if e is not None), default=None), row["bound_fj"]
    before, after, given, units = row["reference"], row["best-effort"], row["given-units"], row["units_bound_fj"]
    is_met = given is not None and units == given["energy_fj"]
    return [
        *(_shown(energy, energy_text) for energy in energies),
        energy_text(bound),
        "-" if not least else f"{100 * (least - bound) / least:.1f} %",
        f"**{energy_text(units)}**" if is_met else _shown(units, energy_text),
        *(
            ", ".join(_shown(result and result[what], text) for result in (before, after))
            for what, text in (("crossbars", str), ("latency_worst_ps", duration_text))
        ),
    ]


def _shown(value: int | None, text: Any) -> str:
    return "-" if value is None else str(text(value))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compare ways of unrolling: pruning, published chains, wide chains, constructions, the exact solver.

    scripts/bench_unroll.py [--time-limit S] [--growth] [FOLDER | NAME]

FOLDER holds networks as JSON (name, rows, columns, fan_in); without it the networks that ship and generated ones are
compared, or the one called NAME. --growth prints how time grows with the synapses instead.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinemap_exact import heuristics, solvers
from spinemap_exact.evaluator import evaluate
from spinemap_exact.hardware import Hardware, TileGrid
from spinemap_exact.heuristics.unroll._pruning import prune
from spinemap_exact.instances import load
from spinemap_exact.instances.convolutional import lenet
from spinemap_exact.instances.generators import layered, random_sparse
from spinemap_exact.kernels.counting import counting_bounds
from spinemap_exact.mapping import Mapping, Placement
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Limits, Watch

METHODS = {
    "chain of two": "chain-of-two",
    "R-ary chain": "chain",
    "even chain": "even-chain",
    "row slices": "row-slices",
    "annealing": "annealing",
}
HEAD = "| network | method | crossbars | columns used | cells used | idle cells | depth | synapses lost | CPU s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="?", metavar="FOLDER | NAME")
    parser.add_argument("--time-limit", type=float, default=60.0)
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    if options.growth:
        growth(options.time_limit)
        return
    print(HEAD)
    print("|" + "---|" * (HEAD.count("|") - 1))
    known = None if options.networks is None or Path(options.networks).is_dir() else options.networks
    for name, problem in problems(None if known else options.networks):
        if known in (None, name):
            compare(name, problem, options.time_limit)


def problems(folder: str | None) -> Iterator[tuple[str, UnrollProblem]]:
    if folder is not None:
        for path in sorted(Path(folder).glob("*_R*.json")):
            yield path.stem, read(path)
        return
    for name in ("digits-64-32-10", "digits-64-100-10"):
        yield name, UnrollProblem(load(name)[0], 32, 32)
    yield "784-100-10", UnrollProblem(layered((784, 100, 10)), 128, 128)
    yield "400-400-200", UnrollProblem(layered((400, 400, 200)), 128, 128)
    yield "lenet", UnrollProblem(lenet(), 128, 128)


def read(path: Path) -> UnrollProblem:
    given = json.loads(path.read_text())
    fan_in, neurons = given["fan_in"], len(given["fan_in"])
    axons = 1 + max(max(axons) for axons in fan_in)
    network = Network.from_synapses(
        np.concatenate(fan_in) + neurons,
        np.repeat(np.arange(neurons), [len(axons) for axons in fan_in]),
        np.ones(neurons + axons, dtype=np.int64),
        is_input=np.arange(neurons + axons) >= neurons,
    )
    return UnrollProblem(network, given["rows"], given["columns"])


def compare(name: str, problem: UnrollProblem, time_s: float) -> None:
    pruned, lost = prune(problem.network, problem.rows)
    whole = UnrollProblem(pruned, problem.rows, problem.columns)
    start = time.process_time()
    row(name, "pruning", whole, heuristics.load("unroll", "chain")(whole, watch(time_s)), lost, start)
    best = None
    for method, heuristic in METHODS.items():
        start = time.process_time()
        packed = heuristics.load("unroll", heuristic)(problem, watch(time_s), best)
        row(name, method, problem, packed, 0, start)
        if packed is not None and (best is None or problem.cost(packed) < problem.cost(best)):
            best = packed
    exact(name, "exact", problem, best, time_s)
    width = problem.rows
    exact(name, f"units of {width} inputs", replace(problem, unit_fan_in=width), None, time_s)
    exact(name, "one carry in a row", replace(problem, max_depth=1), None, time_s)


def exact(name: str, method: str, problem: UnrollProblem, start: PackedUnrolling | None, time_s: float) -> None:
    """Run the solver; without a start, from the best construction that keeps the options of the problem."""
    clock = time.process_time()
    if start is None:
        tried = (heuristics.load("unroll", name)(problem, watch(time_s)) for name in ("even-chain", "row-slices"))
        start = min((packed for packed in tried if packed is not None), key=problem.cost, default=None)
    result = solvers.load("unroll", "cover")(problem, watch(time_s), start)
    row(name, f"{method}, at least {result.dual_bound}", problem, result.incumbent, 0, clock)


def watch(time_s: float) -> Watch:
    return Watch(Limits(time_s=time_s))


def row(
    name: str, method: str, problem: UnrollProblem, packed: PackedUnrolling | None, lost: int, start: float
) -> None:
    """Print what the shared evaluator says of an unrolling; where the crossbars lie does not matter here."""
    spent = time.process_time() - start
    if packed is None:
        print(f"| {name} | {method} | - | | | | | {lost} | {spent:.1f} |", flush=True)
        return
    crossbars = packed.partition.num_clusters
    hardware = Hardware("in a line", TileGrid(crossbars, 1), (problem.crossbar,))
    mapping = Mapping(packed.unrolling, packed.partition, Placement(np.arange(crossbars)))
    priced = evaluate(problem.network, hardware, mapping)
    if priced.violations or problem.violations(packed):
        raise SystemExit(f"{name}, {method}: {[*priced.violations, *problem.violations(packed)][0]}")
    print(
        f"| {name} | {method} | {crossbars} | {float(priced.column_utilisation or 0):.1%} "
        f"| {float(priced.cell_utilisation or 0):.1%} | {priced.cells_idle} | {priced.tree_depth} | {lost} "
        f"| {spent:.1f} |",
        flush=True,
    )


def growth(time_s: float) -> None:
    """Time what scales, then give the solver ``time_s`` for what is left."""
    head = "| network | synapses | classes of neurons, axons | chain s | row slices s | found | counting | "
    print(head + "solver: s | found | bound |")
    print("|" + "---|" * 10)
    measure("", random_sparse(200, 1000), 1.0)  # compiles
    for synapses in (10**3, 10**4, 10**5, 10**6):
        width = round(synapses**0.5)
        measure("dense", layered((width, width)), time_s)
        measure("sparse", random_sparse(max(200, synapses // 200), synapses), time_s)


def measure(name: str, network: Network, time_s: float) -> None:
    problem = UnrollProblem(network, 128, 128)
    clock = [time.process_time()]
    heuristics.load("unroll", "chain")(problem, watch(time_s))
    clock.append(time.process_time())
    packed = heuristics.load("unroll", "row-slices")(problem, watch(time_s))
    clock.append(time.process_time())
    result = solvers.load("unroll", "cover")(problem, watch(time_s), packed)
    clock.append(time.process_time())
    chain_s, slices_s, solver_s = np.diff(clock)
    classes = f"{problem.classes.num_neuron_classes}, {problem.classes.num_axon_classes}"
    if name:
        print(
            f"| {name} | {network.num_synapses} | {classes} | {chain_s:.2f} | {slices_s:.2f} "
            f"| {'-' if packed is None else problem.cost(packed)} | {max(counting_bounds(problem).values())} "
            f"| {solver_s:.1f} | {result.objective} | {result.dual_bound} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

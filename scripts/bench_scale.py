#!/usr/bin/env python3
"""Time against network size, and how it grows.

  scripts/bench_scale.py                   reading, sequential mapping and evaluation of random networks
  scripts/bench_scale.py --what mapping    unrolling, partition and placement by heuristics that end by themselves,
                                           then a bound for the partition

Each size runs in its own process. Reading and evaluation are wall time, a mapping is CPU time of one worker, after a
small network of the same kind has compiled the kernels; the memory is the peak.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

READING = """
import json, resource, sys, time
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.io import read_network
from spinemap_exact.evaluator import evaluate
from spinemap_exact.pipeline import Choices, STAGES, map_by_stages
from spinemap_exact.result import Limits
start = time.perf_counter()
network, _ = read_network(sys.argv[1])
read = time.perf_counter()
tiles = 4 * (network.num_synapses // 100)
side = int(tiles ** 0.5) + 1
hardware = Hardware("mesh", TileGrid(side, side), (Crossbar(128, 128),))
choices = Choices(dict.fromkeys(STAGES, "none"), dict.fromkeys(STAGES, "sequential"))
run = map_by_stages(network, hardware, limits=Limits(time_s=None, workers=1), choices=choices)
mapped = time.perf_counter()
result = evaluate(network, hardware, run.mapping)
end = time.perf_counter()
assert result.violations == ()
print(json.dumps({"synapses": network.num_synapses, "read_s": read - start, "map_s": mapped - read,
    "evaluate_s": end - mapped, "total_s": end - start, "crossbars": result.crossbars, "units": result.units,
    "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
"""

MAPPING = """
import json, resource, sys, time
from spinemap_exact import heuristics
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.evaluator import evaluate
from spinemap_exact.instances.generators import layered, random_sparse, small_world
from spinemap_exact.mapping import Mapping, Unrolling
from spinemap_exact.pipeline import certify, solve_problem
from spinemap_exact.problems.placement import placement_problem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Limits, Watch

NETWORKS = {
    # a ring in which every neuron reads its 32 neighbours, one in a hundred synapses rewired
    "local": lambda synapses: small_world(max(34, synapses // 32), 32, rewiring=0.01, seed=1),
    # five layers of equal size, each reads all of the layer before: neurons are unrolled
    "dense": lambda synapses: layered([max(4, round((synapses / 4) ** 0.5))] * 5, seed=1),
    # 20 synapses a neuron, uniform: the hardest network to fit into crossbars
    "random": lambda synapses: random_sparse(max(25, synapses // 20), synapses, seed=1),
}

def heuristic(kind, name, problem, start=None):
    return heuristics.load(kind, name)(problem, Watch(Limits(None, 1, 0)), start)

def run(name, synapses, bound_s):
    network, rows = NETWORKS[name](synapses), 256 if name == "random" else 128
    clock = [time.process_time()]
    unrolling, author = Unrolling.identity(network), "sequential"
    units = unrolling.unit_network(network)
    if network.fan_in.max() > rows:
        packed = heuristic("unroll", "row-slices", UnrollProblem(network, rows, rows))
        unrolling, first, author = packed.unrolling, packed.partition, "row-slices"
        units = unrolling.unit_network(network)
    clock.append(time.process_time())
    if author == "sequential":
        roomy = PartitionProblem(units, (Crossbar(rows, rows),), units.num_units)
        first = heuristic("partition", "sequential", roomy)
    side = int((1.2 * first.num_clusters) ** 0.5) + 2
    hardware = Hardware("mesh", TileGrid(side, side), (Crossbar(rows, rows),))
    problem = PartitionProblem(units, hardware.crossbars, side * side)
    multilevel = heuristic("partition", "multilevel", problem)
    clusters = min((p for p in (first, multilevel) if p is not None), key=problem.cost)
    clock.append(time.process_time())
    placing = placement_problem(units, clusters, hardware, problem.traffic)
    tiles = heuristic("placement", "hilbert-force", placing)
    clock.append(time.process_time())
    watch = Watch(Limits(bound_s, 1, 0))
    solver, result = solve_problem(problem, watch, warm_start="none", starts=[clusters])
    result = certify("partition", problem, solver, result, watch).result
    clock.append(time.process_time())
    found = evaluate(network, hardware, Mapping(unrolling, clusters, tiles))
    assert found.violations == ()
    unroll_s, partition_s, placement_s, proof_s = (b - a for a, b in zip(clock, clock[1:]))
    return {"network": name, "synapses": network.num_synapses, "units": units.num_units,
        "crossbars": clusters.num_clusters, "unroll_s": unroll_s, "partition_s": partition_s,
        "placement_s": placement_s, "map_s": clock[3] - clock[0], "packets": problem.cost(clusters),
        "better": author if clusters is first else "multilevel", "bound": result.dual_bound,
        "trust": result.vouched_by.trust, "bound_s": proof_s, "hops": found.spike_hops,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}

name, synapses, bound_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
for small in (300_000, 30_000) if name == "dense" else (30_000, 1000):
    run(name, small, 1.0)
print(json.dumps(run(name, synapses, bound_s)))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", default="evaluator", choices=("evaluator", "mapping"))
    parser.add_argument("--sizes", type=float, nargs="+", help="synapses")
    parser.add_argument("--format", default="csv", choices=("csv", "npz"), help="file that a network is read from")
    parser.add_argument("--networks", nargs="+", default=["local", "dense"], choices=("local", "dense", "random"))
    parser.add_argument("--bound-time", type=float, default=10.0, metavar="S", help="for the bound of a partition")
    args = parser.parse_args()
    if args.what == "mapping":
        for network in args.networks:
            _mapping(network, args.sizes or [1e3, 1e4, 1e5, 1e6], args.bound_time)
    else:
        _reading(args.sizes or [1e5, 1e6, 1e7], args.format)


def _reading(sizes: list[float], suffix: str) -> None:
    from spinemap_exact.instances.generators import random_sparse
    from spinemap_exact.io import write_network

    rows = []
    for size in map(int, sizes):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"net.{suffix}"
            write_network(path, random_sparse(max(20, size // 100), size, seed=1))
            rows.append(_run(READING, path))
        print(
            "{synapses:>10,} synapses: read {read_s:6.2f} s, map {map_s:6.2f} s, evaluate {evaluate_s:6.2f} s, "
            "total {total_s:6.2f} s, peak {peak_gb:.2f} GB, {units:,} units on {crossbars:,} crossbars".format(
                **rows[-1]
            ),
            flush=True,
        )
    for before, after in itertools.pairwise(rows):
        print(f"evaluator, {before['synapses']:,} to {after['synapses']:,}: exponent {_growth(before, after):.2f}")


def _mapping(network: str, sizes: list[float], bound_s: float) -> None:
    print(
        f"\n| {network}: synapses | units | crossbars | unroll s | partition s | placement s | mapping s | packets "
        "| bound | gap | trust | bound s | peak GB |\n|" + "---:|" * 13,
        flush=True,
    )
    rows = []
    for size in map(int, sizes):
        row = _run(MAPPING, network, size, bound_s)
        gap = (row["packets"] - row["bound"]) / max(1, row["packets"])
        print(
            "| {synapses:,} | {units:,} | {crossbars:,} | {unroll_s:.2f} | {partition_s:.2f} | {placement_s:.2f} "
            "| {map_s:.2f} | {packets:,} ({better}) | {bound:,} | {0:.0%} | {trust} | {bound_s:.1f} | {peak_gb:.2f} |"
            "".format(gap, **row),
            flush=True,
        )
        rows.append(row)
    for before, after in itertools.pairwise(rows):
        growth = _growth(before, after, "map_s")
        print(f"{network}, {before['synapses']:,} to {after['synapses']:,} synapses: exponent {growth:.2f}")


def _run(steps: str, *arguments: object) -> dict[str, float]:
    command = [sys.executable, "-c", steps, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, float] = json.loads(done.stdout)
    return row


def _growth(before: dict[str, float], after: dict[str, float], time: str = "evaluate_s") -> float:
    return math.log(after[time] / before[time]) / math.log(after["synapses"] / before["synapses"])


if __name__ == "__main__":
    main()

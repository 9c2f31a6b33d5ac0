#!/usr/bin/env python
"""Heuristics on fresh random networks and cluster graphs, on which no setting of any of them was chosen.

    scripts/bench_held_out.py runs.jsonl --seed 101      # goes on where it stopped, prints the table

The seed draws the instances: another seed, another set. The limit counts processor seconds, one worker.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from bench_heuristics import duels, tables

from spinemap_exact import heuristics
from spinemap_exact.bench import read_runs, run_suite
from spinemap_exact.bench.suite import Case
from spinemap_exact.hardware import Crossbar, TileGrid
from spinemap_exact.instances.generators import layered, random_sparse, small_world
from spinemap_exact.mapping import Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Watch

METHODS = {
    "per-tile": ("best-effort", "anneal", "multilevel", "kl", "mtkahypar", "spinecluster-greedy", "edgemap"),
    "placement": ("best-effort", "tabu", "sneap", "hilbert-force", "truenorth", "sequential"),
}


def networks(seed: int) -> dict[str, tuple[Network, int]]:
    """Networks, and rows and columns of the crossbars that they are to be put on."""
    return {
        "layered-24-40-16": (layered([24, 40, 16], density=0.25, seed=seed), 16),
        "layered-64-90-30": (layered([64, 90, 30], density=0.2, seed=seed + 1), 32),
        "small-world-60": (small_world(60, 6, seed=seed + 2), 16),
        "small-world-140": (small_world(140, 9, rewiring=0.2, seed=seed + 3), 32),
        "random-50": (random_sparse(60, 240, inputs=10, seed=seed + 4), 20),
        "random-160": (random_sparse(180, 1100, inputs=20, seed=seed + 5), 48),
    }


def cases(seed: int) -> list[Case]:
    """Partition problems with one cluster more than the first filling needs, and sparse graphs on meshes."""
    found = []
    for name, (network, size) in networks(seed).items():
        units = Unrolling.identity(network).unit_network(network)
        roomy = PartitionProblem(units, (Crossbar(size, size),), units.num_units)
        filled = heuristics.load("partition", "hedge-overlap")(roomy, Watch(Limits(time_s=None)))
        problem = PartitionProblem(units, roomy.crossbars, filled.num_clusters + 1)
        found.append(Case(f"{name}, seed {seed}", problem, "per-tile"))
    random = np.random.default_rng(seed)
    for width, height in ((4, 4), (5, 5), (6, 6), (7, 6)):
        tiles = width * height
        clusters = tiles - int(random.integers(0, 4))
        flow = random.integers(1, 400, (clusters, clusters)) * (random.random((clusters, clusters)) < 3 / clusters)
        np.fill_diagonal(flow, 0)
        mesh = PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(width, height)))
        found.append(Case(f"{clusters} on {width}x{height}, seed {seed}", mesh, "placement"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--seeds", type=int, default=3, help="of the heuristics")
    parser.add_argument("--time-limit", type=float, default=1.0, metavar="S")
    options = parser.parse_args()
    drawn = cases(options.seed)
    for family, methods in METHODS.items():
        of_family = [case for case in drawn if case.family == family]
        limits = Limits(options.time_limit, 1, 0)
        run_suite(of_family, methods, range(options.seeds), limits, options.out, clock="cpu")
    runs = read_runs(options.out)
    print(tables(runs, {}), "\n")
    print(duels(runs))


if __name__ == "__main__":
    main()

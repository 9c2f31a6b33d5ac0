#!/usr/bin/env python3
"""Pack 40 triplet and 40 uniform instances, 10 s each, and print how they end.

The instances follow E. Falkenauer, A hybrid grouping genetic algorithm for bin packing, 1996, doi:10.1007/BF00226291.
Triplets: three items fill a bin of 1000 without a gap, so that a third of their number is the optimum. Uniform: sizes
from 20 to 100, bins of 150.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np

from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.proofs.best import certificate
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.packing.patterns import solve


def triplets(items: int, rng: np.random.Generator) -> PackingProblem:
    """Draw a first item from 380 to 490, a second that leaves at least 250, and fill the bin."""
    sizes: list[int] = []
    for _ in range(items // 3):
        first = int(rng.integers(380, 491))
        second = int(rng.integers(250, (1000 - first) // 2 + 1))
        sizes += [first, second, 1000 - first - second]
    return PackingProblem(rng.permutation(sizes), 1000)


def uniform(items: int, rng: np.random.Generator) -> PackingProblem:
    return PackingProblem(rng.integers(20, 101, size=items), 150)


FAMILIES = {
    "triplets-60": (triplets, 60),
    "triplets-120": (triplets, 120),
    "uniform-120": (uniform, 120),
    "uniform-250": (uniform, 250),
}
COLUMNS = ("instance", "items", "bound", "bins", "optimum known", "verified", "closed", "wall s", "CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="instances of each family")
    parser.add_argument("--time-limit", type=float, default=10.0, help="seconds for each")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    args = parser.parse_args()
    solve(triplets(60, np.random.default_rng(0)), Watch(Limits()))  # compiles the kernels, or reads them from the cache
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}", flush=True)
    closed: Counter[str] = Counter()
    for family in args.families:
        draw, items = FAMILIES[family]
        for seed in range(args.count):
            problem = draw(items, np.random.default_rng([seed, items]))
            wall, cpu = time.perf_counter(), time.process_time()
            result = solve(problem, Watch(Limits(time_s=args.time_limit, workers=args.workers, seed=seed)))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            written = certificate(problem, result)
            verified = None if written is None else written.lower
            known = items // 3 if draw is triplets else "-"
            proven = result.objective == result.dual_bound
            closed[family] += proven
            cells = (f"{family} #{seed}", items, result.dual_bound, result.objective, known, verified)
            print(
                f"| {' | '.join(map(str, cells))} | {'yes' if proven else 'no'} | {wall:.2f} | {cpu:.2f} |", flush=True
            )
    for family in args.families:
        print(f"\n{family}: {closed[family]} of {args.count} closed ({closed[family] / args.count:.0%})")


if __name__ == "__main__":
    main()

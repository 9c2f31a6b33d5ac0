#!/usr/bin/env python
"""Exact solvers of given units against each other, from the same start; run again to go on where it stopped.

    scripts/bench_joint.py rows.jsonl --time-limit 20
    scripts/bench_joint.py rows.jsonl --solvers branch-price flow-cpsat flow-highs flow-scip

Networks are drawn by rule: so many units with two synapses each, on a mesh with tight crossbars. Each solver gets the
mapping that annealing finds in a second, one worker, and the limit in seconds of the clock on the wall.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact import heuristics, solvers
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.mapping import Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.result import Limits, Status, Watch

_SHAPES = [  # units, mesh, rows, columns
    (10, (2, 2), 6, 4), (12, (3, 2), 7, 3), (14, (2, 2), 8, 5), (16, (2, 2), 10, 5), (16, (3, 2), 8, 4),
    (20, (2, 2), 12, 6), (20, (3, 2), 10, 5), (20, (3, 3), 8, 4), (24, (3, 2), 12, 6),
]  # fmt: skip
_SEEDS = range(3)
_SHIFT_S = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    known = solvers.names("mapping")
    default = ["branch-price", "flow-cpsat", "flow-highs", "flow-scip"]
    parser.add_argument("--solvers", nargs="*", default=default, choices=known, metavar="NAME")
    parser.add_argument("--time-limit", type=float, default=20.0, metavar="S")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {(row["network"], row["solver"]) for row in rows}
    _warm_up(options.solvers)
    with options.out.open("a") as file:
        for shape in _SHAPES:
            for seed in _SEEDS:
                rows += measure(shape, seed, options, done, file)
    print(table(rows, options.time_limit))


def draw(units: int, mesh: tuple[int, int], rows: int, columns: int, seed: int) -> MappingProblem:
    """Return units with two synapses each from other units; prices of a Loihi-like chip."""
    rng = np.random.default_rng([units, *mesh, seed])
    post = np.repeat(np.arange(units), 2)
    pre = np.concatenate([rng.choice(np.delete(np.arange(units), u), 2, replace=False) for u in range(units)])
    network = Network.from_synapses(pre, post, rng.integers(1, 100, units))
    costs = CostModel(packet_fj=17, hop_x_fj=35, hop_y_fj=35, local_fj=17)
    hardware = Hardware("drawn", TileGrid(*mesh), (Crossbar(rows, columns),), costs)
    return MappingProblem(network, hardware, unrolling=Unrolling.identity(network))


def _warm_up(names: list[str]) -> None:
    problem = draw(*_SHAPES[0], seed=99)
    for name in names:
        solvers.load("mapping", name)(problem, Watch(Limits(1.0, 1)))


def measure(shape: Any, seed: int, options: Any, done: set[tuple[str, str]], file: Any) -> list[dict[str, Any]]:
    """Run what is missing of one network."""
    units, (width, height), rows, columns = shape
    network = f"r{units} {width}x{height} {rows}x{columns} #{seed}"
    missing = [name for name in options.solvers if (network, name) not in done]
    if not missing:
        return []
    problem = draw(*shape, seed=seed)
    start = heuristics.load("mapping", "anneal")(problem, Watch(Limits(1.0, 1, seed)))
    found = []
    for name in missing:
        result = solvers.load("mapping", name)(problem, Watch(Limits(options.time_limit, 1, seed)), warm_start=start)
        found.append({
            "network": network,
            "solver": name,
            "objective": result.objective,
            "dual_bound": result.dual_bound,
            "is_proven": result.status in (Status.OPTIMAL, Status.INFEASIBLE),
            "runtime_s": round(result.runtime_s, 2),
        })  # fmt: skip
        file.write(json.dumps(found[-1]) + "\n")
        file.flush()
    return found


def table(rows: list[dict[str, Any]], limit_s: float) -> str:
    """Markdown: seconds to the proof in bold, else the bound that was left; below, proofs and mean times."""
    names = list(dict.fromkeys(row["solver"] for row in rows))
    cells = {(row["network"], row["solver"]): row for row in rows}
    lines = ["| network | best | " + " | ".join(names) + " |", "|---|--:|" + "--:|" * len(names)]
    for network in dict.fromkeys(row["network"] for row in rows):
        mine = [cells[network, name] for name in names if (network, name) in cells]
        best = min((row["objective"] for row in mine if row["objective"] is not None), default=None)
        shown = [_cell(cells.get((network, name))) for name in names]
        lines.append(f"| {network} | {'-' if best is None else best} | {' | '.join(shown)} |")
    for name in names:
        mine = [row for row in rows if row["solver"] == name]
        times = [row["runtime_s"] if row["is_proven"] else limit_s for row in mine]
        mean = math.exp(sum(math.log(t + _SHIFT_S) for t in times) / len(times)) - _SHIFT_S
        proven = sum(row["is_proven"] for row in mine)
        lines.append(f"\n* {name}: {proven} of {len(mine)} proven, shifted geometric mean {mean:.2f} s")
    return "\n".join(lines)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    return f"**{row['runtime_s']:.1f} s**" if row["is_proven"] else f"at least {row['dual_bound'] or 0}"


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Time reading, sequential mapping and evaluation of random networks, and how it grows.

Each size runs in its own process: the time is from opening the file to the evaluation, the memory is the peak.
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

STEPS = """
import json, resource, sys, time
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.io import read_network
from spinemap_exact.evaluator import evaluate
from spinemap_exact.pipeline import Choices, STAGES, map_network
from spinemap_exact.result import Limits
start = time.perf_counter()
network, _ = read_network(sys.argv[1])
read = time.perf_counter()
tiles = 4 * (network.num_synapses // 100)
side = int(tiles ** 0.5) + 1
hardware = Hardware("mesh", TileGrid(side, side), (Crossbar(128, 128),))
choices = Choices(dict.fromkeys(STAGES, "none"), dict.fromkeys(STAGES, "sequential"))
run = map_network(network, hardware, limits=Limits(time_s=None, workers=1), choices=choices)
mapped = time.perf_counter()
result = evaluate(network, hardware, run.mapping)
end = time.perf_counter()
assert result.violations == ()
print(json.dumps({"synapses": network.num_synapses, "read_s": read - start, "map_s": mapped - read,
    "evaluate_s": end - mapped, "total_s": end - start, "crossbars": result.crossbars, "units": result.units,
    "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e5, 1e6, 1e7], help="synapses")
    parser.add_argument("--format", default="csv", choices=("csv", "npz"), help="file the network is read from")
    args = parser.parse_args()
    from spinemap_exact.instances.generators import random_sparse
    from spinemap_exact.io import write_network

    rows = []
    for size in map(int, args.sizes):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"net.{args.format}"
            write_network(path, random_sparse(max(20, size // 100), size, seed=1))
            done = subprocess.run([sys.executable, "-c", STEPS, str(path)], capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(
            "{synapses:>10,} synapses: read {read_s:6.2f} s, map {map_s:6.2f} s, evaluate {evaluate_s:6.2f} s, "
            "total {total_s:6.2f} s, peak {peak_gb:.2f} GB, {units:,} units on {crossbars:,} crossbars".format(
                **rows[-1]
            ),
            flush=True,
        )
    for before, after in itertools.pairwise(rows):
        growth = math.log(after["evaluate_s"] / before["evaluate_s"]) / math.log(after["synapses"] / before["synapses"])
        print(f"evaluator, {before['synapses']:,} to {after['synapses']:,}: exponent {growth:.2f}")


if __name__ == "__main__":
    main()

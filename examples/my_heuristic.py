"""A placement heuristic of one's own, for `spinemap-exact bench`: start anywhere, swap tiles while that helps.

    spinemap-exact bench --case mwd --case mpeg4 --method examples/my_heuristic.py:run --seeds 3 --out runs.jsonl
    spinemap-exact report runs.jsonl

A heuristic is given a problem and a watch and returns a solution, or None; the bench checks and prices it.
"""

import numpy as np

from spinemap_exact.mapping import Placement


def run(problem, watch):
    """Exchange the clusters of two random tiles, and keep what costs no more, for 5000 tries."""
    rng = np.random.default_rng(watch.limits.seed)
    tiles = rng.permutation(problem.num_tiles)  # the first ones hold the clusters, the others are empty
    best = problem.cost(Placement(tiles[: problem.num_clusters]))
    for _ in range(5000):
        if watch.should_stop():  # the time limit
            break
        a, b = rng.choice(problem.num_tiles, 2, replace=False)
        tiles[[a, b]] = tiles[[b, a]]
        cost = problem.cost(Placement(tiles[: problem.num_clusters]))
        if cost > best:
            tiles[[a, b]] = tiles[[b, a]]
        else:
            best = cost
    return Placement(tiles[: problem.num_clusters])

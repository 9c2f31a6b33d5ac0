"""Layer by layer, each cluster next to what feeds it, in the manner of the TrueNorth tool flow.

F. Akopyan et al., TrueNorth: Design and Tool Flow of a 65 mW 1 Million Neuron Programmable Neurosynaptic Chip, IEEE
TCAD 34(10), 2015, doi:10.1109/TCAD.2015.2474396.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.heuristics.placement._moves import layers
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch

_DISTANCES_AT_ONCE = 1 << 23


def run(problem: PlacementProblem, watch: Watch, start: Placement | None = None) -> Placement | None:
    """Put each cluster on the free tile nearest to its placed sources, weighted by their packets.

    External inputs count where they have an I/O tile. A cluster without placed sources takes the first free tile; ties
    go to the lowest tile. Clusters whose turn has not come when the time ends take the first free tiles.
    """
    m, n = problem.num_clusters, problem.num_tiles
    if m > n:
        return None
    by_target = np.argsort(problem.flow_to, kind="stable")
    bounds = np.searchsorted(problem.flow_to[by_target], np.arange(m + 1))
    tile = np.full(m, -1, dtype=np.int64)
    everywhere = np.arange(n)
    free = np.ones(n, dtype=np.bool_)
    for c in np.argsort(layers(problem), kind="stable"):
        if watch.should_stop():
            break
        flows = by_target[bounds[c] : bounds[c + 1]]
        flows = flows[tile[problem.flow_from[flows]] >= 0]
        pull = problem.entering(c, everywhere)
        for some in np.array_split(flows, len(flows) * n // _DISTANCES_AT_ONCE + 1):
            pull += problem.flow[some] @ problem.between(tile[problem.flow_from[some]][:, None], everywhere[None, :])
        tile[c] = np.flatnonzero(free)[np.argmin(pull[free])]
        free[tile[c]] = False
    tile[tile < 0] = np.flatnonzero(free)[: (tile < 0).sum()]
    return Placement(tile)

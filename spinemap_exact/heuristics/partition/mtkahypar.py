"""Hypergraph partition by Mt-KaHyPar, then repair of the row limit, which it does not know, and FM.

L. Gottesbüren et al., Scalable High-Quality Hypergraph Partitioning, ACM Trans. Algorithms 20(1), 2024,
doi:10.1145/3626527.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import MissingExtra
from spinemap_exact.heuristics.partition import fm
from spinemap_exact.heuristics.partition._growth import per_synapse, slots_of, symmetric_weights, within_limits
from spinemap_exact.kernels.partition_search import Search
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import Watch


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Minimise connectivity (packets per tile) or cut (per synapse) without rows, repair, and descend by FM.

    Raises
    ------
    MissingExtra
        If mtkahypar is not installed.
    """
    try:
        import mtkahypar
    except ImportError as missing:
        raise MissingExtra("mtkahypar", "partitioners", "the heuristic mtkahypar") from missing
    parts = min(slots_of(problem).size, problem.num_units)
    if parts < 2:
        return within_limits(problem, np.zeros(problem.num_units, dtype=np.int64), watch)
    labels = _partitioned(mtkahypar, problem, parts, watch)
    repaired = within_limits(problem, labels, watch)
    if repaired is None or problem.objective is not PartitionObjective.PACKETS or watch.should_stop():
        return repaired
    return _descended(problem, repaired, watch)


def _descended(problem: PartitionProblem, partition: Partition, watch: Watch) -> Partition:
    """One descent by FM and nothing more: the result is to be judged as that of the partitioner."""
    if not Search.fits(problem) or problem.num_units * slots_of(problem).size > fm.MOST_PAIRS:
        return partition
    search = Search(problem)
    if not search.load(partition):
        return partition
    fm.descend(search, watch, np.random.default_rng(watch.limits.seed))
    better = search.current()
    return better if problem.cost(better) < problem.cost(partition) else partition


@cache
def _engine(mtkahypar: Any) -> Any:
    return mtkahypar.initialize(1)  # one thread; its deterministic preset repeats itself for one seed


def _partitioned(mtkahypar: Any, problem: PartitionProblem, parts: int, watch: Watch) -> Array:
    nets, weights = _nets(problem)
    if not nets:
        return np.arange(problem.num_units, dtype=np.int64) % parts
    engine = _engine(mtkahypar)
    mtkahypar.set_seed(watch.limits.seed)
    context = engine.context_from_preset(mtkahypar.PresetType.DETERMINISTIC)
    columns = max(c.columns for c in problem.crossbars)
    imbalance = columns / -(-problem.num_units // parts) - 1
    objective = mtkahypar.Objective.CUT if per_synapse(problem) else mtkahypar.Objective.KM1
    context.set_partitioning_parameters(parts, max(0.0, imbalance), objective)
    context.logging = False
    hypergraph = engine.create_hypergraph(context, problem.num_units, len(nets), nets, [1] * problem.num_units, weights)
    return np.array(hypergraph.partition(context).get_partition(), dtype=np.int64)


def _nets(problem: PartitionProblem) -> tuple[list[list[int]], list[int]]:
    """Pins and weights: a source with its readers, or for packets per synapse a pair of units."""
    if per_synapse(problem):
        a, b, spikes = symmetric_weights(problem)
        return np.stack((a, b), axis=1).tolist(), np.minimum(spikes, 2**31 - 1).tolist()
    network = problem.network
    nets, weights = [], []
    for k in problem.nets.tolist():
        pins = set(network.fan_out_of(k).tolist()) | ({k} if k < problem.num_units else set())
        if len(pins) > 1:
            nets.append(sorted(pins))
            weights.append(min(int(network.spikes[k]), 2**31 - 1))
    return nets, weights

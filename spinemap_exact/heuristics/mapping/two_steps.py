"""Units first, given or of a heuristic: clustered for few packets, placed for few hops, several times."""

from __future__ import annotations

from spinemap_exact import heuristics
from spinemap_exact.mapping import Mapping, Partition, Unrolling
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import placement_problem
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Watch

_SHARE_OF_PARTITION = 0.6
# Few packets need not mean few hops, so several partitions are placed and the mappings priced. The first two are those
# of published tool chains; seeds make the others differ. None needs a package that may be missing.
_PARTITIONS = ("kl", "sequential", *("best-effort", "kl") * 3)


# Few crossbars need not mean little energy either: units that are packed by their heuristic are placed as they are.
_UNROLLINGS = ("row-slices", "even-chain")


def run(problem: MappingProblem, watch: Watch, start: Mapping | None = None) -> Mapping | None:
    """Place several partitions, each in an equal share of the time that is left, and return the best mapping."""
    best = start
    if best is None and problem.unrolling is None and not _fits(problem):
        best = _packed(problem, watch)
    unrolling = units(problem, watch) if best is None else best.unrolling
    if unrolling is None:
        return None
    for number, partition in enumerate(_PARTITIONS):
        left = watch.remaining_s
        share = None if left is None else left / (len(_PARTITIONS) - number)
        part = watch.part(share, seed=(watch.limits.seed * len(_PARTITIONS) + number) % 2**31)
        found = chained(problem, unrolling, (partition, "best-effort"), part)
        if found is not None and (best is None or problem.cost(found) < problem.cost(best)):
            best = found
            watch.offer(best)
            watch.report(objective=problem.cost(best))
        if best is not None and watch.should_stop():
            break
    return best


def units(problem: MappingProblem, watch: Watch) -> Unrolling | None:
    """The given units; else neurons as they are where they fit, and row slices where they do not."""
    network, crossbar = problem.network, max(problem.hardware.crossbars, key=lambda c: c.rows)
    if problem.unrolling is not None:
        return problem.unrolling
    if _fits(problem):
        return Unrolling.identity(network)
    packed = heuristics.load("unroll", "row-slices")(UnrollProblem(network, crossbar.rows, crossbar.columns), watch)
    return None if packed is None else packed.unrolling


def _fits(problem: MappingProblem) -> bool:
    return bool(problem.network.fan_in.max() <= problem.hardware.max_rows)


def _packed(problem: MappingProblem, watch: Watch) -> Mapping | None:
    """The best of several unrollings in the crossbars that their heuristics put them into; None if none fits."""
    crossbar, best = max(problem.hardware.crossbars, key=lambda c: c.rows), None
    asked = UnrollProblem(problem.network, crossbar.rows, crossbar.columns)
    for name in _UNROLLINGS:
        left = watch.remaining_s
        part = watch.part(None if left is None else left / (len(_UNROLLINGS) + len(_PARTITIONS)))
        packed = heuristics.load("unroll", name)(asked, part)
        if packed is None or packed.partition.num_clusters > problem.most_crossbars:
            continue
        found = _placed(problem, packed.unrolling, packed.partition, part, "best-effort")
        if found is None or problem.violations(found):
            continue
        if best is None or problem.cost(found) < problem.cost(best):
            best = found
            watch.offer(best)
            watch.report(objective=problem.cost(best))
    return best


def chained(problem: MappingProblem, unrolling: Unrolling, stages: tuple[str, str], watch: Watch) -> Mapping | None:
    """Return the mapping of a partition heuristic and a placement heuristic, one after the other."""
    network = unrolling.unit_network(problem.network)
    problem_of_units = PartitionProblem(network, problem.hardware.crossbars, problem.most_crossbars, problem.traffic)
    left = watch.remaining_s
    share = watch.part(None if left is None else left * _SHARE_OF_PARTITION)
    clusters = heuristics.load("partition", stages[0])(problem_of_units, share)
    if clusters is None:
        return None
    return _placed(problem, unrolling, clusters, watch.part(), stages[1])


def _placed(
    problem: MappingProblem, unrolling: Unrolling, clusters: Partition, watch: Watch, heuristic: str
) -> Mapping | None:
    network = unrolling.unit_network(problem.network)
    left = placement_problem(network, clusters, problem.hardware, problem.traffic)
    tiles = heuristics.load("placement", heuristic)(left, watch)
    return None if tiles is None else Mapping(unrolling, clusters, tiles)

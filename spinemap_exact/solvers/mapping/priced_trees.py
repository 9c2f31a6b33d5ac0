"""A bound on any mapping of the network, in seconds, beside the mapping that is given.

What is bounded depends on the objective: energy, mean latency and the hops of all packets by cheapest trees of units
(`bounds`), the busiest link by the mean of all, the slowest spike by how deep trees must be, crossbars by counting.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from spinemap_exact.bounds import (
    hops_as_energies,
    latencies_as_energies,
    least_worst_latency_ps,
    network_bounds,
)
from spinemap_exact.hardware import Hardware
from spinemap_exact.in_time import in_time
from spinemap_exact.mapping import Mapping
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.problems.unroll import counting_bounds
from spinemap_exact.result import SolveResult, Voucher, Watch, conclude

_BY = Voucher("attested", "priced trees")


def solve(problem: MappingProblem, watch: Watch, warm_start: Mapping | None = None) -> SolveResult[Mapping]:
    """Return the warm start and the bound; see the module."""
    start = None if warm_start is None or problem.violations(warm_start) else warm_start
    bound, evidence = in_time(partial(_bounds, problem), watch) or (None, None)
    return conclude(
        problem, start, bound, engine="priced-trees", watch=watch, evidence=evidence,
        vouched_by=None if bound is None else _BY, reason="bounded at the root",
    )  # fmt: skip


def _bounds(problem: MappingProblem) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Better and better bounds, each with its evidence."""
    network, hardware = problem.network, problem.hardware
    match problem.objective:
        case MappingObjective.ENERGY:
            yield from _by_trees(problem, hardware, problem.traffic)
        case MappingObjective.MEAN_LATENCY:
            yield from _by_trees(problem, latencies_as_energies(hardware), Traffic.PER_SYNAPSE)
        case MappingObjective.BOTTLENECK:
            links = max(1, hardware.grid.num_links)
            for hops, evidence in _by_trees(problem, hops_as_energies(hardware), problem.traffic):
                yield -(-hops // links), evidence
        case MappingObjective.WORST_LATENCY:
            yield least_worst_latency_ps(network, hardware) or 0, None
        case MappingObjective.CROSSBARS:
            rows, columns = hardware.max_rows, max(c.columns for c in hardware.crossbars)
            yield max(1, *counting_bounds(network, rows, columns).values()), None


def _by_trees(
    problem: MappingProblem, hardware: Hardware, traffic: Traffic
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    best = -1
    for found in network_bounds(problem.network, hardware, traffic, problem.max_crossbars):
        if found.energy_fj > best:
            best, prices = found.energy_fj, found.prices
            yield (
                best,
                {
                    "kind": "trees",
                    "price": prices.price_of_axon.tolist(),
                    "merging": prices.merging_of_axon.tolist(),
                    "row": prices.row,
                },
            )

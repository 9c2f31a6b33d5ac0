"""A bound on any mapping of the network, in seconds, beside the mapping that is given.

What is bounded depends on the objective: energy, mean latency and the hops of all packets by cheapest trees of units
(`bounds`), the busiest link by the mean of all, the slowest spike by how deep trees must be, crossbars by counting.
"""

from __future__ import annotations

from typing import Any

from spinemap_exact.bounds import (
    NetworkBound,
    hops_as_energies,
    latencies_as_energies,
    least_worst_latency_ps,
    network_bound,
)
from spinemap_exact.mapping import Mapping
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.problems.unroll import counting_bounds
from spinemap_exact.result import SolveResult, Voucher, Watch, conclude

_BY = Voucher("attested", "priced trees")


def solve(problem: MappingProblem, watch: Watch, warm_start: Mapping | None = None) -> SolveResult[Mapping]:
    """Return the warm start and the bound; see the module."""
    start = None if warm_start is None or problem.violations(warm_start) else warm_start
    bound, evidence = _bound(problem)
    return conclude(
        problem, start, bound, engine="priced-trees", watch=watch, evidence=evidence,
        vouched_by=None if bound is None else _BY, reason="bounded at the root",
    )  # fmt: skip


def _bound(problem: MappingProblem) -> tuple[int | None, dict[str, Any] | None]:
    network, hardware = problem.network, problem.hardware
    match problem.objective:
        case MappingObjective.ENERGY:
            found = network_bound(network, hardware, problem.traffic, problem.max_crossbars)
            return found.energy_fj, _evidence(found)
        case MappingObjective.MEAN_LATENCY:
            times = latencies_as_energies(hardware)
            found = network_bound(network, times, Traffic.PER_SYNAPSE, problem.max_crossbars)
            return found.energy_fj, _evidence(found)
        case MappingObjective.BOTTLENECK:
            found = network_bound(network, hops_as_energies(hardware), problem.traffic, problem.max_crossbars)
            return -(-found.energy_fj // max(1, hardware.grid.num_links)), _evidence(found)
        case MappingObjective.WORST_LATENCY:
            return least_worst_latency_ps(network, hardware) or 0, None
        case MappingObjective.CROSSBARS:
            rows, columns = hardware.max_rows, max(c.columns for c in hardware.crossbars)
            return max(1, *counting_bounds(network, rows, columns).values()), None


def _evidence(found: NetworkBound) -> dict[str, Any]:
    prices = found.prices
    return {
        "kind": "trees",
        "price": prices.price_of_axon.tolist(),
        "merging": prices.merging_of_axon.tolist(),
        "row": prices.row,
    }

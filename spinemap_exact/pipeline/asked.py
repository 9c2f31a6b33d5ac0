"""Which problem each stage poses, given the stages above it."""

from __future__ import annotations

from typing import Any

from spinemap_exact.errors import InvalidInput, unknown
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.problems.placement import placement_problem
from spinemap_exact.problems.unroll import UnrollObjective, UnrollProblem

STAGES = ("unroll", "partition", "placement")


def stage_problem(
    name: str,
    network: Network,
    hardware: Hardware,
    mapping: Mapping | None = None,
    traffic: Traffic | str = Traffic.PER_TILE,
    *,
    unit_fan_in: int | None = None,
    unroll_objective: UnrollObjective | str = UnrollObjective.CROSSBARS,
) -> Any:
    """Return the problem that a stage of `map_by_stages` solved, given the stages above it in ``mapping``.

    Raises
    ------
    InvalidInput
        If the stage is unknown, or needs a mapping and there is none.
    """
    if name == "unroll":
        crossbar = max(hardware.crossbars, key=lambda c: c.rows)
        whole = unit_fan_in is None and neurons_fit(network, hardware)
        objective = UnrollObjective.UNITS if whole else UnrollObjective(unroll_objective)
        return UnrollProblem(network, crossbar.rows, crossbar.columns, unit_fan_in, objective=objective)
    if mapping is None:
        raise InvalidInput(f"the {name} stage is asked given the stages above it: a mapping is needed")
    units = mapping.unrolling.unit_network(network)
    if name == "partition":
        return PartitionProblem(units, hardware.crossbars, hardware.grid.num_tiles, Traffic(traffic))
    if name == "placement":
        return placement_problem(units, mapping.partition, hardware, Traffic(traffic))
    raise InvalidInput(unknown("stage", name, STAGES))


def neurons_fit(network: Network, hardware: Hardware) -> bool:
    """True if no neuron has more inputs than the largest crossbar has rows."""
    return bool(network.fan_in.max() <= hardware.max_rows)

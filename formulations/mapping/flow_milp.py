"""The flow model of `spinemap_exact.formulations.mapping._flow`, for MILP engines."""

from __future__ import annotations

from spinemap_exact.formulations.mapping._flow import FlowModel
from spinemap_exact.formulations.mapping._rows import MilpRows
from spinemap_exact.problems.mapping import MappingProblem


class FlowMilp(FlowModel, MilpRows):
    """See `spinemap_exact.formulations.mapping._flow`."""


def build(problem: MappingProblem) -> FlowMilp:
    return FlowMilp(problem)

"""The flow model of `spinemap_exact.formulations.mapping._flow`, for CP-SAT."""

from __future__ import annotations

from spinemap_exact.formulations.mapping._flow import FlowModel
from spinemap_exact.formulations.mapping._rows import CpSatRows
from spinemap_exact.problems.mapping import MappingProblem


class FlowCpSat(FlowModel, CpSatRows):
    """See `spinemap_exact.formulations.mapping._flow`."""


def build(problem: MappingProblem) -> FlowCpSat:
    return FlowCpSat(problem)

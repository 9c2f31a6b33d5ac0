"""The trees model of `spinemap_exact.formulations.mapping._trees`, for CP-SAT."""

from __future__ import annotations

from spinemap_exact.formulations.mapping._rows import CpSatRows
from spinemap_exact.formulations.mapping._trees import TreesModel
from spinemap_exact.problems.mapping import MappingProblem


class TreesCpSat(TreesModel, CpSatRows):
    """See `spinemap_exact.formulations.mapping._trees`."""


def build(problem: MappingProblem) -> TreesCpSat:
    return TreesCpSat(problem)

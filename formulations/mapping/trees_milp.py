"""The trees model of `spinemap_exact.formulations.mapping._trees`, for MILP engines."""

from __future__ import annotations

from spinemap_exact.formulations.mapping._rows import MilpRows
from spinemap_exact.formulations.mapping._trees import TreesModel
from spinemap_exact.problems.mapping import MappingProblem


class TreesMilp(TreesModel, MilpRows):
    """See `spinemap_exact.formulations.mapping._trees`."""


def build(problem: MappingProblem) -> TreesMilp:
    return TreesMilp(problem)

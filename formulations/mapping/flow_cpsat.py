r"""Partition and placement of given units as flows from tile to tile, for CP-SAT.

Sets        units u; sources k with readers Post(k), of which units have a home; tiles s, t
            reads r: a source k with all of its readers (per-tile), or with a single one (per-synapse)
Data        s_k spikes; way_st energy of a spike from s that is read in t; entry_t the same of an external input;
            R rows, N columns, I energy of the idle cells of an empty crossbar; B most crossbars
Variables   at[u,t] = 1     unit u lies on tile t
            used[t] = 1     tile t holds a unit
            enter[k,t] = 1  source k has a row in tile t
            flow[r,s,t]     read r of a unit is served in t from s
Minimise    sum_r,s,t s_k way_st flow[r,s,t] + sum_k,t s_k entry_t (read of input k in t) + sum_t I used[t] + constant
Subject to  (F1) sum_t at[u,t] = 1                                  for u         each unit on one tile
            (F2) sum_u at[u,t] <= N used[t]                         for t         columns
            (F3) sum_k enter[k,t] <= R used[t]                      for t         rows
            (F4) at[u,t] <= enter[k,t]                              for k, u in Post(k), t
            (F5) (read r in t) <= sum_s flow[r,s,t]                 for r, t      what is read is served
            (F6) flow[r,s,t] <= at[k,s]                             for r, s, t   from where its source lies
            (F7) sum_t used[t] <= B

A read is in t if enter[k,t] = 1 (per-tile), or if at[u,t] = 1 for its only reader (per-synapse). enter, flow and used
are bounded from below only, which suffices: rows and the objective push them down, and `read` looks at `at` alone.

The bound of this model is weak beyond 14 units; it is the plain reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ortools.sat.python import cp_model

from spinemap_exact.formulations._cpsat import CpSatModel
from spinemap_exact.formulations.mapping._flow import FlowModel
from spinemap_exact.mapping import Mapping
from spinemap_exact.problems.mapping import MappingProblem


def build(problem: MappingProblem) -> FlowCpSat:
    return FlowCpSat(problem)


class FlowCpSat(FlowModel, CpSatModel[Mapping]):
    """See the module docstring."""

    def __init__(self, problem: MappingProblem) -> None:
        CpSatModel.__init__(self)
        FlowModel.__init__(self, problem)

    def choice(self, name: str) -> Any:
        return self.proto.new_bool_var(name)

    def share(self, name: str) -> Any:
        return self.proto.new_bool_var(name)

    def at_most(self, terms: Iterable[tuple[int, Any]], bound: int) -> None:
        coefficients, variables = zip(*terms, strict=True)
        self.proto.add(cp_model.LinearExpr.weighted_sum(variables, coefficients) <= bound)

r"""Partition and placement of given units as flows from tile to tile.

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

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._model import Model, Value, Words
from spinemap_exact.formulations.mapping._ways import Ways
from spinemap_exact.mapping import Mapping, Partition, Placement
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import Traffic


def build(problem: MappingProblem, say: Words) -> Flow:
    return Flow(problem, say)


class Data:
    """Units, tiles, synapses and prices as plain integers.

    Raises
    ------
    InvalidInput
        If the problem is not that of given units, energy and one crossbar type, or limits latency.
    """

    def __init__(self, problem: MappingProblem) -> None:
        if problem.unrolling is None:
            raise InvalidInput("the flow model does not cover unrolling: give it units")
        if problem.objective is not MappingObjective.ENERGY or problem.max_latency_ps is not None:
            raise InvalidInput("the flow model does not cover latency, crossbars or links, only energy")
        if not problem.hardware.is_uniform:
            raise InvalidInput("the flow model does not cover several crossbar types")
        self.problem, hardware = problem, problem.hardware
        units = problem.unrolling.unit_network(problem.network)
        self.units, self.tiles = range(units.num_units), range(hardware.grid.num_tiles)
        self.crossbar, costs = hardware.crossbar, hardware.costs
        self.ways = Ways(hardware, "fj")
        self.spikes = units.spikes.tolist()
        self.post = {k: units.fan_out_of(k).tolist() for k in np.flatnonzero(units.fan_out).tolist()}
        self.per_synapse = problem.traffic is Traffic.PER_SYNAPSE
        self.idle = self.crossbar.cells * costs.idle_cell_fj
        self.constant = units.synaptic_events * costs.synapse_fj - units.num_synapses * costs.idle_cell_fj

    @property
    def reads(self) -> list[tuple[int, int | None]]:
        """What is served by itself: a source, and a reader of its own under per-synapse traffic."""
        return [(k, u) for k, posts in self.post.items() for u in (posts if self.per_synapse else [None])]


class Flow(Model[Mapping]):
    """The constraints of the module docstring, by their labels."""

    def __init__(self, problem: MappingProblem, say: Words) -> None:
        super().__init__(say)
        self.data = data = Data(problem)
        self.at = {(u, t): say.choice(f"at[{u},{t}]") for u in data.units for t in data.tiles}
        self.used = {t: say.choice(f"used[{t}]") for t in data.tiles}
        self.enter = {(k, t): say.amount(f"enter[{k},{t}]") for k in data.post for t in data.tiles}
        self.flow = {
            (k, u, s, t): say.amount(f"flow[{k},{u},{s},{t}]")
            for k, u in data.reads
            if k in data.units
            for s in data.tiles
            for t in data.tiles
        }
        self.put_each_unit_on_one_tile()  # F1
        self.respect_columns()  # F2
        self.respect_rows()  # F3
        self.enter_where_read()  # F4
        self.serve_what_is_read()  # F5
        self.serve_from_home()  # F6
        self.respect_the_number_of_crossbars()  # F7
        self.minimise_energy()

    def put_each_unit_on_one_tile(self) -> None:
        for u in self.data.units:
            self.say.exactly_one(self.at[u, t] for t in self.data.tiles)

    def respect_columns(self) -> None:
        for t, used in self.used.items():
            units = self.say.sum(self.at[u, t] for u in self.data.units)
            self.say.require(units <= self.data.crossbar.columns * used)

    def respect_rows(self) -> None:
        for t, used in self.used.items():
            rows = self.say.sum(self.enter[k, t] for k in self.data.post)
            self.say.require(rows <= self.data.crossbar.rows * used)

    def enter_where_read(self) -> None:
        for k, posts in self.data.post.items():
            for u in posts:
                for t in self.data.tiles:
                    self.say.implies(self.at[u, t], self.enter[k, t])

    def serve_what_is_read(self) -> None:
        for k, u in self.data.reads:
            if k in self.data.units:
                for t in self.data.tiles:
                    served = self.say.sum(self.flow[k, u, s, t] for s in self.data.tiles)
                    self.say.require(self.read_at(k, u, t) <= served)

    def serve_from_home(self) -> None:
        for (k, _, s, _), flow in self.flow.items():
            self.say.implies(flow, self.at[k, s])

    def respect_the_number_of_crossbars(self) -> None:
        most = self.data.problem.most_crossbars
        if most < len(self.data.tiles):
            self.say.require(self.say.sum(self.used.values()) <= most)

    def minimise_energy(self) -> None:
        data = self.data
        inner = [(data.spikes[k] * data.ways.way(s, t), flow) for (k, _, s, t), flow in self.flow.items()]
        outer = [
            (data.spikes[k] * data.ways.entry(t), self.read_at(k, u, t))
            for k, u in data.reads
            if k not in data.units
            for t in data.tiles
        ]
        self.minimise([*inner, *outer, *((data.idle, used) for used in self.used.values())], data.constant)

    def read_at(self, k: int, u: int | None, t: int) -> Any:
        """Return the variable that says whether source k is read in tile t, by all its readers or by u alone."""
        return self.enter[k, t] if u is None else self.at[u, t]

    def read(self, value: Value) -> Mapping:
        tile = [next(t for t in self.data.tiles if value(self.at[u, t])) for u in self.data.units]
        tiles, cluster = np.unique(np.array(tile, dtype=np.int64), return_inverse=True)
        unrolling = self.data.problem.unrolling
        assert unrolling is not None
        return Mapping(unrolling, Partition(cluster.ravel()), Placement(tiles))

    def values(self, solution: Mapping) -> Iterable[tuple[Any, int]]:
        tile = solution.placement.tile_of_cluster[solution.partition.cluster_of_unit].tolist()
        reading = {k: {tile[u] for u in posts} for k, posts in self.data.post.items()}
        yield from ((at, int(tile[u] == t)) for (u, t), at in self.at.items())
        yield from ((used, int(t in tile)) for t, used in self.used.items())
        yield from ((enter, int(t in reading[k])) for (k, t), enter in self.enter.items())
        for (k, u, s, t), flow in self.flow.items():
            read = t in reading[k] if u is None else tile[u] == t
            yield flow, int(read and tile[k] == s)

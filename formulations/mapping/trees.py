r"""The whole mapping of a network, its unrolling inside: the units of each neuron are a tree on the tiles.

Sets        neurons i with inputs Pre(i); sources k, of which neurons have a home; tiles s, t
            reads r: a source k with all of its synapses (per-tile), or with a single one (per-synapse, and latency)
Data        s_k spikes; W_i spikes that enter neuron i; way_st what a spike from s that is read in t costs (energy, or
            latency), entry_t the same of an external input; z the cost of a spike on a synapse; R rows, N columns;
            B most crossbars; L most latency
Variables   serve[k,i,t] = 1   the synapse from k to i lies in tile t
            unit[i,t] = 1      neuron i has a unit in tile t; soma[i,t] = 1 its soma unit
            up[i,t,s] = 1      the unit in t sends its carry to the unit in s
            rank[i,t]          falls along carries, so that they run in no circle
            carry[i,t,s]       spikes on it
            axon[k,t] = 1      source k has a row in tile t
            flow[r,s,t]        read r is served in t from s
            used[t] = 1        tile t holds a unit
            late[i,t], worst   the slowest spike up to the unit in t, and of all
Minimise    energy             sum_r,s,t s_k way_st flow[r,s,t] + sum_k,t s_k entry_t (read of input k in t)
                               + sum_i,t,s (way_ts + z) carry[i,t,s] + constant
            mean latency       the same with latencies for ways, every synapse a read of its own
            worst latency      worst
            crossbars          sum_t used[t]
Subject to  (T1) sum_t serve[k,i,t] = 1                                 for k, i
            (T2) serve[k,i,t] <= unit[i,t]                              for k, i, t
            (T3) sum_t soma[i,t] = 1                                    for i
            (T4) soma[i,t] + sum_s up[i,t,s] = unit[i,t]                for i, t      one parent, but for the soma unit
            (T5) up[i,t,s] <= unit[i,s]                                 for i, t, s
            (T6) rank[i,s] + 1 <= rank[i,t] + T (1 - up[i,t,s])         for i, t, s
            (T7) sum_k s_k serve[k,i,t] + sum_s carry[i,s,t]
                     <= sum_s carry[i,t,s] + W_i soma[i,t]              for i, t      what enters is passed on
            (T8) carry[i,t,s] <= W_i up[i,t,s]                          for i, t, s
            (T9) serve[k,i,t] <= axon[k,t]                              for k, i, t
            (T10) sum_i unit[i,t] <= N used[t]                          for t         columns
            (T11) sum_k axon[k,t] + sum_i,s up[i,s,t] <= R used[t]      for t         rows
            (T12) (read r in t) <= sum_s flow[r,s,t]                    for r, t      what is read is served
            (T13) flow[r,s,t] <= soma[k,s]                              for r, s, t   from where its neuron lies
            (T14) late[i,t] >= the way of each spike served in t        for k, i, t
            (T15) late[i,s] >= late[i,t] + way_ts + z where up[i,t,s] = 1
                                                                        for i, t, s
            (T16) late[i,t] <= worst <= L                               for i, t
            (T17) sum_t used[t] <= B

A neuron has at most one unit on a tile, which loses nothing: of two, one passes its axons and the carries that enter it
to the other, the one whose way to the soma unit is cheaper. It needs no row, column or packet that was not there. It
may leave more idle cells, and a cheaper way may be a slower one: prices of idle cells, limits of latency beside
energy, and loads of links are not covered.

late, flow, axon and carry are bounded from below only, which suffices: `read` looks at serve, soma and up alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._model import Model, Value, Words
from spinemap_exact.formulations.mapping._ways import Ways
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.units import INT64_MAX

_ENERGY, _MEAN, _WORST = MappingObjective.ENERGY, MappingObjective.MEAN_LATENCY, MappingObjective.WORST_LATENCY


def build(problem: MappingProblem, say: Words) -> Trees:
    return Trees(problem, say)


class Data:
    """Neurons, tiles, synapses and prices as plain integers.

    Raises
    ------
    InvalidInput
        If the problem gives units, or asks for what one unit of a neuron on a tile may not reach.
    """

    def __init__(self, problem: MappingProblem) -> None:
        _refuse(problem)
        self.problem, hardware, network = problem, problem.hardware, problem.network
        self.tiles = range(hardware.grid.num_tiles)
        self.crossbar = hardware.crossbar
        self.neurons = np.flatnonzero(~network.is_input).tolist()
        self.synapses = list(zip(network.pre.tolist(), network.post.tolist(), strict=True))
        self.spikes = network.spikes.tolist()
        self.has_home = (~network.is_input).tolist()
        self.sources = sorted({k for k, _ in self.synapses})
        self.entering = dict.fromkeys(self.neurons, 0)
        for k, i in self.synapses:
            self.entering[i] += self.spikes[k]
        is_energy = problem.objective is _ENERGY
        self.ways = Ways(hardware, "fj" if is_energy else "ps")
        self.per_spike = hardware.costs.synapse_fj if is_energy else hardware.costs.synapse_ps
        self.together = is_energy and problem.traffic is Traffic.PER_TILE
        self.counts_latest = problem.objective is _WORST or problem.max_latency_ps is not None
        longest = self.ways.local + max(self.ways.way(0, t) for t in self.tiles) + self.ways.packet
        self.horizon = (len(self.tiles) + 1) * (longest + self.per_spike)
        if self.counts_latest and self.horizon > INT64_MAX:
            raise InvalidInput(f"the trees model does not cover latencies that may reach {self.horizon} ps")

    @property
    def moves(self) -> Iterator[tuple[int, int, int]]:
        """A neuron, a tile and another."""
        return ((i, t, s) for i in self.neurons for t in self.tiles for s in self.tiles if s != t)

    @property
    def reads(self) -> list[tuple[int, int | None]]:
        """What is served by itself: a source, or a source and one neuron that it reaches."""
        return [(k, None) for k in self.sources] if self.together else list(self.synapses)


def _refuse(problem: MappingProblem) -> None:
    hardware, objective = problem.hardware, problem.objective
    if problem.unrolling is not None:
        raise InvalidInput("the trees model does not cover given units: ask the flow model")
    if not hardware.is_uniform:
        raise InvalidInput("the trees model does not cover several crossbar types")
    if objective is MappingObjective.BOTTLENECK:
        raise InvalidInput("the trees model does not cover loads of links")
    if objective is _ENERGY and hardware.costs.idle_cell_fj:
        raise InvalidInput("the trees model does not cover prices of idle cells")
    if objective is _ENERGY and problem.max_latency_ps is not None:
        raise InvalidInput("the trees model does not cover a limit of latency beside energy")


class Trees(Model[Mapping]):
    """The constraints of the module docstring, by their labels."""

    def __init__(self, problem: MappingProblem, say: Words) -> None:
        super().__init__(say)
        self.data = data = Data(problem)
        self.serve = {(k, i, t): say.choice(f"serve[{k},{i},{t}]") for k, i in data.synapses for t in data.tiles}
        self.unit = {(i, t): say.choice(f"unit[{i},{t}]") for i in data.neurons for t in data.tiles}
        self.soma = {(i, t): say.choice(f"soma[{i},{t}]") for i in data.neurons for t in data.tiles}
        self.up = {(i, t, s): say.choice(f"up[{i},{t},{s}]") for i, t, s in data.moves}
        self.rank = {(i, t): say.number(f"rank[{i},{t}]", len(data.tiles)) for i in data.neurons for t in data.tiles}
        self.carry = {(i, t, s): say.amount(f"carry[{i},{t},{s}]", data.entering[i]) for i, t, s in data.moves}
        self.axon = {(k, t): say.amount(f"axon[{k},{t}]") for k in data.sources for t in data.tiles}
        self.used = {t: say.choice(f"used[{t}]") for t in data.tiles}
        self.flow = {
            (k, i, s, t): say.amount(f"flow[{k},{i},{s},{t}]")
            for k, i in data.reads
            if data.has_home[k]
            for s in data.tiles
            for t in data.tiles
        }
        self.serve_each_synapse()  # T1, T2
        self.grow_trees()  # T3 to T6
        self.pass_spikes_on()  # T7, T8
        self.respect_columns()  # T10
        self.respect_rows()  # T9, T11
        self.serve_what_is_read()  # T12, T13
        self.late: dict[tuple[int, int], Any] = {}
        if data.counts_latest:
            self.wait_for_the_slowest()  # T14 to T16
        self.respect_the_number_of_crossbars()  # T17
        self.minimise_the_objective()

    def serve_each_synapse(self) -> None:
        for k, i in self.data.synapses:
            self.say.exactly_one(self.serve[k, i, t] for t in self.data.tiles)
        for (_, i, t), serve in self.serve.items():
            self.say.implies(serve, self.unit[i, t])

    def grow_trees(self) -> None:
        tiles = self.data.tiles
        for i in self.data.neurons:
            self.say.exactly_one(self.soma[i, t] for t in tiles)
            for t in tiles:
                parents = self.say.sum(self.up[i, t, s] for s in tiles if s != t)
                self.say.require(self.soma[i, t] + parents == self.unit[i, t])
        for (i, t, s), up in self.up.items():
            self.say.implies(up, self.unit[i, s])
            # not a matter of `where`: CP-SAT takes several times as long with that, or with ranks below T
            self.say.require(self.rank[i, s] + 1 <= self.rank[i, t] + len(tiles) * (1 - up))

    def pass_spikes_on(self) -> None:
        data, total = self.data, self.say.sum
        for i in data.neurons:
            for t in data.tiles:
                served = total(data.spikes[k] * self.serve[k, j, t] for k, j in data.synapses if j == i)
                merged = total(self.carry[i, s, t] for s in data.tiles if s != t)
                sent = total(self.carry[i, t, s] for s in data.tiles if s != t)
                self.say.require(served + merged <= sent + data.entering[i] * self.soma[i, t])
        for (i, t, s), carry in self.carry.items():
            self.say.require(carry <= data.entering[i] * self.up[i, t, s])

    def respect_columns(self) -> None:
        for t, used in self.used.items():
            units = self.say.sum(self.unit[i, t] for i in self.data.neurons)
            self.say.require(units <= self.data.crossbar.columns * used)

    def respect_rows(self) -> None:
        for (k, _, t), serve in self.serve.items():
            self.say.implies(serve, self.axon[k, t])
        for t, used in self.used.items():
            axons = self.say.sum(self.axon[k, t] for k in self.data.sources)
            carries = self.say.sum(up for (_, _, s), up in self.up.items() if s == t)
            self.say.require(axons + carries <= self.data.crossbar.rows * used)

    def serve_what_is_read(self) -> None:
        tiles = self.data.tiles
        for k, i in self.data.reads:
            if self.data.has_home[k]:
                for t in tiles:
                    served = self.say.sum(self.flow[k, i, s, t] for s in tiles)
                    self.say.require(self.read_at(k, i, t) <= served)
        for (k, _, s, _), flow in self.flow.items():
            self.say.implies(flow, self.soma[k, s])

    def wait_for_the_slowest(self) -> None:
        data, limit = self.data, self.data.problem.max_latency_ps
        top = data.horizon if limit is None else min(limit, data.horizon)
        self.worst = self.say.number("worst", top)
        self.late = {key: self.say.number(f"late[{key[0]},{key[1]}]", top) for key in self.unit}
        for (k, i, t), serve in self.serve.items():
            way = (data.per_spike + (0 if data.has_home[k] else data.ways.entry(t))) * serve
            if data.has_home[k]:
                way += self.say.sum(data.ways.way(s, t) * self.flow[k, i, s, t] for s in data.tiles)
            self.say.require(self.late[i, t] >= way)
        for (i, t, s), up in self.up.items():
            step = data.ways.way(t, s) + data.per_spike
            self.say.require(self.late[i, s] >= self.late[i, t] + step, where=up)
        for late in self.late.values():
            self.say.require(late <= self.worst)

    def respect_the_number_of_crossbars(self) -> None:
        most = self.data.problem.most_crossbars
        if most < len(self.data.tiles):
            self.say.require(self.say.sum(self.used.values()) <= most)

    def minimise_the_objective(self) -> None:
        match self.data.problem.objective:
            case MappingObjective.CROSSBARS:
                self.minimise((1, used) for used in self.used.values())
            case MappingObjective.WORST_LATENCY:
                self.minimise([(1, self.worst)])
            case _:
                self.minimise(self._ways_of_spikes(), sum(self.data.entering.values()) * self.data.per_spike)

    def _ways_of_spikes(self) -> Iterator[tuple[int, Any]]:
        data = self.data
        yield from ((data.spikes[k] * data.ways.way(s, t), flow) for (k, _, s, t), flow in self.flow.items())
        for k, i in data.reads:
            if not data.has_home[k]:
                yield from ((data.spikes[k] * data.ways.entry(t), self.read_at(k, i, t)) for t in data.tiles)
        yield from ((data.ways.way(t, s) + data.per_spike, carry) for (_, t, s), carry in self.carry.items())

    def read_at(self, k: int, i: int | None, t: int) -> Any:
        """Return the variable that says whether source k is read in tile t, by neuron i alone if one is given."""
        return self.axon[k, t] if i is None else self.serve[k, i, t]

    def read(self, value: Value) -> Mapping:
        data = self.data
        tile_of_synapse = [next(t for t in data.tiles if value(self.serve[k, i, t])) for k, i in data.synapses]
        soma = {i: next(t for t in data.tiles if value(self.soma[i, t])) for i in data.neurons}
        parent = {(i, t): s for (i, t, s), up in self.up.items() if value(up)}
        above: dict[tuple[int, int], int | None] = dict.fromkeys(soma.items())
        for (_, i), t in zip(data.synapses, tile_of_synapse, strict=True):
            while (i, t) not in above:  # a unit that merges nothing and reads nothing is left out
                above[i, t] = parent[i, t]
                t = parent[i, t]
        number = {key: u for u, key in enumerate(above)}
        unrolling = Unrolling(
            np.array([number[i, t] for (_, i), t in zip(data.synapses, tile_of_synapse, strict=True)]),
            np.array([i for i, _ in above]),
            np.array([-1 if s is None else number[i, s] for (i, _), s in above.items()]),
        )
        tiles, cluster = np.unique(np.array([t for _, t in above]), return_inverse=True)
        return Mapping(unrolling, Partition(cluster.ravel()), Placement(tiles))

    def values(self, solution: Mapping) -> Iterable[tuple[Any, int]]:
        tree = _Shape(self.data, solution)
        yield from ((v, int(tree.tile_of[k, i] == t)) for (k, i, t), v in self.serve.items())
        yield from ((v, int((i, t) in tree.depth)) for (i, t), v in self.unit.items())
        yield from ((v, int(tree.soma[i] == t)) for (i, t), v in self.soma.items())
        yield from ((v, int(tree.parent.get((i, t)) == s)) for (i, t, s), v in self.up.items())
        yield from ((v, tree.depth.get(key, 0)) for key, v in self.rank.items())
        for (i, t, s), v in self.carry.items():
            yield v, tree.carried[i, t] if tree.parent.get((i, t)) == s else 0
        yield from ((v, int(key in tree.reading)) for key, v in self.axon.items())
        used = {t for _, t in tree.depth}
        yield from ((v, int(t in used)) for t, v in self.used.items())
        for (k, reader, s, t), v in self.flow.items():
            is_read = (k, t) in tree.reading if reader is None else tree.tile_of[k, reader] == t
            yield v, int(is_read and tree.soma[k] == s)
        if self.late:
            yield from ((v, tree.late.get(key, 0)) for key, v in self.late.items())
            yield self.worst, max(tree.late.values(), default=0)


class _Shape:
    """A mapping as trees on tiles; of several units of a neuron on a tile, the one nearest to the soma unit stays."""

    def __init__(self, data: Data, mapping: Mapping) -> None:
        unrolling = mapping.unrolling
        tile = mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit].tolist()
        neuron, above = unrolling.neuron_of_unit.tolist(), unrolling.parent_of_unit.tolist()
        first: dict[tuple[int, int], int] = {}
        for u in np.argsort(unrolling.depth_of_unit, kind="stable").tolist():
            first.setdefault((neuron[u], tile[u]), u)
        self.tile_of = dict(zip(data.synapses, (tile[u] for u in unrolling.unit_of_synapse.tolist()), strict=True))
        self.parent = {key: tile[above[u]] for key, u in first.items() if above[u] >= 0}
        self.soma = {i: t for i, t in first if (i, t) not in self.parent}
        self.depth: dict[tuple[int, int], int] = {}
        for i, t in first:  # nearest to the soma unit first
            self.depth[i, t] = self.depth[i, self.parent[i, t]] + 1 if (i, t) in self.parent else 0
        self.reading = {(k, t) for (k, _), t in self.tile_of.items()}
        self.carried, self.late = dict.fromkeys(first, 0), dict.fromkeys(first, 0)
        for (k, i), t in self.tile_of.items():
            way = data.ways.way(self.soma[k], t) if data.has_home[k] else data.ways.entry(t)
            self.carried[i, t] += data.spikes[k]
            self.late[i, t] = max(self.late[i, t], way + data.per_spike)
        for i, t in reversed(first):
            if (i, t) in self.parent:
                s = self.parent[i, t]
                self.carried[i, s] += self.carried[i, t]
                self.late[i, s] = max(self.late[i, s], self.late[i, t] + data.ways.way(t, s) + data.per_spike)

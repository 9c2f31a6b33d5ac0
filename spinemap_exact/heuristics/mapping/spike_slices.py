"""Cheapest trees for neurons that need several units, crossbars shared as these trees ask for, quick placement.

The trees are those of the bound (`bounds.trees`): busy axons where few carries are needed, quiet ones far down, and
each unit knows in how large a company its axons are cheap enough. Neurons that read the same axons are put into
crossbars in such companies. A price of rows, the least that lets everything fit, makes companies larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.bounds.trees import PricedTree, Unit
from spinemap_exact.heuristics.placement import best_effort
from spinemap_exact.mapping import Mapping, Partition, Unrolling
from spinemap_exact.problems.classes import identical_rows
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.placement import placement_problem
from spinemap_exact.result import Watch

_HALVINGS = 12
_PLACEMENT_S = 1.0
_LOOK_BACK = 64  # crossbars that are tried for a group, the latest first


def run(problem: MappingProblem, watch: Watch, start: Mapping | None = None) -> Mapping | None:
    """Return a mapping made from the cheapest trees; None if it does not fit at any price of a row."""
    if problem.unrolling is not None or not problem.hardware.is_uniform or problem.hardware.max_rows == 1:
        return None
    slices = _Slices(problem)
    plan = _cheapest(slices, watch) if slices.are_small else None
    if plan is None:
        return None
    unrolling, partition = plan.packed()
    units = unrolling.unit_network(problem.network)
    clusters = placement_problem(units, partition, problem.hardware, problem.traffic)
    tiles = best_effort.run(clusters, watch.part(_share_of_time(watch)))
    if tiles is None:
        return None
    found = Mapping(unrolling, partition, tiles)
    return None if problem.violations(found) else found


def _share_of_time(watch: Watch) -> float:
    """Seconds for placement: a little, since whoever goes on from here moves tiles, too."""
    return _PLACEMENT_S if watch.remaining_s is None else min(_PLACEMENT_S, watch.remaining_s / 4)


def _cheapest(slices: _Slices, watch: Watch) -> _Plan | None:
    """The plan at the least price of a row that fits; the price is bisected."""
    plan = slices.plan(0)
    if plan.fits:
        return plan
    low, high, best = 0, 1 << 10, None
    while best is None and low < slices.dearest and not watch.should_stop():
        plan = slices.plan(high)
        low, high, best = (low, high, plan) if plan.fits else (high, high * 8, None)
    for _ in range(_HALVINGS if best is not None else 0):
        if watch.should_stop():
            break
        middle = (low + high) // 2
        plan = slices.plan(middle)
        low, high, best = (low, middle, plan) if plan.fits else (middle, high, best)
    return best


@dataclass(frozen=True, eq=False)
class _Group:
    """Neurons whose units read the same axons in one crossbar."""

    neurons: Array
    rank: int  # of the unit in the tree of these neurons
    axons: frozenset[int]
    merged: int

    @property
    def carries(self) -> int:
        return self.merged * len(self.neurons)


@dataclass
class _Crossbar:
    axons: set[int] = field(default_factory=set)
    neurons: set[int] = field(default_factory=set)
    carries: int = 0
    groups: list[_Group] = field(default_factory=list)

    def take(self, group: _Group) -> None:
        self.axons |= group.axons
        self.neurons |= set(group.neurons.tolist())
        self.carries += group.carries
        self.groups.append(group)


class _Slices:
    """The classes of neurons of a network, and plans for them."""

    def __init__(self, problem: MappingProblem) -> None:
        self.problem, self.network = problem, problem.network
        self.crossbar = problem.hardware.crossbar
        costs, grid = problem.hardware.costs, problem.hardware.grid
        hops = [costs.hop_x_fj] * (grid.width > 1) + [costs.hop_y_fj] * (grid.height > 1)
        self.carry = costs.packet_fj + min(hops, default=0) + costs.synapse_fj
        self.read = min(self.carry, costs.packet_fj)

    @cached_property
    def classes(self) -> list[tuple[Array, Array]]:
        """Neurons that read the same axons, and these axons by falling spikes."""
        network = self.network
        neurons = np.flatnonzero(~network.is_input)
        label, first = identical_rows(network.fanin_ptr, network.fanin_idx, neurons)
        members = np.split(neurons[np.argsort(label, kind="stable")], np.cumsum(np.bincount(label))[:-1])
        axons = [network.fan_in_of(int(i)) for i in first]
        return [(m, a[np.argsort(-network.spikes[a], kind="stable")]) for m, a in zip(members, axons, strict=True)]

    @property
    def are_small(self) -> bool:
        """Trees can be compared one by one at any price of a row that is tried."""
        return all(self._tree(len(neurons), axons, self.dearest).is_small for neurons, axons in self.classes)

    @cached_property
    def dearest(self) -> int:
        """A price of a row, in fJ, beyond which trees do not change: all that a neuron reads costs less on a carry."""
        return 1 + self.carry * max((int(self.network.spikes[axons].sum()) for _, axons in self.classes), default=0)

    def plan(self, row: int) -> _Plan:
        """Trees at this price of a row, and their groups in as few crossbars as first-fit finds."""
        trees = [self._tree(len(neurons), axons, row).units() for neurons, axons in self.classes]
        groups = [g for (c, tree) in zip(self.classes, trees, strict=True) for g in self._groups(*c, tree)]
        plan = _Plan(self.problem, self.classes, trees)
        for group in sorted(groups, key=lambda g: (-len(g.axons) - g.carries, g.rank)):
            plan.place(group)
        return plan

    def _tree(self, neurons: int, axons: Array, row: int) -> PricedTree:
        spikes = tuple(self.network.spikes[axons].tolist())
        return PricedTree(
            spikes, self.crossbar.rows, self.carry, tuple(self.read * s + row for s in spikes),
            min(self.crossbar.columns, neurons), (row,) * len(axons), row,
        )  # fmt: skip

    def _groups(self, neurons: Array, axons: Array, tree: list[Unit]) -> Iterator[_Group]:
        for rank, unit in enumerate(tree):
            read = unit.stop - unit.first
            most = self.crossbar.columns
            if unit.merged:
                most = min(most, (self.crossbar.rows - read) // unit.merged)
            count = -(-len(neurons) // most)
            for part in np.array_split(neurons, count):
                yield _Group(part, rank, frozenset(axons[unit.first : unit.stop].tolist()), unit.merged)


@dataclass(eq=False)
class _Plan:
    problem: MappingProblem
    classes: list[tuple[Array, Array]]
    trees: list[list[Unit]]
    crossbars: list[_Crossbar] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        return len(self.crossbars) <= self.problem.most_crossbars

    def place(self, group: _Group) -> None:
        """Put a group where it needs the fewest new rows, among the crossbars with room for it."""
        limits = self.problem.hardware.crossbar
        own = set(group.neurons.tolist())
        best, least = None, limits.rows + 1
        for crossbar in self.crossbars[-_LOOK_BACK:]:
            new = len(group.axons - crossbar.axons) + group.carries
            rows = len(crossbar.axons) + crossbar.carries + new
            columns = len(crossbar.neurons) + len(own)
            if rows <= limits.rows and columns <= limits.columns and new < least and not own & crossbar.neurons:
                best, least = crossbar, new
        if best is None:
            best = _Crossbar()
            self.crossbars.append(best)
        best.take(group)

    def packed(self) -> tuple[Unrolling, Partition]:
        """Place every synapse, and tie the units of each neuron to its tree."""
        network = self.problem.network
        size = np.zeros(network.num_neurons, dtype=np.int64)
        for (neurons, _), tree in zip(self.classes, self.trees, strict=True):
            size[neurons] = len(tree)
        first = np.cumsum(size) - size
        unit_of_synapse = np.empty(network.num_synapses, dtype=np.int64)
        parent = np.full(int(size.sum()), -1, dtype=np.int64)
        cluster = np.empty(int(size.sum()), dtype=np.int64)
        for (neurons, axons), tree in zip(self.classes, self.trees, strict=True):
            rank = np.repeat(np.arange(len(tree)), [u.stop - u.first for u in tree])
            rank_of_axon = rank[np.argsort(axons, kind="stable")]  # synapses of a neuron come by ascending axon
            above = np.repeat(np.arange(len(tree)), [u.merged for u in tree])
            for i in neurons.tolist():
                own = network.fanin_synapse[network.fanin_ptr[i] : network.fanin_ptr[i + 1]]
                unit_of_synapse[own] = first[i] + rank_of_axon
                parent[first[i] + 1 : first[i] + len(tree)] = first[i] + above
        for c, crossbar in enumerate(self.crossbars):
            for group in crossbar.groups:
                cluster[first[group.neurons] + group.rank] = c
        neuron_of_unit = np.repeat(np.arange(network.num_neurons), size)
        return Unrolling(unit_of_synapse, neuron_of_unit, parent), Partition(cluster)

"""Synapses to units and units to crossbars: the unrolling problem."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from spinemap_exact.arrays import Array, digest
from spinemap_exact.choice import Choice
from spinemap_exact.errors import InvalidInstance
from spinemap_exact.hardware import Crossbar
from spinemap_exact.mapping import Partition, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.classes import Classes
from spinemap_exact.units import INT64_MAX


class UnrollObjective(Choice):
    CROSSBARS = "crossbars"
    UNITS = "units"
    CARRY_SPIKES = "carry-spikes"


@dataclass(frozen=True, eq=False)
class PackedUnrolling:
    """An unrolling together with crossbars that hold its units."""

    unrolling: Unrolling
    partition: Partition


@dataclass(frozen=True, eq=False)
class UnrollProblem:
    """Share out the synapses of every neuron among units, and pack the units into the fewest crossbars.

    No synapse is lost. A unit takes a column and a row for each axon it reads; units in one crossbar share axons.

    Parameters
    ----------
    network : Network
    rows, columns : int
        Of every crossbar.
    unit_fan_in : int, optional
        Every unit of an unrolled neuron reads exactly this many axons and carries, the last one at most as many
        (homogeneous units); None lets each unit read whatever its crossbar holds.
    max_depth : int, optional
        Most carries between any unit and its soma unit.
    objective : UnrollObjective
    max_crossbars, max_units : int, optional
        Limits, for lexicographic goals: crossbars, then units, then carry spikes.

    Raises
    ------
    InvalidInstance
        If the crossbar holds nothing, or a neuron must be unrolled and the rows or the unit fan-in are below two.
    """

    network: Network
    rows: int
    columns: int
    unit_fan_in: int | None = None
    max_depth: int | None = None
    objective: UnrollObjective = UnrollObjective.CROSSBARS
    max_crossbars: int | None = None
    max_units: int | None = None

    kind: ClassVar[str] = "unroll"

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", UnrollObjective(self.objective))
        if self.rows < 1 or self.columns < 1:
            raise InvalidInstance(f"a crossbar of {self.rows} rows and {self.columns} columns holds nothing")
        limits = self.rows, self.columns, self.max_depth, self.max_crossbars, self.max_units
        if (largest := max(limit or 0 for limit in limits)) > INT64_MAX:
            raise InvalidInstance(f"the limit {largest} overflows int64")
        widest = int(self.network.fan_in.max())
        if self.rows == 1 and widest > 1:
            neuron = int(np.argmax(self.network.fan_in))
            raise InvalidInstance(
                f"neuron {neuron} has fan-in {widest}; with one row no neuron of two inputs can ever be unrolled, "
                "since a carry and an axon need a row each"
            )
        if self.unit_fan_in is not None and not 2 <= self.unit_fan_in <= self.rows:
            raise InvalidInstance(f"unit fan-in {self.unit_fan_in} lies outside 2 ... {self.rows} rows")
        if self.max_depth is not None and self.max_depth < 0:
            raise InvalidInstance(f"depth limit {self.max_depth} is negative")

    @property
    def crossbar(self) -> Crossbar:
        return Crossbar(self.rows, self.columns)

    @cached_property
    def neurons(self) -> Array:
        """(num_units,) int64: neurons that need a column, ascending."""
        return np.flatnonzero(~self.network.is_input)

    @cached_property
    def classes(self) -> Classes:
        """Identical neurons and identical axons."""
        return Classes.of(self.network)

    @property
    def size(self) -> int:
        """Synapses."""
        return self.network.num_synapses

    @property
    def measure(self) -> str:
        """What a cost counts."""
        return str(self.objective).replace("-", " ")

    def why_infeasible(self) -> None:
        """What is short is found by the solver, which counts more than this could."""

    def cost(self, solution: PackedUnrolling) -> int:
        """Price a packed unrolling."""
        match self.objective:
            case UnrollObjective.CROSSBARS:
                return solution.partition.num_clusters
            case UnrollObjective.UNITS:
                return solution.unrolling.num_units
            case UnrollObjective.CARRY_SPIKES:
                units = solution.unrolling.unit_network(self.network)
                return int(units.spikes[: units.num_units][solution.unrolling.parent_of_unit >= 0].sum())

    def violations(self, solution: PackedUnrolling) -> list[str]:
        """Say which limits a packed unrolling breaks; empty if none."""
        unrolling, partition = solution.unrolling, solution.partition
        if found := unrolling.violations(self.network):
            return found
        units = unrolling.unit_network(self.network)
        limit = unrolling.num_units if self.max_crossbars is None else self.max_crossbars
        found = partition.violations(units, (self.crossbar,), max(1, limit))
        if self.max_units is not None and unrolling.num_units > self.max_units:
            found.append(f"{unrolling.num_units} units, {self.max_units} are allowed")
        depth = int(unrolling.depth_of_unit.max(initial=0))
        if self.max_depth is not None and depth > self.max_depth:
            found.append(f"the deepest tree has {depth} carries in a row, {self.max_depth} are allowed")
        if self.unit_fan_in is not None:
            found += self._inhomogeneous(unrolling, units)
        return found

    @cached_property
    def digest(self) -> str:
        return digest(
            "unroll-problem",
            self.network.digest,
            self.rows,
            self.columns,
            self.unit_fan_in,
            self.max_depth,
            str(self.objective),
            self.max_crossbars,
            self.max_units,
        )

    def _inhomogeneous(self, unrolling: Unrolling, units: Network) -> list[str]:
        """Homogeneous units: a neuron of m > F inputs has ceil((m - 1)/(F - 1)) units, none above F inputs."""
        limit = self.unit_fan_in
        assert limit is not None
        fan_in = units.fan_in[: unrolling.num_units]
        found = [f"unit {u} has fan-in {fan_in[u]}, {limit} is allowed" for u in np.flatnonzero(fan_in > limit)[:1]]
        count = np.bincount(unrolling.neuron_of_unit, minlength=self.network.num_neurons)
        due = np.where(self.network.is_input, 0, homogeneous_units(self.network.fan_in, limit))
        found += [f"neuron {i} has {count[i]} units instead of {due[i]}" for i in np.flatnonzero(count != due)[:1]]
        return found


def homogeneous_units(fan_in: Array, unit_fan_in: int) -> Array:
    """Units of at most ``unit_fan_in`` inputs that a neuron of each fan-in needs: max(1, ceil((m - 1)/(F - 1)))."""
    return np.maximum(1, -((1 - np.asarray(fan_in, dtype=np.int64)) // (unit_fan_in - 1)))


def counting_bounds(network: Network, rows: int, columns: int) -> dict[str, int]:
    """Fewest crossbars by counting columns, rows and cells.

    A neuron of fan-in f needs t = max(1, ceil((f - 1)/(rows - 1))) units whatever their tree, and t - 1 carries of
    them occupy a row and a cell each; every axon occupies a row somewhere.
    """
    fan_in = network.fan_in[~network.is_input]
    units = np.ones_like(fan_in) if rows == 1 else homogeneous_units(fan_in, rows)
    carries = int(units.sum()) - fan_in.size
    axons = int(np.count_nonzero(network.fan_out))
    cells = int(fan_in.sum()) + carries
    return {
        "columns": -(-int(units.sum()) // columns),
        "rows": -(-(axons + carries) // rows),
        "cells": -(-cells // (rows * columns)),
    }

"""Units to clusters: the partition problem."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from spinemap_exact.arrays import Array, digest
from spinemap_exact.choice import Choice
from spinemap_exact.errors import InvalidInstance
from spinemap_exact.hardware import Crossbar
from spinemap_exact.mapping import Partition
from spinemap_exact.network import Network
from spinemap_exact.units import INT64_MAX


class Traffic(Choice):
    """What one spike sends: a packet to each remote tile that reads it, or one for each synapse that crosses tiles.

    Examples
    --------
    >>> Traffic("per-tile") is Traffic.PER_TILE
    True
    """

    PER_TILE = "per-tile"
    PER_SYNAPSE = "per-synapse"


class PartitionObjective(Choice):
    PACKETS = "packets"
    CROSSBARS = "crossbars"
    AREA = "area"


@dataclass(frozen=True, eq=False)
class PartitionProblem:
    """Assign the units of a network to clusters that fit a crossbar each.

    Every objective is a sum over clusters. Packets under ``per-tile``: a source costs its spikes for each cluster that
    reads it, its own cluster excepted; under ``per-synapse``: its spikes for each synapse that ends outside its own
    cluster. External inputs have no cluster of their own.

    Parameters
    ----------
    network : Network
        Units, ids ``0 ... num_units - 1``, then the external inputs.
    crossbars : tuple of Crossbar
        Types to choose from; ``count`` limits how many clusters may use a type.
    max_clusters : int
    traffic : Traffic
    objective : PartitionObjective
    max_area : int, optional
        Limit on the summed area; with ``objective`` packets this gives the lexicographic goal area, then packets.

    Raises
    ------
    InvalidInstance
        If units and inputs are not in that order, there is no crossbar, or a cost could overflow int64.
    """

    network: Network
    crossbars: tuple[Crossbar, ...]
    max_clusters: int
    traffic: Traffic = Traffic.PER_TILE
    objective: PartitionObjective = PartitionObjective.PACKETS
    max_area: int | None = None

    kind: ClassVar[str] = "partition"

    def __post_init__(self) -> None:
        object.__setattr__(self, "crossbars", tuple(self.crossbars))
        object.__setattr__(self, "traffic", Traffic(self.traffic))
        object.__setattr__(self, "objective", PartitionObjective(self.objective))
        if self.network.is_input[: self.num_units].any():
            raise InvalidInstance("external inputs must follow the units")
        if not self.crossbars:
            raise InvalidInstance("a partition problem needs a crossbar")
        if self.max_clusters < 1:
            raise InvalidInstance(f"at most {self.max_clusters} clusters leaves no room for any unit")
        if (largest := max(self.max_clusters, self.max_area or 0)) > INT64_MAX:
            raise InvalidInstance(f"the limit {largest} overflows int64")
        if self.network.synaptic_events > INT64_MAX:
            raise InvalidInstance("the packets of all synapses together overflow int64")
        if max(c.area for c in self.crossbars) * min(self.max_clusters, max(1, self.num_units)) > INT64_MAX:
            raise InvalidInstance("the areas of all crossbars together overflow int64")

    @property
    def num_units(self) -> int:
        return self.network.num_units

    @property
    def crossbar(self) -> Crossbar:
        """The crossbar type where there is one.

        Raises
        ------
        InvalidInstance
            If there are several types.
        """
        if len(self.crossbars) > 1:
            raise InvalidInstance(f"{len(self.crossbars)} crossbar types where one is expected")
        return self.crossbars[0]

    @cached_property
    def nets(self) -> Array:
        """(num_nets,) int64: sources with at least one synapse, ascending."""
        return np.flatnonzero(self.network.fan_out)

    @property
    def size(self) -> int:
        """Synapses of the units."""
        return self.network.num_synapses

    @property
    def measure(self) -> str:
        """What a cost counts."""
        return str(self.objective).replace("-", " ")

    def why_infeasible(self) -> str | None:
        """Name the resource that is short whatever the solver; None if counting finds none."""
        return self._oversized_unit() or self._too_many_units()

    def _too_many_units(self) -> str | None:
        wide_first = sorted(self.crossbars, key=lambda c: -c.columns)
        most = min(self.max_clusters, max(1, self.num_units))  # more stay empty
        widest = [c.columns for c in wide_first for _ in range(min(c.count or most, most))][:most]
        if self.num_units <= sum(widest):
            return None
        return f"{self.num_units} units need more than the {sum(widest)} columns of {len(widest)} crossbars"

    def _oversized_unit(self) -> str | None:
        rows = max(c.rows for c in self.crossbars)
        fan_in = self.network.fan_in[: self.num_units]
        wide = np.flatnonzero(fan_in > rows)
        if wide.size == 0:
            return None
        return f"unit {wide[0]} has fan-in {fan_in[wide[0]]}, the largest crossbar has {rows} rows: unroll first"

    def cost(self, solution: Partition) -> int:
        """Price a partition; capacities do not matter here."""
        match self.objective:
            case PartitionObjective.CROSSBARS:
                return solution.num_clusters
            case PartitionObjective.AREA:
                return self.area(solution)
            case PartitionObjective.PACKETS:
                return self.packets(solution)

    def packets(self, solution: Partition) -> int:
        """Packets that the partition sends between clusters and from external inputs."""
        reads = solution.reads(self.network)
        spikes = self.network.spikes[reads.source]
        if self.traffic is Traffic.PER_SYNAPSE:
            spikes = spikes * reads.synapses
        return int(spikes[~reads.is_local].sum())

    def area(self, solution: Partition) -> int:
        """Summed area of the crossbars used."""
        return sum(self.crossbars[kind].area for kind in solution.crossbar_of_cluster)

    def violations(self, solution: Partition) -> list[str]:
        """Say which limits a partition breaks; empty if none."""
        found = solution.violations(self.network, self.crossbars, self.max_clusters)
        if not found and self.max_area is not None and self.area(solution) > self.max_area:
            found.append(f"the crossbars take area {self.area(solution)}, {self.max_area} is allowed")
        return found

    @cached_property
    def digest(self) -> str:
        return digest(
            "partition-problem",
            self.network.digest,
            [asdict(c) for c in self.crossbars],
            self.max_clusters,
            str(self.traffic),
            str(self.objective),
            self.max_area,
        )

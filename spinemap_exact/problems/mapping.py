"""Synapses to tiles: the whole mapping, which the stages only take apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from spinemap_exact.arrays import digest
from spinemap_exact.bounds import least_worst_latency_ps
from spinemap_exact.choice import Choice
from spinemap_exact.errors import InvalidInput
from spinemap_exact.evaluator import Evaluation, evaluate
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.problems.unroll import counting_bounds
from spinemap_exact.units import duration_text


class MappingObjective(Choice):
    """What a mapping is judged by; each is an integer of the evaluator."""

    ENERGY = "energy"
    MEAN_LATENCY = "mean-latency"
    WORST_LATENCY = "worst-latency"
    CROSSBARS = "crossbars"
    BOTTLENECK = "bottleneck"


def shown_crossbars(hardware: Hardware) -> str:
    """Say how many crossbars there are, or tiles where each has one."""
    tiles, crossbars = hardware.grid.num_tiles, hardware.num_crossbars
    if crossbars == tiles:
        return f"there are {tiles} tiles"
    return "there is 1 crossbar" if crossbars == 1 else f"there are {crossbars} crossbars"


@dataclass(frozen=True, eq=False)
class MappingProblem:
    """Map a network onto hardware: unrolling, partition and placement at once.

    Parameters
    ----------
    network : Network
    hardware : Hardware
    traffic : Traffic
    objective : MappingObjective
        Energy of a window (fJ); latency summed over all spikes on all synapses, or of the slowest (ps); crossbars used;
        spikes on the busiest link.
    max_crossbars : int, optional
    max_latency_ps : int, optional
        Limit on the worst latency.
    unrolling : Unrolling, optional
        Given units: only their partition and placement are asked for.

    Raises
    ------
    InvalidInput
        If a limit is below one.
    """

    network: Network
    hardware: Hardware
    traffic: Traffic = Traffic.PER_TILE
    objective: MappingObjective = MappingObjective.ENERGY
    max_crossbars: int | None = None
    max_latency_ps: int | None = None
    unrolling: Unrolling | None = None

    kind: ClassVar[str] = "mapping"

    def __post_init__(self) -> None:
        object.__setattr__(self, "traffic", Traffic(self.traffic))
        object.__setattr__(self, "objective", MappingObjective(self.objective))
        for name, limit in (("crossbars", self.max_crossbars), ("picoseconds", self.max_latency_ps)):
            if limit is not None and limit < 1:
                raise InvalidInput(f"at most {limit} {name} leaves no mapping")

    @property
    def most_crossbars(self) -> int:
        """Crossbars that a mapping may use."""
        there = self.hardware.num_crossbars
        return there if self.max_crossbars is None else min(there, self.max_crossbars)

    @cached_property
    def arrivals(self) -> int:
        """Spikes on all synapses of the network, carries not counted: what mean latency is an average of."""
        return int(self.network.synaptic_events)

    @property
    def size(self) -> int:
        """Synapses."""
        return self.network.num_synapses

    @property
    def measure(self) -> str:
        """What a cost counts."""
        return str(self.objective).replace("-", " ")

    def why_infeasible(self) -> str | None:
        """Name the resource that is short for any mapping; None if counting finds none."""
        network, hardware = self.network, self.hardware
        rows, columns = hardware.max_rows, max(c.columns for c in hardware.crossbars)
        if rows == 1 and network.fan_in.max() > 1:
            neuron = int(network.fan_in.argmax())
            return f"neuron {neuron} has fan-in {network.fan_in[neuron]}, crossbars have one row: it cannot be unrolled"
        how, least = max(counting_bounds(network, rows, columns).items(), key=lambda item: item[1])
        if least > self.most_crossbars:
            most = self.most_crossbars
            there = f"{most} may be used" if most == self.max_crossbars else shown_crossbars(self.hardware)
            return f"the network needs at least {least} crossbars (by counting {how}), {there}"
        shortest = least_worst_latency_ps(network, hardware)
        if self.max_latency_ps is not None and shortest is not None and shortest > self.max_latency_ps:
            limit = duration_text(self.max_latency_ps)
            return f"the slowest spike takes at least {duration_text(shortest)} in any mapping, {limit} are allowed"
        return None

    def evaluate(self, solution: Mapping) -> Evaluation:
        return evaluate(self.network, self.hardware, solution, self.traffic)

    def cost(self, solution: Mapping) -> int:
        """Price a mapping; limits do not matter here."""
        found = self.evaluate(solution)
        match self.objective:
            case MappingObjective.ENERGY:
                return found.energy_fj.total
            case MappingObjective.MEAN_LATENCY:
                return 0 if found.latency_mean_ps is None else int(found.latency_mean_ps * self.arrivals)
            case MappingObjective.WORST_LATENCY:
                return found.latency_worst_ps or 0
            case MappingObjective.CROSSBARS:
                return found.crossbars
            case MappingObjective.BOTTLENECK:
                return found.links.maximum

    def violations(self, solution: Mapping) -> list[str]:
        """Say which limits a mapping breaks; empty if none."""
        if found := solution.violations(self.network, self.hardware):
            return found
        if self.unrolling is not None and solution.unrolling.digest != self.unrolling.digest:
            found.append("the mapping is not one of the given units")
        used = solution.partition.num_clusters
        if self.max_crossbars is not None and used > self.max_crossbars:
            found.append(f"{used} crossbars are used, {self.max_crossbars} are allowed")
        if self.max_latency_ps is not None:
            worst = self.evaluate(solution).latency_worst_ps or 0
            if worst > self.max_latency_ps:
                found.append(f"the worst latency is {worst} ps, {self.max_latency_ps} ps are allowed")
        return found

    @cached_property
    def digest(self) -> str:
        unrolling = None if self.unrolling is None else self.unrolling.digest
        return digest(
            "mapping-problem", self.network.digest, self.hardware.digest, str(self.traffic), str(self.objective),
            self.max_crossbars, self.max_latency_ps, unrolling,
        )  # fmt: skip

"""What a mapping is made of: unrolling, partition and placement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from spinemap_exact.arrays import Array, digest, freeze
from spinemap_exact.errors import InvalidInstance, require_type
from spinemap_exact.hardware import Crossbar, Hardware
from spinemap_exact.network import Network
from spinemap_exact.units import INT64_MAX

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Unrolling:
    """How the synapses of each neuron are shared out among its units.

    The units of a neuron form a tree: every unit but the soma unit sends its partial sum, the carry, to its parent.

    Parameters
    ----------
    unit_of_synapse : (num_synapses,) int32
    neuron_of_unit : (num_units,) int32
    parent_of_unit : (num_units,) int32
        -1 at the soma unit.

    Raises
    ------
    InvalidInstance
        If an id is out of range, a parent belongs to another neuron, or parents run in a circle.

    Examples
    --------
    Neuron 3 reads three others. Unit 1 reads one of them and hands its sum to unit 0, which reads the rest:

    >>> network = Network.from_synapses([0, 1, 2], [3, 3, 3], [5, 4, 3, 2], is_input=[True, True, True, False])
    >>> unrolling = Unrolling(unit_of_synapse=[1, 0, 0], neuron_of_unit=[3, 3], parent_of_unit=[-1, 0])
    >>> unrolling.violations(network)
    []
    >>> unrolling.unit_network(network).fan_in.tolist()  # the two units, then the inputs
    [3, 1, 0, 0, 0]
    """

    unit_of_synapse: Array
    neuron_of_unit: Array
    parent_of_unit: Array

    def __post_init__(self) -> None:
        freeze(self, unit_of_synapse=np.int32, neuron_of_unit=np.int32, parent_of_unit=np.int32)
        units = self.num_units
        if self.parent_of_unit.shape != (units,):
            raise InvalidInstance(f"{units} units, but {len(self.parent_of_unit)} parents")
        for name, ids, low in (("unit of a synapse", self.unit_of_synapse, 0), ("parent", self.parent_of_unit, -1)):
            wrong = (ids < low) | (ids >= units)
            if wrong.any():
                raise InvalidInstance(f"{name} {ids[wrong][0]} lies outside 0 ... {units - 1}")
        child = np.flatnonzero(self.parent_of_unit >= 0)
        stray = child[self.neuron_of_unit[child] != self.neuron_of_unit[self.parent_of_unit[child]]]
        if stray.size:
            raise InvalidInstance(f"unit {stray[0]} sends its carry to a unit of another neuron")
        _ = self.depth_of_unit  # raises on a circle

    @classmethod
    def identity(cls, network: Network) -> Unrolling:
        """One unit for each neuron that is not an external input, in the order of the neurons."""
        neurons = np.flatnonzero(~network.is_input)
        unit_of_neuron = np.full(network.num_neurons, -1, dtype=np.int32)
        unit_of_neuron[neurons] = np.arange(len(neurons))
        return cls(unit_of_neuron[network.post], neurons, np.full(len(neurons), -1))

    @property
    def num_units(self) -> int:
        return len(self.neuron_of_unit)

    @property
    def num_carries(self) -> int:
        return int((self.parent_of_unit >= 0).sum())

    @cached_property
    def depth_of_unit(self) -> Array:
        """(num_units,) int64: carries between a unit and its soma unit."""
        return self.sum_to_soma((self.parent_of_unit >= 0).astype(np.int64))

    def sum_to_soma(self, value_of_unit: Array) -> Array:
        """Add up a value along the path from each unit to its soma unit, whose own value does not count.

        Parameters
        ----------
        value_of_unit : (num_units,) int64

        Returns
        -------
        (num_units,) int64
        """
        ancestor = self.parent_of_unit.astype(np.int64)
        total = np.where(ancestor >= 0, value_of_unit, 0)
        for _ in range(
            max(1, self.num_units).bit_length() + 1
        ):  # pointer doubling: paths of 2^k carries after k rounds
            climbing = np.flatnonzero(ancestor >= 0)
            if climbing.size == 0:
                return total
            total[climbing] += total[ancestor[climbing]]
            ancestor[climbing] = ancestor[ancestor[climbing]]
        raise InvalidInstance(f"the carries of unit {climbing[0]} run in a circle")

    def violations(self, network: Network) -> list[str]:
        """Say what keeps this from being an unrolling of ``network``; empty if nothing does."""
        if len(self.unit_of_synapse) != network.num_synapses:
            return [
                f"the unrolling covers {len(self.unit_of_synapse)} synapses; the network has {network.num_synapses}"
            ]
        outside = (self.neuron_of_unit < 0) | (self.neuron_of_unit >= network.num_neurons)
        if outside.any():
            return [
                f"unit {np.flatnonzero(outside)[0]} belongs to neuron {self.neuron_of_unit[outside][0]}, "
                f"which does not exist"
            ]
        found = []
        wrong = np.flatnonzero(self.neuron_of_unit[self.unit_of_synapse] != network.post)
        if wrong.size:
            s = wrong[0]
            found.append(
                f"synapse {network.pre[s]} -> {network.post[s]} ends at unit {self.unit_of_synapse[s]} "
                f"of neuron {self.neuron_of_unit[self.unit_of_synapse[s]]}"
            )
        somas = np.bincount(self.neuron_of_unit[self.parent_of_unit < 0], minlength=network.num_neurons)
        expected = (~network.is_input).astype(np.int64)
        for i in np.flatnonzero(somas != expected)[:1]:
            kind = "external input" if network.is_input[i] else "neuron"
            found.append(f"{kind} {i} has {somas[i]} soma units instead of {expected[i]}")
        return found

    def unit_network(self, network: Network) -> Network:
        """Return the network of units that this unrolling makes of ``network``.

        Units keep their ids; the external inputs follow in ascending order. A carry unit emits the sum of the spikes
        that enter it.

        Raises
        ------
        InvalidInstance
            If this is no unrolling of ``network``, or carry spikes overflow int64.
        """
        return _remembered(self, network, self._unit_network)

    def _unit_network(self, network: Network) -> Network:
        if broken := self.violations(network):
            raise InvalidInstance(broken[0])
        units = self.num_units
        inputs = np.flatnonzero(network.is_input)
        soma = np.flatnonzero(self.parent_of_unit < 0)
        source_of_neuron = np.empty(network.num_neurons, dtype=np.int64)
        source_of_neuron[self.neuron_of_unit[soma]] = soma
        source_of_neuron[inputs] = units + np.arange(len(inputs))
        carrying = np.flatnonzero(self.parent_of_unit >= 0)
        if carrying.size == 0 and np.array_equal(source_of_neuron, np.arange(network.num_neurons)):
            return network
        spikes = np.empty(units + len(inputs), dtype=np.int64)
        spikes[source_of_neuron] = network.spikes
        if carrying.size:
            spikes[carrying] = self._carry_spikes(network)[carrying]
        pre = np.concatenate((source_of_neuron[network.pre], carrying))
        post = np.concatenate((self.unit_of_synapse, self.parent_of_unit[carrying]))
        weights = None
        if network.weights is not None:
            weights = np.concatenate((network.weights, np.ones(carrying.size, dtype=np.float32)))
        return Network.from_synapses(
            pre,
            post,
            spikes,
            is_input=np.arange(len(spikes)) >= units,
            weights=weights,
            window_s=network.window_s,
            spikes_assumed=network.spikes_assumed,
        )

    def __repr__(self) -> str:
        return f"<Unrolling: {self.num_units:,} units, {self.num_carries:,} of them send carries>"

    @cached_property
    def digest(self) -> str:
        return digest("unrolling", self.unit_of_synapse, self.neuron_of_unit, self.parent_of_unit)

    def _carry_spikes(self, network: Network) -> Array:
        entering: Array = np.zeros(self.num_units, dtype=np.int64)
        np.add.at(entering, self.unit_of_synapse, network.spikes[network.pre])
        # a carry passes on every spike below it: depth times all events bounds any sum
        deepest = int(self.depth_of_unit.max(initial=0))
        if network.synaptic_events * (deepest + 1) > INT64_MAX:
            raise InvalidInstance("the spikes on the carries overflow int64")
        by_depth = np.argsort(-self.depth_of_unit, kind="stable")
        bounds = np.searchsorted(-self.depth_of_unit[by_depth], np.arange(-deepest, 1), side="right")
        start = 0
        for stop in bounds[:-1]:  # deepest first; soma units send no carry
            level = by_depth[start:stop]
            np.add.at(entering, self.parent_of_unit[level], entering[level])
            start = stop
        return entering


@dataclass(frozen=True, eq=False)
class Reads:
    """Which sources are read in which clusters: one entry per occupied crossbar row.

    Attributes
    ----------
    source : (num_reads,) int64
        Unit or external input, ascending.
    cluster : (num_reads,) int64
        Ascending within a source.
    synapses : (num_reads,) int64
        Synapses that the source has in the cluster.
    home : (num_reads,) int64
        Cluster of the source; -1 for an external input.
    """

    source: Array
    cluster: Array
    synapses: Array
    home: Array

    @property
    def is_local(self) -> Array:
        """(num_reads,) bool: the source lies in the cluster that reads it."""
        local: Array = self.home == self.cluster
        return local


@dataclass(frozen=True, eq=False)
class Partition:
    """Units to clusters.

    Parameters
    ----------
    cluster_of_unit : (num_units,) int32
        Cluster ids are 0 ... num_clusters - 1, each used.
    crossbar_of_cluster : (num_clusters,) int32, optional
        Type of crossbar, an index into the hardware's list. Default: the first type.

    Raises
    ------
    InvalidInstance
        If a cluster id is negative or an id below the largest is not used.

    Examples
    --------
    >>> Partition([0, 1, 1]).columns_used.tolist()
    [1, 2]
    """

    cluster_of_unit: Array
    crossbar_of_cluster: Array = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        freeze(self, cluster_of_unit=np.int32)
        if self.cluster_of_unit.size and self.cluster_of_unit.min() < 0:
            raise InvalidInstance(f"cluster {self.cluster_of_unit.min()} is negative")
        used = np.bincount(self.cluster_of_unit)
        if (used == 0).any():
            raise InvalidInstance(f"cluster {np.flatnonzero(used == 0)[0]} holds no unit")
        if self.crossbar_of_cluster is None:
            object.__setattr__(self, "crossbar_of_cluster", np.zeros(len(used), dtype=np.int32))
        freeze(self, crossbar_of_cluster=np.int32)
        if self.crossbar_of_cluster.shape != used.shape:
            raise InvalidInstance(f"{len(used)} clusters, but {len(self.crossbar_of_cluster)} crossbar types")

    @classmethod
    def from_labels(cls, labels: Array | Iterable[int]) -> Partition:
        """Build a partition from any labels; clusters are numbered in the order of the sorted labels."""
        return cls(np.unique(np.asarray(labels), return_inverse=True)[1].ravel())

    @property
    def num_units(self) -> int:
        return len(self.cluster_of_unit)

    @property
    def num_clusters(self) -> int:
        return len(self.crossbar_of_cluster)

    @cached_property
    def columns_used(self) -> Array:
        """(num_clusters,) int64: units in each cluster."""
        return np.bincount(self.cluster_of_unit, minlength=self.num_clusters)

    def reads(self, units: Network) -> Reads:
        """Say which sources of the unit network ``units`` are read in which clusters."""
        return _remembered(self, units, self._reads)

    def _reads(self, units: Network) -> Reads:
        width = max(1, self.num_clusters)
        key = units.pre.astype(np.int64) * width + self.cluster_of_unit[units.post]
        pairs, synapses = np.unique(key, return_counts=True)
        source = pairs // width
        home = np.full(units.num_neurons, -1, dtype=np.int64)
        home[: self.num_units] = self.cluster_of_unit
        return Reads(source, pairs % width, synapses, home[source])

    def violations(self, units: Network, crossbars: tuple[Crossbar, ...], max_clusters: int) -> list[str]:
        """Say which capacities ``self`` breaks as a partition of the unit network ``units``; empty if none."""
        if self.num_units != units.num_units or units.is_input[: self.num_units].any():
            return [f"the partition covers {self.num_units} units; the network has {units.num_units}"]
        found = []
        if self.num_clusters > max_clusters:
            found.append(f"{self.num_clusters} clusters, {max_clusters} tiles")
        if self.crossbar_of_cluster.size and not (
            self.crossbar_of_cluster.min() >= 0 and self.crossbar_of_cluster.max() < len(crossbars)
        ):
            return [*found, f"a cluster asks for a crossbar type outside 0 ... {len(crossbars) - 1}"]
        for kind, used in sorted(Counter(self.crossbar_of_cluster.tolist()).items()):
            count = crossbars[kind].count
            if count is not None and used > count:
                found.append(f"{used} clusters ask for {count} crossbars of type {crossbars[kind]}")
        rows = np.bincount(self.reads(units).cluster, minlength=self.num_clusters)
        for resource, used_of_cluster in (("rows", rows), ("columns", self.columns_used)):
            limit = np.array([getattr(c, resource) for c in crossbars])[self.crossbar_of_cluster]
            found += [
                f"cluster {c} needs {used_of_cluster[c]} {resource}, its crossbar has {limit[c]}"
                for c in np.flatnonzero(used_of_cluster > limit)
            ]
        return found

    def __repr__(self) -> str:
        return f"<Partition: {self.num_units:,} units in {self.num_clusters:,} clusters>"

    @cached_property
    def digest(self) -> str:
        return digest("partition", self.cluster_of_unit, self.crossbar_of_cluster)


@dataclass(frozen=True, eq=False)
class Placement:
    """Clusters to tiles.

    Parameters
    ----------
    tile_of_cluster : (num_clusters,) int32
        Tile ``t`` stands at ``x = t % width``, ``y = t // width``.

    Examples
    --------
    >>> Placement([3, 4]).violations(num_clusters=2, num_tiles=4)
    ['cluster 1 lies on tile 4 of 4']
    """

    tile_of_cluster: Array

    def __post_init__(self) -> None:
        freeze(self, tile_of_cluster=np.int32)

    @property
    def num_clusters(self) -> int:
        return len(self.tile_of_cluster)

    def violations(self, num_clusters: int, num_tiles: int) -> list[str]:
        """Say what keeps this from placing clusters on distinct tiles; empty if nothing does."""
        if self.num_clusters != num_clusters:
            return [f"the placement covers {self.num_clusters} clusters of {num_clusters}"]
        tiles = self.tile_of_cluster
        outside = (tiles < 0) | (tiles >= num_tiles)
        if outside.any():
            return [f"cluster {np.flatnonzero(outside)[0]} lies on tile {tiles[outside][0]} of {num_tiles}"]
        crowded = np.flatnonzero(np.bincount(tiles, minlength=num_tiles) > 1)
        return [f"tile {t} holds {np.flatnonzero(tiles == t).size} clusters" for t in crowded]

    def __repr__(self) -> str:
        return f"<Placement: {self.num_clusters:,} clusters on tiles>"

    @cached_property
    def digest(self) -> str:
        return digest("placement", self.tile_of_cluster)


def _remembered(owner: object, argument: Network, derive: Callable[[Network], T]) -> T:
    """Keep what was last derived from a network: pricing, checking and placing ask for it in turn."""
    last: tuple[Network, T] | None = owner.__dict__.get("_last_derived")
    if last is None or last[0] is not argument:
        last = argument, derive(argument)
        object.__setattr__(owner, "_last_derived", last)
    return last[1]


@dataclass(frozen=True, eq=False)
class Mapping:
    """A network on a chip: unrolling, partition and placement together.

    Parameters
    ----------
    unrolling : Unrolling
        Neurons and their synapses to units.
    partition : Partition
        Units to clusters, which share a crossbar.
    placement : Placement
        Clusters to tiles.

    Raises
    ------
    WrongType
        If one of them is something else.

    Examples
    --------
    >>> network = Network.from_synapses(pre=[0, 1], post=[1, 2], spikes=[2, 5, 0])
    >>> Mapping(Unrolling.identity(network), Partition([0, 1, 1]), Placement([3, 4]))
    <Mapping: 3 units in 2 clusters on tiles>
    """

    unrolling: Unrolling
    partition: Partition
    placement: Placement

    def __post_init__(self) -> None:
        for name, kind in (("unrolling", Unrolling), ("partition", Partition), ("placement", Placement)):
            require_type(name, getattr(self, name), kind)

    def __repr__(self) -> str:
        return f"<Mapping: {self.partition.num_units:,} units in {self.partition.num_clusters:,} clusters on tiles>"

    def violations(self, network: Network, hardware: Hardware) -> list[str]:
        """Say which limits of ``hardware`` this mapping of ``network`` breaks; empty if none."""
        if broken := self.unrolling.violations(network):
            return broken
        units = self.unrolling.unit_network(network)
        tiles = hardware.grid.num_tiles
        found = self.partition.violations(units, hardware.crossbars, tiles)
        misplaced = self.placement.violations(self.partition.num_clusters, tiles)
        if misplaced or hardware.is_uniform:
            return found + misplaced
        wanted = self.partition.crossbar_of_cluster
        there = hardware.crossbar_of_tile[self.placement.tile_of_cluster]
        return found + [
            f"cluster {c} needs crossbar type {wanted[c]}, tile {self.placement.tile_of_cluster[c]} has type {there[c]}"
            for c in np.flatnonzero(wanted != there)
        ]

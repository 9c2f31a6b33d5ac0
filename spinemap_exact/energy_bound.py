r"""What any mapping of given units costs at least, in the terms of the evaluator.

`bound` holds for every partition of the units into crossbars and every placement of these. It follows from a bound P on
the packets of any partition and from counting. Notation: s_e spikes of source e; N columns of the widest crossbar.

**Sources by themselves.** Counting (`crowds`) says of every source in how many clusters it is read at least, in how
many other than its own, and how many of its synapses end in its own at most. Clusters lie on distinct tiles. So m
clusters that read a unit from elsewhere lie at no less, in sum, than the m smallest distances from the tile in the
middle, which has the smallest ones of all tiles: along each axis, they rank no higher than those from anywhere else.
External packets start at the I/O tile, where a cluster may lie; without one they make no hop. Per tile, a unit either
has a reader in its own cluster, which costs a local read beside the packets to the others, or sends to all clusters
that read it. Per synapse, any number of synapses may be local, and N of the others may end at each tile.

**All packets together.** For any price L >= 0 of a packet, E >= L P + sum over e of s_e min (cost - L packets), the
minimum over the ways of e above. The sum is concave in L; kinks are tried: what an external packet, one of a unit, and
one instead of a local read cost at least. Further packets of a unit cost more than these.

**Idle cells.** B crossbars have at least B cells(smallest type) - synapses of them idle. Synaptic events are what
they are.

**Latency.** A source that does not lie with its reader costs at least a packet and the cheapest hop, others a local
read (or what is less). Every packet delivers the spikes of at least one synapse, so that as many spikes as units send
packets make the longer way; spikes of carries, each read by one unit, may be among them and are taken off. Carries add
their own ways.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, islice, repeat
from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array, dot
from spinemap_exact.hardware import CostModel, Hardware, TileGrid
from spinemap_exact.kernels.crowds import crowds
from spinemap_exact.mapping import Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.units import INT64_MAX


@dataclass(frozen=True)
class Bound:
    """What no partition and no placement of the units undercuts.

    Attributes
    ----------
    energy_fj : int
    latency_worst_ps : int or None
        None without synapses.
    latency_mean_ps : Fraction or None
        None where no spike arrives.
    """

    energy_fj: int
    latency_worst_ps: int | None
    latency_mean_ps: Fraction | None


def bound(
    network: Network,
    hardware: Hardware,
    unrolling: Unrolling,
    traffic: Traffic | str = Traffic.PER_TILE,
    *,
    packets: int = 0,
    crossbars: int = 0,
) -> Bound:
    """Return the bound for one unrolling; see the module for the proof.

    Parameters
    ----------
    packets, crossbars : int
        What any partition of the units is proven to send, and to use, at least.
    """
    units = unrolling.unit_network(network)
    sources = _Sources.of(units, hardware, Traffic(traffic))
    mean, worst = _latency(units, unrolling, hardware, sources.least_sent(packets))
    return Bound(_energy(units, hardware, sources, packets, crossbars), worst, mean)


def taken_apart(
    network: Network, hardware: Hardware, unrolling: Unrolling, traffic: Traffic | str, sources: Array
) -> int:
    """Energy at least where units that all read the same ``sources`` do not all lie in one cluster."""
    units = unrolling.unit_network(network)
    return _energy(units, hardware, _Sources.of(units, hardware, Traffic(traffic), sources), 0, 0)


class _Kind(NamedTuple):
    """What sources have in common that cost the same: synapses, self-loops, and what `Crowds` says of them."""

    is_unit: int
    fan_out: int
    loop: int
    remote: int
    reading: int
    local: int


@dataclass(frozen=True)
class _Sources:
    """Every source by itself, under one model of traffic.

    ``reach[m]`` is what the hops of m packets cost at least, sent from the middle of the mesh, or from where inputs
    enter: one packet to a tile, or as many as it has columns.
    """

    spikes_of: dict[_Kind, int]
    costs: CostModel
    per_synapse: bool
    most_clusters: int
    reach: list[int]
    reach_of_inputs: list[int]

    @classmethod
    def of(cls, units: Network, hardware: Hardware, traffic: Traffic, split: Array | None = None) -> _Sources:
        """Count; the sources ``split`` are known to be read in two clusters at least."""
        rows, columns = max(c.rows for c in hardware.crossbars), max(c.columns for c in hardware.crossbars)
        grid, per_synapse = hardware.grid, traffic is Traffic.PER_SYNAPSE
        loop = np.bincount(units.pre[units.pre == units.post], minlength=units.num_neurons)
        is_unit = np.arange(units.num_neurons) < units.num_units
        table = np.stack([is_unit, units.fan_out, loop, *crowds(units, rows, columns)], axis=1)
        if split is not None:
            reading = _Kind._fields.index("reading")
            table[split, reading] = np.maximum(2, table[split, reading])
        spikes_of: dict[_Kind, int] = defaultdict(int)
        for k in np.flatnonzero((units.spikes > 0) & (units.fan_out > 0)).tolist():
            spikes_of[_Kind(*table[k].tolist())] += int(units.spikes[k])
        a_tile = columns if per_synapse else 1
        middle = grid.height // 2 * grid.width + grid.width // 2
        others = islice(_distances(hardware, middle), 1, None)
        entered = repeat(0, grid.num_tiles) if grid.io_tile is None else _distances(hardware, grid.io_tile)
        most_sent = int(units.fan_out.max(initial=0)) + 1
        return cls(
            spikes_of,
            hardware.costs,
            per_synapse,
            min(grid.num_tiles, units.num_units),
            _sums(others, a_tile, most_sent),
            _sums(entered, a_tile, most_sent),
        )

    def least_sent(self, packets: int) -> int:
        """Packets that units send at least, if all packets together are at least so many."""
        own = sum(s * self._fewest(kind) for kind, s in self.spikes_of.items() if kind.is_unit)
        inputs = sum(s * self._most(kind) for kind, s in self.spikes_of.items() if not kind.is_unit)
        return max(own, packets - inputs)

    def least(self, price: int) -> int:
        """What all sources cost together at least, less ``price`` for each packet: at most that of a hop and all."""
        return sum(s * (self._unit if kind.is_unit else self._input)(kind, price) for kind, s in self.spikes_of.items())

    def _fewest(self, kind: _Kind) -> int:
        """Packets of a unit for a spike."""
        return kind.fan_out - kind.local if self.per_synapse else max(kind.remote, kind.reading - (kind.local > 0))

    def _most(self, kind: _Kind) -> int:
        """Packets of an input for a spike."""
        return kind.fan_out if self.per_synapse else min(kind.fan_out, self.most_clusters)

    def _unit(self, kind: _Kind, price: int) -> int:
        packet, local, fewest = self.costs.packet_fj - price, self.costs.local_fj, self._fewest(kind)
        if self.per_synapse:
            ways = range(fewest, kind.fan_out - kind.loop + 1)
            return local * kind.fan_out + _lowest(packet - local, self.reach, ways)
        found = []
        if kind.local:
            found.append(local + _lowest(packet, self.reach, range(fewest, fewest + 1)))
        if not kind.loop:
            apart = max(kind.remote, kind.reading)
            found.append(_lowest(packet, self.reach, range(apart, apart + 1)))
        return min(found)

    def _input(self, kind: _Kind, price: int) -> int:
        most = self._most(kind)
        ways = range(most if self.per_synapse else min(kind.reading, most), most + 1)
        return _lowest(self.costs.packet_fj - price, self.reach_of_inputs, ways)


def _distances(hardware: Hardware, tile: int) -> Iterator[int]:
    """Energy of the hops to each tile, ascending; its own zero is first."""
    grid, costs = hardware.grid, hardware.costs
    kind = np.int64 if grid.width * costs.hop_x_fj + grid.height * costs.hop_y_fj <= INT64_MAX else object
    dx, dy = np.abs(grid.x - grid.x[tile]).astype(kind), np.abs(grid.y - grid.y[tile]).astype(kind)
    return map(int, np.sort(dx * costs.hop_x_fj + dy * costs.hop_y_fj))


def _sums(distances: Iterable[int], times: int, most: int) -> list[int]:
    """Sums of the first 0, 1, 2, ... ``most`` distances, each taken so many times."""
    repeated = (d for d in distances for _ in range(times))
    return list(accumulate(islice(repeated, most), initial=0))


def _lowest(packet: int, reach: list[int], ways: range) -> int:
    """The least of packet x m + reach[m], which is convex, over the ways that the mesh can take.

    Where it can take none, no mapping is feasible, and the last stands for them.
    """
    top = len(reach) - 1
    m = min(ways.start, top)
    while m < min(ways.stop - 1, top) and packet + reach[m + 1] - reach[m] < 0:
        m += 1
    return packet * m + reach[m]


def _energy(units: Network, hardware: Hardware, sources: _Sources, packets: int, crossbars: int) -> int:
    costs = hardware.costs
    far = costs.packet_fj + _cheapest_hop(hardware.grid, costs.hop_x_fj, costs.hop_y_fj)
    prices = {0, costs.packet_fj, far, max(0, far - costs.local_fj)} if packets else {0}
    moved = max(price * packets + sources.least(price) for price in prices)
    columns, rows = max(c.columns for c in hardware.crossbars), max(c.rows for c in hardware.crossbars)
    read = int((units.fan_out > 0).sum())
    used = max(crossbars, -(-units.num_units // columns), -(-read // rows))
    idle = max(0, used * min(c.cells for c in hardware.crossbars) - units.num_synapses)
    return moved + units.synaptic_events * costs.synapse_fj + idle * costs.idle_cell_fj


def _latency(
    units: Network, unrolling: Unrolling, hardware: Hardware, least_internal: int
) -> tuple[Fraction | None, int | None]:
    costs, n = hardware.costs, units.num_units
    is_carry = np.zeros(units.num_neurons, dtype=bool)
    is_carry[:n] = unrolling.parent_of_unit >= 0
    ends = ~is_carry[units.pre]
    if not ends.any():
        return None, None
    crossing = costs.packet_ps + _cheapest_hop(hardware.grid, costs.hop_x_ps, costs.hop_y_ps)
    near = min(costs.local_ps, crossing)
    spikes, depth = units.spikes[units.pre[ends]], unrolling.depth_of_unit[units.post[ends]]
    external = units.pre[ends] >= n
    step = near + costs.synapse_ps
    remote = max(0, least_internal - int(units.spikes[is_carry].sum()))
    worst = max(
        costs.synapse_ps + (costs.packet_ps if outside else near) + step * int(depth[external == outside].max())
        for outside in set(external.tolist())
    )
    if remote:
        worst = max(worst, costs.synapse_ps + crossing)
    arrivals = int(spikes.sum())
    if arrivals == 0:
        return None, worst
    outside = int(spikes[external].sum())
    total = costs.synapse_ps * arrivals + costs.packet_ps * outside + near * (arrivals - outside)
    total += (crossing - near) * remote + step * dot(spikes, depth)
    return Fraction(total, arrivals), worst


def _cheapest_hop(grid: TileGrid, along_x: int, along_y: int) -> int:
    """The least that leaving a tile costs; 0 where there is but one tile, which no packet leaves."""
    return min([along_x] * (grid.width > 1) + [along_y] * (grid.height > 1), default=0)

r"""What any mapping of given units costs at least, in the terms of the evaluator.

`bound` holds for every partition of the units into crossbars and every placement of these. It follows from a bound on
the packets of any partition and from counting. Notation: s_e spikes of source e; N columns of the widest crossbar;
I packets that units send; X packets of external inputs; L spikes read in their own crossbar; h the cheapest hop.

**Packets.** The readers of e, with e itself unless it is external, lie in at least ceil(their number / N) clusters,
so per tile at least k_e = ceil(.../N) - 1 clusters other than its own read it (external: k_e = ceil(.../N)). Per
synapse, at most N - 1 other units share its cluster, which leaves the rest to cross; external synapses always do.
Summed: I >= I0 and X0 <= X <= X1. A bound P on all packets gives I + X >= P, so I >= max(I0, P - X1).

**Hops.** Clusters lie on distinct tiles, so a packet of a unit makes a hop at least. More: the m clusters that read
e lie on m tiles other than its own, and in sum at no less than D(m), the sum of the m smallest distances from the
tile in the middle, which has the smallest ones of all tiles: along each axis, they rank no higher than those from
anywhere else. No distance is below h, so D(m) - h m does not fall with m, and the hops of e cost
s_e D(m) >= s_e h m + s_e (D(k_e) - h k_e). External packets start at the I/O tile, where a cluster may lie, and
cost at least s_e D'(k_e), D' the sum of the smallest distances from there, its own zero included; without an I/O
tile they cost no hop.

**Packets and local reads together.** Every source that units read is read in its own cluster or sends, so
I + L >= the spikes of all those per tile, and equal to the spikes of all their synapses per synapse. The least of
(packet + h) I + packet X + local L under these inequalities is that of a convex function of I alone with two kinks.

**Idle cells.** B crossbars have at least B cells(smallest type) - synapses of them idle. Synaptic events are what
they are.

**Latency.** A source that does not lie with its reader costs at least a packet and the cheapest hop, others a local
read (or what is less). Every packet delivers the spikes of at least one synapse, so that at least I spikes make the
longer way; spikes of carries, each read by one unit, may be among them and are taken off. Carries add their own ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from spinemap_exact.arrays import Array, dot
from spinemap_exact.hardware import Hardware, TileGrid
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
    sent = _Sent.of(units, hardware, Traffic(traffic), packets)
    mean, worst = _latency(units, unrolling, hardware, sent.least_internal)
    return Bound(_energy(units, hardware, sent, crossbars), worst, mean)


@dataclass(frozen=True)
class _Sent:
    """Bounds on packets. ``distant`` is what hops cost beyond one for each packet of a unit."""

    packets: int
    least_internal: int
    least_external: int
    read: int
    distant: int

    @classmethod
    def of(cls, units: Network, hardware: Hardware, traffic: Traffic, packets: int) -> _Sent:
        n, grid = units.num_units, hardware.grid
        spikes, fan_out = units.spikes, units.fan_out
        is_unit = np.arange(units.num_neurons) < n
        loop = np.zeros(units.num_neurons, dtype=np.int64)
        loop[units.pre[units.pre == units.post]] = 1
        columns = max(c.columns for c in hardware.crossbars)
        matters = fan_out > 0
        crowd = fan_out + np.where(is_unit, 1 - loop, 0)
        remote = np.where(matters, -(-crowd // columns) - is_unit, 0)
        most = np.minimum(fan_out, min(grid.num_tiles, n))
        if traffic is Traffic.PER_SYNAPSE:
            # a cluster of N columns leaves N - 1 to others, and the source may read itself
            internal = np.maximum(0, fan_out - (columns - 1 + loop))
            least, largest, read = np.where(is_unit, internal, fan_out), fan_out, fan_out
        else:
            least, largest, read = remote, most, matters.astype(np.int64)
        least_internal = dot(spikes[:n], least[:n])
        least_external, most_external = dot(spikes[n:], least[n:]), dot(spikes[n:], largest[n:])
        hop = _cheapest_hop(grid, hardware.costs.hop_x_fj, hardware.costs.hop_y_fj)
        clusters = np.minimum(remote[:n], grid.num_tiles - 1)
        spread = _spread(hardware, None)
        far = dot(spikes[:n], spread[clusters] - hop * clusters.astype(spread.dtype))
        if grid.io_tile is not None:
            reach = _spread(hardware, grid.io_tile)
            far += dot(spikes[n:], reach[np.clip(remote[n:] - 1, 0, grid.num_tiles - 1)])
        return cls(
            packets=packets,
            least_internal=max(least_internal, packets - most_external),
            least_external=least_external,
            read=dot(spikes[:n], read[:n]),
            distant=far,
        )


def _energy(units: Network, hardware: Hardware, sent: _Sent, crossbars: int) -> int:
    costs = hardware.costs
    hop = _cheapest_hop(hardware.grid, costs.hop_x_fj, costs.hop_y_fj)

    def traffic(internal: int) -> int:
        external = max(sent.least_external, sent.packets - internal)
        local = max(0, sent.read - internal)
        return (costs.packet_fj + hop) * internal + costs.packet_fj * external + costs.local_fj * local

    kinks = (sent.least_internal, sent.packets - sent.least_external, sent.read)
    moved = min(traffic(max(k, sent.least_internal)) for k in kinks)
    used = max(crossbars, -(-units.num_units // max(c.columns for c in hardware.crossbars)))
    idle = max(0, used * min(c.cells for c in hardware.crossbars) - units.num_synapses)
    return moved + sent.distant + units.synaptic_events * costs.synapse_fj + idle * costs.idle_cell_fj


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


def _spread(hardware: Hardware, tile: int | None) -> Array:
    """(num_tiles,) int64: energy of the hops to the ``m`` nearest other tiles; by default from the middle.

    Of Python's integers where int64 might overflow.
    """
    grid, costs = hardware.grid, hardware.costs
    longest = grid.width * costs.hop_x_fj + grid.height * costs.hop_y_fj
    kind = np.int64 if longest * grid.num_tiles <= INT64_MAX else object
    here = grid.height // 2 * grid.width + grid.width // 2 if tile is None else tile
    dx, dy = np.abs(grid.x - grid.x[here]).astype(kind), np.abs(grid.y - grid.y[here]).astype(kind)
    reach: Array = np.cumsum(np.sort(dx * costs.hop_x_fj + dy * costs.hop_y_fj))
    return reach

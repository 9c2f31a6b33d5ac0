"""The shared analytic evaluator: what a mapping costs in energy, latency and congestion.

Counts are summed in integers and multiplied by the constants of the hardware last, so that every figure is exact.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array, dot, total
from spinemap_exact.errors import require_type
from spinemap_exact.hardware import Hardware, TileGrid
from spinemap_exact.mapping import Mapping, Reads
from spinemap_exact.network import Network
from spinemap_exact.notebook import data_frame, html_table
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.units import INT64_MAX, duration_text, energy_text


@dataclass(frozen=True)
class Energy:
    """Energy of one window by term, in fJ."""

    hop: int
    packet: int
    local: int
    synapse: int
    idle: int

    @property
    def total(self) -> int:
        return self.hop + self.packet + self.local + self.synapse + self.idle


@dataclass(frozen=True, eq=False)
class LinkLoads:
    """Packets on every directed link under XY routing: first along x, then along y.

    Attributes
    ----------
    east, west : (height, width - 1) int64
        ``east[y, x]`` from tile (x, y) to (x + 1, y); ``west[y, x]`` back.
    south, north : (height - 1, width) int64
        ``south[y, x]`` from tile (x, y) to (x, y + 1); ``north[y, x]`` back.
    """

    east: Array
    west: Array
    south: Array
    north: Array

    @property
    def total(self) -> int:
        return sum(total(a) for a in (self.east, self.west, self.south, self.north))

    @property
    def maximum(self) -> int:
        return max(int(a.max(initial=0)) for a in (self.east, self.west, self.south, self.north))

    def as_json(self, most_tiles: int = 100_000) -> dict[str, Any] | None:
        """Return nested lists; None where the mesh has more than ``most_tiles`` tiles."""
        if self.east.shape[0] * self.south.shape[1] > most_tiles:
            return None
        return {name: getattr(self, name).tolist() for name in ("east", "west", "south", "north")}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one window costs on the hardware.

    Attributes
    ----------
    traffic : Traffic
        The model under which packets were counted.
    spikes_assumed : bool
        True if nobody recorded the spikes: every figure stands for one spike of every neuron.
    energy_fj : Energy
    latency_worst_ps : int or None
        Longest way of a spike to a soma unit, over all synapses; None without synapses.
    latency_mean_ps : Fraction or None
        The same, averaged over all spikes on all synapses; None where no spike arrives.
    packets : int
        Packets that leave a crossbar or come from outside.
    local_reads : int
        Spikes read in their own crossbar (under per-synapse traffic, once per synapse).
    synaptic_events : int
        Spikes over all synapses, carries included.
    spike_hops : int
        Hops summed over all packets.
    links : LinkLoads
    crossbars, units, carries, tree_depth : int
        Crossbars used; units; units that send a carry; most carries between a unit and its soma.
    columns_used, columns_available, cells_used, cells_available, cells_idle : int
        Over the crossbars used. A cell is used if a synapse or a carry occupies it.
    violations : tuple of str
        Limits of the hardware that the mapping breaks.

    Examples
    --------
    `evaluate` makes one; ``summary()`` tells it to people, ``as_json()`` to machines:

    >>> from spinemap_exact import Limits, map_network
    >>> evaluation = map_network("layered-16-24-8", solver="none", limits=Limits(time_s=2)).evaluation()
    >>> evaluation.packets == evaluation.energy_fj.packet // 1_700  # 1.7 pJ a packet on this hardware
    True
    """

    traffic: Traffic
    spikes_assumed: bool
    energy_fj: Energy
    latency_worst_ps: int | None
    latency_mean_ps: Fraction | None
    packets: int
    local_reads: int
    synaptic_events: int
    spike_hops: int
    links: LinkLoads
    crossbars: int
    units: int
    carries: int
    tree_depth: int
    columns_used: int
    columns_available: int
    cells_used: int
    cells_available: int
    cells_idle: int
    violations: tuple[str, ...]

    @property
    def column_utilisation(self) -> Fraction | None:
        return Fraction(self.columns_used, self.columns_available) if self.columns_available else None

    @property
    def cell_utilisation(self) -> Fraction | None:
        return Fraction(self.cells_used, self.cells_available) if self.cells_available else None

    def __repr__(self) -> str:
        energy, latency = energy_text(self.energy_fj.total), duration_text(self.latency_worst_ps or 0)
        broken = f", {len(self.violations)} limits broken" if self.violations else ""
        return (
            f"<Evaluation: {energy} a window, {self.packets:,} packets, {self.spike_hops:,} spike-hops, worst latency "
            f"{latency}, {self.crossbars:,} crossbars{broken}>"
        )

    def _repr_html_(self) -> str:
        return html_table("Evaluation", [("what", "how much"), *self.rows()], self.violations)

    def rows(self) -> list[tuple[str, str]]:
        """Return what a window costs, in lines of a word and a text."""
        energy = ", ".join(f"{term} {energy_text(fj)}" for term, fj in asdict(self.energy_fj).items())
        columns, cells = (
            "-" if share is None else f"{100 * float(share):.1f} %"
            for share in (self.column_utilisation, self.cell_utilisation)
        )
        worst, mean = (
            "-" if ps is None else duration_text(float(ps)) for ps in (self.latency_worst_ps, self.latency_mean_ps)
        )
        traffic = f"{self.packets:,} packets ({self.traffic}), {self.spike_hops:,} spike-hops"
        used = f"{self.crossbars:,} used; columns {columns}, cells {cells}; {self.cells_idle:,} cells idle"
        units = f"{self.units:,}, of which {self.carries:,} send carries; trees up to {self.tree_depth} deep"
        return [
            ("energy", f"{energy_text(self.energy_fj.total)} a window: {energy}"),
            *([] if self.latency_worst_ps is None else [("latency", f"worst {worst}, mean {mean} a spike")]),
            ("traffic", f"{traffic}, busiest link {self.links.maximum:,}"),
            ("crossbars", used),
            ("units", units),
        ]

    def summary(self) -> str:
        """Return the lines of `rows` for people."""
        return "\n".join(f"{word:<13}{text}" for word, text in self.rows())

    def to_frame(self) -> Any:
        """Return the plain numbers as one line of a table of pandas, energies by term.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        """
        plain = {name: value for name, value in self.as_json().items() if not isinstance(value, dict | list)}
        energy = {f"energy_{term}_fj": fj for term, fj in self.as_json()["energy_fj"].items()}
        return data_frame({name: [value] for name, value in (energy | plain).items()})

    def as_json(self) -> dict[str, Any]:
        """Return plain numbers for a machine to read; link loads as nested lists, see `LinkLoads.as_json`."""
        mean, columns, cells = self.latency_mean_ps, self.column_utilisation, self.cell_utilisation
        plain = {k: v for k, v in vars(self).items() if isinstance(v, int)}
        return {
            "traffic": str(self.traffic),
            "energy_fj": {**asdict(self.energy_fj), "total": self.energy_fj.total},
            **plain,
            "latency_worst_ps": self.latency_worst_ps,
            "latency_mean_ps": None if mean is None else float(mean),
            "column_utilisation": None if columns is None else float(columns),
            "cell_utilisation": None if cells is None else float(cells),
            "link_load_max": self.links.maximum,
            "link_load_total": self.links.total,
            "links": self.links.as_json(),
            "violations": list(self.violations),
        }


def evaluate(
    network: Network, hardware: Hardware, mapping: Mapping, traffic: Traffic | str = Traffic.PER_TILE
) -> Evaluation:
    """Price a mapping, feasible or not.

    Clusters are what packets travel between: on an infeasible mapping with two clusters on one tile, packets between
    them are sent over no hops.

    Parameters
    ----------
    network : Network
    hardware : Hardware
    mapping : Mapping
    traffic : Traffic or str
        What a spike sends: a packet to each remote tile that reads it (``"per-tile"``), or one for each synapse that
        crosses tiles (``"per-synapse"``).

    Returns
    -------
    Evaluation
        Energies in fJ, latencies in ps, and the limits that the mapping breaks.

    Raises
    ------
    WrongType
        If something is not of the type that is expected.
    InvalidInstance
        If the unrolling does not belong to the network, or the spikes on the carries overflow int64.

    Examples
    --------
    The first neuron sends its 2 spikes over one hop, the second its 5 within their crossbar:

    >>> from spinemap_exact import Crossbar, Hardware, Mapping, Network, Partition, Placement, TileGrid, Unrolling
    >>> network = Network.from_synapses(pre=[0, 1], post=[1, 2], spikes=[2, 5, 0])
    >>> chip = Hardware("chip", TileGrid(2, 1), Crossbar(rows=4, columns=2))
    >>> mapping = Mapping(Unrolling.identity(network), Partition([0, 1, 1]), Placement([0, 1]))
    >>> evaluate(network, chip, mapping)
    <Evaluation: 4 fJ a window, 2 packets, 2 spike-hops, worst latency 2 ps, 2 crossbars>
    """
    require_type("network", network, Network)
    require_type("hardware", hardware, Hardware)
    require_type("mapping", mapping, Mapping)
    traffic = Traffic(traffic)
    units = mapping.unrolling.unit_network(network)
    costs = hardware.costs
    reads = mapping.partition.reads(units)
    sent = _Sent.of(reads, units, mapping, hardware.grid, traffic)
    grid = hardware.grid
    dx, dy = _hops(grid, sent.source_tile, sent.target_tile)
    hops_x, hops_y = dot(sent.packets, dx), dot(sent.packets, dy)
    packets = int(sent.packets.sum()) + sent.packets_without_way
    events = units.synaptic_events
    local_reads = sent.local_reads
    worst, mean = _latency(units, hardware, mapping)
    capacity = [hardware.crossbars[k] for k in mapping.partition.crossbar_of_cluster.tolist()]
    cells_of_cluster = np.bincount(
        mapping.partition.cluster_of_unit[units.post], minlength=mapping.partition.num_clusters
    )
    idle = sum(max(0, c.cells - used) for c, used in zip(capacity, cells_of_cluster.tolist(), strict=True))
    return Evaluation(
        traffic=traffic,
        spikes_assumed=network.spikes_assumed,
        energy_fj=Energy(
            hop=hops_x * costs.hop_x_fj + hops_y * costs.hop_y_fj,
            packet=packets * costs.packet_fj,
            local=local_reads * costs.local_fj,
            synapse=events * costs.synapse_fj,
            idle=idle * costs.idle_cell_fj,
        ),
        latency_worst_ps=worst,
        latency_mean_ps=mean,
        packets=packets,
        local_reads=local_reads,
        synaptic_events=events,
        spike_hops=hops_x + hops_y,
        links=_link_loads(grid, sent),
        crossbars=mapping.partition.num_clusters,
        units=mapping.unrolling.num_units,
        carries=mapping.unrolling.num_carries,
        tree_depth=int(mapping.unrolling.depth_of_unit.max(initial=0)),
        columns_used=mapping.partition.num_units,
        columns_available=sum(c.columns for c in capacity),
        cells_used=units.num_synapses,
        cells_available=sum(c.cells for c in capacity),
        cells_idle=idle,
        violations=tuple(mapping.violations(network, hardware)),
    )


@dataclass(frozen=True, eq=False)
class _Sent:
    """Packets that travel the mesh, one entry per source and reading cluster."""

    packets: Array
    source_tile: Array
    target_tile: Array
    packets_without_way: int
    local_reads: int

    @classmethod
    def of(cls, reads: Reads, units: Network, mapping: Mapping, grid: TileGrid, traffic: Traffic) -> _Sent:
        count = units.spikes[reads.source]
        if traffic is Traffic.PER_SYNAPSE:
            count = count * reads.synapses
        tile = mapping.placement.tile_of_cluster.astype(np.int64)
        external = reads.home < 0
        outward = ~reads.is_local
        travels = outward if grid.io_tile is not None else outward & ~external
        source_tile = np.where(external, grid.io_tile or 0, tile[reads.home])
        return cls(
            packets=count[travels],
            source_tile=source_tile[travels],
            target_tile=tile[reads.cluster[travels]],
            packets_without_way=int(count[outward & ~travels].sum()),
            local_reads=int(count[reads.is_local].sum()),
        )


def _hops(grid: TileGrid, a: Array, b: Array) -> tuple[Array, Array]:
    return np.abs(a % grid.width - b % grid.width), np.abs(a // grid.width - b // grid.width)


def _latency(units: Network, hardware: Hardware, mapping: Mapping) -> tuple[int | None, Fraction | None]:
    """Worst and spike-weighted mean way from a synapse's source to the soma unit of the neuron it ends at."""
    costs, grid, unrolling = hardware.costs, hardware.grid, mapping.unrolling
    num_units = unrolling.num_units
    home = np.full(units.num_neurons, -1, dtype=np.int64)
    home[:num_units] = mapping.partition.cluster_of_unit
    tile = np.full(units.num_neurons, -1 if grid.io_tile is None else grid.io_tile, dtype=np.int64)
    tile[:num_units] = mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit]
    pre, post = units.pre, units.post
    dx, dy = _hops(grid, tile[pre], tile[post])
    longest = costs.packet_ps + grid.width * costs.hop_x_ps + grid.height * costs.hop_y_ps + costs.local_ps
    if (longest + costs.synapse_ps) * (1 + int(unrolling.depth_of_unit.max(initial=0))) > INT64_MAX:
        dx, dy = dx.astype(object), dy.astype(object)  # Python's integers from here on
    way = costs.packet_ps + dx * costs.hop_x_ps + dy * costs.hop_y_ps
    way[tile[pre] < 0] = costs.packet_ps
    way[home[pre] == home[post]] = costs.local_ps
    way += costs.synapse_ps
    is_carry = np.zeros(units.num_neurons, dtype=bool)
    is_carry[:num_units] = unrolling.parent_of_unit >= 0
    carries = is_carry[pre]
    spikes = units.spikes[pre]
    if carries.any():
        step = np.zeros(num_units, dtype=way.dtype)
        step[pre[carries]] = way[carries]
        way = (way + unrolling.sum_to_soma(step)[post])[~carries]
        spikes = spikes[~carries]
    if way.size == 0:
        return None, None
    arrivals = int(spikes.sum())
    return int(way.max()), Fraction(dot(spikes, way), arrivals) if arrivals else None


def _link_loads(grid: TileGrid, sent: _Sent) -> LinkLoads:
    """Loads as running sums: +packets where a straight run begins, -packets where it ends."""
    w, h = grid.width, grid.height
    xa, ya = sent.source_tile % w, sent.source_tile // w
    xb, yb = sent.target_tile % w, sent.target_tile // w
    along_x = np.zeros((2, h, w), dtype=np.int64)  # eastward, westward; the run along x is on the source's row
    along_y = np.zeros((2, h, w), dtype=np.int64)  # southward, northward; the run along y on the target's column
    west, north = (xb < xa).astype(np.int64), (yb < ya).astype(np.int64)
    np.add.at(along_x, (west, ya, np.minimum(xa, xb)), sent.packets)
    np.subtract.at(along_x, (west, ya, np.maximum(xa, xb)), sent.packets)
    np.add.at(along_y, (north, np.minimum(ya, yb), xb), sent.packets)
    np.subtract.at(along_y, (north, np.maximum(ya, yb), xb), sent.packets)
    x_runs, y_runs = along_x.cumsum(axis=2)[:, :, : w - 1], along_y.cumsum(axis=1)[:, : h - 1, :]
    return LinkLoads(east=x_runs[0], west=x_runs[1], south=y_runs[0], north=y_runs[1])

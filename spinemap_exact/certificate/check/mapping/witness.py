"""Whole mappings: a witness is followed spike by spike, from source to tile to soma unit, by plain loops."""

from __future__ import annotations

from dataclasses import dataclass

from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Mapping
from spinemap_exact.certificate.check.witness import depths, require_trees


@dataclass(frozen=True)
class _Read:
    """A source that a unit reads: an axon, named by its neuron, or the carry of a unit."""

    name: tuple[str, int]
    spikes: int
    origin: int | None  # tile; None for an external input without I/O tile
    is_external: bool
    tile: int


def price(instance: Mapping, witness: Field) -> int:
    """Return the objective of a mapping; `CertificateRejected` if it breaks a limit."""
    laid = _Laid(instance, witness)
    laid.require_limits(witness)
    match instance.objective:
        case "energy":
            return laid.energy()
        case "crossbars":
            return len(set(laid.tile))
        case "bottleneck":
            return laid.busiest_link()
    ways = laid.ways()
    if instance.objective == "worst-latency":
        return max((way for _, way in ways), default=0)
    return sum(spikes * way for spikes, way in ways)


class _Laid:
    """A witness, laid out on the chip."""

    def __init__(self, instance: Mapping, witness: Field) -> None:
        names = ("unit_of_synapse", "neuron_of_unit", "parent_of_unit", "cluster_of_unit", "tile_of_cluster")
        fields = witness.table(*names, "crossbar_of_cluster")
        nets, tiles = instance.nets, instance.width * instance.height
        self.instance, self.nets = instance, nets
        self.synapses = [(k, i) for k, posts in enumerate(nets.posts) for i in posts]
        self.neuron = fields["neuron_of_unit"].integers(None, 0, nets.num_neurons - 1)
        units = len(self.neuron)
        self.unit = fields["unit_of_synapse"].integers(len(self.synapses), 0, units - 1)
        self.parent = fields["parent_of_unit"].integers(units, -1, units - 1)
        tile_of_cluster = fields["tile_of_cluster"].integers(None, 0, tiles - 1)
        self.cluster = fields["cluster_of_unit"].integers(units, 0, len(tile_of_cluster) - 1)
        self.kind = fields["crossbar_of_cluster"].integers(len(tile_of_cluster), 0, len(instance.crossbars) - 1)
        self.tile_of_cluster = tile_of_cluster
        require_trees(nets, self.synapses, self.neuron, self.unit, self.parent, witness)
        self.depth = depths(self.parent, witness)
        if len(set(tile_of_cluster)) != len(tile_of_cluster):
            witness.rejected("two clusters share a tile")
        if set(self.cluster) != set(range(len(tile_of_cluster))):
            witness.rejected("a cluster holds no unit")
        self.tile = [tile_of_cluster[c] for c in self.cluster]
        self.reads = self._reads()

    def _reads(self) -> list[_Read]:
        """Every synapse and every carry, in this order."""
        nets = self.nets
        home: list[int | None] = [self.instance.io_tile] * nets.num_neurons
        for u, p in enumerate(self.parent):
            if p < 0:
                home[self.neuron[u]] = self.tile[u]
        entering = [0] * len(self.neuron)
        for (k, _), u in zip(self.synapses, self.unit, strict=True):
            entering[u] += nets.spikes[k]
        for u in sorted(range(len(self.neuron)), key=lambda u: -self.depth[u]):
            if self.parent[u] >= 0:
                entering[self.parent[u]] += entering[u]
        reads = [
            _Read(("axon", k), nets.spikes[k], home[k], nets.is_input[k], self.tile[u])
            for (k, _), u in zip(self.synapses, self.unit, strict=True)
        ]
        return reads + [
            _Read(("carry", u), entering[u], self.tile[u], False, self.tile[p])
            for u, p in enumerate(self.parent)
            if p >= 0
        ]

    def require_limits(self, witness: Field) -> None:
        instance = self.instance
        rows: dict[int, set[tuple[str, int]]] = {t: set() for t in self.tile}
        for read in self.reads:
            rows[read.tile].add(read.name)
        for c, (t, kind) in enumerate(zip(self.tile_of_cluster, self.kind, strict=True)):
            if instance.crossbar_of_tile[t] != kind:
                witness.rejected(f"cluster {c} asks for crossbar type {kind}, tile {t} has another")
            crossbar, columns = instance.crossbars[kind], self.cluster.count(c)
            if len(rows[t]) > crossbar.rows or columns > crossbar.columns:
                witness.rejected(f"cluster {c} needs {len(rows[t])} rows and {columns} columns of {crossbar}")
        if len(self.kind) > instance.most_crossbars:
            witness.rejected(f"{len(self.kind)} crossbars, {instance.most_crossbars} are allowed")
        given = instance.units
        if given is not None and given != (self.unit, self.neuron, self.parent):
            witness.rejected("the units are not the given ones")
        if instance.max_latency_ps is not None:
            worst = max((way for _, way in self.ways()), default=0)
            if worst > instance.max_latency_ps:
                witness.rejected(f"a spike takes {worst} ps, {instance.max_latency_ps} are allowed")

    def energy(self) -> int:
        instance, fj = self.instance, self.instance.fj
        total = sum(read.spikes * fj["synapse"] for read in self.reads)
        seen = set()
        for read in self.reads:
            if instance.traffic == "per-tile":
                if (read.name, read.tile) in seen:
                    continue
                seen.add((read.name, read.tile))
            total += read.spikes * self._way(read, fj)
        cells = sum(instance.crossbars[kind].rows * instance.crossbars[kind].columns for kind in self.kind)
        return total + fj["idle_cell"] * (cells - len(self.reads))

    def ways(self) -> list[tuple[int, int]]:
        """Spikes of each synapse, and how long they take to the soma unit."""
        ps = self.instance.ps
        took = [self._way(read, ps) + ps["synapse"] for read in self.reads]
        step = dict(zip((u for u, p in enumerate(self.parent) if p >= 0), took[len(self.synapses) :], strict=True))
        above = [0] * len(self.parent)
        for u in sorted(range(len(self.parent)), key=lambda u: self.depth[u]):
            if self.parent[u] >= 0:
                above[u] = above[self.parent[u]] + step[u]
        return [(self.reads[s].spikes, took[s] + above[u]) for s, u in enumerate(self.unit)]

    def busiest_link(self) -> int:
        """Packets go along x first, then along y."""
        load: dict[tuple[int, int], int] = {}
        seen = set()
        for read in self.reads:
            if read.origin is None or (not read.is_external and read.origin == read.tile):
                continue
            if self.instance.traffic == "per-tile":
                if (read.name, read.tile) in seen:
                    continue
                seen.add((read.name, read.tile))
            here = read.origin
            while here != read.tile:
                there = self._next(here, read.tile)
                load[here, there] = load.get((here, there), 0) + read.spikes
                here = there
        return max(load.values(), default=0)

    def _next(self, here: int, target: int) -> int:
        width = self.instance.width
        if here % width != target % width:
            return here + (1 if here % width < target % width else -1)
        return here + (width if here < target else -width)

    def _way(self, read: _Read, cost: dict[str, int]) -> int:
        if read.origin is None:
            return cost["packet"]
        if read.origin == read.tile and not read.is_external:
            return cost["local"]
        width = self.instance.width
        along_x = abs(read.origin % width - read.tile % width)
        along_y = abs(read.origin // width - read.tile // width)
        return cost["packet"] + along_x * cost["hop_x"] + along_y * cost["hop_y"]

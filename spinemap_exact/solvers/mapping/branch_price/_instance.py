"""Given units and the tiles that they go to, as arrays: what each read costs from where, and who fits together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping, Partition, Placement
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.partition import Traffic

Cluster = frozenset[int]
SAFE = 1 << 46  # costs, and scaled ones, stay below
_MOST_TILES = 256
_MOST_ENTRIES = 3 * 10**7  # of a table


class Instance:
    """Items, which are units or groups of units that lie together, and their reads.

    A read is a source with the items that share its packets: all of its readers per tile, a single one per synapse.
    Costs are integers in units of ``step``, their common divisor, and leave out ``constant``, which no mapping changes.

    Attributes
    ----------
    way : (num_tiles, num_tiles) object
        Energy of a packet from tile to tile; the diagonal is not used.
    entry : (num_tiles,) object
        Energy of a packet of an external input.
    weight : (num_reads,) object
        Spikes of a read, those of several synapses that end in one item added up.
    home : (num_reads,) int64
        Item of the source; -1 for external inputs.
    """

    def __init__(self, problem: MappingProblem, items: Sequence[tuple[int, ...]] | None = None) -> None:
        assert problem.unrolling is not None
        self.problem = problem
        self.units = problem.unrolling.unit_network(problem.network)
        hardware = problem.hardware
        n = self.units.num_units
        self.items = [(u,) for u in range(n)] if items is None else list(items)
        self.item_of = np.full(self.units.num_neurons, -1, dtype=np.int64)
        for i, members in enumerate(self.items):
            self.item_of[list(members)] = i
        self.num_items, self.num_tiles = len(self.items), hardware.grid.num_tiles
        self.rows, self.columns = hardware.crossbar.rows, hardware.crossbar.columns
        self.axons_of = [sorted({k for u in m for k in self.units.fan_in_of(u).tolist()}) for m in self.items]
        self.axons = sorted({k for axons in self.axons_of for k in axons})
        self.per_synapse = problem.traffic is Traffic.PER_SYNAPSE
        self._price(hardware)
        self._list_reads()

    def _price(self, hardware: Hardware) -> None:
        grid, costs = hardware.grid, hardware.costs
        spikes = [int(s) for s, d in zip(self.units.spikes, self.units.fan_out, strict=True) if s and d]
        idle = hardware.crossbar.cells * costs.idle_cell_fj
        unit = math.gcd(costs.packet_fj, costs.hop_x_fj, costs.hop_y_fj, costs.local_fj) * math.gcd(*spikes)
        self.step: int = math.gcd(unit, idle) or 1
        dx = np.abs(grid.x[:, None] - grid.x[None, :]).astype(object)
        dy = np.abs(grid.y[:, None] - grid.y[None, :]).astype(object)
        hops = dx * costs.hop_x_fj + dy * costs.hop_y_fj
        self.way = hops + costs.packet_fj
        none = np.zeros(grid.num_tiles, dtype=object)
        self.entry = costs.packet_fj + (none if grid.io_tile is None else hops[grid.io_tile])
        self.local = costs.local_fj
        self.tile_cost: int = idle // self.step
        self.constant: int = (
            self.units.synaptic_events * costs.synapse_fj - self.units.num_synapses * costs.idle_cell_fj
        )

    def _list_reads(self) -> None:
        """Weights, homes and readers of the reads, those of no spikes left out."""
        weight: list[int] = []
        source: list[int] = []
        readers: list[list[int]] = []
        for k in self.axons:
            spikes = int(self.units.spikes[k])
            posts, counts = np.unique(self.item_of[self.units.fan_out_of(k)], return_counts=True)
            if spikes == 0:
                continue
            split = [([i], c) for i, c in zip(posts.tolist(), counts.tolist(), strict=True)]
            for items, count in split if self.per_synapse else [(posts.tolist(), 1)]:
                weight.append(spikes * count)
                source.append(k)
                readers.append(items)
        self.weight = np.array(weight, dtype=object)
        self.source = np.array(source, dtype=np.int64)
        self.home = self.item_of[self.source]
        self.readers = readers
        self.reads = np.zeros((self.num_items, len(weight)), dtype=bool)
        for r, items in enumerate(readers):
            self.reads[items, r] = True

    @property
    def num_reads(self) -> int:
        return len(self.weight)

    def fits(self, items: Iterable[int]) -> bool:
        """True if the items fit a crossbar."""
        held = list(items)
        if sum(len(self.items[i]) for i in held) > self.columns:
            return False
        return len({k for i in held for k in self.axons_of[i]}) <= self.rows

    @cached_property
    def levels(self) -> list[list[int]]:
        """For each tile the distinct costs of a packet from elsewhere, ascending."""
        tiles = range(self.num_tiles)
        return [sorted({int(self.way[s, t]) for s in tiles if s != t}) for t in tiles]

    @cached_property
    def balls(self) -> list[Array]:
        """For each tile, (levels, num_tiles) bool: other tiles from which a packet costs at most so much."""
        others = ~np.eye(self.num_tiles, dtype=bool)
        return [
            np.array([(self.way[:, t] <= level).astype(bool) & others[t] for level in self.levels[t]], dtype=bool)
            for t in range(self.num_tiles)
        ]

    @cached_property
    def nearest(self) -> Array:
        """(num_tiles,) object: cost of a packet from the nearest other tile; 0 where there is none."""
        return np.array([levels[0] if levels else 0 for levels in self.levels], dtype=object)

    @cached_property
    def dearest(self) -> int:
        """More than any mapping costs, in steps."""
        most = max(int(self.way.max()), int(self.entry.max()), self.local)
        times = self.reads.sum(axis=0).astype(object) if self.num_reads else 0
        return int((self.weight * times).sum() * most) // self.step + self.tile_cost * self.num_tiles + 1

    @cached_property
    def automorphisms(self) -> list[tuple[int, ...]]:
        """Permutations of the tiles, turns and mirrors of the mesh, that change no cost."""
        grid = self.problem.hardware.grid
        w, h = grid.width, grid.height
        found = set()
        for turned in (False, True) if w == h else (False,):
            for flip_x in (False, True):
                for flip_y in (False, True):
                    image = []
                    for t in range(w * h):
                        x, y = (t // w, t % w) if turned else (t % w, t // w)
                        x, y = (w - 1 - x if flip_x else x), (h - 1 - y if flip_y else y)
                        image.append(y * w + x)
                    p = np.array(image)
                    if (self.way[np.ix_(p, p)] == self.way).all() and (self.entry[p] == self.entry).all():
                        found.add(tuple(image))
        return sorted(found)

    def mapping(self, tile_of_item: Array) -> Mapping:
        """Return what puts each item on a tile."""
        assert self.problem.unrolling is not None
        tile = tile_of_item[self.item_of[: self.units.num_units]]
        used, cluster = np.unique(tile, return_inverse=True)
        return Mapping(self.problem.unrolling, Partition(cluster.ravel()), Placement(used))

    def tile_of_item(self, mapping: Mapping) -> Array | None:
        """Where a mapping has the items; None if it takes one apart."""
        tile = mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit].astype(np.int64)
        first = np.array([tile[m[0]] for m in self.items], dtype=np.int64)
        whole = all((tile[list(m)] == first[i]).all() for i, m in enumerate(self.items))
        return first if whole else None

    def energy(self, steps: int) -> int:
        """Energy in fJ of a cost in steps."""
        return self.constant + steps * self.step

    def steps(self, energy_fj: int) -> int:
        """Cost in steps of an energy, rounded up where it is only a bound."""
        return -((self.constant - energy_fj) // self.step)


def too_large(problem: MappingProblem) -> bool:
    """True if tables would not fit into memory, or costs are beyond the integers of the pricer."""
    assert problem.unrolling is not None
    units, tiles = problem.unrolling.unit_network(problem.network), problem.hardware.grid.num_tiles
    n = units.num_units
    reads = units.num_synapses if problem.traffic is Traffic.PER_SYNAPSE else units.num_neurons
    if tiles > _MOST_TILES or n * tiles * (n + tiles) > _MOST_ENTRIES or n * reads > _MOST_ENTRIES:
        return True
    return Instance(problem).dearest > SAFE

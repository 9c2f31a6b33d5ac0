"""Mappings of given units: the units as sources and readers, and what each source costs by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from math import gcd

from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Mapping, Nets, Partition
from spinemap_exact.certificate.check.kinds import proves
from spinemap_exact.certificate.check.partition import conflicts
from spinemap_exact.certificate.check.witness import depths, require_trees

MAX_TILES = 1024  # whose distances take a million entries


@dataclass(frozen=True)
class Units:
    """Given units on a chip of one crossbar type: units are numbered as given, external inputs follow.

    Attributes
    ----------
    problem : Partition
        Which units may share a crossbar, and who reads whom.
    """

    chip: Mapping
    problem: Partition

    @classmethod
    def of(cls, chip: Mapping, evidence: Field) -> Units:
        if chip.units is None:
            evidence.rejected("speaks of given units, the instance gives none")
        if chip.objective != "energy":
            evidence.rejected(f"speaks of energy, the objective is {chip.objective}")
        if len(chip.crossbars) > 1:
            evidence.rejected("speaks of one crossbar type, there are several")
        if chip.width * chip.height > MAX_TILES:
            evidence.rejected(f"{chip.width} x {chip.height} tiles are more than {MAX_TILES}")
        nets, num_units = _nets(chip, evidence)
        crossbars = chip.crossbars
        return cls(chip, Partition(nets, num_units, crossbars, chip.most_crossbars, chip.traffic, "packets", None))

    @property
    def nets(self) -> Nets:
        return self.problem.nets

    @property
    def num_tiles(self) -> int:
        return self.chip.width * self.chip.height

    @property
    def cells(self) -> int:
        return self.chip.max_rows * self.chip.max_columns

    @property
    def num_synapses(self) -> int:
        return sum(map(len, self.nets.posts))

    @property
    def constant(self) -> int:
        """What every mapping pays: the events of all synapses, less the idle energy of the cells that these take."""
        events = sum(s * len(p) for s, p in zip(self.nets.spikes, self.nets.posts, strict=True))
        return events * self.chip.fj["synapse"] - self.num_synapses * self.chip.fj["idle_cell"]

    @cached_property
    def step(self) -> int:
        """Divides the cost of every packet, local read and tile: energies are ``constant`` and a multiple of it."""
        fj = self.chip.fj
        spikes = gcd(*(s for s, posts in zip(self.nets.spikes, self.nets.posts, strict=True) if s and posts))
        unit = gcd(fj["packet"], fj["hop_x"], fj["hop_y"], fj["local"]) * spikes
        return gcd(unit, self.cells * fj["idle_cell"]) or 1

    @cached_property
    def hops(self) -> list[list[int]]:
        """Energy of the hops from tile to tile."""
        width, tiles = self.chip.width, range(self.num_tiles)
        along_x, along_y = self.chip.fj["hop_x"], self.chip.fj["hop_y"]

        def between(a: int, b: int) -> int:
            return abs(a % width - b % width) * along_x + abs(a // width - b // width) * along_y

        return [[between(a, b) for b in tiles] for a in tiles]

    @cached_property
    def entry(self) -> list[int]:
        """Energy of the hops of an external input to each tile."""
        return [0] * self.num_tiles if self.chip.io_tile is None else self.hops[self.chip.io_tile]


def _nets(chip: Mapping, evidence: Field) -> tuple[Nets, int]:
    assert chip.units is not None
    nets, (unit, neuron, parent) = chip.nets, chip.units
    synapses = [(k, i) for k, posts in enumerate(nets.posts) for i in posts]
    n = len(neuron)
    if len(unit) != len(synapses) or len(parent) != n or max(unit, default=-1) >= n or max(parent, default=-1) >= n:
        evidence.rejected("the given units are no unrolling of the network")
    if max(neuron, default=-1) >= nets.num_neurons:
        evidence.rejected("the given units are no unrolling of the network")
    require_trees(nets, synapses, neuron, unit, parent, evidence)
    depth = depths(parent, evidence)
    source = {k: n + rank for rank, k in enumerate(k for k, is_input in enumerate(nets.is_input) if is_input)}
    source |= {neuron[u]: u for u, p in enumerate(parent) if p < 0}
    spikes = [0] * (n + sum(nets.is_input))
    posts: list[list[int]] = [[] for _ in spikes]
    for (k, _), u in zip(synapses, unit, strict=True):
        posts[source[k]].append(u)
        spikes[u] += nets.spikes[k]
    for u in sorted(range(n), key=lambda u: -depth[u]):
        if parent[u] >= 0:
            posts[u].append(parent[u])
            spikes[parent[u]] += spikes[u]
    for k, own in source.items():
        spikes[own] = nets.spikes[k]
    pres: list[list[int]] = [[] for _ in spikes]
    for k, fed in enumerate(posts):
        fed.sort()
        for u in fed:
            pres[u].append(k)
    return Nets(posts, pres, spikes, [k >= n for k in range(len(spikes))]), n


@proves("sources", Mapping)
def prove(chip: Mapping, evidence: Field, claim: int | None) -> int:
    """Return the energy that all sources of given units need at least, each bounded by itself; see `Sources`."""
    units = Units.of(chip, evidence)
    return Sources(units, evidence.table("kind", "cliques")["cliques"], evidence).energy()


class Sources:
    """What each source costs at least.

    A source k is read by the clusters that hold one of its readers P; they lie on distinct tiles. As in evidence
    ``conflicts``, at least ``reading`` clusters hold a unit of P, and at least ``group`` one of P and k. Per tile, an
    external input sends to ``reading`` tiles, the nearest ones. A unit either has a reader beside it, which costs a
    local read and max(group, reading) - 1 packets at least, or none, and sends max(group - 1, reading). No m tiles are
    nearer to one, in sum, than the m nearest of the tile where this sum is least. Per synapse, as many synapses as
    ``conflicts`` says may be local, and as many of the others as there are columns end at each tile.
    """

    def __init__(self, units: Units, cliques: Field, evidence: Field) -> None:
        self.units, self.counts = units, conflicts.Sources(units.problem)
        sets = [(place, place.integers(low=0, high=units.problem.num_units - 1)) for place in cliques.items()]
        steps = self.counts.steps + sum(self.counts.steps_of(members) for _, members in sets)
        if steps > conflicts.MAX_STEPS or self.counts.bits > conflicts.MAX_BITS:
            evidence.rejected(f"{steps} steps and {self.counts.bits} bits are more than the checker allows")
        self.counts.read()
        self.reading, self.group = [0] * units.nets.num_neurons, [0] * units.nets.num_neurons
        for place, members in sets:
            self._note(place, members)
        self.per_synapse = units.chip.traffic == "per-synapse"
        self.near = self._least_sums([sorted(row)[1:] for row in units.hops])
        self.entering = self._least_sums([sorted(units.entry)])

    def _note(self, place: Field, members: list[int]) -> None:
        """A set of units that conflict pair by pair: of those that read a source, no two lie in one cluster."""
        if len(set(members)) != len(members):
            place.rejected("a unit occurs twice")
        for a, u in enumerate(members):
            for v in members[:a]:
                if not self.counts.conflict(u, v):
                    place.rejected(f"units {v} and {u} fit together")
        for k, number in self.counts.held_by(members).items():
            self.group[k] = max(self.group[k], number)
        for k, number in Counter(k for u in members for k in self.units.nets.pres[u]).items():
            self.reading[k] = max(self.reading[k], number)

    def _least_sums(self, distances: list[list[int]]) -> list[int]:
        """Least sum of the first 0, 1, 2, ... distances of any list; per synapse each serves a column full."""
        times = self.units.chip.max_columns if self.per_synapse else 1
        most = max(map(len, self.units.nets.posts), default=0) + 1

        def sums(ascending: list[int]) -> Iterator[int]:
            return islice(accumulate((d for d in ascending for _ in range(times)), initial=0), most + 1)

        return [min(column) for column in zip(*map(sums, distances), strict=True)]

    def energy(self, split: frozenset[int] = frozenset()) -> int:
        """Energy of any mapping at least, or of any in which no cluster reads one of the sources ``split`` alone."""
        units, fj = self.units, self.units.chip.fj
        total = 0
        for k, spikes in enumerate(units.nets.spikes):
            if spikes and units.nets.posts[k]:
                total += spikes * self._of(k, 2 if k in split else 1)
        read = sum(map(bool, units.nets.posts))
        used = max(-(-units.problem.num_units // units.chip.max_columns), -(-read // units.chip.max_rows))
        total += max(used * units.cells, units.num_synapses) * fj["idle_cell"]
        return units.constant - total // -units.step * units.step

    def _of(self, k: int, reading: int) -> int:
        """Energy of one spike of a source that so many clusters read at least."""
        posts, own, fj = self.units.nets.posts[k], not self.units.nets.is_input[k], self.units.chip.fj
        packet, local = fj["packet"], fj["local"]
        if self.per_synapse:
            if not own:
                return self._sent(len(posts), packet, self.entering)
            fewest, most = self.counts.sends(k, 0), min(len(posts) - (k in posts), len(self.near) - 1)
            ways = range(min(fewest, most), most + 1)
            return min(local * (len(posts) - m) + self._sent(m, packet, self.near) for m in ways)
        by_columns = -(-len(posts) // self.units.chip.max_columns)
        reading = max(reading, self.reading[k], by_columns, self.counts.clusters_by_rows(k))
        if not own:
            return self._sent(reading, packet, self.entering)
        away = self.counts.sends(k, self.group[k])
        found = []
        if any(u == k or not self.counts.conflict(k, u) for u in posts):
            found.append(local + self._sent(max(away, reading - 1), packet, self.near))
        if k not in posts:
            found.append(self._sent(max(away, reading), packet, self.near))
        return min(found)

    @staticmethod
    def _sent(packets: int, packet: int, sums: list[int]) -> int:
        """Energy of so many packets; more than there are tiles, which no mapping has, count as those."""
        packets = min(packets, len(sums) - 1)
        return packets * packet + sums[packets]

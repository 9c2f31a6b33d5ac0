"""Partitions: packets of each source by itself, since its readers and all that they read do not fit one cluster."""

from __future__ import annotations

from collections import Counter

from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Partition
from spinemap_exact.certificate.check.kinds import proves

MAX_STEPS = 10**8  # axons counted, and words of 64 axons compared: seconds
MAX_BITS = 2**31  # of all sets of axons together


@proves("conflicts", Partition)
def prove(instance: Partition, evidence: Field, claim: int | None) -> int:
    """Return the packets that all sources send at least, summed; every source is bounded for itself.

    Crossbars count as if each had the most rows R and the most columns N of any type. Two units *conflict* if together
    they read more than R sources: no cluster holds both. A source k sends its spikes to each cluster that holds one of
    its readers P, except its own. Let the group G be P, and k itself unless it is an external input. A cluster that
    holds a unit of G and not k itself holds a reader, so clusters with a unit of G, less one unless k is an input,
    receive k. At least so many clusters hold a unit of G:

    * ceil(|G| / N).
    * ceil(A / (R - 1)), A the sum of ceil(readers in P / N) over all other sources: in the clusters that hold a unit
      of P each of these takes so many rows at least, and k takes one in each.
    * the units of G in any one of ``cliques``, sets of units that conflict pair by pair; any part of such a set is one.

    Under per-synapse traffic, the cluster of k holds at most N of its readers, one less if k does not read itself, and
    none that conflicts with k. All other synapses send. ``cliques`` add nothing there.
    """
    cliques = evidence.table("kind", "cliques")["cliques"].items()
    sources = Sources(instance)
    sets = [clique.integers(low=0, high=instance.num_units - 1) for clique in cliques]
    steps = sources.steps + sum(map(sources.steps_of, sets))
    if steps > MAX_STEPS or sources.bits > MAX_BITS:
        evidence.rejected(f"{steps} steps and {sources.bits} bits are more than {MAX_STEPS} and {MAX_BITS}")
    if instance.objective != "packets":
        return 0
    sources.read()
    held = [0] * instance.nets.num_neurons
    for units, place in zip(sets, cliques, strict=True):
        if len(set(units)) != len(units):
            place.rejected("a unit occurs twice")
        for a, u in enumerate(units):
            for v in units[:a]:
                if not sources.conflict(u, v):
                    place.rejected(f"units {v} and {u} fit together")
        for k, number in sources.held_by(units).items():
            held[k] = max(held[k], number)
    spikes = instance.nets.spikes
    return sum(spikes[k] * sources.sends(k, held[k]) for k in range(len(held)) if spikes[k])


class Sources:
    """What each source of a network sends at least."""

    def __init__(self, instance: Partition) -> None:
        self.instance = instance
        self.nets = nets = instance.nets
        self.rows, self.columns = instance.max_rows, instance.max_columns
        self.words = 1 + nets.num_neurons // 64
        self.bits = instance.num_units * nets.num_neurons
        self.steps = instance.num_units * self.words
        if instance.traffic == "per-tile":
            self.steps += sum(len(nets.pres[u]) for posts in {tuple(p) for p in nets.posts} for u in posts)
        else:
            self.steps += sum(map(len, nets.posts)) * self.words
        self._axons: list[int] = []
        self._rows_of: dict[tuple[int, ...], int] = {}

    def steps_of(self, units: list[int]) -> int:
        """Steps that it takes to look at a set of units."""
        return len(units) ** 2 * self.words + sum(len(self.nets.pres[u]) for u in units)

    def read(self) -> None:
        """Note the sources that each unit reads, a bit for each."""
        for pres in self.nets.pres[: self.instance.num_units]:
            bits = bytearray(self.nets.num_neurons // 8 + 1)
            for k in pres:
                bits[k // 8] |= 1 << k % 8
            self._axons.append(int.from_bytes(bits, "little"))

    def conflict(self, u: int, v: int) -> bool:
        return (self._axons[u] | self._axons[v]).bit_count() > self.rows

    def held_by(self, units: list[int]) -> Counter[int]:
        """How many of some units are in the group of each source."""
        held = Counter(k for u in units for k in self.nets.pres[u] if k != u)
        held.update(units)
        return held

    def sends(self, k: int, held: int) -> int:
        """Return how often a source of some readers sends at least, if a clique holds so many units of its group."""
        posts, own = self.nets.posts[k], int(not self.nets.is_input[k])
        if not posts:
            return 0
        if self.instance.traffic == "per-synapse":
            if not own:
                return len(posts)
            free = sum(u != k and not self.conflict(k, u) for u in posts)
            return len(posts) - min(free, self.columns - 1) - (k in posts)
        clusters = max(held, -(-len({*posts, k} if own else posts) // self.columns), self.clusters_by_rows(k))
        return max(0, clusters - own)

    def clusters_by_rows(self, k: int) -> int:
        """Clusters that the readers of a source need for the rows of all that they read."""
        posts = self.nets.posts[k]
        if self.rows == 1:
            return 0
        others = self._rows_that(posts) - -(-len(posts) // self.columns)
        return -(-others // (self.rows - 1))

    def _rows_that(self, units: list[int]) -> int:
        """Rows that all sources of some units take at least."""
        key = tuple(units)
        if key not in self._rows_of:
            readers = Counter(k for u in units for k in self.nets.pres[u])
            self._rows_of[key] = sum(-(-number // self.columns) for number in readers.values())
        return self._rows_of[key]

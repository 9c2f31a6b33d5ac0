"""Partition: packets are linear in the moments of clusters, and multipliers of what all moments satisfy bound them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Partition
from spinemap_exact.certificate.check.kinds import proves

MAX_SIZE = 1000  # entries of a vector; a matrix of products is made of so many squared
MAX_ROWS = 8000
MAX_BLOCKS = 64
MAX_TERMS = 2 * 10**7  # of all products of rows together: seconds
_LARGEST = 2.0**50  # of an entry of the slack; sums of a thousand fit into int64


@proves("moments", Partition)
def prove(instance: Partition, evidence: Field, claim: int | None) -> int:
    """Return the packets that any partition sends at least.

    Crossbars count as if each had the most rows R and the most columns N. A cluster is a vector v: v_0 = 1, x_i = 1 for
    its units, y_k = 1 for the sources that they read. What it costs is v'Cv for an integer C, and each of the rows g
    in `_Moments.rows` has g.v >= 0.

    Clusters are told apart by seeds, distinct units: those of the first block hold the first seed, those of the second
    hold the second seed and not the first, and so on; those of the last block, whose seed is null, hold none. In a
    block, entries that are zero are left out, and entries that are the same number are one.

    A block gives a matrix ``factor`` V, and multipliers ``rows`` L >= 0 of a row and an entry, and ``products`` W >= 0
    of two rows. In each of its clusters (V'v)^2, (g.v) v_x and (g.v)(h.v) are not negative, so that, with a scale of
    4^bits, the cluster costs v'Sv / scale or more, where

        S = scale C - V V' - sym(G'L) - G'WG.

    Summed over clusters, v_i v_j is bounded entry by entry. Unit i lies in one cluster, in one block: with a_i = 1
    there and 0 elsewhere, v_0 v_i = v_i v_i = v_k v_i = a_i for all k that i reads, and every other product with v_i
    lies between 0 and a_i; it is 0 if no cluster holds both. So all entries of unit i are worth c_i a_i or more, where
    a product of two units counts half for each, and of all blocks the least c_i counts. A source k is read by l_k
    clusters of a block, and products with another source lie between 0 and l_k: together d_k l_k. In the block of a
    seed l_k and the number of clusters are at most one; in the last, l_k is at most the number of readers and of
    clusters, and v_0 v_0 sums to K at most. What S says of v_0 v_0 there is taken back from all blocks (theta), since
    all clusters together are K at most.
    """
    fields = evidence.table("kind", "bits", "blocks")
    if instance.objective != "packets" or not instance.num_units:
        evidence.rejected("moments bound packets, nothing else")
    scale, places = 1 << 2 * fields["bits"].integer(0, 26), fields["blocks"].items()
    if not 1 <= len(places) <= MAX_BLOCKS:
        fields["blocks"].rejected(f"{len(places)} blocks, where 1 to {MAX_BLOCKS} can be checked")
    if any(len(set(pres)) < len(pres) for pres in instance.nets.pres):
        evidence.rejected("two synapses join the same neurons")
    share: list[int | None] = [None] * instance.num_units
    seeds: list[int] = []
    slacks: list[tuple[_Moments, Array]] = []
    rest = 0
    for place in places:
        table = place.table("seed", "factor", "rows", "products")
        seed = None if table["seed"].is_null else table["seed"].integer(0, instance.num_units - 1)
        if (seed is None) != (place is places[-1]) or seed in seeds:
            place.rejected("seeds are distinct units, and only the last block has none")
        moments = _Moments(instance, seeds, seed)
        if moments.size > MAX_SIZE or len(moments.rows) > MAX_ROWS:
            place.rejected(f"{moments.size} entries or {len(moments.rows)} rows are too many to check")
        slacks.append((moments, _slack(moments, table, scale)))
        if seed is not None:
            seeds.append(seed)
    clusters = min(instance.max_clusters, instance.num_units)
    theta = max(0, -int(slacks[-1][1][0, 0]))
    for moments, slack in slacks:
        for i, worth in moments.shares(slack):
            share[i] = worth if share[i] is None else min(share[i], worth)  # type: ignore[type-var]
        of_sources = moments.of_sources(slack)
        if moments.seed is None:
            for k, worth in of_sources:
                readers = len(moments.readers[k])
                least = -(-readers // instance.max_columns) if len(slacks) == 1 else 0
                rest += worth * (least if worth > 0 else min(readers, clusters))
            if len(slacks) == 1:
                rest += max(0, int(slack[0, 0])) * -(-instance.num_units // instance.max_columns)
        else:
            worth = int(slack[0, 0]) + theta + sum(min(0, worth) for _, worth in of_sources)
            old = share[moments.seed]
            share[moments.seed] = worth if old is None else min(old, worth)
    doubled = sum(worth or 0 for worth in share) + rest - theta * clusters
    return max(0, -(-doubled // (2 * scale)))


@dataclass(frozen=True)
class _Moments:
    """The entries of the clusters of one block.

    Parameters
    ----------
    out : list of int
        Units that the clusters do not hold.
    seed : int or None
        Unit that they hold.
    """

    instance: Partition
    out: list[int]
    seed: int | None

    @cached_property
    def held(self) -> set[int]:
        """Sources that the seed reads."""
        return set() if self.seed is None else set(self.instance.nets.pres[self.seed])

    @cached_property
    def units(self) -> list[int]:
        """Units beside the seed, each an entry of its own: numbers 1, 2, ... in this order."""
        limit, pres = self.instance, self.instance.nets.pres
        if self.seed is not None and limit.max_columns < 2:
            return []
        out = {*self.out, self.seed}
        return [i for i in range(limit.num_units) if i not in out and len(self.held | set(pres[i])) <= limit.max_rows]

    @cached_property
    def readers(self) -> list[list[int]]:
        """Of each source: entries of the units that read it, the seed not counted."""
        number = {i: x for x, i in enumerate(self.units, 1)}
        return [sorted(number[i] for i in posts if i in number) for posts in self.instance.nets.posts]

    @cached_property
    def sources(self) -> list[int]:
        """Sources with an entry of their own: the seed does not read them, two units or more do."""
        return [k for k, readers in enumerate(self.readers) if len(readers) > 1 and k not in self.held]

    @property
    def size(self) -> int:
        return 1 + len(self.units) + len(self.sources)

    @cached_property
    def entry_of_unit(self) -> dict[int, int]:
        found = {i: x for x, i in enumerate(self.units, 1)}
        return found if self.seed is None else {**found, self.seed: 0}

    @cached_property
    def entry_of_source(self) -> dict[int, int]:
        """Of sources that some cluster reads; one with a single reader is read where that is."""
        own = {k: x for x, k in enumerate(self.sources, 1 + len(self.units))}
        single = {k: readers[0] for k, readers in enumerate(self.readers) if len(readers) == 1}
        return {**single, **own, **dict.fromkeys(self.held, 0)}

    def reads(self, i: int) -> list[int]:
        """Entries of sources that a unit reads and that have one of their own."""
        found = (self.entry_of_source[k] for k in self.instance.nets.pres[i])
        return sorted({x for x in found if x > len(self.units)})

    @cached_property
    def rows(self) -> list[dict[int, int]]:
        """What is never negative in a cluster, as coefficients of entries; repeated and trivial ones left out.

        In this order: y_k - x_i for all units and the sources that they read; 1 - y_k; the readers of k less y_k;
        1 - x_i for units without such sources; R less all y; N less all x.
        """
        first, limit = 1 + len(self.units), self.instance
        given: list[list[tuple[int, int]]] = []
        for x, i in enumerate(self.units, 1):
            given += ([(y, 1), (x, -1)] for y in self.reads(i))
        given += ([(0, 1), (y, -1)] for y in range(first, self.size))
        given += ([*((x, 1) for x in self.readers[k]), (y, -1)] for y, k in enumerate(self.sources, first))
        given += ([(0, 1), (x, -1)] for x, i in enumerate(self.units, 1) if not self.reads(i))
        given.append([(0, limit.max_rows), *((y, -1) for y in self.entry_of_source.values())])
        given.append([(0, limit.max_columns), *((x, -1) for x in self.entry_of_unit.values())])
        found: dict[tuple[tuple[int, int], ...], dict[int, int]] = {}
        for terms in given:
            row: dict[int, int] = {}
            for x, coefficient in terms:
                row[x] = row.get(x, 0) + coefficient
            row = {x: c for x, c in sorted(row.items()) if c}
            if min(row.values(), default=0) < 0:
                found.setdefault(tuple(row.items()), row)
        return list(found.values())

    @cached_property
    def cost(self) -> Array:
        """Twice C, symmetric."""
        C = np.zeros((self.size, self.size), dtype=np.int64)
        nets, unit = self.instance.nets, self.entry_of_unit

        def pay(x: int, spikes: int, k: int) -> None:
            """Spikes times v_x v_x, less v_x times the unit k."""
            C[x, x] += 2 * spikes
            if k in unit:
                C[x, unit[k]] -= spikes
                C[unit[k], x] -= spikes

        for k, posts in enumerate(nets.posts):
            if self.instance.traffic == "per-tile":
                if k in self.entry_of_source:
                    pay(self.entry_of_source[k], nets.spikes[k], k)
            else:
                for i in posts:
                    if i in unit and i != k:
                        pay(unit[i], nets.spikes[k], k)
        return C

    @cached_property
    def apart(self) -> Array:
        """(size, size) bool: a unit, and a unit or a source, that no cluster holds both."""
        limit, first = self.instance, 1 + len(self.units)
        apart = np.zeros((self.size, self.size), dtype=bool)
        read = [self.held | set(limit.nets.pres[i]) for i in self.units]
        alone = limit.max_columns < (2 if self.seed is None else 3)
        for x, reads in enumerate(read, 1):
            for y in range(1, x):
                apart[x, y] = apart[y, x] = alone or len(reads | read[y - 1]) > limit.max_rows
            if len(reads) == limit.max_rows:
                others = [y for y in range(first, self.size) if self.sources[y - first] not in reads]
                apart[x, others] = apart[others, x] = True
        return apart

    def shares(self, slack: Array) -> Iterator[tuple[int, int]]:
        """Units, and what all entries of a unit are worth at least if it lies in this block."""
        first, lost = 1 + len(self.units), self._lost(slack)
        for x, i in enumerate(self.units, 1):
            sure = self.reads(i)
            others = np.setdiff1d(np.arange(first, self.size), sure)
            worth = int(slack[x, x]) + 2 * int(slack[0, x]) + 2 * int(slack[x, sure].sum())
            yield i, worth + int(lost[x, 1:first].sum()) + 2 * int(lost[x, others].sum())

    def of_sources(self, slack: Array) -> list[tuple[int, int]]:
        """Sources, and what is left of them per cluster that reads one, at least."""
        first, lost = 1 + len(self.units), self._lost(slack)
        own = slack.diagonal() + 2 * slack[0]
        return [(k, int(own[y]) + int(lost[y, first:].sum())) for y, k in enumerate(self.sources, first)]

    def _lost(self, slack: Array) -> Array:
        """What products of two different entries cost at most."""
        lost = np.minimum(slack, 0)
        lost[self.apart] = 0
        np.fill_diagonal(lost, 0)
        return lost


def _slack(moments: _Moments, table: dict[str, Field], scale: int) -> Array:
    """Twice S, in integers; rejected if a sum could leave them."""
    m, rows = moments.size, moments.rows
    factor = table["factor"].items(m)
    rank = len(factor[0].items_raw(None))
    if rank > m:
        table["factor"].rejected(f"{rank} columns where {m} are enough")
    V = np.array([row.integers(rank) for row in factor], dtype=np.int64).reshape(m, rank)
    by_row = _triples(table["rows"], len(rows), m)
    by_pair = _triples(table["products"], len(rows), len(rows))
    if (by_pair[0] > by_pair[1]).any():
        table["products"].rejected("a pair of rows is named with the larger number first")
    largest = scale * float(np.abs(moments.cost).max(initial=0)) + 2 * float((V.astype(float) ** 2).sum(axis=1).max())
    largest += float(_weighted(moments, by_row, by_pair, float).max(initial=0.0))
    if largest > _LARGEST:
        table["factor"].rejected("multipliers are too large for the integers of the checker")
    return scale * moments.cost - 2 * (V @ V.T) - _weighted(moments, by_row, by_pair, int)  # type: ignore[no-any-return]


def _triples(given: Field, first: int, second: int) -> tuple[Array, Array, Array]:
    """Numbers of rows, of entries or rows, and multipliers, which are not negative."""
    lists = given.items(3)
    a = lists[0].integers(None, 0, first - 1)
    if len(a) * 3 > MAX_TERMS:
        given.rejected(f"{len(a)} multipliers are too many to check")
    b, values = lists[1].integers(len(a), 0, second - 1), lists[2].integers(len(a), 0)
    x, y, z = (np.array(v, dtype=np.int64) for v in (a, b, values))
    return x, y, z


def _weighted(moments: _Moments, by_row: Any, by_pair: Any, kind: type) -> Array:
    """G'L + L'G + 2 G'WG as integers; as ``float``, a bound on its sums: all absolute values."""
    rows, m = moments.rows, moments.size
    dtype = np.int64 if kind is int else np.float64
    ptr = np.cumsum([0, *map(len, rows)])
    idx = np.array([x for row in rows for x in row], dtype=np.int64)
    coefficient = np.array([c for row in rows for c in row.values()], dtype=dtype)
    if kind is float:
        coefficient = np.abs(coefficient)

    def spread(r: Array, at: Array, values: Array, out: Array) -> None:
        """Add values times row r to row ``at`` of ``out``."""
        length = ptr[r + 1] - ptr[r]
        terms = np.repeat(ptr[r] - np.cumsum(length) + length, length) + np.arange(length.sum())
        np.add.at(
            out, (np.repeat(at, length), idx[terms]), np.repeat(values.astype(dtype), length) * coefficient[terms]
        )

    r, x, values = by_row
    one = np.zeros((m, m), dtype=dtype)
    spread(r, x, values, one)
    r, s, values = by_pair
    products = np.zeros((len(rows), m), dtype=dtype)
    spread(s, r, values, products)
    differ = r != s
    spread(r[differ], s[differ], values[differ], products)
    two = np.zeros((m, m), dtype=dtype)
    for row in range(len(rows)):
        for e in range(ptr[row], ptr[row + 1]):
            two[idx[e]] += coefficient[e] * products[row]
    return one + one.T + 2 * two

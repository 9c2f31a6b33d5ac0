"""Moments of the clusters of one kind: which entries there are, what each cluster satisfies, what packets cost.

A cluster C is the vector v with v_0 = 1, a one for each unit of C and a one for each source that C reads. `Block` keeps
the entries that can differ: in the cluster of a seed, the seed and what it reads are the same as v_0, and units that do
not fit beside it are left out; a source whose only reader left is i is the same as i.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.problems.partition import PartitionProblem, Traffic

Row = tuple[tuple[int, int], ...]  # (index, coefficient), ascending; with every cluster it adds up to 0 or more


@dataclass(frozen=True, eq=False)
class Case:
    """What a partition problem says, as sets.

    Attributes
    ----------
    pres, posts : list of sets
        Sources that a unit reads, units that read a source.
    spikes : list of int
        Of each source; source k is the unit k, if there is one.
    rows, columns, clusters : int
        Limits.
    """

    problem: PartitionProblem
    pres: list[set[int]]
    posts: list[set[int]]
    spikes: list[int]
    rows: int
    columns: int
    clusters: int

    @classmethod
    def of(cls, problem: PartitionProblem) -> Case:
        network, n = problem.network, problem.num_units
        pres: list[set[int]] = [set() for _ in range(n)]
        posts: list[set[int]] = [set() for _ in range(network.num_neurons)]
        for k, i in zip(network.pre.tolist(), network.post.tolist(), strict=True):
            pres[i].add(k)
            posts[k].add(i)
        limits = max(c.rows for c in problem.crossbars), max(c.columns for c in problem.crossbars)
        return cls(problem, pres, posts, network.spikes.tolist(), *limits, min(problem.max_clusters, n))

    def fits(self, i: int, j: int) -> bool:
        return self.columns > 1 and len(self.pres[i] | self.pres[j]) <= self.rows


class Block:
    """The clusters that hold a seed, or those that hold none of the seeds.

    Parameters
    ----------
    case : Case
    gone : set of int
        Units that these clusters do not hold.
    seed : int, optional
        Unit that they hold.

    Attributes
    ----------
    of_unit, of_source : list of int
        Index of each; 0 for what is the same as v_0, -1 for what is gone.
    units, sources : lists of int
        Those with an index of their own: units first, from 1 on, then sources.
    rows : list of Row
    """

    def __init__(self, case: Case, gone: set[int], seed: int | None = None) -> None:
        self.case, self.seed = case, seed
        n, held = len(case.pres), set() if seed is None else case.pres[seed]
        self.units = [i for i in range(n) if i not in gone and i != seed and (seed is None or case.fits(i, seed))]
        self.of_unit = [-1] * n
        for index, i in enumerate(self.units, 1):
            self.of_unit[i] = index
        if seed is not None:
            self.of_unit[seed] = 0
        self.readers = [sorted(self.of_unit[i] for i in posts if self.of_unit[i] > 0) for posts in case.posts]
        self.of_source = [0 if k in held else -1 if not r else r[0] for k, r in enumerate(self.readers)]
        self.sources = [k for k, r in enumerate(self.readers) if len(r) > 1 and k not in held]
        for index, k in enumerate(self.sources, 1 + len(self.units)):
            self.of_source[k] = index
        self.size = 1 + len(self.units) + len(self.sources)
        self.rows = self._rows()

    def reads(self, i: int) -> list[int]:
        """Indices of what a unit reads and what has an index of its own."""
        return sorted(x for x in {self.of_source[k] for k in self.case.pres[i]} if x > len(self.units))

    def _rows(self) -> list[Row]:
        """Distinct ones with a negative coefficient: others follow from entries that are not negative."""
        case, first = self.case, 1 + len(self.units)
        found: dict[Row, None] = {}

        def add(*terms: tuple[int, int]) -> None:
            sums: dict[int, int] = {}
            for index, coefficient in terms:
                sums[index] = sums.get(index, 0) + coefficient
            row = tuple(sorted((index, c) for index, c in sums.items() if c))
            if any(c < 0 for _, c in row):
                found.setdefault(row)

        for index, i in enumerate(self.units, 1):
            for x in self.reads(i):
                add((x, 1), (index, -1))
        for x in range(first, self.size):
            add((0, 1), (x, -1))
        for x, k in enumerate(self.sources, first):
            add(*((index, 1) for index in self.readers[k]), (x, -1))
        for index in range(1, first):  # of a unit that reads something, this follows from the rows above
            if not self.reads(self.units[index - 1]):
                add((0, 1), (index, -1))
        read = [x for x in self.of_source if x >= 0]
        add((0, case.rows), *((x, -1) for x in read))
        add((0, case.columns), *((x, -1) for x in self.of_unit if x >= 0))
        return list(found)

    def cost(self) -> Array:
        """(size, size) int64, symmetric: twice what the packets of a cluster cost, as a quadratic form."""
        case, C = self.case, np.zeros((self.size, self.size), dtype=np.int64)
        n = len(case.pres)

        def add(a: int, b: int, value: int) -> None:
            if a >= 0 and b >= 0:
                C[a, b] += value
                C[b, a] += value

        for k, posts in enumerate(case.posts):
            if case.problem.traffic is Traffic.PER_TILE:
                x = self.of_source[k]
                if posts:
                    add(x, x, case.spikes[k])
                    if k < n:
                        add(x, self.of_unit[k], -case.spikes[k])
                continue
            for i in posts - {k}:
                add(self.of_unit[i], self.of_unit[i], case.spikes[k])
                if k < n:
                    add(self.of_unit[i], self.of_unit[k], -case.spikes[k])
        return C

    def forbidden(self) -> Iterable[tuple[int, int]]:
        """Pairs of indices, a before b, that no cluster holds both: units, or a unit and a source."""
        case = self.case
        fixed = set() if self.seed is None else case.pres[self.seed]
        reads = [fixed | case.pres[i] for i in self.units]
        for a, i in enumerate(self.units):
            for b in range(a):
                if len(reads[a] | reads[b]) > case.rows:
                    yield b + 1, a + 1
            if len(reads[a]) == case.rows:
                own = case.pres[i]
                yield from ((a + 1, self.of_source[k]) for k in self.sources if k not in own)
        if case.columns < (2 if self.seed is None else 3):
            yield from ((b + 1, a + 1) for a in range(len(self.units)) for b in range(a))

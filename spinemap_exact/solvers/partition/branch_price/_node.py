"""Nodes of the tree, what is proven of them, and what a certificate is written from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from spinemap_exact.solvers.partition.branch_price._graph import Branching
from spinemap_exact.solvers.partition.branch_price._mixes import Range


@dataclass(frozen=True)
class Proof:
    """Why no partition below a node costs less than ``bound``.

    With value(C) = sum of the duals of the units of C - ``scale`` x cost(C) - penalties of the cuts that C meets, no
    cluster that the node allows has a value above ``most``. So over at most K clusters
    ``scale`` x cost >= sum of duals - sum of penalties - K x ``most``; where clusters are counted, value leaves the
    cost out and ``number x most >= sum of duals - sum of penalties``. With several crossbar types ``most`` is that of
    the best of them, and the bound knows one for each.
    """

    duals: tuple[int, ...]
    penalties: tuple[int, ...]
    scale: int
    most: int
    bound: int


@dataclass(order=True)
class Node:
    """A bound, and the decisions that it holds for: pairs of units, and numbers of crossbars of each type."""

    bound: int
    order: int
    branching: Branching = field(compare=False)
    range: Range = field(compare=False)
    proof: Proof | None = field(compare=False, default=None)


@dataclass(frozen=True)
class Leaf:
    """An end of the tree: a bound, or a contradiction among the decisions (``proof`` None)."""

    branching: Branching
    proof: Proof | None


@dataclass(frozen=True)
class Evidence:
    """Everything that a certificate of the bound is written from, with one crossbar type."""

    max_clusters: int
    triples: tuple[tuple[int, ...], ...]
    leaves: tuple[Leaf, ...]
    root: Proof | None

    def at_root(self) -> Evidence | None:
        """The same before any branching: a weaker bound, written down in a fraction of the time."""
        return None if self.root is None else replace(self, leaves=(Leaf(Branching(), self.root),))


@dataclass(frozen=True)
class Listing:
    """What a choice among listed clusters began with: the proof of the root that left no others in question."""

    max_clusters: int
    triples: tuple[tuple[int, ...], ...]
    root: Proof

    def at_root(self) -> Evidence:
        """The bound of the root alone, as evidence of a tree that did not branch."""
        return Evidence(self.max_clusters, self.triples, (Leaf(Branching(), self.root),), self.root)

"""Clusters of neurons that read the same axons as far as possible."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.problems.classes import Classes

MOST_COMPARED = 300_000
"""Connected pairs of classes up to which a candidate is compared with each member of a cluster."""


def by_shared_axons(known: Classes, chosen: Array, columns: int) -> Array:
    """Order classes of neurons so that each group that fills the columns shares axons.

    A group starts with the first class left. The one with the largest share of its axons in the group follows, among
    equals the one that has most axons in common with the members one by one: that makes blocks rather than strips.
    """
    overlap = _Overlap(known, chosen)
    sizes = known.neurons_in.tolist()
    inputs = np.maximum(1, overlap.with_axons(np.arange(known.num_axon_classes)))
    compare = len(known.read_idx) <= MOST_COMPARED
    left = np.ones(len(chosen), dtype=bool)
    order: list[int] = []
    filled = 0
    held, shared, alike = overlap.nothing()
    for _ in chosen:
        score = shared / inputs
        if filled:
            score += 1e-3 * alike / (inputs * filled)  # less than one axon of a thousand
        following = int(np.where(left, score, -1.0).argmax())
        left[following] = False
        order.append(int(chosen[following]))
        filled += sizes[order[-1]]
        if filled >= columns:
            filled %= columns
            held, shared, alike = overlap.nothing()
            if filled == 0:
                continue  # else the last class goes on in the next group
        read = known.reads_of(order[-1])
        shared += overlap.with_axons(read[~held[read]])
        held[read] = True
        if compare:
            alike += overlap.with_axons(read) * min(sizes[order[-1]], filled)
    return np.array(order, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Overlap:
    """Counts the axons that chosen classes of neurons read among given ones."""

    known: Classes
    chosen: Array

    def nothing(self) -> tuple[Array, Array, Array]:
        """Return which axons a new group holds, and how many each class shares with it in two ways."""
        zeros = np.zeros((2, len(self.chosen)), dtype=np.int64)
        return np.zeros(self.known.num_axon_classes, dtype=bool), zeros[0], zeros[1]

    @cached_property
    def readers(self) -> tuple[Array, Array]:
        """CSR lists: the places among the chosen classes of those that read each class of axons."""
        place = np.full(self.known.num_neuron_classes, -1, dtype=np.int64)
        place[self.chosen] = np.arange(len(self.chosen))
        who = np.repeat(place, np.diff(self.known.read_ptr))
        order = np.argsort(self.known.read_idx, kind="stable")
        order = order[who[order] >= 0]
        count = np.bincount(self.known.read_idx[order], minlength=self.known.num_axon_classes)
        return np.concatenate(([0], np.cumsum(count))), who[order]

    def with_axons(self, axon_classes: Array) -> Array:
        """(len(chosen),) int64: how many of these axons each class reads."""
        ptr, who = self.readers
        count = ptr[axon_classes + 1] - ptr[axon_classes]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        readers = who[np.repeat(ptr[axon_classes], count) + within]
        axons = np.repeat(self.known.axons_in[axon_classes], count)
        read: Array = np.bincount(readers, axons, minlength=len(self.chosen)).astype(np.int64)
        return read

"""Neurons that read the same axons, and axons that the same neurons read: what can be counted instead of told apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.network import Network


@dataclass(frozen=True, eq=False)
class Classes:
    """Identical neurons and identical axons of a network, and which of their classes are connected.

    A class of neurons reads a class of axons entirely or not at all. Classes are numbered by their first members.

    Attributes
    ----------
    neuron_ptr, neuron_idx
        CSR lists of the neurons in each class, ascending; external inputs are in none.
    axon_ptr, axon_idx
        CSR lists of the axons in each class, ascending; neurons without readers are in none.
    read_ptr, read_idx
        CSR lists of the classes of axons that each class of neurons reads, ascending.
    """

    neuron_ptr: Array
    neuron_idx: Array
    axon_ptr: Array
    axon_idx: Array
    read_ptr: Array
    read_idx: Array

    @classmethod
    def of(cls, network: Network) -> Classes:
        """Group the neurons by what they read and the axons by who reads them, in time linear in the synapses."""
        neurons = np.flatnonzero(~network.is_input)
        axons = np.flatnonzero(network.fan_out)
        neuron_class, first_neuron = identical_rows(network.fanin_ptr, network.fanin_idx, neurons)
        axon_class, first_axon = identical_rows(network.fanout_ptr, network.fanout_idx, axons)
        is_first_neuron, is_first_axon = (np.zeros(network.num_neurons, dtype=bool) for _ in range(2))
        is_first_neuron[first_neuron], is_first_axon[first_axon] = True, True
        # one synapse stands for all between two classes: the one between their first members
        kept = np.flatnonzero(is_first_neuron[network.post] & is_first_axon[network.pre])
        reader = neuron_class[np.searchsorted(neurons, network.post[kept])]
        read = axon_class[np.searchsorted(axons, network.pre[kept])]
        order = np.lexsort((read, reader))
        return cls(
            *_lists(neuron_class, neurons, len(first_neuron)),
            *_lists(axon_class, axons, len(first_axon)),
            _pointers(reader, len(first_neuron)),
            read[order],
        )

    @property
    def num_neuron_classes(self) -> int:
        return len(self.neuron_ptr) - 1

    @property
    def num_axon_classes(self) -> int:
        return len(self.axon_ptr) - 1

    @cached_property
    def neurons_in(self) -> Array:
        """(num_neuron_classes,) int64: size of each class."""
        return np.diff(self.neuron_ptr)

    @cached_property
    def axons_in(self) -> Array:
        """(num_axon_classes,) int64: size of each class."""
        return np.diff(self.axon_ptr)

    def neurons_of(self, neuron_class: int) -> Array:
        """Neurons of one class, ascending."""
        return self.neuron_idx[self.neuron_ptr[neuron_class] : self.neuron_ptr[neuron_class + 1]]

    def axons_of(self, axon_class: int) -> Array:
        """Axons of one class, ascending."""
        return self.axon_idx[self.axon_ptr[axon_class] : self.axon_ptr[axon_class + 1]]

    def reads_of(self, neuron_class: int) -> Array:
        """Classes of axons that one class of neurons reads, ascending."""
        return self.read_idx[self.read_ptr[neuron_class] : self.read_ptr[neuron_class + 1]]


def identical_rows(ptr: Array, idx: Array, rows: Array) -> tuple[Array, Array]:
    """Say which of the given CSR rows are equal.

    Hashes only propose: every row is compared with the first of its class, and one that differs stands alone.

    Returns
    -------
    label : (len(rows),) int64
        Class of each row; classes are numbered by their first rows.
    first : (num_classes,) int64
        First row of each class.
    """
    length = ptr[rows + 1] - ptr[rows]
    # sums of scattered ids, modulo 2^64: equal rows have equal sums
    total = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(_scattered(idx), dtype=np.uint64)))
    keys = np.stack([length.astype(np.uint64), total[ptr[rows + 1]] - total[ptr[rows]]])
    leader = _leaders(keys)
    differs = _differs(ptr, idx, rows, rows[leader])
    leader[differs] = np.flatnonzero(differs)
    first, label = np.unique(leader, return_inverse=True)
    return label.ravel(), rows[first]


def _scattered(ids: Array) -> Array:
    """Spread ids over 64 bits: S. Vigna's splitmix64."""
    z = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scattered: Array = z ^ (z >> np.uint64(31))
    return scattered


def _leaders(keys: Array) -> Array:
    """Return for each column the first column equal to it."""
    order = np.lexsort(keys)
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(keys[:, order], axis=1) != 0).any(axis=0)
    leader = np.empty(len(order), dtype=np.int64)
    leader[order] = order[np.flatnonzero(new)][np.cumsum(new) - 1]  # the sort is stable: the first comes first
    return leader


def _differs(ptr: Array, idx: Array, rows: Array, others: Array) -> Array:
    """True where a row is not the same as the one beside it, which is as long."""
    length = ptr[rows + 1] - ptr[rows]
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    unequal = idx[np.repeat(ptr[rows], length) + within] != idx[np.repeat(ptr[others], length) + within]
    return np.bincount(np.repeat(np.arange(len(rows)), length)[unequal], minlength=len(rows)) > 0


def _lists(label: Array, members: Array, classes: int) -> tuple[Array, Array]:
    return _pointers(label, classes), members[np.argsort(label, kind="stable")]


def _pointers(label: Array, classes: int) -> Array:
    return np.concatenate(([0], np.cumsum(np.bincount(label, minlength=classes))))

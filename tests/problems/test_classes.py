"""Classes of identical neurons and axons, against plain loops over sets."""

from __future__ import annotations

import numpy as np
import pytest

from spinemap_exact.network import Network
from spinemap_exact.problems import classes
from spinemap_exact.problems.classes import Classes


def duplicated(seed: int) -> Network:
    """A random network of few distinct rows and columns; some neurons read nothing, some nobody reads."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((5, 4)) < 0.5
    axons, neurons = rng.integers(5, size=9), rng.integers(4, size=8)
    pre, post = np.nonzero(matrix[np.ix_(axons, neurons)])
    # external inputs are 0 ... 4; neurons 5 ... 8 are axons as well
    return Network.from_synapses(pre, post + 5, np.ones(13, dtype=int), is_input=np.arange(13) < 5)


def grouped(sets: dict[int, frozenset[int]]) -> list[list[int]]:
    groups: dict[frozenset[int], list[int]] = {}
    for i, members in sets.items():
        groups.setdefault(members, []).append(i)
    return list(groups.values())


@pytest.mark.parametrize("seed", range(20))
def test_classes_are_what_plain_loops_find(seed):
    network = duplicated(seed)
    reads = {i: frozenset(network.fan_in_of(i).tolist()) for i in range(13) if not network.is_input[i]}
    readers = {k: frozenset(network.fan_out_of(k).tolist()) for k in range(13) if network.fan_out[k]}

    found = Classes.of(network)

    neurons = [found.neurons_of(c).tolist() for c in range(found.num_neuron_classes)]
    axons = [found.axons_of(d).tolist() for d in range(found.num_axon_classes)]
    assert neurons == grouped(reads)
    assert axons == grouped(readers)
    for c, same in enumerate(neurons):
        assert [axons[d][0] in reads[same[0]] for d in range(len(axons))] == [
            d in found.reads_of(c) for d in range(len(axons))
        ]


def test_a_dense_layer_is_one_class_of_each():
    pre, post = np.divmod(np.arange(12), 3)
    found = Classes.of(Network.from_synapses(pre + 3, post, np.ones(7, dtype=int), is_input=np.arange(7) >= 3))

    assert (found.neurons_in.tolist(), found.axons_in.tolist(), found.reads_of(0).tolist()) == ([3], [4], [0])


def test_equal_hashes_do_not_make_rows_equal(monkeypatch):
    """Every id hashes to one: entries tell rows apart, and those that differ from the first stand alone."""
    monkeypatch.setattr(classes, "_scattered", lambda ids: np.ones(len(ids), dtype=np.uint64))
    ptr, idx = np.array([0, 2, 4, 6, 8]), np.array([0, 1, 0, 2, 0, 1, 0, 2])

    label, first = classes.identical_rows(ptr, idx, np.arange(4))

    assert label.tolist() == [0, 1, 0, 2]
    assert first.tolist() == [0, 1, 3]

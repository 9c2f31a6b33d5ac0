"""Codes with the fewest spikes on carries, against all trees there are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from spinemap_exact.bounds import carries_of_axons, huffman_carries
from spinemap_exact.certificate.check import check as verify
from spinemap_exact.errors import CertificateRejected
from spinemap_exact.network import Network
from spinemap_exact.pipeline import solve_problem
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.proofs.best import certificate
from spinemap_exact.result import Limits, Status, Watch


def groupings(axons: tuple[int, ...], most: int) -> Iterator[list[tuple[int, ...]]]:
    """All ways to put axons into two groups or more, ``most`` at most."""

    def grow(k: int, groups: list[list[int]]) -> Iterator[list[tuple[int, ...]]]:
        if k == len(axons):
            yield [tuple(group) for group in groups]
            return
        for group in groups:
            group.append(axons[k])
            yield from grow(k + 1, groups)
            group.pop()
        if len(groups) < most:
            yield from grow(k + 1, [*groups, [axons[k]]])

    return (found for found in grow(0, []) if len(found) > 1)


def least_of_all_trees(spikes: list[int], fan_in: int, max_depth: int | None) -> int | None:
    """A group of one axon is read, one of several comes as a carry."""

    @cache
    def least(axons: tuple[int, ...], depth: int) -> int | None:
        if len(axons) <= fan_in:
            return 0
        found = []
        for groups in groupings(axons, fan_in) if depth else ():
            below = [(least(group, depth - 1), sum(group)) for group in groups if len(group) > 1]
            if all(value is not None for value, _ in below):
                found.append(sum(value + carried for value, carried in below))
        return min(found, default=None)

    return least(tuple(sorted(spikes)), len(spikes) if max_depth is None else max_depth)


def drawn(seed: int) -> tuple[list[int], int, int | None]:
    rng = random.Random(seed)
    spikes = [rng.choice((0, 0, 1, 2, 5, rng.randint(0, 50))) for _ in range(rng.randint(1, 7))]
    return spikes, rng.choice((2, 2, 3, 3, 4)), rng.choice((None, 1, 2, 3, 4))


def neuron(spikes: list[int], fan_in: int, max_depth: int | None, **options) -> UnrollProblem:
    """One neuron that reads inputs with these spikes."""
    m = len(spikes)
    network = Network.from_synapses(np.arange(1, m + 1), np.zeros(m), [1, *spikes], is_input=np.arange(m + 1) > 0)
    return UnrollProblem(network, fan_in, 4, max_depth=max_depth, objective="carry-spikes", **options)


@pytest.mark.parametrize("seed", range(200))
def test_no_tree_carries_fewer_spikes(seed):
    spikes, fan_in, max_depth = drawn(seed)
    carries = carries_of_axons(spikes, fan_in, max_depth)
    least = least_of_all_trees(spikes, fan_in, max_depth)
    assert (carries and sum(w * c for w, c in zip(spikes, carries, strict=True))) == least
    assert max_depth is None or carries is None or max(carries) <= max_depth
    if max_depth is None:
        assert huffman_carries(spikes, fan_in) == least


@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_trees_are_built_proven_and_verified(seed, homogeneous):
    spikes, fan_in, max_depth = drawn(seed)
    problem = neuron(spikes, fan_in, max_depth, unit_fan_in=fan_in if homogeneous else None)
    least = least_of_all_trees(spikes, fan_in, max_depth)
    _, result = solve_problem(problem, Watch(Limits(10, 1)))
    if least is None:
        assert result.status is Status.INFEASIBLE
        return
    assert (result.status, result.objective) == (Status.OPTIMAL, least)
    proven = verify(problem, certificate(problem, result))
    assert (proven.lower, proven.upper, proven.infeasible) == (least, least, False)


@pytest.mark.parametrize("seed", range(40))
def test_one_spike_more_is_rejected(seed):
    spikes, fan_in, max_depth = drawn(seed)
    problem = neuron(spikes, fan_in, max_depth)
    _, result = solve_problem(problem, Watch(Limits(10, 1)))
    if result.status is not Status.OPTIMAL:
        return
    proof = certificate(problem, result)
    for upper in (proof.upper, proof.upper + 1):
        with pytest.raises(CertificateRejected):
            verify(problem, replace(proof, lower=proof.lower + 1, upper=upper))


def test_64_inputs_of_one_spike_on_32_rows():
    """Three units have room for 94: the last one reads 2 axons, another 32, and the soma unit 30 and both carries."""
    assert huffman_carries([1] * 64, 32) == 34

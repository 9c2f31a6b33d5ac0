"""Certificates to attack: one of every kind of evidence, with the optimum known by enumeration."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from spinemap_exact.certificate.format import Certificate
from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem


def claim(problem, lower, evidence, *, infeasible: bool = False) -> Certificate:
    return Certificate(problem.kind, problem.digest, lower, None, infeasible, None, evidence)


def reservoir(seed: int, units: int = 10, **options) -> PartitionProblem:
    """A random recurrent network with inputs, three units a cluster, and rows that bind."""
    rng = np.random.default_rng(seed)
    connected = rng.random((units + 3, units)) < 0.25
    pre, post = np.nonzero(connected)
    inputs = np.arange(units + 3) >= units
    network = Network.from_synapses(pre, post, rng.integers(1, 40, units + 3), is_input=inputs)
    rows = int(network.fan_in.max()) + 2
    return PartitionProblem(network, (Crossbar(rows, 3),), -(-units // 3) + 1, **options)


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Paths to everything in a JSON value: entries, and the tables and lists that hold them."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for k in range(len(value)):
            yield from leaves(value[k], (*path, k))


def mutants(table: dict[str, Any], rng: np.random.Generator, most: int) -> Iterator[tuple[tuple, Any, dict[str, Any]]]:
    """Copies of a JSON object with one thing changed: every place is hit before one is hit twice."""
    paths = [path for path in leaves(table) if path]
    rng.shuffle(paths)
    for path in itertools.islice(itertools.cycle(paths), most):
        changed = copy.deepcopy(table)
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        change = _change(holder[path[-1]], rng)
        if change is _DROP:
            del holder[path[-1]]
        else:
            holder[path[-1]] = change
        yield path, change, changed


_DROP = object()


def _change(value: Any, rng: np.random.Generator) -> Any:
    if rng.random() < 0.1:
        return _DROP
    if rng.random() < 0.1:
        return [None, True, -1, 2**63, 10**30, 0.5, "x", [], {}, [[]], [0], float("1e300")][rng.integers(12)]
    if isinstance(value, int) and not isinstance(value, bool):
        return [value + 1, value - 1, -value, 0, value * 2, value + int(rng.integers(-50, 50))][rng.integers(6)]
    if isinstance(value, list) and value:
        shuffled = list(value)
        rng.shuffle(shuffled)
        return [value[1:], [*value, value[0]], shuffled, value[::-1]][rng.integers(4)]
    if isinstance(value, str):
        return value[::-1]
    return None

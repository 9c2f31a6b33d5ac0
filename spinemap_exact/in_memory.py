"""What is in memory, as a network wants it: matrices of numpy, pandas and scipy, graphs of networkx; counts, names."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from spinemap_exact.arrays import Array, frozen_array
from spinemap_exact.errors import InvalidInput, InvalidInstance, WrongType
from spinemap_exact.files import shown

logger = logging.getLogger(__name__)

_OF_NODES, _SIDES = ("spikes", "input", "population"), ("pre", "post")


class Synapses(NamedTuple):
    """Synapses in any order, possibly listed twice, and the names of the neurons, if they have any."""

    num_neurons: int
    pre: Array
    post: Array
    weights: Array | None
    names: Sequence[str] | None = None


class Nodes(NamedTuple):
    """What the nodes of a graph say of themselves, in the order of the neurons; None where they do not."""

    spikes: list[Any] | None
    is_input: list[Any] | None
    populations: tuple[tuple[str, int, int], ...]


def of_matrix(weights: Any, rows: str) -> Synapses:
    """List the entries of a square matrix that are not zero; ``rows`` says which side of a synapse rows are."""
    if hasattr(weights, "tocoo"):
        raise WrongType("weights", weights, "an array of numbers; Network.from_scipy takes sparse ones")
    if isinstance(weights, str | PathLike):
        raise WrongType("weights", weights, "an array of numbers; read_network reads files")
    matrix = frozen_array("weights", weights, np.float64)
    num_neurons = _require_square(matrix.shape)
    first, second = np.nonzero(matrix)  # NaN is not zero: the network names it
    pre, post = _sides(first, second, rows)
    return Synapses(num_neurons, pre, post, _weights(np.asarray(weights), matrix[first, second]), _labels(weights))


def of_scipy(matrix: Any, rows: str) -> Synapses:
    """List the stored entries of a sparse matrix, explicit zeros among them."""
    if not hasattr(matrix, "tocoo"):
        raise WrongType("matrix", matrix, "a sparse matrix of scipy; Network.from_matrix takes dense ones")
    listed = matrix.tocoo()
    num_neurons = _require_square(listed.shape)
    data = frozen_array("matrix", listed.data, np.float64)
    pre, post = _sides(listed.row, listed.col, rows)
    return Synapses(num_neurons, pre, post, _weights(listed.data, data))


def of_networkx(graph: Any, weight: str) -> tuple[Synapses, Nodes]:
    """List the edges of a directed graph, and what its nodes say of spikes, inputs and populations."""
    if not hasattr(graph, "is_directed") or not hasattr(graph, "edges"):
        raise WrongType("graph", graph, "a DiGraph of networkx")
    if not graph.is_directed():
        raise InvalidInput("the graph is undirected; a synapse has a direction: graph.to_directed() has both")
    nodes = list(graph)
    are_numbers = all(type(node) is int for node in nodes) and sorted(nodes) == list(range(len(nodes)))
    nodes = sorted(nodes) if are_numbers else nodes
    neuron = {node: i for i, node in enumerate(nodes)}
    ends = np.array([(neuron[a], neuron[b]) for a, b in graph.edges()], dtype=np.int64).reshape(-1, 2)
    edges = [(f"edge {shown(a)} -> {shown(b)}", about) for a, b, about in graph.edges(data=True)]
    weights = _attribute(edges, weight)
    abouts = [(f"node {shown(node)}", graph.nodes[node]) for node in nodes]
    _log_unread(about.keys() - {weight} for _, about in edges)
    _log_unread(about.keys() - set(_OF_NODES) for _, about in abouts)
    spikes, is_input, population = (_attribute(abouts, name) for name in _OF_NODES)
    listed = Synapses(
        len(nodes),
        ends[:, 0],
        ends[:, 1],
        None if weights is None else frozen_array(f"edge attribute {weight!r}", weights, np.float64),
        None if are_numbers else [str(node) for node in nodes],
    )
    return listed, Nodes(spikes, is_input, () if population is None else _runs(population))


def counts(spikes: Any, num_neurons: int) -> Array:
    """(num_neurons,) int64: what is given as spikes, one count for each neuron."""
    found = frozen_array("spikes", list(spikes) if isinstance(spikes, Iterable) else spikes, np.int64)
    if found.shape != (num_neurons,):
        hint = "; a raster of time x neurons is summed over time" if found.ndim > 1 else ""
        raise InvalidInstance(f"spikes has shape {found.shape}, not one count for each of {num_neurons} neurons{hint}")
    return found


def marks(inputs: Any, num_neurons: int) -> Array | None:
    """(num_neurons,) bool: which neurons are external inputs, from the same or from ids; None if nothing is said."""
    if inputs is None:
        return None
    if isinstance(inputs, str) or not isinstance(inputs, Iterable):
        raise WrongType("inputs", inputs, "ids of neurons, or a truth value for each")
    given = np.asarray(list(inputs))
    if given.dtype.kind == "b":
        if given.shape != (num_neurons,):
            raise InvalidInstance(
                f"inputs has shape {given.shape}, not a truth value for each of {num_neurons} neurons"
            )
        return given
    ids = frozen_array("inputs", given, np.int64).ravel()
    if (outside := (ids < 0) | (ids >= num_neurons)).any():
        raise InvalidInstance(f"external input {ids[outside][0]} lies outside 0 ... {num_neurons - 1}")
    times = np.bincount(ids, minlength=num_neurons)
    if (times > 1).any():
        raise InvalidInstance(f"inputs lists neuron {times.argmax()} twice; a mark for each neuron is True or False")
    return times > 0


def names(given: Any, num_neurons: int) -> list[str]:
    """A text for each neuron, all different; none if nothing is said."""
    if given is None:
        return []
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise WrongType("names", given, "a text for each neuron")
    texts = list(given)
    for text in texts:
        if not isinstance(text, str):
            raise WrongType("a name", text, "a text")
    if len(texts) != num_neurons:
        raise InvalidInstance(f"{len(texts)} names stand against {num_neurons} neurons")
    if twice := next((text for text, times in Counter(texts).items() if times > 1), None):
        raise InvalidInstance(f"two neurons are named {shown(twice)}")
    return texts


def _require_square(shape: tuple[int, ...]) -> int:
    if len(shape) != 2 or shape[0] != shape[1]:
        size = " x ".join(map(str, shape)) or "a single number"
        raise InvalidInput(
            f"the matrix is {size}; a network is a square matrix of neurons x neurons, and a layer is a block of it"
        )
    return int(shape[0])


def _sides(first: Array, second: Array, rows: str) -> tuple[Array, Array]:
    if rows not in _SIDES:
        raise InvalidInput(f"rows are {shown(rows)}; they can be {' or '.join(map(repr, _SIDES))}")
    return (first, second) if rows == "pre" else (second, first)


def _weights(given: Array, values: Array) -> Array | None:
    """A matrix of truth values says where synapses are, and no more."""
    return None if given.dtype.kind == "b" else values


def _labels(weights: Any) -> list[str] | None:
    """The names that a table of pandas gives its columns, and must give its rows."""
    if not (hasattr(weights, "columns") and hasattr(weights, "index")):
        return None
    columns, rows = list(weights.columns), list(weights.index)
    if columns == list(range(len(columns))) == rows:
        return None
    if columns != rows:
        raise InvalidInput("the table does not name its rows as its columns; both are the neurons, in the same order")
    return [str(name) for name in columns]


def _attribute(abouts: Sequence[tuple[str, dict[str, Any]]], name: str) -> list[Any] | None:
    """The values of one attribute; None if nobody has it, and all must if anybody does."""
    if not any(name in about for _, about in abouts):
        return None
    if lacking := next((who for who, about in abouts if name not in about), None):
        raise InvalidInput(f"{lacking} has no attribute {name!r}, others have")
    return [about[name] for _, about in abouts]


def _log_unread(found: Iterable[set[Any]]) -> None:
    if unread := sorted({str(name) for names in found for name in names}):
        logger.info("attributes that are not read: %s", ", ".join(unread))


def _runs(population: Sequence[Any]) -> tuple[tuple[str, int, int], ...]:
    """Names and ends of the populations; the neurons of each must follow one another."""
    runs, start = [], 0
    for name, members in groupby(population):
        stop = start + len(list(members))
        runs.append((str(name), start, stop))
        start = stop
    times = Counter(name for name, _, _ in runs)
    if torn := next((name for name in times if times[name] > 1), None):
        raise InvalidInput(f"the nodes of population {shown(torn)} do not follow one another")
    return tuple(runs)

"""What is in memory, as a network wants it: matrices of numpy, pandas and scipy, graphs of networkx; counts, names."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from collections.abc import Mapping as Table
from itertools import groupby
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from spinemap_exact.arrays import Array, frozen_array, is_whole
from spinemap_exact.errors import InvalidInput, InvalidInstance, WrongType
from spinemap_exact.files import shown

logger = logging.getLogger(__name__)

_OF_NODES, _SIDES = ("spikes", "input", "population"), ("pre", "post")


class Synapses(NamedTuple):
    """Synapses in any order, possibly listed twice, and what the neurons are called, if they are called anything."""

    num_neurons: int
    pre: Array
    post: Array
    weights: Array | None
    labels: Sequence[Hashable] | None = None


class Nodes(NamedTuple):
    """What the nodes of a graph say of themselves, in the order of the neurons; None where they do not."""

    spikes: list[Any] | None
    is_input: list[Any] | None
    populations: tuple[tuple[str, int, int], ...]


def of_matrix(weights: Any, rows: str) -> Synapses:
    """List the entries of a square matrix that are not zero; ``rows`` says which side of a synapse rows are."""
    if hasattr(weights, "tocoo"):
        raise WrongType("weights", weights, "an array of numbers; Network.from_scipy takes sparse ones")
    if np.ma.isMaskedArray(weights):
        raise WrongType("weights", weights, "a plain array; weights.filled(0) has no synapses where it is masked")
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
    nodes = _in_order(list(graph))
    neuron = {node: i for i, node in enumerate(nodes)}
    ends = np.array([(neuron[a], neuron[b]) for a, b in graph.edges()], dtype=np.int64).reshape(-1, 2)
    of_edges, of_nodes = [about for *_, about in graph.edges(data=True)], [graph.nodes[node] for node in nodes]
    weights = _attribute(weight, of_edges, lambda k: f"edge {shown(nodes[ends[k, 0]])} -> {shown(nodes[ends[k, 1]])}")
    spikes, is_input, population = (
        _attribute(name, of_nodes, lambda i: f"node {shown(nodes[i])}") for name in _OF_NODES
    )
    _log_unread(of_edges, {weight})
    _log_unread(of_nodes, set(_OF_NODES))
    listed = Synapses(
        len(nodes),
        ends[:, 0],
        ends[:, 1],
        None if weights is None else frozen_array(f"edge attribute {weight!r}", weights, np.float64),
        None if nodes == list(range(len(nodes))) else nodes,
    )
    return listed, Nodes(spikes, is_input, () if population is None else _runs(population))


def counts(spikes: Any, num_neurons: int, labels: Sequence[Hashable] | None) -> Array:
    """(num_neurons,) int64: spikes of each neuron, from counts in their order or a table of counts by label or id."""
    if isinstance(spikes, Table) or hasattr(spikes, "to_dict"):  # or a series of pandas
        spikes = _by_neuron(list(spikes.items()), num_neurons, labels)
    if isinstance(spikes, str | Set):
        raise WrongType("spikes", spikes, "a count for each neuron")
    is_lazy = isinstance(spikes, Iterable) and not hasattr(spikes, "__array__")
    found = frozen_array("spikes", list(spikes) if is_lazy else spikes, np.int64)
    if found.shape != (num_neurons,):
        hint = "; a raster of time x neurons is summed over time" if found.ndim > 1 else ""
        raise InvalidInstance(f"spikes has shape {found.shape}, not one count for each of {num_neurons} neurons{hint}")
    return found


def marks(inputs: Any, num_neurons: int, labels: Sequence[Hashable] | None) -> Array | None:
    """(num_neurons,) bool: which neurons are external inputs, from the same or from labels or ids; None if unsaid."""
    if inputs is None:
        return None
    if isinstance(inputs, str | Table) or not isinstance(inputs, Iterable):
        raise WrongType("inputs", inputs, "neurons, or a truth value for each")
    given = inputs.tolist() if hasattr(inputs, "tolist") else list(inputs)
    if given and all(isinstance(mark, bool | np.bool_) for mark in given):
        if len(given) != num_neurons:
            raise InvalidInstance(f"inputs has {len(given)} truth values for {num_neurons} neurons")
        return np.array(given, dtype=bool)
    neurons = _neurons("external inputs name", given, num_neurons, labels)
    if len(set(neurons)) < len(neurons):
        twice = next(name for i, name in zip(neurons, given, strict=True) if neurons.count(i) > 1)
        raise InvalidInstance(f"inputs lists neuron {shown(twice)} twice; a mark for each neuron is True or False")
    marked = np.zeros(num_neurons, dtype=bool)
    marked[neurons] = True
    return marked


def _by_neuron(listed: list[tuple[Any, Any]], num_neurons: int, labels: Sequence[Hashable] | None) -> list[Any]:
    """Counts in the order of the neurons, each of which is named once."""
    neurons = _neurons("spikes name", [name for name, _ in listed], num_neurons, labels)
    count = dict(zip(neurons, [value for _, value in listed], strict=True))
    if len(count) < len(listed):
        raise InvalidInstance("spikes count one neuron twice")
    for i in range(num_neurons):
        if i not in count:
            name = i if labels is None else labels[i]
            raise InvalidInstance(f"spikes have no count of neuron {shown(name)}; one that is silent counts 0")
    return [count[i] for i in range(num_neurons)]


def _neurons(what: str, given: Iterable[Any], num_neurons: int, labels: Sequence[Hashable] | None) -> list[int]:
    """Neurons by their labels, or by their ids where no label is a number."""
    number: dict[Hashable, int] = {} if labels is None else {label: i for i, label in enumerate(labels)}
    if not any(is_whole(label) for label in number):
        number |= {i: i for i in range(num_neurons)}
    found = []
    for name in given:
        if not isinstance(name, Hashable) or isinstance(name, bool) or name not in number:
            there = f"0 ... {num_neurons - 1}" if labels is None else f"{shown(labels[0])} ... {shown(labels[-1])}"
            raise InvalidInstance(f"{what} neuron {shown(name)}; there are {there}")
        found.append(number[name])
    return found


def names(given: Any, num_neurons: int) -> list[str]:
    """A text for each neuron, all different."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise WrongType("names", given, "a text for each neuron")
    texts = list(given)
    for text in texts:
        if not isinstance(text, str):
            raise WrongType("a name", text, "a text")
    if len(texts) != num_neurons:
        raise InvalidInstance(f"{len(texts)} names stand against {num_neurons} neurons")
    for text, times in Counter(texts).items():
        if times > 1:
            raise InvalidInstance(f"two neurons are named {shown(text)}")
    return texts


def _in_order(nodes: list[Any]) -> list[Any]:
    """Whole numbers ascending, as Python's own; other nodes in the order of the graph."""
    for node in nodes:
        if isinstance(node, float | np.floating):
            raise InvalidInput(f"node {shown(node)} is a float; a neuron is a whole number or a name")
    return sorted(map(int, nodes)) if all(map(is_whole, nodes)) else nodes


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


def _labels(weights: Any) -> list[Hashable] | None:
    """What a table of pandas calls its columns, and must call its rows."""
    if not (hasattr(weights, "columns") and hasattr(weights, "index")):
        return None
    columns, rows = list(weights.columns), list(weights.index)
    if columns == list(range(len(columns))) == rows:
        return None
    if columns != rows:
        raise InvalidInput("the table does not name its rows as its columns; both are the neurons, in the same order")
    return columns


def _attribute(name: str, abouts: Sequence[dict[str, Any]], who: Callable[[int], str]) -> list[Any] | None:
    """The values of one attribute; None if nobody has it, and all must if anybody does."""
    if not any(name in about for about in abouts):
        return None
    for k, about in enumerate(abouts):
        if name not in about:
            raise InvalidInput(f"{who(k)} has no attribute {name!r}, others have")
    return [about[name] for about in abouts]


def _log_unread(abouts: Iterable[dict[str, Any]], known: set[str]) -> None:
    if unread := {str(name) for about in abouts for name in about} - known:
        logger.info("attributes that are not read: %s", ", ".join(sorted(unread)))


def _runs(population: Sequence[Any]) -> tuple[tuple[str, int, int], ...]:
    """Names and ends of the populations; the neurons of each must follow one another."""
    runs, start = [], 0
    for name, members in groupby(population):
        stop = start + len(list(members))
        runs.append((str(name), start, stop))
        start = stop
    for name, times in Counter(name for name, _, _ in runs).items():
        if times > 1:
            raise InvalidInput(f"the nodes of population {shown(name)} do not follow one another")
    return tuple(runs)

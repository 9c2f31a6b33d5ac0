"""NIR graphs: the neuromorphic intermediate representation, read with the package ``nir``.

*Neurons.* The elements of every node with a neuron model (I, IF, LI, LIF, CubaLI, CubaLIF, Threshold) are neurons, in
breadth-first order from the inputs, and form a population named after the node. A Threshold that directly follows an
integrator without a threshold (I, LI, CubaLI) is the firing half of the same neurons. The elements of Input nodes of
the outer graph are external inputs, numbered last. Nodes of subgraphs are named ``SUBGRAPH.NODE``.

*Synapses.* What lies between two neurons is linear (Linear, Affine, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d,
Flatten, Delay) and is composed into one matrix; parallel paths add. Every non-zero entry is a synapse. So pooling
without neurons of its own is folded into the weights that follow it, which is what a crossbar stores: it has no place
for a number that is not a spike. ``pooling_neurons=True`` makes the outputs of pooling nodes neurons instead, as papers
do that count them. Biases are constants of a neuron and no synapses. Padding is no synapse.

*Readouts.* Where the graph ends in a node that mixes its inputs, with no neuron model after it, the outputs of that
node become neurons, since a crossbar column must sum them; a note says so.

J. E. Pedersen et al., *Neuromorphic intermediate representation*, Nature Communications 15, 2024,
doi:10.1038/s41467-024-52259-9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput, MissingExtra
from spinemap_exact.files import cut, shown
from spinemap_exact.io import _linear as linear
from spinemap_exact.io._draft import Draft
from spinemap_exact.io._files import plural
from spinemap_exact.io._hdf5 import read_hdf5
from spinemap_exact.io._linear import LinearMap, Shape, whole_shape
from spinemap_exact.network import Network, Population

_INTEGRATORS = ("I", "LI", "CubaLI")
_NEURONS = (*_INTEGRATORS, "IF", "LIF", "CubaLIF", "Threshold")
_POOLS = ("SumPool2d", "AvgPool2d")
_MIXING = ("Linear", "Affine", "Conv1d", "Conv2d", *_POOLS)
_MOST_ELEMENTS = 10_000_000
_MOST_NODES = 2_000
_PLAIN = ("Scale", "Flatten", "Delay", "Output", "Input")
_SIZE_OF = {"Threshold": "threshold", "IF": "v_threshold", "LIF": "v_threshold", "CubaLIF": "v_threshold"}


def read_nir(
    path: str | Path,
    *,
    spikes: str | Path | None = None,
    weight_threshold: float = 0.0,
    pooling_neurons: bool = False,
) -> tuple[Network, list[str]]:
    """Read a NIR graph; see the module docstring for what becomes of its nodes.

    Raises
    ------
    MissingExtra
        Without the package ``nir``.
    InvalidInput
        If the file is no NIR graph, shapes do not fit, or a node is of an unknown kind.
    """
    path = Path(path)
    graph = _Graph(str(path), pooling_neurons)
    try:
        graph.flatten(_load(path))
        graph.fuse_thresholds()
        graph.infer_shapes()
        draft = graph.draft()
    except InvalidInput as defect:
        raise defect if str(path) in str(defect) else InvalidInput(f"{path}: {defect}") from defect
    return draft.finish(None if spikes is None else Path(spikes), weight_threshold)


def _load(path: Path) -> Any:
    try:
        import nir
    except ImportError as defect:
        raise MissingExtra("nir", "nir", "reading NIR graphs") from defect
    content = read_hdf5(path, "nir", "reading NIR graphs")
    try:
        # writers leave out shapes that we can infer
        graph = nir.dict2NIRNode({**content.group("node").plain(), "type_check": False})
    except InvalidInput:
        raise
    except Exception as defect:  # the package raises whatever its parsing meets
        reason = shown(" ".join(str(defect).split()) or type(defect).__name__).strip("'")
        raise InvalidInput(f"{path} is not a NIR graph that the package nir understands: {reason}") from defect
    if type(graph).__name__ != "NIRGraph":
        raise InvalidInput(f"{path} holds a single {type(graph).__name__} node, not a NIR graph")
    return graph


@dataclass
class _Node:
    name: str
    kind: str
    node: Any
    outer_input: bool = False
    inputs: list[str] = field(default_factory=list)
    shape: Shape | None = None

    def param(self, name: str) -> Array:
        found = np.asarray(getattr(self.node, name, None))
        if found.dtype.kind not in "biuf":
            raise InvalidInput(f"node {self.name} has no numbers {name}")
        return found

    def integers(self, name: str) -> Shape:
        return whole_shape(f"{name} of node {self.name}", getattr(self.node, name, None))


@dataclass
class _Graph:
    """All nodes of a graph and its subgraphs, with the nodes that feed each."""

    source: str
    pooling_neurons: bool
    nodes: dict[str, _Node] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    maps: dict[str, dict[str, LinearMap]] = field(default_factory=dict)

    def flatten(self, graph: Any, prefix: str = "") -> None:
        """Take over nodes and edges, those of subgraphs included; files of more than a few levels are not read."""
        ends: dict[str, dict[str, list[str]]] = {}
        for name, node in graph.nodes.items():
            full, kind = prefix + name, type(node).__name__
            if kind == "NIRGraph":
                self.flatten(node, full + ".")
                inner = {n: full + "." + n for n in node.nodes}
                ends[name] = {
                    side: [inner[n] for n, x in node.nodes.items() if type(x).__name__ == side]
                    for side in ("Input", "Output")
                }
            elif kind in _NEURONS + _MIXING + _PLAIN:
                self.nodes[full] = _Node(full, kind, node, outer_input=kind == "Input" and not prefix)
                if len(self.nodes) > _MOST_NODES:
                    raise InvalidInput(f"{self.source} has more than {_MOST_NODES:,} nodes")
            else:
                raise InvalidInput(f"{self.source}: node {full} is of the kind {kind}, which is not supported")
        for pre, post in dict.fromkeys(graph.edges):
            sources = self._end(prefix, pre, "Output", ends)
            for target in self._end(prefix, post, "Input", ends):
                self.nodes[target].inputs += sources

    def _end(self, prefix: str, name: str, side: str, ends: dict[str, dict[str, list[str]]]) -> list[str]:
        if name in ends:
            if len(ends[name][side]) != 1:
                count = len(ends[name][side])
                raise InvalidInput(
                    f"{self.source}: subgraph {prefix + name} has {count} {side} nodes; an edge needs one"
                )
            return ends[name][side]
        if prefix + name not in self.nodes:
            raise InvalidInput(f"{self.source}: an edge names node {prefix + name}, which does not exist")
        return [prefix + name]

    def is_neuron(self, node: _Node) -> bool:
        return node.kind in _NEURONS or node.outer_input or (self.pooling_neurons and node.kind in _POOLS)

    def fuse_thresholds(self) -> None:
        """Join an integrator and the Threshold that alone follows it directly."""
        readers = self._readers()
        for node in [n for n in self.nodes.values() if n.kind == "Threshold"]:
            if len(node.inputs) != 1 or self.nodes[node.inputs[0]].kind not in _INTEGRATORS:
                continue
            first = self.nodes[node.inputs[0]]
            if len(readers[first.name]) > 1:
                continue
            del self.nodes[node.name]
            readers[first.name] = readers.pop(node.name)
            for other in readers[first.name]:
                self.nodes[other].inputs = [first.name if n == node.name else n for n in self.nodes[other].inputs]

    def infer_shapes(self) -> None:
        """Find the shape of every output from the Input nodes and weights onwards."""
        waiting = list(self.nodes.values())
        settle_for_own = False  # a neuron node with one parameter for all follows the node that feeds it, if it can
        while waiting:
            for node in waiting:
                node.shape = self._shape(node, settle_for_own)
            left = [node for node in waiting if node.shape is None]
            if len(left) == len(waiting):
                if settle_for_own:
                    raise InvalidInput(f"{self.source}: the shape of node {left[0].name} cannot be inferred")
                settle_for_own = True
            else:
                settle_for_own = False
            waiting = left
        for node in self.nodes.values():
            # a damaged shape would otherwise ask for all the memory there is
            if not 1 <= self._size(node) <= _MOST_ELEMENTS:
                raise InvalidInput(f"{self.source}: node {node.name} has the shape {node.shape}, which cannot be")

    def _shape(self, node: _Node, settle_for_own: bool) -> Shape | None:
        fed = next((self.nodes[n].shape for n in node.inputs if self.nodes[n].shape is not None), None)
        match node.kind:
            case "Input" if node.outer_input or (fed is None and settle_for_own):
                stated = node.node.input_type["input"]
                if stated is None:
                    return None
                shape = whole_shape(f"the shape of node {node.name}", stated)
                return self._unless_dummy(node, shape) if node.outer_input else shape
            case "Input" | "Output" | "Delay":
                return fed
            case "Scale":
                return fed if fed is not None else _own(node.param("scale"))
            case "Linear" | "Affine":
                return (*self._matrix(node).shape[:-2], self._matrix(node).shape[-2])
            case "Flatten":
                ends = node.integers("start_dim")[0], node.integers("end_dim")[0]
                return None if fed is None else linear.flatten_shape(fed, *ends)
            case "Conv1d" | "Conv2d" | "SumPool2d" | "AvgPool2d":
                stated = getattr(node.node, "input_shape", None)
                if fed is None and (stated is None or not settle_for_own):
                    return None
                return self._window(node, fed).output_shape
            case _:
                own = _own(node.param(_SIZE_OF.get(node.kind, "r")))
                if math.prod(own) > 1 or (fed is None and settle_for_own):
                    return own
                return fed

    def _unless_dummy(self, node: _Node, stated: Shape) -> Shape:
        """What an Input node states; or, where an exporter that knows no shapes wrote 1, what its readers take."""
        if math.prod(stated) != 1:
            return stated
        taken = {self._taken(self.nodes[name]) for name in self._readers()[node.name]}
        shape = taken.pop() if len(taken) == 1 else None
        if shape is None or math.prod(shape) == 1:
            return stated
        note = (
            f"node {node.name} states the shape {stated}, what follows takes {shape}: read as {math.prod(shape)} inputs"
        )
        if note not in self.notes:
            self.notes.append(note)
        return shape

    def _taken(self, node: _Node) -> Shape | None:
        """The shape that a node takes by its own weights; None where it takes any."""
        match node.kind:
            case "Linear" | "Affine":
                weight = self._matrix(node)
                return (*weight.shape[:-2], weight.shape[-1])
            case "Conv1d" | "Conv2d" if node.node.input_shape is not None:
                channels = node.param("weight").shape[1] * node.integers("groups")[0]
                return (channels, *node.integers("input_shape"))
        return None

    def _window(self, node: _Node, fed: Shape | None) -> linear.Window:
        """The sliding window of a convolution or pooling node."""
        where = f"{self.source}: node {node.name}"
        if node.kind in _POOLS:
            if fed is None or len(fed) != 3:
                raise InvalidInput(f"{where} pools an input of shape {fed}, not (channels, height, width)")
            return linear.Window.pool(where, fed, *(node.integers(p) for p in ("kernel_size", "stride", "padding")))
        weight = node.param("weight")
        dims = 1 if node.kind == "Conv1d" else 2
        if weight.ndim != dims + 2:
            raise InvalidInput(
                f"{where} has weights of shape {weight.shape}; a {node.kind} needs {dims + 2} dimensions"
            )
        groups = node.integers("groups")[0]
        channels = weight.shape[1] * groups
        if fed is None or len(fed) != dims + 1:
            if node.node.input_shape is None:
                raise InvalidInput(f"{where} convolves an input of shape {fed}, and states no input_shape")
            spatial = node.integers("input_shape")
            if fed is not None and math.prod(fed) != channels * math.prod(spatial):
                raise InvalidInput(f"{where} takes {(channels, *spatial)}, but is given {fed}")
            fed = (channels, *spatial)
        stride, dilation = node.integers("stride"), node.integers("dilation")
        padding = node.node.padding if isinstance(node.node.padding, str) else node.integers("padding")
        return linear.Window.convolution(where, fed, weight, stride, padding, dilation, groups)

    def _matrix(self, node: _Node) -> Array:
        weight = node.param("weight")
        if weight.ndim < 2:
            raise InvalidInput(f"{self.source}: node {node.name} has weights of shape {weight.shape}, not a matrix")
        return weight

    def draft(self) -> Draft:
        """Number the neurons and compose what lies between them."""
        rank = self._ranks()
        neurons = sorted((n for n in self.nodes.values() if self.is_neuron(n)), key=lambda n: rank[n.name])
        readouts = self._readouts()
        start: dict[str, int] = {}
        populations = []
        total = 0
        # neurons first, external inputs last: the order that partition problems ask for
        for node in sorted([*neurons, *readouts], key=lambda n: n.outer_input):
            size = self._size(node)
            start[node.name] = total
            populations.append(Population(node.name, total, total + size))
            total += size
        pres, posts, weights = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
        for node in [*(n for n in neurons if not n.outer_input), *readouts]:
            self._compose_above(node)
            for source, entries in self._through(node).items():
                pres.append(entries.source + start[source])
                posts.append(entries.target + start[node.name])
                weights.append(entries.weight)
        inputs = sum(self._size(n) for n in neurons if n.outer_input)
        for node in readouts:
            self.notes.append(
                f"{node.name} has no neuron model after it: its {plural(self._size(node), 'output')} became neurons"
            )
        return Draft(
            total,
            np.concatenate(pres),
            np.concatenate(posts),
            np.concatenate(weights),
            np.arange(total) >= total - inputs,
            tuple(populations),
            zero_is_a_synapse=False,
            notes=self.notes,
        )

    def _ranks(self) -> dict[str, int]:
        """Breadth-first places from the inputs onwards: HDF5 keeps nodes in the order of their names only."""
        readers = self._readers()
        sources = [n.name for n in self.nodes.values() if n.outer_input or not n.inputs]
        order = dict.fromkeys(sources)
        queue = list(order)
        for name in queue:
            fresh = [reader for reader in readers[name] if reader not in order]
            order.update(dict.fromkeys(fresh))
            queue += fresh
        order.update(dict.fromkeys(self.nodes))
        return {name: place for place, name in enumerate(order)}

    def _readers(self) -> dict[str, dict[str, None]]:
        """The nodes that each node feeds, each once and in order."""
        readers: dict[str, dict[str, None]] = {name: {} for name in self.nodes}
        for node in self.nodes.values():
            for name in node.inputs:
                readers[name][node.name] = None
        return readers

    def _size(self, node: _Node) -> int:
        assert node.shape is not None
        return math.prod(node.shape)

    def _readouts(self) -> list[_Node]:
        """Mixing nodes from which the end of the graph is reached without passing a neuron."""
        ending = dict.fromkeys(name for name, readers in self._readers().items() if not readers)
        queue = list(ending)
        for name in queue:
            node = self.nodes[name]
            above = [] if self.is_neuron(node) or node.kind in _MIXING else node.inputs
            queue += dict.fromkeys(n for n in above if n not in ending)
            ending.update(dict.fromkeys(above))
        return [n for n in self.nodes.values() if n.kind in _MIXING and not self.is_neuron(n) and n.name in ending]

    def _compose_above(self, node: _Node) -> None:
        """Compose the maps of all nodes between a node and the neurons before it, those nearest to them first."""
        below = {node.name: iter(node.inputs)}
        while below:
            name, inputs = next(reversed(below.items()))
            above = next((n for n in inputs if n not in self.maps and not self.is_neuron(self.nodes[n])), None)
            if above is None:
                below.popitem()
                if below:
                    self.maps[name] = self._through(self.nodes[name])
            elif above in below:
                raise InvalidInput(f"{self.source}: nodes {cut(', '.join(below))} form a circle without a neuron")
            else:
                below[above] = iter(self.nodes[above].inputs)

    def _incoming(self, node: _Node) -> dict[str, LinearMap]:
        """What reaches a node, by the neuron node that it comes from."""
        found: dict[str, list[LinearMap]] = {}
        for name in node.inputs:
            for source, entries in self._outgoing(self.nodes[name]).items():
                found.setdefault(source, []).append(entries)
        maps = {source: linear.added(parts) for source, parts in found.items()}
        for entries in maps.values():
            self._check_size(node, entries.num_targets)
        return maps

    def _check_size(self, node: _Node, given: int) -> None:
        if node.kind in _MIXING:
            return  # their own maps are checked when they are composed
        if given != self._size(node):
            raise InvalidInput(f"{self.source}: node {node.name} takes {self._size(node)} values, but is given {given}")

    def _outgoing(self, node: _Node) -> dict[str, LinearMap]:
        """The output of a node as a linear map of the neurons that it comes from; see `_compose_above`."""
        return {node.name: linear.identity(self._size(node))} if self.is_neuron(node) else self.maps[node.name]

    def _through(self, node: _Node) -> dict[str, LinearMap]:
        """What reaches a node and passes its own matrix, if it has one."""
        incoming = self._incoming(node)
        own = self._own_map(node)
        if own is None:
            return incoming
        for entries in incoming.values():
            if entries.num_targets != own.num_sources:
                given = entries.num_targets
                raise InvalidInput(
                    f"{self.source}: node {node.name} takes {own.num_sources} values, but is given {given}"
                )
        return {source: linear.composed(entries, own) for source, entries in incoming.items()}

    def _own_map(self, node: _Node) -> LinearMap | None:
        """The matrix of a linear node; None for the identity."""
        match node.kind:
            case "Linear" | "Affine":
                return linear.dense(self._matrix(node))
            case "Scale":
                return linear.scaling(node.param("scale"), self._size(node), f"{self.source}: node {node.name}")
            case "Conv1d" | "Conv2d" | "SumPool2d" | "AvgPool2d":
                fed = next((self.nodes[n].shape for n in node.inputs), None)
                window = self._window(node, fed)
                if node.kind not in _POOLS:
                    return window.map(node.param("weight"))
                # as in PyTorch, the average counts padding
                share = 1.0 if node.kind == "SumPool2d" else 1.0 / math.prod(window.kernel)
                return window.map(np.full((window.channels_out, 1, *window.kernel), share))
        return None


def _own(parameter: Array) -> Shape:
    return tuple(parameter.shape) or (1,)

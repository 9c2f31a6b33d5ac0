"""GraphML files, read with networkx.

Nodes are neurons and edges synapses; an edge attribute ``weight`` is the weight of its synapse. The graph must be
directed, as synapses are. Where the ids of the nodes are the numbers 0 ... n - 1 they are those of the neurons; others
are names, in the order of the file.
"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import cut, read_bytes, shown
from spinemap_exact.io._draft import Draft
from spinemap_exact.network import Network, Population

_GRAPH = re.compile(rb"<(?:\w+:)?graph[\s>]")


def read_graphml(
    path: str | Path, *, spikes: str | Path | None = None, weight_threshold: float = 0.0
) -> tuple[Network, list[str]]:
    """Read a graph as a network.

    Raises
    ------
    InvalidInput
        If networkx cannot read the file, it holds several graphs or an undirected one, or only some edges have weights.
    """
    path = Path(path)
    graph = _load(path)
    nodes: list[str] = list(graph.nodes)
    numbers = sorted(nodes, key=lambda name: (len(name), name))
    are_numbers = numbers == [str(i) for i in range(len(nodes))]
    neuron = {name: i for i, name in enumerate(numbers if are_numbers else nodes)}
    ends = np.array([(neuron[a], neuron[b]) for a, b in graph.edges()], dtype=np.int64).reshape(-1, 2)
    names = () if are_numbers else tuple(Population(name, i, i + 1) for name, i in neuron.items())
    draft = Draft(len(nodes), ends[:, 0], ends[:, 1], _weights(path, graph), populations=names)
    attributes = {key for *_, about in graph.edges(data=True) for key in about} - {"weight", "id"}
    attributes |= {key for _, about in graph.nodes(data=True) for key in about}
    if attributes:
        draft.notes.append(f"attributes that are not read: {', '.join(cut(str(key)) for key in sorted(attributes))}")
    return draft.finish(None if spikes is None else Path(spikes), weight_threshold)


def _load(path: Path) -> Any:
    import networkx

    content = read_bytes(path)
    if (graphs := len(_GRAPH.findall(content))) != 1:
        raise InvalidInput(f"{path} holds {graphs} graphs; one is read")
    try:
        graph = networkx.read_graphml(BytesIO(content), node_type=str, force_multigraph=True)
    except Exception as defect:  # the library and its parser raise whatever they meet
        reason = shown(" ".join(str(defect).split()) or type(defect).__name__).strip("'\"")
        raise InvalidInput(f"{path} is not GraphML that networkx understands: {reason}") from defect
    if not graph.is_directed():
        raise InvalidInput(f"{path} is an undirected graph; a synapse has a direction")
    return graph


def _weights(path: Path, graph: Any) -> Array | None:
    """The weight of every edge, its own or the default that the file states for all."""
    default = graph.graph.get("edge_default", {}).get("weight")
    found = [about.get("weight", default) for *_, about in graph.edges(data=True)]
    if all(weight is None for weight in found):
        return None
    for (pre, post), weight in zip(graph.edges(), found, strict=True):
        if not isinstance(weight, int | float) or isinstance(weight, bool):
            raise InvalidInput(f"{path}: edge {cut(pre)} -> {cut(post)} has the weight {shown(weight)}, not a number")
    try:
        return np.array(found, dtype=np.float64)
    except OverflowError as defect:
        raise InvalidInput(f"{path} has a weight that no float holds") from defect

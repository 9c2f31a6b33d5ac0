"""Hypergraphs in the format of hMETIS (``.hgr``), which other partitioners read as well.

The first line holds the numbers of nets and vertices and perhaps a format: 1 for weights of nets, 10 for weights of
vertices, 11 for both. Then follow the nets, one a line, each with its weight, if there are weights, and its vertices,
numbered from 1; lines that begin with ``%`` are comments.

A net of hMETIS has no source. So every net becomes an external input that feeds its vertices, with its weight as
spikes, and every vertex a neuron. A net that touches k parts then sends its weight k times, where partitioners count
k - 1 times: the packets of a partition are their objective plus the sum of all weights. A vertex takes one column;
weights of vertices other than 1 are refused.

G. Karypis, V. Kumar, *hMETIS 1.5.3: a hypergraph partitioning package*, 1998.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_text
from spinemap_exact.io._draft import Draft
from spinemap_exact.io._files import plural, whole_number
from spinemap_exact.network import Network, Population

_MOST_VERTICES = 10_000_000
_FORMATS = {"": (False, False), "1": (True, False), "10": (False, True), "11": (True, True)}


def read_hypergraph(
    path: str | Path, *, spikes: str | Path | None = None, weight_threshold: float = 0.0
) -> tuple[Network, list[str]]:
    """Read a hypergraph as a network of external inputs and neurons.

    Raises
    ------
    InvalidInput
        If lines are missing or left over, or a vertex does not exist or weighs more than one column.
    """
    path = Path(path)
    lines = [
        (number, [whole_number(word, f"{path}: a number of line {number}") for word in line.split()])
        for number, line in enumerate(read_text(path).split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("%")
    ]
    nets, vertices, has_weights, has_sizes = _head(path, lines)
    wanted = 1 + nets + (vertices if has_sizes else 0)
    if len(lines) != wanted:
        raise InvalidInput(f"{path} promises {plural(wanted - 1, 'line')} below its first and has {len(lines) - 1}")
    for number, sizes in lines[1 + nets :]:
        if sizes != [1]:
            raise InvalidInput(f"line {number} of {path} weighs a vertex {sizes[0]}; here every one takes a column")
    weights = np.zeros(vertices + nets, dtype=np.int64)
    pre, post = [], []
    for net, (number, words) in enumerate(lines[1 : 1 + nets]):
        pins = words[1:] if has_weights else words
        if not pins or min(pins) < 1 or max(pins) > vertices:
            raise InvalidInput(f"line {number} of {path} is no net of the vertices 1 ... {vertices}")
        if has_weights and words[0] < 0:
            raise InvalidInput(f"line {number} of {path} has the weight {words[0]}, which is negative")
        weights[vertices + net] = words[0] if has_weights else 1
        pre += [vertices + net] * len(pins)
        post += [v - 1 for v in pins]
    if not has_weights and _is_graph(lines[1:], vertices):
        raise InvalidInput(f"{path} is a graph in the format of METIS: lines of neighbours, not of nets")
    draft = Draft(
        vertices + nets,
        np.array(pre, dtype=np.int64),
        np.array(post, dtype=np.int64),
        is_input=np.arange(vertices + nets) >= vertices,
        populations=(Population("vertices", 0, vertices), Population("nets", vertices, vertices + nets)),
        spikes=weights if has_weights else None,
        notes=["a net of hMETIS names no source: each is an external input that feeds its vertices"],
    )
    return draft.finish(None if spikes is None else Path(spikes), weight_threshold)


def _is_graph(lines: list[tuple[int, list[int]]], edges: int) -> bool:
    """Tell the neighbours of every vertex of an undirected graph, under a head of vertices and edges."""
    pairs = {(i, j) for i, (_, words) in enumerate(lines, 1) for j in words}
    listed = sum(len(words) for _, words in lines)
    return len(pairs) == listed == 2 * edges and all((j, i) in pairs and i != j for i, j in pairs)


def _head(path: Path, lines: list[tuple[int, list[int]]]) -> tuple[int, int, bool, bool]:
    """The numbers of nets and vertices, and whether either are weighted."""
    first = lines[0][1] if lines else []
    kind = str(first[2]) if len(first) == 3 else ""
    if len(first) not in (2, 3) or kind not in _FORMATS or min(first) < 0 or first[1] < 1:
        raise InvalidInput(f"{path} does not begin with the numbers of nets and vertices, and a format of 1, 10 or 11")
    if max(first[:2]) > _MOST_VERTICES:
        raise InvalidInput(f"{path} has {max(first[:2]):,} nets or vertices, beyond anything that can be mapped")
    return first[0], first[1], *_FORMATS[kind]

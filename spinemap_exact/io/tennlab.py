"""TENNLab networks: the JSON of the TENNlab exploratory neuromorphic framework.

``Nodes`` carry an ``id``, ``Edges`` carry ``from``, ``to`` and ``values``, the edge property ``Weight`` among them.
Input nodes are real neurons: they may have fan-in and need a column. Neurons are numbered in ascending order of their
ids, and each keeps its id as the name of a population of one.

J. S. Plank et al., *The TENNLab exploratory neuromorphic computing framework*, IEEE Letters of the Computer Society
1(2), 2018, doi:10.1109/LOCS.2018.2885976.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_json_table
from spinemap_exact.io._draft import Draft
from spinemap_exact.io._files import whole_number
from spinemap_exact.network import Network, Population


def is_tennlab(table: dict[str, Any]) -> bool:
    """Tell a TENNLab network by its entries."""
    return "Nodes" in table and "Edges" in table


def read_tennlab(
    path: str | Path, *, spikes: str | Path | None = None, weight_threshold: float = 0.0
) -> tuple[Network, list[str]]:
    """Read a TENNLab network.

    Raises
    ------
    InvalidInput
        If the file is no such network, or an edge names a node that does not exist.
    """
    path = Path(path)
    table = read_json_table(path)
    if not is_tennlab(table):
        raise InvalidInput(f"{path} is not a TENNLab network: it has no Nodes and Edges")
    ids = sorted(_entry(path, node, "id", f"node {k}") for k, node in enumerate(_list(path, table, "Nodes")))
    neuron_of_id = {node: i for i, node in enumerate(ids)}
    if len(neuron_of_id) < len(ids):
        twice = next(a for a, b in pairwise(ids) if a == b)
        raise InvalidInput(f"{path} lists node {twice} twice")
    edges = _list(path, table, "Edges")
    ends = np.empty((len(edges), 2), dtype=np.int64)
    for k, edge in enumerate(edges):
        for side, key in enumerate(("from", "to")):
            node = _entry(path, edge, key, f"edge {k}")
            if node not in neuron_of_id:
                raise InvalidInput(f"{path}: edge {k} names node {node}, which does not exist")
            ends[k, side] = neuron_of_id[node]
    names = tuple(Population(str(node), i, i + 1) for i, node in enumerate(ids))
    draft = Draft(len(ids), ends[:, 0], ends[:, 1], _weights(path, table, edges), populations=names)
    return draft.finish(None if spikes is None else Path(spikes), weight_threshold)


def _list(path: Path, table: dict[str, Any], key: str) -> list[Any]:
    listed = table[key]
    if not isinstance(listed, list):
        raise InvalidInput(f"{path}: {key} is not a list")
    return listed


def _entry(path: Path, item: Any, key: str, what: str) -> int:
    if not isinstance(item, dict) or key not in item:
        raise InvalidInput(f"{path}: {what} has no entry {key!r}")
    return whole_number(item[key], f"{path}: {key} of {what}")


def _weights(path: Path, table: dict[str, Any], edges: list[Any]) -> np.ndarray[Any, Any] | None:
    properties = table.get("Properties")
    listed = properties.get("edge_properties", []) if isinstance(properties, dict) else []
    listed = [p for p in listed if isinstance(p, dict)] if isinstance(listed, list) else []
    index = next((p.get("index") for p in listed if p.get("name") == "Weight"), None)
    if not isinstance(index, int):
        return None
    try:
        return np.array([float(edge["values"][index]) for edge in edges], dtype=np.float64)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as defect:
        raise InvalidInput(f"{path}: an edge has no weight at position {index} of its values") from defect

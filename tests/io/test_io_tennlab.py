"""TENNLab networks, by content rather than by suffix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io import read_network

NETWORK = {
    "Properties": {"edge_properties": [{"name": "Delay", "index": 0}, {"name": "Weight", "index": 1}]},
    "Nodes": [{"id": 30}, {"id": 10}, {"id": 20}],
    "Edges": [{"from": 30, "to": 10, "values": [1, 5]}, {"from": 10, "to": 20, "values": [2, -7]}],
    "Inputs": [10],
}


@pytest.mark.parametrize("name", ["net.json", "net.txt", "net.csv"])
@pytest.mark.parametrize("before", ["", "\ufeff", "\n \n"])
def test_a_network_under_any_name(tmp_path: Path, name: str, before: str) -> None:
    (tmp_path / name).write_text(before + json.dumps(NETWORK, indent=1))
    network, _ = read_network(tmp_path / name)

    # ascending ids: 10, 20, 30 are neurons 0, 1, 2
    assert list(zip(network.pre.tolist(), network.post.tolist(), strict=True)) == [(0, 1), (2, 0)]
    assert network.weights is not None and network.weights.tolist() == [-7, 5]
    assert [p.name for p in network.populations] == ["10", "20", "30"]
    assert network.num_inputs == 0


def test_json_of_another_kind_is_no_edge_list(tmp_path: Path) -> None:
    (tmp_path / "net.txt").write_text('{"cells": 3}')
    with pytest.raises(InvalidInput, match="is JSON, but neither TENNLab nor SONATA"):
        read_network(tmp_path / "net.txt")

"""GraphML and hypergraphs."""

from __future__ import annotations

from pathlib import Path

import networkx
import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.evaluator import evaluate
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.io import read_network
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network


def synapses(network: Network) -> list[tuple[int, int]]:
    return list(zip(network.pre.tolist(), network.post.tolist(), strict=True))


@pytest.mark.parametrize(
    ("names", "order"), [((2, 0, 1), (2, 0, 1)), (("c", "a", "b"), (0, 1, 2)), ((1, 2, 3), (0, 1, 2))]
)
def test_what_networkx_writes(tmp_path: Path, names: tuple[object, ...], order: tuple[int, ...]) -> None:
    """Ids 0 ... n - 1 are those of the neurons; names, and numbers from 1, go by their order."""
    graph = networkx.MultiDiGraph()
    graph.add_nodes_from(names)
    graph.add_edge(names[0], names[1], weight=0.5)
    graph.add_edge(names[1], names[2], weight=2)
    graph.add_edge(names[1], names[2], weight=3)
    networkx.write_graphml(graph, tmp_path / "g.graphml")

    network, notes = read_network(tmp_path / "g.graphml")

    a, b, c = order
    assert set(synapses(network)) == {(a, b), (b, c)}
    assert network.weights is not None and sorted(network.weights.tolist()) == [0.5, 5]
    assert [p.name for p in network.populations] == (
        [] if sorted(map(str, names)) == ["0", "1", "2"] else [*map(str, names)]
    )
    assert "1 synapse listed more than once: merged, their weights added" in notes


HEAD = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
WEIGHT = '<key id="w" for="edge" attr.name="weight" attr.type="double"><default>1.5</default></key>'
NODES = '<node id="a"/><node id="b"/>'


def test_weights_that_are_left_out_are_the_default(tmp_path: Path) -> None:
    (tmp_path / "g.graphml").write_text(
        f'{HEAD}{WEIGHT}<graph edgedefault="directed">{NODES}<edge source="a" target="b"/>'
        '<edge source="b" target="a"><data key="w">4</data></edge></graph></graphml>'
    )
    network, _ = read_network(tmp_path / "g.graphml")
    assert network.weights is not None and network.weights.tolist() == [1.5, 4]


def test_attributes_that_are_not_read_are_named(tmp_path: Path) -> None:
    graph = networkx.DiGraph([("a", "b", {"delay": 3})])
    graph.nodes["a"]["layer"] = "L4"
    networkx.write_graphml(graph, tmp_path / "g.graphml")
    network, notes = read_network(tmp_path / "g.graphml")
    assert network.weights is None
    assert "attributes that are not read: delay, layer" in notes


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f'<graph edgedefault="undirected">{NODES}</graph>', "is an undirected graph; a synapse has a direction"),
        (
            f'<graph edgedefault="directed">{NODES}</graph><graph edgedefault="directed"/>',
            "holds 2 graphs; one is read",
        ),
        ("", "holds 0 graphs"),
        (f'<graph edgedefault="directed">{NODES}<hyperedge/></graph>', "is not GraphML that networkx understands: "),
        ("<graph edgedefault='directed'>", "is not GraphML that networkx understands: "),
        (
            f'<graph edgedefault="directed">{NODES}<edge source="a" target="b" directed="false"/></graph>',
            "is not GraphML that networkx understands: ",
        ),
        ('<graph edgedefault="directed"></graph>', "the network is empty"),
    ],
)
def test_bad_graphml(tmp_path: Path, body: str, reason: str) -> None:
    (tmp_path / "g.graphml").write_text(f"{HEAD}{body}</graphml>")
    with pytest.raises(InvalidInput) as caught:
        read_network(tmp_path / "g.graphml")
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_some_weights_are_none(tmp_path: Path) -> None:
    networkx.write_graphml(networkx.DiGraph([("a", "b", {"weight": 3}), ("b", "a", {})]), tmp_path / "g.graphml")
    with pytest.raises(InvalidInput, match="edge b -> a has the weight None, not a number"):
        read_network(tmp_path / "g.graphml")


def test_a_hypergraph(tmp_path: Path) -> None:
    """Four vertices; a net of weight 7 on 1, 2, 3 and one of weight 2 on 3, 4."""
    (tmp_path / "h.hgr").write_text("% by hand\n2 4 1\n7 1 2 3\n% a comment\n2 3 4\n")
    network, notes = read_network(tmp_path / "h.hgr")

    assert network.is_input.tolist() == [False] * 4 + [True] * 2
    assert synapses(network) == [(4, 0), (4, 1), (4, 2), (5, 2), (5, 3)]
    assert network.spikes.tolist() == [0, 0, 0, 0, 7, 2]
    assert notes == ["a net of hMETIS names no source: each is an external input that feeds its vertices"]
    # vertices 1, 2 | 3, 4: only the first net is cut, once: 7 more than the weights of both
    mapping = Mapping(Unrolling.identity(network), Partition(np.array([0, 0, 1, 1])), Placement(np.array([0, 1])))
    hardware = Hardware("pair", TileGrid(2, 1), (Crossbar(2, 2),), CostModel())
    assert evaluate(network, hardware, mapping).packets == 7 + (7 + 2)


def test_a_hypergraph_without_weights(tmp_path: Path) -> None:
    (tmp_path / "h.hgr").write_text("1 3\n1 3\n")
    network, _ = read_network(tmp_path / "h.hgr")
    assert synapses(network) == [(3, 0), (3, 2)] and network.num_units == 3 and network.spikes_assumed
    (tmp_path / "h.hgr").write_text("1 2 11\n5 1 2\n1\n1\n")
    assert read_network(tmp_path / "h.hgr")[0].spikes.tolist() == [0, 0, 5]


def test_a_first_pin_is_no_name_of_a_net(tmp_path: Path) -> None:
    """Nets may have one vertex, and comments may end a file."""
    (tmp_path / "h.hgr").write_text("2 3\n2 3 1\n1\n% the end\n")
    assert synapses(read_network(tmp_path / "h.hgr")[0]) == [(3, 0), (3, 1), (3, 2), (4, 0)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # a path of three vertices: the neighbours of each, under the numbers of vertices and edges
        ("3 2\n2\n1 3\n2\n", "no net of the vertices 1 ... 2"),
        ("4 4\n2 4\n1 3\n2 4\n3 1\n", "is a graph in the format of METIS: lines of neighbours, not of nets"),
        ("", "does not begin with the numbers of nets and vertices"),
        ("2 4 3\n", "and a format of 1, 10 or 11"),
        ("1 2 10\n1 2\n1\n2\n", "line 4 of h.hgr weighs a vertex 2; here every one takes a column"),
        ("2 3\n1 2\n", "promises 2 lines below its first and has 1"),
        ("1 3\n1 2\n2 3\n", "promises 1 line below its first and has 2"),
        ("1 3\n0 1\n", "line 2 of h.hgr is no net of the vertices 1 ... 3"),
        ("1 3\n1 4\n", "line 2 of h.hgr is no net of the vertices 1 ... 3"),
        ("1 3 1\n5\n", "line 2 of h.hgr is no net of the vertices 1 ... 3"),
        ("1 3 1\n-5 1 2\n", "has the weight -5, which is negative"),
        ("1 3 1\n2.5 1 2\n", "is 2.5, not a whole number"),
        ("1 99999999999\n1 2\n", "beyond anything that can be mapped"),
    ],
)
def test_bad_hypergraphs(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "h.hgr").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read_network(tmp_path / "h.hgr")
    assert reason in str(caught.value).replace(f"{tmp_path}/", "")

"""Networks from what is in memory: which entry is which synapse, and what is refused."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemap_exact.errors import InvalidInput, WrongType
from spinemap_exact.io import read_network
from spinemap_exact.network import Network, Population

# 0 feeds 1 with 2.0, 1 feeds 2 with -3.0, 2 feeds itself with 0.5
WEIGHTS = [[0, 2.0, 0], [0, 0, -3.0], [0, 0, 0.5]]
SYNAPSES = [(0, 1, 2.0), (1, 2, -3.0), (2, 2, 0.5)]


def listed(network: Network) -> list[tuple[int, int, float]]:
    return list(zip(network.pre.tolist(), network.post.tolist(), network.weights.tolist(), strict=True))


class Sparse:
    """What `from_scipy` asks of a sparse matrix, without scipy."""

    def __init__(self, row, col, data, size):
        self.row, self.col, self.data, self.shape = np.array(row), np.array(col), np.array(data), (size, size)

    def tocoo(self):
        return self


@pytest.mark.parametrize(("rows", "matrix"), [("pre", WEIGHTS), ("post", np.transpose(WEIGHTS))])
def test_an_entry_that_is_not_zero_is_a_synapse(rows, matrix):
    network = Network.from_matrix(matrix, spikes=[4, 5, 6], rows=rows)
    assert listed(network) == SYNAPSES
    assert network.spikes.tolist() == [4, 5, 6] and not network.spikes_assumed and network.num_inputs == 0


@given(st.integers(1, 6), st.integers(0, 2**31))
def test_every_synapse_is_an_entry_and_every_entry_a_synapse(size, seed):
    draw = np.random.default_rng(seed)
    matrix = draw.integers(-1, 2, (size, size))
    network = Network.from_matrix(matrix)
    expected = [(i, j, float(matrix[i, j])) for i in range(size) for j in range(size) if matrix[i, j]]
    assert listed(network) == expected


def test_a_file_and_an_array_of_the_same_matrix_are_the_same_network(tmp_path):
    np.save(tmp_path / "weights.npy", np.array(WEIGHTS))
    assert read_network(tmp_path / "weights.npy")[0].digest == Network.from_matrix(WEIGHTS).digest


def test_what_nobody_recorded_is_marked_as_assumed():
    network = Network.from_matrix(WEIGHTS)
    assert network.spikes.tolist() == [1, 1, 1] and network.spikes_assumed


def test_truth_values_say_where_synapses_are_and_no_more():
    network = Network.from_matrix(np.array(WEIGHTS) != 0)
    assert network.weights is None and network.num_synapses == 3


@pytest.mark.parametrize(
    "inputs", [[0], range(1), (0,), np.array([True, False, False]), [True, False, False], {0}, np.array([0])]
)
def test_inputs_are_ids_or_a_mark_for_each_neuron(inputs):
    assert Network.from_matrix(WEIGHTS, inputs=inputs).is_input.tolist() == [True, False, False]


def test_no_inputs_are_no_inputs():
    assert (
        Network.from_matrix(WEIGHTS, inputs=[]).num_inputs
        == Network.from_matrix(WEIGHTS, inputs=range(0)).num_inputs
        == 0
    )


def test_names_and_populations():
    network = Network.from_matrix(WEIGHTS, names=["a", "b", "c"], populations={"early": range(2)})
    assert network.populations == (
        Population("early", 0, 2), Population("a", 0, 1), Population("b", 1, 2), Population("c", 2, 3)
    )  # fmt: skip
    assert Network.from_matrix(WEIGHTS, populations=[Population("late", 2, 3)]).populations[0].size == 1


def test_a_table_of_pandas_names_its_neurons():
    pandas = pytest.importorskip("pandas")
    names = ["AVAL", "AVAR", "AVBL"]
    network = Network.from_matrix(pandas.DataFrame(WEIGHTS, index=names, columns=names))
    assert listed(network) == SYNAPSES and [p.name for p in network.populations] == names
    assert Network.from_matrix(pandas.DataFrame(WEIGHTS)).populations == ()
    with pytest.raises(InvalidInput, match="does not name its rows as its columns"):
        Network.from_matrix(pandas.DataFrame(WEIGHTS, index=names[::-1], columns=names))


@pytest.mark.parametrize("rows", ["pre", "post"])
def test_stored_entries_are_synapses_and_those_stored_twice_are_added(rows):
    first, second = [0, 1, 1, 2], [1, 2, 2, 0]
    matrix = Sparse(*((first, second) if rows == "pre" else (second, first)), [2.0, -1.0, -2.0, 0.0], 3)
    assert listed(Network.from_scipy(matrix, rows=rows)) == [(0, 1, 2.0), (1, 2, -3.0), (2, 0, 0.0)]


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "lil_matrix", "dok_array", "coo_array"])
def test_any_format_of_scipy(kind):
    sparse = pytest.importorskip("scipy.sparse")
    assert listed(Network.from_scipy(getattr(sparse, kind)(np.array(WEIGHTS)), spikes=[4, 5, 6])) == SYNAPSES


def test_nodes_that_are_numbers_are_neurons_of_these_ids():
    graph = networkx.DiGraph()
    graph.add_node(2)  # whatever their order
    graph.add_weighted_edges_from(SYNAPSES)
    network = Network.from_networkx(graph, spikes=[4, 5, 6], inputs=[0])
    assert listed(network) == SYNAPSES and network.populations == () and network.is_input.tolist() == [1, 0, 0]


def test_other_nodes_are_numbered_in_their_order_and_keep_their_names():
    graph = networkx.DiGraph([("eye", "left"), ("eye", "right"), ("left", "right")])
    networkx.set_node_attributes(graph, {"eye": 20, "left": 5, "right": 3}, "spikes")
    networkx.set_node_attributes(graph, {"eye": True, "left": False, "right": False}, "input")
    networkx.set_node_attributes(graph, {"eye": "sense", "left": "motor", "right": "motor"}, "population")
    network = Network.from_networkx(graph)
    assert (network.pre.tolist(), network.post.tolist(), network.weights) == ([0, 0, 1], [1, 2, 2], None)
    assert network.spikes.tolist() == [20, 5, 3] and network.is_input.tolist() == [True, False, False]
    assert [(p.name, p.start, p.stop) for p in network.populations] == [
        ("sense", 0, 1), ("motor", 1, 3), ("eye", 0, 1), ("left", 1, 2), ("right", 2, 3)
    ]  # fmt: skip
    assert Network.from_networkx(graph, spikes=[1, 1, 1]).spikes.tolist() == [1, 1, 1]  # what is given counts


@pytest.mark.parametrize("kind", [int, np.int64])
def test_other_numbers_are_taken_in_ascending_order_and_nodes_are_asked_for_by_themselves(kind):
    graph = networkx.DiGraph([(kind(3), kind(2)), (kind(2), kind(1))])
    network = Network.from_networkx(graph, spikes={3: 7, 2: 5, 1: 0}, inputs=[3])
    assert [p.name for p in network.populations] == ["1", "2", "3"]
    assert network.spikes.tolist() == [0, 5, 7] and network.is_input.tolist() == [False, False, True]
    assert network.pre.tolist() == [1, 2] and network.post.tolist() == [0, 1]


def test_nodes_of_numpy_are_the_numbers_that_they_are():
    graph = networkx.DiGraph()
    graph.add_edges_from(np.array([[2, 1], [1, 0]]))  # first seen: 2
    assert Network.from_networkx(graph, spikes=[4, 5, 6]).spikes[2] == 6


def test_counts_by_name_or_id_find_their_neuron_in_any_order():
    by_name, by_id = {"c": 6, "a": 4, "b": 5}, {2: 6, 0: 4, 1: 5}
    for spikes in (by_name, by_id):
        assert Network.from_matrix(WEIGHTS, spikes, names=["a", "b", "c"]).spikes.tolist() == [4, 5, 6]
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(WEIGHTS, index=list("abc"), columns=list("abc"))
    network = Network.from_matrix(table, pandas.Series(by_name), inputs=["a"])
    assert network.spikes.tolist() == [4, 5, 6] and network.is_input.tolist() == [True, False, False]
    with pytest.raises(InvalidInput, match="count one neuron twice"):
        Network.from_matrix(table, pandas.Series([4, 5, 6, 7], index=list("abca")))


def test_parallel_edges_are_one_synapse():
    graph = networkx.MultiDiGraph()
    graph.add_weighted_edges_from([(0, 1, 2.0), (0, 1, 3.0)])
    assert listed(Network.from_networkx(graph)) == [(0, 1, 5.0)]


def test_attributes_that_are_not_read_are_told(caplog):
    graph = networkx.DiGraph()
    graph.add_edge(0, 1, weight=1.0, delay=3)
    with caplog.at_level("INFO"):
        Network.from_networkx(graph)
    assert "attributes that are not read: delay" in caplog.text


def graph_with(**attributes):
    graph = networkx.DiGraph([(0, 1), (1, 2)])
    for name, (node, value) in attributes.items():
        graph.nodes[node][name] = value
    return graph


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Network.from_matrix(np.zeros((3, 4))), "the matrix is 3 x 4; a network is a square matrix"),
        (lambda: Network.from_matrix(5), "the matrix is a single number"),
        (lambda: Network.from_matrix([[0, 1], [1]]), "rows of different lengths"),
        (lambda: Network.from_matrix([[0, float("nan")], [1, 0]]), "synapse 0 -> 1 has weight nan"),
        (lambda: Network.from_matrix(np.eye(2) + 1j), "complex128 values, not numbers"),
        (lambda: Network.from_matrix(np.zeros((0, 0))), "no neurons"),
        (lambda: Network.from_matrix(WEIGHTS, rows="columns"), "rows are 'columns'; they can be 'pre' or 'post'"),
        (lambda: Network.from_matrix(WEIGHTS, spikes=[1, 2]), "not one count for each of 3 neurons"),
        (lambda: Network.from_matrix(WEIGHTS, spikes=np.ones((9, 3))), "a raster of time x neurons is summed"),
        (lambda: Network.from_matrix(WEIGHTS, spikes=[1, 2.5, 3]), r"spikes\[1\] is 2.5, not an integer"),
        (lambda: Network.from_matrix(WEIGHTS, spikes=[1, -2, 3]), "neuron 1 has a negative spike count"),
        (lambda: Network.from_matrix(WEIGHTS, {0: 1, 2: 1}), "no count of neuron 1; one that is silent counts 0"),
        (lambda: Network.from_matrix(WEIGHTS, {0: 1, 3: 1}), "spikes name neuron 3; there are 0 ... 2"),
        (lambda: Network.from_matrix(WEIGHTS, inputs=["a"]), "external inputs name neuron 'a'; there are 0 ... 2"),
        (lambda: Network.from_networkx(networkx.DiGraph([(0.5, 1)])), "node 0.5 is a float"),
        (lambda: Network.from_networkx(networkx.DiGraph([(0.0, 1.0)])), "node 0.0 is a float"),
        (lambda: Network.from_matrix(WEIGHTS, names=["", "", "a"]), "two neurons are named ''"),
        (lambda: Network.from_matrix(WEIGHTS, inputs=[0, True]), "external inputs name neuron True"),
        (lambda: Network.from_networkx(networkx.DiGraph([(1, 2)]), inputs=[0]), "name neuron 0; there are 1 ... 2"),
        (lambda: Network.from_matrix(WEIGHTS, inputs=[3]), "external inputs name neuron 3; there are 0 ... 2"),
        (lambda: Network.from_matrix(WEIGHTS, inputs=[1, 0, 0]), "lists neuron 0 twice; a mark"),
        (lambda: Network.from_matrix(WEIGHTS, inputs=[True]), "inputs has 1 truth values for 3 neurons"),
        (lambda: Network.from_matrix(WEIGHTS, inputs=[1]), "neuron 1 is an external input, yet neuron 0 feeds it"),
        (lambda: Network.from_matrix(WEIGHTS, names=["a", "b"]), "2 names stand against 3 neurons"),
        (lambda: Network.from_matrix(WEIGHTS, names=["a", "b", "a"]), "two neurons are named 'a'"),
        (lambda: Network.from_matrix(WEIGHTS, populations={"a": range(9)}), "population a has neurons 0 ... 8 of 3"),
        (lambda: Network.from_networkx(networkx.Graph([(0, 1)])), "undirected; a synapse has a direction"),
        (lambda: Network.from_networkx(graph_with(spikes=(0, 5))), "node 1 has no attribute 'spikes', others have"),
        (lambda: Network.from_networkx(networkx.DiGraph([("1", 1)])), "two neurons are named '1'"),
    ],
)
def test_what_does_not_fit_is_named(make, text):
    with pytest.raises(InvalidInput, match=text):
        make()


def test_a_weight_that_only_some_edges_have_is_refused():
    graph = networkx.DiGraph([(0, 1)])
    graph.add_edge(1, 2, weight=2.0)
    with pytest.raises(InvalidInput, match="edge 0 -> 1 has no attribute 'weight', others have"):
        Network.from_networkx(graph)


def test_a_population_that_is_torn_is_refused():
    graph = networkx.DiGraph([(0, 1), (1, 2)])
    networkx.set_node_attributes(graph, {0: "a", 1: "b", 2: "a"}, "population")
    with pytest.raises(InvalidInput, match="nodes of population 'a' do not follow one another"):
        Network.from_networkx(graph)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Network.from_matrix("weights.npy"), "weights must be an array of numbers; read_network reads files"),
        (lambda: Network.from_matrix(Sparse([0], [1], [1.0], 2)), "Network.from_scipy takes sparse ones, not Sparse"),
        (lambda: Network.from_matrix(np.ma.masked_equal(WEIGHTS, 2)), r"weights.filled\(0\) has no synapses where"),
        (lambda: Network.from_matrix(WEIGHTS, {4, 5, 6}), "spikes must be a count for each neuron, not set"),
        (lambda: Network.from_matrix(WEIGHTS, "456"), "spikes must be a count for each neuron, not str"),
        (lambda: Network.from_scipy(WEIGHTS), "Network.from_matrix takes dense ones, not list"),
        (lambda: Network.from_networkx(WEIGHTS), "graph must be a DiGraph of networkx, not list"),
        (lambda: Network.from_matrix(WEIGHTS, inputs=1), "neurons, or a truth value for each, not int"),
        (lambda: Network.from_matrix(WEIGHTS, names="abc"), "names must be a text for each neuron, not str"),
        (lambda: Network.from_matrix(WEIGHTS, names=[0, 1, 2]), "a name must be a text, not int"),
        (lambda: Network.from_matrix(WEIGHTS, populations="abc"), "names with ranges of neurons, not str"),
        (lambda: Network.from_matrix(WEIGHTS, populations=[3]), "a Population, or a name with a range of neurons"),
        (lambda: Network.from_matrix(WEIGHTS, populations={"a": 3}), "'a' must be a range of neurons in steps of one"),
        (lambda: Network.from_matrix(WEIGHTS, populations={"a": range(0, 3, 2)}), "in steps of one, not range"),
    ],
)
def test_a_wrong_type_is_told_what_was_expected(make, text):
    with pytest.raises(WrongType, match=text) as caught:
        make()
    assert isinstance(caught.value, TypeError)

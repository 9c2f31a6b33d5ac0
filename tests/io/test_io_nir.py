"""NIR graphs: connectivity against plain loops, and what becomes of each kind of node."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io import read_network
from spinemap_exact.io.nir import read_nir
from spinemap_exact.network import Network

nir = pytest.importorskip("nir")


def lif(*shape: int) -> Any:
    one = np.ones(shape)
    return nir.LIF(tau=one, r=one, v_leak=one, v_threshold=one, v_reset=one)


def cuba(*shape: int) -> Any:
    one = np.ones(shape)
    return nir.CubaLIF(tau_syn=one, tau_mem=one, r=one, v_leak=one, v_threshold=one, v_reset=one)


def source(*shape: int) -> Any:
    return nir.Input(input_type={"input": np.array(shape)})


def sink(*shape: int) -> Any:
    return nir.Output(output_type={"output": np.array(shape)})


def save(folder: Path, nodes: dict[str, Any], edges: list[tuple[str, str]] | None = None) -> Path:
    """Write a graph; without edges, its nodes follow one another."""
    names = list(nodes)
    chain = list(itertools.pairwise(names)) if edges is None else edges
    nir.write(folder / "net.nir", nir.NIRGraph(nodes, chain, type_check=False))
    return folder / "net.nir"


def matrix(network: Network, pre: str, post: str) -> np.ndarray[Any, Any]:
    """(post, pre) weights between two populations."""
    at = {p.name: p for p in network.populations}
    full = np.zeros((network.num_neurons, network.num_neurons))
    full[network.post, network.pre] = network.weights
    return full[at[post].start : at[post].stop, at[pre].start : at[pre].stop]


def sizes(network: Network) -> dict[str, int]:
    return {p.name: p.size for p in network.populations}


def convolved(
    weight: np.ndarray[Any, Any],
    shape: tuple[int, ...],
    stride: int,
    before: int,
    after: int,
    dilation: int,
    groups: int,
) -> np.ndarray[Any, Any]:
    """The matrix of a two-dimensional convolution, one tap after the other."""
    outputs, group_in, kernel_y, kernel_x = weight.shape
    channels, height, width = shape
    out_y = (height + before + after - dilation * (kernel_y - 1) - 1) // stride + 1
    out_x = (width + before + after - dilation * (kernel_x - 1) - 1) // stride + 1
    found = np.zeros((outputs, out_y, out_x, channels, height, width))
    for co, y, x, ci, ky, kx in itertools.product(
        range(outputs), range(out_y), range(out_x), range(group_in), range(kernel_y), range(kernel_x)
    ):
        in_y, in_x = y * stride - before + ky * dilation, x * stride - before + kx * dilation
        if 0 <= in_y < height and 0 <= in_x < width:
            c = co // (outputs // groups) * group_in + ci
            found[co, y, x, c, in_y, in_x] += weight[co, ci, ky, kx]
    return found.reshape(outputs * out_y * out_x, -1)


def test_a_dense_recurrent_network(tmp_path: Path) -> None:
    feed, back = np.array([[1.0, 0.0], [2.0, 3.0], [0.0, 0.0]]), np.array([[0, 1, 0], [0, 0, 0], [0, 0, 5.0]])
    path = save(
        tmp_path,
        {"in": source(2), "w": nir.Linear(feed), "lif": cuba(3), "rec": nir.Affine(back, np.ones(3)), "out": sink(3)},
        [("in", "w"), ("w", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "out")],
    )

    network, notes = read_network(path)

    assert sizes(network) == {"lif": 3, "in": 2}
    assert network.is_input.tolist() == [False] * 3 + [True] * 2
    # three non-zero weights feed forward, two back, one of which is a self loop; biases are no synapses
    assert network.num_synapses == 5
    assert np.array_equal(matrix(network, "in", "lif"), feed)
    assert np.array_equal(matrix(network, "lif", "lif"), back)
    assert "1 self loop kept" in notes


@pytest.mark.parametrize(
    ("stride", "padding"), [(s, p) for s in (1, 2) for p in (0, 1, 2, "valid", "same") if (s, p) != (2, "same")]
)
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolution_equals_plain_loops(
    tmp_path: Path, stride: int, padding: int | str, dilation: int, groups: int
) -> None:
    weight = np.random.default_rng(0).normal(size=(4, 2 // groups, 3, 2)).round(1)
    shape = (2, 7, 6)
    conv = nir.Conv2d((7, 6), weight, stride, padding, dilation, groups, np.zeros(4))
    before, after = (padding, padding) if isinstance(padding, int) else (0, 0)
    if padding == "same":
        # the kernel is 3 high and 2 wide: PyTorch puts the odd row of padding last
        oracle = np.zeros((4 * 7 * 6, 2 * 7 * 6))
        spans = (dilation * 2, dilation * 1)
        padded = convolved(weight, (2, 7 + spans[0], 6 + spans[1]), 1, 0, 0, dilation, groups)
        inside = np.zeros((2, 7 + spans[0], 6 + spans[1]), dtype=bool)
        inside[:, spans[0] // 2 : spans[0] // 2 + 7, spans[1] // 2 : spans[1] // 2 + 6] = True
        oracle = padded[:, inside.ravel()]
    else:
        oracle = convolved(weight, shape, stride, before, after, dilation, groups)
    # one neuron parameter for all: the shape follows from the convolution
    network, _ = read_network(save(tmp_path, {"in": source(*shape), "conv": conv, "lif": lif(1), "out": sink(1)}))

    assert sizes(network) == {"lif": len(oracle), "in": 84}
    assert np.allclose(matrix(network, "in", "lif"), oracle)
    assert network.num_synapses == np.count_nonzero(oracle)


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1)])
def test_convolution_in_one_dimension(tmp_path: Path, stride: int, padding: int, dilation: int, groups: int) -> None:
    weight = np.arange(1.0, 1 + 4 * (2 // groups) * 3).reshape(4, 2 // groups, 3)
    length = (9 + 2 * padding - dilation * 2 - 1) // stride + 1
    oracle = np.zeros((4, length, 2, 9))
    for co, x, ci, k in itertools.product(range(4), range(length), range(2 // groups), range(3)):
        at = x * stride - padding + k * dilation
        if 0 <= at < 9:
            oracle[co, x, co // (4 // groups) * (2 // groups) + ci, at] = weight[co, ci, k]
    conv = nir.Conv1d(9, weight, stride, padding, dilation, groups, np.zeros(4))

    network, _ = read_network(save(tmp_path, {"in": source(2, 9), "conv": conv, "lif": lif(4, length)}))

    assert np.array_equal(matrix(network, "in", "lif"), oracle.reshape(4 * length, 18))


@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
def test_pooling_is_folded_into_the_weights_that_follow(tmp_path: Path, kind: str) -> None:
    # 1 x 4 x 4 pooled by 2 x 2 to four values, of which the dense layer reads the first and the last
    pool = getattr(nir, kind)(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    nodes = {
        "in": source(1, 4, 4),
        "pool": pool,
        "flat": nir.Flatten({"input": np.array([1, 2, 2])}, 0, -1),
        "w": nir.Linear(np.array([[1.0, 0, 0, 2.0]])),
        "lif": lif(1),
    }
    path = save(tmp_path, nodes)

    network, _ = read_network(path)

    share = 1.0 if kind == "SumPool2d" else 0.25
    first, last = [0, 1, 4, 5], [10, 11, 14, 15]
    oracle = np.zeros((1, 16))
    oracle[0, first], oracle[0, last] = share, 2 * share
    assert sizes(network) == {"lif": 1, "in": 16}
    assert np.array_equal(matrix(network, "in", "lif"), oracle)

    counted, _ = read_nir(path, pooling_neurons=True)
    assert sizes(counted) == {"pool": 4, "lif": 1, "in": 16}
    # every input feeds one pooling neuron, two of the four feed the last neuron
    assert counted.num_synapses == 16 + 2


def test_overlapping_pooling_adds_the_weights_of_shared_inputs(tmp_path: Path) -> None:
    # windows of 2 at stride 1 over 1 x 1 x 3: the middle value lies in both
    pool = nir.SumPool2d(np.array([1, 2]), np.array([1, 1]), np.array([0, 0]))
    nodes = {"in": source(1, 1, 3), "pool": pool, "w": nir.Linear(np.array([[1.0, 1.0], [1.0, -1.0]])), "lif": lif(2)}

    network, _ = read_network(save(tmp_path, nodes))

    # the middle value reaches the second neuron with 1 - 1 = 0: no synapse
    assert np.array_equal(matrix(network, "in", "lif"), [[1, 2, 1], [1, 0, -1]])
    assert network.num_synapses == 5


def test_padding_of_an_average_counts(tmp_path: Path) -> None:
    pool = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([1, 1]))
    network, _ = read_network(save(tmp_path, {"in": source(1, 2, 2), "pool": pool, "lif": lif(1, 2, 2)}))
    # each of the four windows holds one value and three of padding
    assert np.array_equal(matrix(network, "in", "lif"), np.eye(4) / 4)


def test_scale_is_element_wise(tmp_path: Path) -> None:
    nodes = {"in": source(3), "s": nir.Scale(np.array([2.0, 0.0, -1.0])), "lif": lif(3)}
    network, _ = read_network(save(tmp_path, nodes))
    assert np.array_equal(matrix(network, "in", "lif"), np.diag([2, 0, -1]))
    assert network.num_synapses == 2


def test_parallel_paths_add(tmp_path: Path) -> None:
    nodes = {
        "in": source(2),
        "a": nir.Linear(np.array([[1.0, 2.0]])),
        "b": nir.Linear(np.array([[1.0, -2.0]])),
        "lif": lif(1),
    }
    path = save(tmp_path, nodes, [("in", "a"), ("in", "b"), ("a", "lif"), ("b", "lif")])
    network, _ = read_network(path)
    # 1 + 1 and 2 - 2
    assert np.array_equal(matrix(network, "in", "lif"), [[2, 0]])
    assert network.num_synapses == 1


def test_neurons_that_follow_directly_are_joined_one_to_one(tmp_path: Path) -> None:
    nodes = {"in": source(2), "first": lif(2), "second": nir.IF(np.ones(2), np.ones(2), np.zeros(2))}
    network, _ = read_network(save(tmp_path, nodes))
    assert np.array_equal(matrix(network, "first", "second"), np.eye(2))


@pytest.mark.parametrize(
    "node",
    [
        nir.I(np.ones(2)),
        nir.LI(np.ones(2), np.ones(2), np.ones(2)),
        nir.CubaLI(np.ones(2), np.ones(2), np.ones(2), np.ones(2)),
    ],
    ids=lambda node: type(node).__name__,
)
def test_an_integrator_and_its_threshold_are_one_neuron(tmp_path: Path, node: Any) -> None:
    eye = nir.Linear(np.eye(2))
    nodes = {"in": source(2), "w": eye, "v": node, "z": nir.Threshold(np.ones(2)), "u": eye, "last": lif(2)}
    network, _ = read_network(save(tmp_path, nodes))
    assert sizes(network) == {"v": 2, "last": 2, "in": 2}
    assert network.num_synapses == 4

    # read by others as well, the integrator is a neuron of its own
    edges = [*itertools.pairwise(nodes), ("v", "u")]
    network, _ = read_network(save(tmp_path, nodes, edges))
    assert sizes(network) == {"v": 2, "z": 2, "last": 2, "in": 2}


def test_a_readout_without_neurons_becomes_neurons(tmp_path: Path) -> None:
    nodes = {
        "in": source(2),
        "w": nir.Linear(np.ones((3, 2))),
        "lif": lif(3),
        "read": nir.Affine(np.ones((2, 3)), np.zeros(2)),
        "out": sink(2),
    }
    network, notes = read_network(save(tmp_path, nodes))
    assert sizes(network) == {"lif": 3, "read": 2, "in": 2}
    assert network.num_synapses == 6 + 6
    assert "read has no neuron model after it: its 2 outputs became neurons" in notes


def test_subgraphs_are_flattened(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {"input": source(2), "w": nir.Linear(np.array([[0, 1.0], [1.0, 0]])), "lif": lif(2), "output": sink(2)},
        [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
    )
    nodes = {"input": source(3), "fc": nir.Linear(np.ones((2, 3))), "cell": inner, "fc2": nir.Linear(np.ones((1, 2)))}
    network, _ = read_network(save(tmp_path, {**nodes, "last": lif(1), "output": sink(1)}))

    assert sizes(network) == {"cell.lif": 2, "last": 1, "input": 3}
    # 3 x 2 into the cell, 2 within it, 2 out of it
    assert network.num_synapses == 6 + 2 + 2
    assert np.array_equal(matrix(network, "cell.lif", "cell.lif"), [[0, 1], [1, 0]])


def test_populations_follow_the_flow_not_the_alphabet(tmp_path: Path) -> None:
    eye = nir.Linear(np.eye(1))
    nodes = {"in": source(1), "z": eye, "10": lif(1), "y": eye, "9": lif(1), "x": eye, "1": lif(1)}
    network, _ = read_network(save(tmp_path, nodes))
    assert list(sizes(network)) == ["10", "9", "1", "in"]


def test_the_weight_threshold(tmp_path: Path) -> None:
    nodes = {"in": source(3), "w": nir.Linear(np.array([[0.0, 0.1, 0.5]], dtype=np.float64)), "lif": lif(1)}
    network, notes = read_network(save(tmp_path, nodes), weight_threshold=0.1)
    assert network.num_synapses == 1
    assert "1 synapse of |weight| <= 0.1 dropped" in notes


def test_a_raster_beside_the_graph(tmp_path: Path) -> None:
    path = save(tmp_path, {"in": source(2), "w": nir.Linear(np.ones((2, 2))), "lif": lif(2)})
    np.savez(tmp_path / "raster.npz", lif=np.array([[1, 0], [1, 1], [0, 1], [1, 0]]), **{"in": np.zeros((4, 2))})
    network, _ = read_network(path, spikes=tmp_path / "raster.npz")
    assert network.spikes.tolist() == [3, 2, 0, 0]
    assert not network.spikes_assumed


@pytest.mark.parametrize(
    ("nodes", "edges", "reason"),
    [
        (
            {"in": source(2), "w": nir.Linear(np.ones((2, 3))), "l": lif(2)},
            None,
            "node w takes 3 values, but is given 2",
        ),
        (
            {"in": source(2), "w": nir.Linear(np.ones((3, 2))), "l": lif(2)},
            None,
            "node l takes 2 values, but is given 3",
        ),
        (
            {"in": source(1), "a": nir.Scale(np.ones(1)), "b": nir.Scale(np.ones(1)), "l": lif(1)},
            [("in", "a"), ("a", "b"), ("b", "a"), ("b", "l")],
            "form a circle without a neuron",
        ),
        (
            {"in": source(2), "w": nir.Linear(np.array([[1.0, np.nan]])), "l": lif(1)},
            None,
            "synapse 2 -> 0 has the weight nan",
        ),
        (
            {
                "in": source(1, 2, 2),
                "p": nir.SumPool2d(np.array([3, 3]), np.array([1, 1]), np.array([0, 0])),
                "l": lif(1),
            },
            None,
            "kernel (3, 3) larger than its input (2, 2)",
        ),
        (
            {
                "in": source(3, 4, 4),
                "c": nir.Conv2d((4, 4), np.ones((1, 2, 1, 1)), 1, 0, 1, 1, np.zeros(1)),
                "l": lif(1),
            },
            None,
            "takes 2 channels",
        ),
        (
            {"in": source(1, 4, 4), "c": nir.Conv2d((4, 4), np.ones((1, 1, 3, 3)), 2, "same", 1, 1, np.zeros(1))},
            None,
            "padding 'same' with stride 2",
        ),
        ({"in": source(2), "l": lif(2)}, [("in", "l"), ("x", "l")], "an edge names node x, which does not exist"),
        ({"out": sink(1)}, [], "the shape of node out cannot be inferred"),
    ],
)
def test_bad_graphs(tmp_path: Path, nodes: dict[str, Any], edges: list[tuple[str, str]] | None, reason: str) -> None:
    path = save(tmp_path, nodes, edges)
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        read_network(path)


def test_as_many_nodes_in_a_row_as_are_read(tmp_path: Path) -> None:
    scales = {f"s{k}": nir.Scale(np.full(1, -1.0)) for k in range(1997)}
    network, _ = read_nir(save(tmp_path, {"in": source(1), **scales, "l": lif(1), "out": sink(1)}))
    assert matrix(network, "in", "l").tolist() == [[-1]]  # (-1)^1997


def test_a_missing_extra_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nir", None)
    with pytest.raises(InvalidInput, match=re.escape("pip install 'spinemap-exact[nir]'")):
        read_network(tmp_path / "net.nir")


def test_a_network_like_lenet_whose_pooling_neurons_count(tmp_path: Path) -> None:
    pool = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    nodes = {
        "in": source(1, 28, 28),
        "c1": nir.Conv2d((28, 28), np.ones((6, 1, 5, 5)), 1, 0, 1, 1, np.zeros(6)),
        "lif1": lif(6, 24, 24),
        "pool1": pool,
        "c2": nir.Conv2d((12, 12), np.ones((16, 6, 5, 5)), 1, 0, 1, 1, np.zeros(16)),
        "lif2": lif(16, 8, 8),
        "pool2": pool,
        "flat": nir.Flatten({"input": np.array([16, 4, 4])}, 0, -1),
        "d1": nir.Linear(np.ones((500, 256))),
        "lif3": lif(500),
        "d2": nir.Linear(np.ones((10, 500))),
        "lif4": lif(10),
    }
    path = save(tmp_path, nodes)

    counted, _ = read_nir(path, pooling_neurons=True)
    assert counted.num_neurons == 784 + 3456 + 864 + 1024 + 256 + 500 + 10 == 6894
    assert counted.num_synapses == 3456 * 25 + 864 * 4 + 1024 * 25 * 6 + 256 * 4 + 500 * 256 + 10 * 500 == 377_480

    folded, _ = read_nir(path)
    assert folded.num_neurons == 6894 - 864 - 256
    # a kernel of 5 over pooled pairs reads 10 x 10 values of each of the 6 channels
    assert folded.num_synapses == 3456 * 25 + 1024 * 100 * 6 + 500 * 1024 + 10 * 500


@pytest.mark.parametrize(
    ("first", "inputs", "neurons"),
    [
        (nir.Linear(np.ones((3, 4))), 4, 3),
        (nir.Affine(np.ones((2, 5)), np.ones(2)), 5, 2),
        # 2 channels of 3 x 3 pixels, kernels of 2 x 2: 3 channels of 2 x 2 outputs
        (nir.Conv2d((3, 3), np.ones((3, 2, 2, 2)), 1, 0, 1, 1, np.zeros(3)), 18, 12),
    ],
    ids=["linear", "affine", "convolution"],
)
def test_an_input_of_one_value_is_what_its_readers_take(tmp_path: Path, first: Any, inputs: int, neurons: int) -> None:
    """Exporters that know no shapes write 1."""
    network, notes = read_nir(save(tmp_path, {"in": source(1), "w": first, "n": lif(neurons), "out": sink(1)}))

    assert sizes(network) == {"n": neurons, "in": inputs}
    assert any(note.startswith("node in states the shape (1,), what follows takes ") for note in notes)


def test_an_input_of_one_value_that_is_one(tmp_path: Path) -> None:
    network, notes = read_nir(save(tmp_path, {"in": source(1), "w": nir.Linear(np.ones((3, 1))), "n": lif(3)}))
    assert sizes(network) == {"n": 3, "in": 1}
    assert not any("states the shape" in note for note in notes)


@pytest.mark.parametrize("stated", [1, 2])
def test_an_input_that_its_readers_contradict(tmp_path: Path, stated: int) -> None:
    nodes = {"in": source(stated), "a": nir.Linear(np.ones((2, 3))), "b": nir.Linear(np.ones((2, 4))), "n": lif(2)}
    path = save(tmp_path, nodes, [("in", "a"), ("in", "b"), ("a", "n"), ("b", "n")])
    with pytest.raises(InvalidInput, match=f"node a takes 3 values, but is given {stated}"):
        read_nir(path)


def test_parameters_without_a_shape_and_a_flatten_that_counts_a_batch(tmp_path: Path) -> None:
    """One parameter for all neurons, as some exporters write it, and ``start_dim`` as of a batch."""
    nodes = {
        "in": source(2, 2, 2),
        "flat": nir.Flatten({"input": np.array([2, 2, 2])}, start_dim=1, end_dim=-1),
        "w": nir.Linear(np.ones((3, 8))),
        "n": cuba(1),
        "out": sink(3),
    }
    network, _ = read_nir(save(tmp_path, nodes))
    assert sizes(network) == {"n": 3, "in": 8} and network.num_synapses == 24

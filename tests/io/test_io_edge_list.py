"""Edge lists, their spike counts and the native format."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io import read_network, write_network
from spinemap_exact.network import Network, Population


def synapses(network: Network) -> list[tuple[int, int]]:
    return list(zip(network.pre.tolist(), network.post.tolist(), strict=True))


def write(folder: Path, text: str, name: str = "net.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pre,post\n0,2\n1,2\n2,3\n", "net.csv"),
        ("0,2\n1,2\n2,3\n", "net.csv"),
        ("source\ttarget\n0\t2\n1\t2\n2\t3\n", "net.tsv"),
        ("# a comment\nfrom,to\n0,2\n# another\n1,2\n\n2,3\n", "net.csv"),
        ("post;delay;pre\n2;5;0\n2;5;1\n3;5;2\n", "net.csv"),
        ("0 2\n1 2\n2 3\n", "net.txt"),
        ("\ufeffpre,post\r\n0,2\r\n1,2\r\n2,3\r\n", "net.csv"),
    ],
)
def test_separators_headers_and_comments(tmp_path: Path, text: str, name: str) -> None:
    network, notes = read_network(write(tmp_path, text, name))

    assert synapses(network) == [(0, 2), (1, 2), (2, 3)]
    assert network.spikes.tolist() == [1, 1, 1, 1] and network.spikes_assumed
    assert network.weights is None
    assert notes == ["no spike counts were given: traffic is assumed, one spike for every neuron"]


ASSUMED = "no spike counts were given: traffic is assumed, one spike for every neuron"
TWICE = "i and j are read as ids of one network; PyNN and Brian2 number either population from 0"


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("2.0,0.0,4\n0.0,1.0,8\n", []),  # ids that went through a table of floats
        ("2.000000000000000000e+00 0.0e+00 4.0\n0.0 1.0 8.0\n", []),
        ("i,j,w\n2,0,4\n0,1,8\n", [TWICE]),
        ('"Source","Destination","Weight"\n"2","0","4"\n"0","1","8"\n', []),
        ("# columns = ['i', 'j', 'weight', 'delay']\n2\t0\t4\t1.0\n0\t1\t8\t1.0\n", [TWICE]),
        ('# columns = ["i", "j", "delay", "weight"]\n2 0 1.0 4\n0 1 1.0 8\n', [TWICE]),
        ("2 0 {'weight': 4}\n0 1 {'weight': 8.0, 'colour': 'red, or so'}\n", []),
        ("2,0,{'weight': 4}\n0,1,{'weight': 8.0}\n", []),
        ("pre,post,weight # of 2024\n2,0,4 # strong\n0,1,8\n", []),
        (",pre,post,weight\n0,2,0,4\n1,0,1,8\n", []),  # with the running number of pandas
        ("source_node_id;kind;target_node_id;syn_weight\n2;x;0;4\n0;y;1;8\n", ["columns that are not read: kind"]),
        ("Source,Target,Type,Weight\n2,0,Directed,4\n0,1,Directed,8\n", ["columns that are not read: type"]),
    ],
)
def test_edge_lists_of_other_tools(tmp_path: Path, text: str, notes: list[str]) -> None:
    network, said = read_network(write(tmp_path, text, "net.txt"))

    assert synapses(network) == [(0, 1), (2, 0)]
    assert network.weights is not None and network.weights.tolist() == [8, 4]
    assert network.populations == ()
    assert said == [*notes, ASSUMED]


def test_a_table_that_might_be_a_matrix(tmp_path: Path) -> None:
    network, notes = read_network(write(tmp_path, "0,1,0\n0,0,1\n1,0,0\n"))
    assert synapses(network) == [(0, 0), (0, 1), (1, 0)]
    assert "three lines of three are read as pre,post,weight, not as a matrix" in notes


def test_lines_of_networkx_without_attributes(tmp_path: Path) -> None:
    network, _ = read_network(write(tmp_path, "a b {}\nb c {}\n", "net.txt"))
    assert [p.name for p in network.populations] == ["a", "b", "c"]
    assert synapses(network) == [(0, 1), (1, 2)] and network.weights is None


def test_neurons_called_i_and_j_are_no_header(tmp_path: Path) -> None:
    network, _ = read_network(write(tmp_path, "i,j\nj,k\n"))
    assert [p.name for p in network.populations] == ["i", "j", "k"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "cell1,cell2\nA,B\nB,C\n",
            "line 1 of net.csv (cell1, cell2) looks like a header: name two columns",
        ),
        ("# of 2024\nA,B,size\nA,C,1\nB,C,2\n", "line 2 of net.csv (A, B) looks like a header"),
        ("a,b,w\n0,1,2\n", "line 1 of net.csv (a, b) looks like a header"),
        ("pre,source,post\n0,1,2\n", "has two columns for the pre-synaptic neuron, pre and source: keep one of them"),
        # write.table of R leaves out the name of its first column, and all others would be read one too early
        ("pre post weight\n1 0 1 0.5\n2 1 2 0.5\n", "line 2 of net.csv has 4 columns, the first line has 3"),
        ("0,1\n1,2,0.5\n", "line 2 of net.csv has 3 columns, the first line has 2"),
        ("pre,post\n0,1\n1,2,0.5\n", "line 3 of net.csv has 3 columns, the first line has 2"),
        ("0;1;0,5\n1;2;0,5\n", "line 1 of net.csv has the weight '0,5', not a number"),
        ("0.5,1.0\n1.0,2.0\n", "has the id 0.5, a number, but not a whole one"),
        ("Source,Target,Type\n0,1,Directed\n1,2,Undirected\n", "line 3 of net.csv is an undirected edge"),
        ("0 1 {'weight': 1}\n1 2\n", "line 2 of net.csv does not end in attributes, as the first one does"),
        ("0 1 {'weight': 1}\n1 2 {'weight': open}\n", "line 2 of net.csv ends in \"{'weight': open}\", no attributes"),
        ("0 1 {1}\n", "line 1 of net.csv ends in '{1}', no attributes"),
        ("0 1 {[]: 1}\n", "line 1 of net.csv ends in '{[]: 1}', no attributes"),
        ("0 1 {'weight': 1}\n1 2 {}\n", "line 2 of net.csv has the weight '', not a number"),
    ],
)
def test_lines_that_are_not_understood_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_network(write(tmp_path, text))
    assert reason in str(caught.value).replace(f"{tmp_path}/", "")


def test_a_raster_goes_by_the_numbers_of_ids_and_by_the_order_of_names(tmp_path: Path) -> None:
    np.save(tmp_path / "r.npy", np.array([70, 8, 9]))
    numbered, notes = read_network(write(tmp_path, "2.0,0.0\n0.0,1.0\n"), spikes=tmp_path / "r.npy")
    assert numbered.spikes.tolist() == [70, 8, 9] and notes == []
    named, notes = read_network(write(tmp_path, "c,a\na,b\n"), spikes=tmp_path / "r.npy")
    assert {p.name: int(named.spikes[p.start]) for p in named.populations} == {"c": 70, "a": 8, "b": 9}
    assert "r.npy counts neurons in the order of their first appearance: c, a, b, ..." in notes


def test_duplicates_are_merged_and_self_loops_kept_and_both_are_said(tmp_path: Path) -> None:
    network, notes = read_network(write(tmp_path, "pre,post,weight\n0,1,0.5\n1,1,2\n0,1,0.25\n1,0,-1\n"))

    assert synapses(network) == [(0, 1), (1, 0), (1, 1)]
    assert network.weights is not None and network.weights.tolist() == [0.75, -1, 2]
    assert "1 synapse listed more than once: merged, their weights added" in notes
    assert "1 self loop kept" in notes


def test_the_weight_threshold_drops_and_says_how_many(tmp_path: Path) -> None:
    path = write(tmp_path, "0,1,0\n0,2,0.1\n0,3,-0.1\n0,4,-0.2\n")

    kept, notes = read_network(path)
    assert kept.num_synapses == 4
    assert "1 synapse of weight zero kept, since the file lists them" in notes
    dropped, notes = read_network(path, weight_threshold=0.1)
    assert synapses(dropped) == [(0, 4)]
    assert dropped.num_neurons == 5
    assert "3 synapses of |weight| <= 0.1 dropped" in notes


def test_text_ids_are_numbered_in_order_of_appearance_and_keep_their_names(tmp_path: Path) -> None:
    path = write(tmp_path, "pre,post,type\nAVA,DA1,chemical\nAVB,AVA,gap\nAVA,VA2,chemical\n")

    network, _ = read_network(path)
    assert [p.name for p in network.populations] == ["AVA", "DA1", "AVB", "VA2"]
    assert synapses(network) == [(0, 1), (0, 3), (2, 0)]
    chemical, notes = read_network(path, where={"type": "chemical"})
    assert [p.name for p in chemical.populations] == ["AVA", "DA1", "VA2"]
    assert "1 line of 3 left out, since only type = chemical was wanted" in notes


def test_counts_mark_inputs_and_name_neurons_without_synapses(tmp_path: Path) -> None:
    counts = write(tmp_path, "neuron,spikes,input\n0,7,1\n2,3,0\n4,1,0\n", "counts.csv")
    network, notes = read_network(write(tmp_path, "0,1\n0,2\n"), spikes=counts)

    assert network.spikes.tolist() == [7, 0, 3, 0, 1]
    assert network.is_input.tolist() == [True, False, False, False, False]
    assert not network.spikes_assumed
    assert "2 neurons without recorded spikes: counted as zero spikes" in notes
    write(tmp_path, "neuron,spikes,input\n0.0,7,1\n2.0,3,0\n4.0,1,0\n", "counts.csv")
    assert read_network(tmp_path / "net.csv", spikes=counts)[0].digest == network.digest


def test_counts_by_name(tmp_path: Path) -> None:
    counts = write(tmp_path, "name,count\nC,2\nA,9\nD,1\n", "counts.csv")
    network, _ = read_network(write(tmp_path, "A,B\nB,C\n"), spikes=counts)
    assert {p.name: int(network.spikes[p.start]) for p in network.populations} == {"A": 9, "B": 0, "C": 2, "D": 1}


@st.composite
def networks(draw: st.DrawFn) -> Network:
    size = draw(st.integers(1, 8))
    is_input = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    pairs = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1).filter(lambda i: not is_input[i]))
    drawn = [] if is_input.all() else draw(st.lists(pairs, max_size=20))
    listed = sorted(set(drawn))
    spikes = draw(st.lists(st.integers(0, 2**40), min_size=size, max_size=size))
    floats = st.floats(-(2.0**100), 2.0**100, width=32)
    weights = draw(st.none() | st.lists(floats, min_size=len(listed), max_size=len(listed)))
    return Network.from_synapses(
        [a for a, _ in listed],
        [b for _, b in listed],
        spikes,
        is_input=is_input,
        weights=weights if weights is None else np.array(weights, dtype=np.float32),
        populations=(Population("första", 0, 1), Population("all", 0, size)),
        window_s=draw(st.none() | st.floats(0, 100)),
        spikes_assumed=draw(st.booleans()),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(network=networks())
def test_the_native_format_keeps_every_field(tmp_path: Path, network: Network) -> None:
    write_network(tmp_path / "net.npz", network)
    back, notes = read_network(tmp_path / "net.npz")

    assert back.digest == network.digest
    for name in ("populations", "window_s", "spikes_assumed"):
        assert getattr(back, name) == getattr(network, name)
    assert (back.weights is None) == (network.weights is None)
    assert network.weights is None or np.array_equal(back.weights, network.weights)
    assert bool(notes) == network.spikes_assumed


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(network=networks().filter(lambda n: n.num_synapses > 0))
def test_an_edge_list_keeps_what_is_mapped(tmp_path: Path, network: Network) -> None:
    write_network(tmp_path / "net.tsv", network)
    back, notes = read_network(tmp_path / "net.tsv")

    assert back.digest == network.digest
    assert back.spikes_assumed == network.spikes_assumed
    assert network.weights is None or np.array_equal(back.weights, network.weights)
    assert "spike counts are those of net.spikes.csv beside the edge list" in notes


def test_a_native_network_takes_other_spikes_and_a_threshold(tmp_path: Path) -> None:
    network = Network.from_synapses([0, 1], [1, 0], [5, 6], weights=np.array([0.5, 0.01]))
    write_network(tmp_path / "net.npz", network)
    counts = write(tmp_path, "0,1\n1,2\n", "counts.csv")

    back, _ = read_network(tmp_path / "net.npz", spikes=counts, weight_threshold=0.1)
    assert synapses(back) == [(0, 1)]
    assert back.spikes.tolist() == [1, 2]


def test_an_altered_native_file_is_refused(tmp_path: Path) -> None:
    write_network(tmp_path / "net.npz", Network.from_synapses([0], [1], [5, 6]))
    with np.load(tmp_path / "net.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "net.npz", **{**arrays, "spikes": np.array([5, 7])})
    with pytest.raises(InvalidInput, match="was altered"):
        read_network(tmp_path / "net.npz")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0,1\n5000000000,1\n", "neuron id 5000000000 in a list of 2 lines"),
        ("0,1\n1,99999999999999999999\n", "overflows int32"),
        ("0,1\n-1,2\n", "pre-synaptic neuron -1 is negative"),
        ("0,1\n2,x\n", "mixes ids that are whole numbers (0) with others ('x')"),
        ("pre,post\n", "holds no synapse"),
        ("", "holds no synapse"),
        ("0,1,nan\n", "has the weight nan, which is not finite"),
        ("0,1,1e99\n", "synapse 0 -> 1 has the weight 1e+99"),
        ("0,1,heavy\n", "line 1 of"),
        ("pre,post\n0\n", "line 2 of"),
        ("a,b\na,\n", "names no post-synaptic neuron"),
        ("7\n", "one column"),
    ],
)
def test_bad_edge_lists(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        read_network(write(tmp_path, text))


def test_where_asks_for_a_column_that_is_there(tmp_path: Path) -> None:
    path = write(tmp_path, "pre,post,type\n0,1,gap\n")
    with pytest.raises(InvalidInput, match="no column 'kind'; it has pre, post, type"):
        read_network(path, where={"kind": "gap"})
    with pytest.raises(InvalidInput, match="no synapse with type = chemical"):
        read_network(path, where={"type": "chemical"})
    with pytest.raises(InvalidInput, match="is no edge list"):
        read_network(tmp_path / "net.nir", where={"type": "gap"})


@pytest.mark.parametrize("threshold", [-1.0, float("nan")])
def test_a_threshold_is_not_negative(tmp_path: Path, threshold: float) -> None:
    with pytest.raises(InvalidInput, match="weight threshold"):
        read_network(write(tmp_path, "0,1,1\n"), weight_threshold=threshold)


def test_a_threshold_needs_weights(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the network has no weights"):
        read_network(write(tmp_path, "0,1\n"), weight_threshold=0.5)

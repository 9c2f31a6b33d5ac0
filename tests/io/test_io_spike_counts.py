"""Spike counts in every format, and every way to get them wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io._recording import Recording
from spinemap_exact.io.spike_counts import read_spike_counts
from spinemap_exact.network import Population

POPULATIONS = (Population("lif1", 0, 3), Population("fc.lif", 3, 5), Population("in", 5, 8))
IS_INPUT = np.arange(8) >= 5


def counts(path: Path, text: str) -> Recording:
    path.write_text(text)
    return read_spike_counts(path, 8, POPULATIONS, IS_INPUT)


@pytest.mark.parametrize(
    "names",
    [("0", "4", "5"), ("lif1[0]", "fc.lif[1]", "in[0]"), ("lif1.0", "fc.lif:1", "in_0"), ("lif1/0", "4", "in0")],
)
def test_neurons_by_id_and_by_place_in_a_population(tmp_path: Path, names: tuple[str, ...]) -> None:
    text = "neuron,spikes\n" + "".join(f"{name},{k}\n" for k, name in enumerate(names, 7))
    recorded = counts(tmp_path / "c.csv", text)

    assert recorded.counts.tolist() == [7, 0, 0, 0, 8, 9, 0, 0]
    assert recorded.notes == ["5 neurons without recorded spikes: counted as zero spikes"]


def test_numbered_names_stand_for_the_population_of_their_size(tmp_path: Path) -> None:
    # three names h0 ... h2: lif1 has three neurons, and so has in, but inputs do not spike in a recording of neurons
    recorded = counts(tmp_path / "c.csv", "h0,1\nh1,2\nh2,3\n")
    assert recorded.counts.tolist() == [1, 2, 3, 0, 0, 0, 0, 0]
    assert "the spike counts of h0, h1, ... are read as those of lif1" in recorded.notes


def test_whole_numbers_may_be_written_as_decimals(tmp_path: Path) -> None:
    assert counts(tmp_path / "c.tsv", "neuron\tspikes\n0\t3.0\n1\t1e3\n").counts.tolist()[:2] == [3, 1000]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0,-1\n", "the spike count of neuron 0 is -1, which is negative"),
        ("lif1[2],2.5\n", "the spike count of neuron lif1[2] is 2.5, not a whole number"),
        ("0,nan\n", "the spike count of neuron 0 is nan, not a whole number"),
        ("0,many\n", "the spike count of neuron 0 is 'many', not a number"),
        ("0,9223372036854775808\n", "which overflows int64"),
        ("0,1e999999999\n", "which overflows int64"),
        ("8,1\n", "counts the spikes of neuron 8, outside 0 ... 7"),
        ("-1,1\n", "counts the spikes of neuron -1, outside 0 ... 7"),
        ("0,1\nlif1.0,1\n", "counts the spikes of neuron lif1.0 twice"),
        ("lif1[3],1\n", "neuron lif1[3]; lif1 has 3 neurons"),
        ("soma,1\n", "neuron 'soma', which the network does not have"),
        ("h0,1\n", "counts 1 neurons h0 ...: no population has that many"),
        ("h0,1\nh1,1\nh2,1\nk0,1\n", "names neurons h... and k...; use names of populations"),
        ("0\n", "line 1 of"),
        ("0,1,maybe\n", "marks an input with 'maybe'"),
        ("", "holds no spike counts"),
        ("neuron,spikes\n", "holds no spike counts"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        counts(tmp_path / "c.csv", text)


@pytest.mark.parametrize(
    "text",
    [
        "neuron;spikes\n0;7\n4;8\n",
        "neuron spikes\n0 7\n4 8\n",
        "# counts\n\nneuron\tspikes\n0\t7\n4\t8\n",
        "0;7\n4;8\n",
        ",neuron,spikes\n0,0,7\n1,4,8\n",  # with the running number that pandas writes
        ",Unnamed: 0,neuron,spikes\n0,0,0,7\n1,1,4,8\n",  # and writes again
        "spikes,neuron,is_input\n7,0,0\n8,4,0\n",
        "neuron,spikes # in 5 s\n0.0,7\n4.000000000000000000e+00,8 # the last\n",
        "population,node_id,count\nlif1,0,7\nfc.lif,1,8\n",
        "population,id,spikes\nlif1,0,7\nlif1,2,0\nfc.lif,1,8\n",
    ],
)
def test_separators_columns_and_ids_of_tables(tmp_path: Path, text: str) -> None:
    assert counts(tmp_path / "c.csv", text).counts.tolist() == [7, 0, 0, 0, 8, 0, 0, 0]


def test_a_column_marks_external_inputs_under_either_name(tmp_path: Path) -> None:
    recorded = counts(tmp_path / "c.csv", "id,count,is_input\n0,7,0\n1,2,1\n")
    assert recorded.is_input is not None and recorded.is_input.tolist() == [False, True, *[False] * 3, *[True] * 3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("neuron,spikes,rate\n0,7,1\n", "has a column 'rate' that is not understood; counts have the columns neuron, "),
        ("neuron,rate\n0,7\n", "has a column 'rate' that is not understood"),
        ("neuron,input\n0,1\n", "has no column spikes"),
        ("neuron,id,spikes\n0,1,7\n", "has two columns for the neuron, neuron and id"),
        ("neuron,spikes\n1,0,7\n", "line 2 of c.csv has 3 columns, the first line has 2"),
        ("1,0,7,1\n", "has 4 columns and no header"),
        ("population,neuron,spikes\nv1,0,7\nv1,1,7\n", "names the population 'v1'; the network has lif1, fc.lif, in"),
        ("population,neuron,spikes\nin,0,7\nv1,1,7\n", "names the population 'v1'"),
    ],
)
def test_columns_that_are_not_understood_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        counts(tmp_path / "c.csv", text)
    assert reason in str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.csv", "neuron,time\n4,1\n0,2\n4,3\n"),  # whole milliseconds look like counts
        ("s.csv", "timestamps population node_ids\n0.5 lif1 0\n0.5 fc.lif 1\n7.25 fc.lif 1\n"),
        ("s.csv", "i;t\n4.0;1e-3\n0.0;2e-3\n4.0;3e-3\n"),
        ("s.dat", "# NEST version: 3.8\n# RecordingBackendASCII version: 2\nsender\ttime_ms\n4\t1.0\n0\t1.0\n4\t9.1\n"),
        ("s.dat", "sender\ttime_step\ttime_offset\n4\t10\t0.0\n0\t10\t0.0\n4\t91\t-0.5\n"),
        ("s.gdf", "4 1.0\n0 1.0\n4 9.1\n"),
    ],
)
def test_spike_events_are_counted(tmp_path: Path, name: str, text: str) -> None:
    recorded = counts(tmp_path / name, text)
    assert recorded.counts.tolist() == [1, 0, 0, 0, 2, 0, 0, 0]
    assert f"3 spike events of {name} counted" in recorded.notes
    nest = "NEST numbers its nodes from 1; the ids of events are taken as they stand, neurons count from 0"
    assert (nest in recorded.notes) == (name != "s.csv")


def test_events_of_one_population_are_those_of_a_network_without_any(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("times,population,id\n1.5,v1,2\n2.5,v1,2\n")
    recorded = read_spike_counts(tmp_path / "s.csv", 3)
    assert recorded.counts.tolist() == [0, 0, 2]
    assert "the neurons of v1 are read as those of the whole network" in recorded.notes


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("s.csv", "neuron,time\n0,soon\n", "line 2 of s.csv has the time 'soon', not a number"),
        ("s.csv", "neuron,time,channel\n0,1,2\n", "has a column 'channel' that is not understood"),
        ("s.csv", "time,channel\n0,1\n", "has times of spikes, but no column neuron"),
        ("s.csv", "neuron,time,population\n0,1\n", "line 2 of s.csv has 2 columns, not neuron and time"),
        ("s.csv", "neuron,time\n8,1\n", "counts the spikes of neuron 8, outside 0 ... 7"),
        # two of them spiked, and fc.lif has two neurons: that says nothing
        ("s.csv", "neuron,time\nh0,1\nh1,1\n", "neuron 'h0', which the network does not have"),
        ("s.dat", "1 2 3\n", "has 3 columns and no header; wanted: id, time"),
        ("s.dat", "", "holds no spike events"),
        ("s.dat", "neuron spikes\n0 1\n", "holds no spike events"),
    ],
)
def test_bad_events(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        counts(tmp_path / name, text)
    assert reason in str(caught.value).replace(f"{tmp_path}/", "")


def raster(path: Path, array: Any) -> Recording:
    np.save(path, array)
    return read_spike_counts(path, 8, POPULATIONS, IS_INPUT)


def test_a_raster_is_time_by_neurons(tmp_path: Path) -> None:
    spikes = np.zeros((10, 8), dtype=bool)
    spikes[2:5, 1] = spikes[9, 7] = True
    assert raster(tmp_path / "r.npy", spikes).counts.tolist() == [0, 3, 0, 0, 0, 0, 0, 1]
    # without the three external inputs
    recorded = raster(tmp_path / "r.npy", spikes[:, :5])
    assert recorded.counts.tolist() == [0, 3, 0, 0, 0, 0, 0, 0]
    assert recorded.notes == ["3 neurons without recorded spikes: counted as zero spikes"]
    assert raster(tmp_path / "r.npy", np.arange(8)).counts.tolist() == list(range(8))


def test_small_integers_do_not_overflow_in_the_sum(tmp_path: Path) -> None:
    assert raster(tmp_path / "r.npy", np.full((300, 8), 100, dtype=np.int8)).counts.tolist() == [30_000] * 8


def test_an_archive_names_its_populations(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **{"fc.lif": np.ones((4, 2)), "in": np.array([1, 2, 3])})
    recorded = read_spike_counts(tmp_path / "r.npz", 8, POPULATIONS, IS_INPUT)
    assert recorded.counts.tolist() == [0, 0, 0, 4, 4, 1, 2, 3]
    assert recorded.notes == ["3 neurons without recorded spikes: counted as zero spikes"]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((8, 10)), "counts 10 neurons; the network has 8 (or 5 without the external inputs)"),
        (np.full((1, 8), 0.5), "the spike count of neuron 0 is 0.5, which is not a whole number"),
        (np.full((1, 8), np.nan), "the spike count of neuron 0 is nan, which is not a whole number"),
        (-np.eye(8, dtype=int), "the spike count of neuron 0 is -1, which is negative"),
        (np.full((4, 8), 2**62), "the spike count of neuron 0 overflows int64"),
        (np.zeros((2, 2, 2)), "wanted: numbers (time, neurons)"),
        (np.array(["a"]), "wanted: numbers (time, neurons)"),
    ],
)
def test_bad_rasters(tmp_path: Path, array: Any, reason: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        raster(tmp_path / "r.npy", array)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"fc.lif": np.ones((4, 3))}, "counts 3 neurons in fc.lif, which has 2"),
        ({"fc.lif": np.ones((4, 2)), "soma": np.ones(3)}, "an array 'soma', which is no population"),
    ],
)
def test_bad_archives(tmp_path: Path, arrays: dict[str, Any], reason: str) -> None:
    np.savez(tmp_path / "r.npz", **arrays)
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        read_spike_counts(tmp_path / "r.npz", 8, POPULATIONS, IS_INPUT)


def sonata(path: Path, **groups: Any) -> Recording:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, ids in groups.items():
            file[name.replace("__", "/")] = ids
    return read_spike_counts(path, 8, POPULATIONS, IS_INPUT)


def test_sonata_spikes(tmp_path: Path) -> None:
    ids = np.array([0, 2, 2], dtype=np.uint64)
    recorded = sonata(tmp_path / "s.h5", spikes__lif1__node_ids=ids, spikes__in__node_ids=ids[:1])
    assert recorded.counts.tolist() == [1, 0, 2, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ({"spikes__v1__node_ids": np.array([0])}, "has spikes of v1; populations: lif1, fc.lif, in"),
        ({"spikes__gids": np.array([0])}, "has spikes of an unnamed population"),
        ({"spikes__lif1__node_ids": np.array([3])}, "has a spike of neuron 3, outside 0 ... 2"),
        ({"spikes__lif1__node_ids": np.array([0.5])}, "spikes/lif1: node_ids holds float64 values, not integers"),
        ({"spikes__lif1__times": np.array([0.5])}, "neither spikes/POPULATION/node_ids nor spikes/gids"),
        ({"other": np.array([0])}, "has no group 'spikes'"),
    ],
)
def test_bad_sonata_spikes(tmp_path: Path, groups: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        sonata(tmp_path / "s.h5", **groups)


def test_unknown_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no suffix of a spike count file"):
        read_spike_counts(tmp_path / "spikes.doc", 8)
    for name in ("s.csv", "s.npy", "s.h5"):
        with pytest.raises(InvalidInput, match=f"cannot read .*{name}"):
            read_spike_counts(tmp_path / name, 8)

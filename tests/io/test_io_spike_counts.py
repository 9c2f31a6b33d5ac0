"""Spike counts in every format, and every way to get them wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io.spike_counts import Recording, read_spike_counts
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
        read_spike_counts(tmp_path / "spikes.dat", 8)
    for name in ("s.csv", "s.npy", "s.h5"):
        with pytest.raises(InvalidInput, match=f"cannot read .*{name}"):
            read_spike_counts(tmp_path / name, 8)

"""Small valid files of every format that is read, and ways to damage them.

``build(folder)`` writes them all; every entry of `SAMPLES` names the one file that is to be damaged and reads what it
belongs to. ``damaged(content, seed)`` gives back something else for every seed, the same each time.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinemap_exact.bench import read_suite
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid, read_hardware
from spinemap_exact.io import read_network, read_problem, write_network
from spinemap_exact.io.mapping_file import read_mapping, write_mapping
from spinemap_exact.io.qaplib import read_qaplib, read_qaplib_solution
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network, Population

h5py, nir = pytest.importorskip("h5py"), pytest.importorskip("nir")

HARDWARE = Hardware("chip", TileGrid(2, 2), (Crossbar(4, 4),))


def network() -> Network:
    names = (Population("cells", 0, 3), Population("source", 3, 4))
    weights = np.array([0.5, -1, 2, 1], dtype=np.float32)
    is_input = np.array([False, False, False, True])
    return Network.from_synapses(
        [0, 1, 2, 3], [1, 2, 0, 0], [5, 6, 7, 8], weights=weights, is_input=is_input, populations=names, window_s=1.0
    )


@dataclass(frozen=True)
class Sample:
    """A file to be damaged, and how what it belongs to is read.

    ``is_slow`` marks those that another process reads.
    """

    file: str
    read: Callable[[Path], Any]
    is_slow: bool = False


def _network(file: str, **beside: str) -> Callable[[Path], Any]:
    return lambda folder: read_network(folder / file, **{k: folder / v for k, v in beside.items()})


def _problem(file: str, kind: str, **options: Any) -> Callable[[Path], Any]:
    return lambda folder: read_problem(folder / file, kind, **options)


SAMPLES = {
    "edge list": Sample("net.csv", _network("net.csv")),
    "edge list with names": Sample("named.csv", _network("named.csv")),
    "edge list with blanks": Sample("blanks.txt", _network("blanks.txt")),
    "counts": Sample("counts.csv", _network("net.csv", spikes="counts.csv")),
    "counts by name": Sample("by_name.csv", _network("net.npz", spikes="by_name.csv")),
    "raster npy": Sample("raster.npy", _network("net.csv", spikes="raster.npy")),
    "raster npz": Sample("rasters.npz", _network("net.npz", spikes="rasters.npz")),
    "native": Sample("net.npz", _network("net.npz")),
    "spike events": Sample("events.csv", _network("net.csv", spikes="events.csv")),
    "edge list of networkx": Sample("attributes.txt", _network("attributes.txt")),
    "graphml": Sample("net.graphml", _network("net.graphml")),
    "hypergraph": Sample("net.hgr", _network("net.hgr")),
    "matrix market": Sample("net.mtx", _network("net.mtx")),
    "dense matrix": Sample("dense.npy", _network("dense.npy")),
    "sparse matrix": Sample("sparse.npz", _network("sparse.npz")),
    "nir": Sample("net.nir", _network("net.nir"), is_slow=True),
    "nir convolution": Sample("conv.nir", _network("conv.nir"), is_slow=True),
    "sonata config": Sample("sonata/config.json", _network("sonata"), is_slow=True),
    "sonata nodes": Sample("sonata/nodes.h5", _network("sonata"), is_slow=True),
    "sonata node types": Sample("sonata/types.csv", _network("sonata"), is_slow=True),
    "sonata edges": Sample("sonata/edges.h5", _network("sonata"), is_slow=True),
    "sonata spikes": Sample("sonata/spikes.h5", _network("sonata"), is_slow=True),
    "tennlab": Sample("tennlab.json", _network("tennlab.json")),
    "mapping json": Sample("mapping.json", lambda folder: read_mapping(folder / "mapping.json", network(), HARDWARE)),
    "mapping json.gz": Sample(
        "mapping.json.gz", lambda folder: read_mapping(folder / "mapping.json.gz", network(), HARDWARE)
    ),
    "mapping csv": Sample("mapping.csv", lambda folder: read_mapping(folder / "mapping.csv", network(), HARDWARE)),
    "partition": Sample("partition.json", _problem("partition.json", "partition")),
    "unroll": Sample("unroll.json", _problem("unroll.json", "unroll")),
    "placement": Sample("placement.json", _problem("placement.json", "placement")),
    "qaplib": Sample("qap.dat", _problem("qap.dat", "qap")),
    "qaplib solution": Sample(
        "qap.sln", lambda folder: read_qaplib_solution(folder / "qap.sln", read_qaplib(folder / "qap.dat").problem)
    ),
    "core graph": Sample("cores.csv", _problem("cores.csv", "noc", mesh="2x2")),
    "bin packing": Sample("bins.txt", _problem("bins.txt", "packing")),
    "hardware": Sample("chip.toml", lambda folder: read_hardware(folder / "chip.toml")),
    "suite": Sample("suite.toml", lambda folder: read_suite(folder / "suite.toml")),
}


def build(folder: Path) -> None:
    """Write all samples."""
    net = network()
    write_network(folder / "net.npz", net)
    write_network(folder / "net.csv", net)
    mapping = Mapping(Unrolling.identity(net), Partition(np.array([0, 0, 1])), Placement(np.array([2, 1])))
    for name in ("mapping.json", "mapping.json.gz"):
        write_mapping(folder / name, mapping, net, HARDWARE)
    np.save(folder / "raster.npy", np.arange(12).reshape(3, 4))
    np.save(folder / "dense.npy", np.arange(9).reshape(3, 3))
    csr = {"data": np.ones(2), "indices": np.array([1, 0]), "indptr": np.array([0, 1, 2])}
    np.savez(folder / "sparse.npz", format=np.array(b"csr"), shape=np.array([2, 2]), **csr)
    np.savez(folder / "rasters.npz", cells=np.eye(3), source=np.ones((5, 1)))
    for name, text in _TEXTS.items():
        (folder / name).write_text(text)
    for name, table in _TABLES.items():
        (folder / name).write_text(json.dumps(table))
    _build_nir(folder)
    _build_sonata(folder / "sonata")


_TEXTS = {
    "named.csv": 'pre,post,weight,type\na,b,0.5,x\n"b",c,1e-3,y\nc,a,-2,x\n',
    "blanks.txt": "# a comment\n0 1\n1 2 \n2 0\n",
    "counts.csv": "neuron,spikes,input\n0,3,0\n1,4,0\n2,5,0\n3,100,1\n",
    "by_name.csv": "cells[0],3\ncells[1],4\nsource0,12\n",
    "events.csv": "timestamps population node_ids\n0.5 a 0\n0.75 a 1\n1e2 a 1\n",
    "attributes.txt": "0 1 {'weight': 0.5}\n1 2 {'weight': 2, 'delay': 1}\n",
    "net.hgr": "2 4 1\n7 1 2 3\n2 3 4\n",
    "net.mtx": "%%MatrixMarket matrix coordinate real symmetric\n% 1\n3 3 2\n2 1 0.5\n3 2 -1e-3\n",
    "net.graphml": '<graphml><key id="w" for="edge" attr.name="weight" attr.type="double"/>'
    '<graph edgedefault="directed"><node id="a"/><node id="b"/>'
    '<edge source="a" target="b"><data key="w">4</data></edge></graph></graphml>',
    "mapping.csv": "neuron,tile\n0,2\n1,2\n2,1\n",
    "qap.dat": "3\n\n0 5 2\n5 0 3\n2 3 0\n\n0 1 2\n1 0 1\n2 1 0\n",
    "qap.sln": "3 30\n 3 1 2\n",
    "cores.csv": "source,target,weight\n0,1,70.5\n1,2,1/3\n2,3,60\n",
    "bins.txt": "5\n10\n3 4 5 6\n7\n",
    "chip.toml": 'name = "chip"\n[grid]\nwidth = 3\nheight = 2\nio_tile = 0\n[[crossbar]]\nrows = 4\ncolumns = 5\n'
    'count = 6\n[energy]\npacket = "1.7 pJ"\nhop = 30\n[latency]\nhop = "2.1 ns"\n',
    "suite.toml": '[[case]]\nname = "p"\nproblem = "partition"\nfile = "partition.json"\nclusters = 2\n'
    'best = {objective = 3, bound = 3, by = "x"}\n[[case]]\nname = "b"\nproblem = "packing"\nfile = "bins.txt"\n'
    '[[case]]\nname = "g"\nproblem = "mapping"\nhardware = "chip.toml"\n'
    'generate = {kind = "random_sparse", neurons = 10, synapses = 20, seed = 1}\n'
    '[[case]]\nname = "n"\nproblem = "noc"\nfile = "cores.csv"\nmesh = "2x2"\nfamily = "small"\n',
}
_TABLES: dict[str, Any] = {
    "tennlab.json": {
        "Nodes": [{"id": 0}, {"id": 4}, {"id": 7}],
        "Edges": [{"from": 0, "to": 4, "values": [1.5, 2]}, {"from": 4, "to": 7, "values": [-0.5, 1]}],
        "Properties": {"edge_properties": [{"name": "Weight", "index": 0}, {"name": "Delay", "index": 1}]},
    },
    "partition.json": {
        "num_neurons": 3,
        "num_inputs": 1,
        "rows": 4,
        "columns": 2,
        "spikes": [5, 6, 7, 8],
        "fan_in": [[1, 3], [0], [1]],
    },
    "unroll.json": {"rows": 2, "columns": 4, "fan_in": [[0, 1, 2], [1], [0, 2]]},
    "placement.json": {"width": 2, "height": 2, "clusters": 3, "traffic": [[0, 1, 50], [1, 2, 7]]},
}


def _build_nir(folder: Path) -> None:
    one, few = np.ones(2), np.ones((2, 3, 3))
    source, sink = nir.Input({"input": np.array([3])}), nir.Output({"output": np.array([2])})
    cells = nir.LIF(tau=one, r=one, v_leak=one, v_threshold=one, v_reset=one)
    dense = nir.Affine(np.array([[0.5, 1, 0], [2, 0, 1]]), one)
    nodes = {"input": source, "dense": dense, "cells": cells, "output": sink}
    edges = [("input", "dense"), ("dense", "cells"), ("cells", "output")]
    nir.write(folder / "net.nir", nir.NIRGraph(nodes, edges, type_check=False))
    conv = nir.Conv2d((4, 4), np.ones((2, 1, 2, 2)), 1, 0, 1, 1, one)
    nodes = {
        "input": nir.Input({"input": np.array([1, 4, 4])}),
        "conv": conv,
        "cells": nir.IF(few, few, few),
        "pool": nir.SumPool2d(np.array([3, 3]), np.array([1, 1]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([2, 1, 1])}, 0, -1),
        "more": nir.LI(one, one, one),
    }
    nir.write(folder / "conv.nir", nir.NIRGraph(nodes, list(itertools.pairwise(nodes)), type_check=False))


def _build_sonata(folder: Path) -> None:
    folder.mkdir()
    with h5py.File(folder / "nodes.h5", "w") as file:
        file["nodes/cells/node_type_id"] = np.array([1, 1, 1, 2])
        file["nodes/cells/node_id"] = np.arange(4)
    with h5py.File(folder / "edges.h5", "w") as file:
        group = file.create_group("edges/cells_to_cells")
        for side, ids in (("source", [0, 1, 2, 3]), ("target", [1, 2, 0, 0])):
            group[f"{side}_node_id"] = np.array(ids, dtype=np.uint64)
            group[f"{side}_node_id"].attrs["node_population"] = "cells"
        group["edge_type_id"] = np.full(4, 7)
        group["edge_group_id"], group["edge_group_index"] = np.zeros(4, dtype=int), np.arange(4)
        group["0/nsyns"], group["0/syn_weight"] = np.array([1, 2, 1, 3]), np.array([0.5, 1, 2, 1])
    with h5py.File(folder / "spikes.h5", "w") as file:
        file.create_dataset("spikes/cells/node_ids", data=np.arange(4).repeat(5), chunks=(8,), compression="gzip")
    (folder / "types.csv").write_text('node_type_id model_type note\n1 point_process "a b"\n2 virtual NULL\n')
    config = {
        "manifest": {"$BASE": ".", "$NET": "$BASE"},
        "networks": {
            "nodes": [{"nodes_file": "$NET/nodes.h5", "node_types_file": "${NET}/types.csv"}],
            "edges": [{"edges_file": "$NET/edges.h5", "edge_types_file": None}],
        },
        "run": {"tstop": 500.0},
        "output": {"output_dir": "$BASE", "spikes_file": "spikes.h5"},
    }
    (folder / "config.json").write_text(json.dumps(config))


_NUMBERS = (
    *(b"0", b"-1", b"2", b"4.9", b"true", b'"4"', b"null", b"NaN", b"Infinity", b"-inf", b"1e999", b"1e999999999"),
    *(b"2147483648", b"9223372036854775807", b"9223372036854775808", b"1e18", b"9" * 50, b"7" * 5000, b"1_0", b"0x10"),
    *("\u0663".encode(), b"[]", b"{}", b"[" * 5000, b'{"a":' * 5000, b"1" + b"[1]" * 3, b"1e-40", b"1/0"),
)
_BYTES = (
    *(b"\0", b'"', b"\n", b"\r", b",", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"#", b"\t"),
    *(b"x" * 200_000, b"$NET" * 20),
)
_WORDS = (*(n.to_bytes(size, "little") for n in (0, 1, 2**31 - 1, 2**31) for size in (4, 8)), b"\xff" * 8)


def damaged(content: bytes, seed: int) -> bytes:
    """Damage a file; every seventh seed damages it twice."""
    chance = random.Random(seed)
    for _ in range(1 + (seed % 7 == 0)):
        content = chance.choice(_WAYS)(content, chance)
    return content


def _flipped(content: bytes, chance: random.Random) -> bytes:
    some = bytearray(content)
    for _ in range(chance.randint(1, 8) if some else 0):
        some[chance.randrange(len(some))] ^= 1 << chance.randrange(8)
    return bytes(some)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randint(0, len(content))]


def _without(content: bytes, chance: random.Random) -> bytes:
    start, stop = sorted(chance.randint(0, len(content)) for _ in range(2))
    return content[:start] + content[stop:]


def _inserted(content: bytes, chance: random.Random) -> bytes:
    place = chance.randint(0, len(content))
    return content[:place] + chance.choice((*_BYTES, chance.randbytes(chance.randint(1, 50)))) + content[place:]


def _doubled(content: bytes, chance: random.Random) -> bytes:
    start, stop = sorted(chance.randint(0, len(content)) for _ in range(2))
    return content[:stop] + content[start:stop] * chance.choice((1, 1, 1, 2, 50)) + content[stop:]


def _renumbered(content: bytes, chance: random.Random) -> bytes:
    """Put another number in the place of one, or another word in that of a binary file."""
    found = list(re.finditer(rb"-?\d[\d.]*", content))
    if b"\0" in content or not found:
        word = chance.choice(_WORDS)
        place = chance.randint(0, max(0, len(content) - len(word)))
        return content[:place] + word + content[place + len(word) :]
    one = chance.choice(found)
    return content[: one.start()] + chance.choice(_NUMBERS) + content[one.end() :]


def _reordered(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


_WAYS = (_flipped, _flipped, _cut, _without, _inserted, _doubled, _renumbered, _renumbered, _renumbered, _reordered)

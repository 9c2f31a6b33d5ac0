"""Damaged files for every reader: each is read, or refused in one sentence, within bounded time and memory."""

from __future__ import annotations

import gzip
import io
import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from draw import Table
from forge import damaged

from spinemap_exact import io as readers
from spinemap_exact.bench.store import read_runs
from spinemap_exact.bench.suite import read_suite
from spinemap_exact.certificate import format
from spinemap_exact.errors import CertificateMalformed, InvalidInput
from spinemap_exact.hardware import read_hardware
from spinemap_exact.io.mapping_file import read_mapping
from spinemap_exact.io.qaplib import read_qaplib, read_qaplib_solution
from spinemap_exact.network import Network

LATE_S = 5.0

_EDGES = "pre,post,weight\n0,1,0.5\n1,2,1\n2,0,-2\n3,1,1\n"
_COUNTS = "neuron,spikes,input\n0,5,0\n1,6,0\n2,7,0\n3,8,1\n"
_FAN_IN = {"num_neurons": 3, "num_inputs": 1, "rows": 3, "columns": 2, "spikes": [5, 6, 7, 8],
           "fan_in": [[2], [0, 3], [1]]}  # fmt: skip
_TYPES = {**_FAN_IN, "crossbars": [{"rows": 3, "columns": 2, "area": 9, "count": 4}, {"rows": 4, "columns": 4}]}
_HARDWARE = """name = "tiny"
[grid]
width = 2
height = 2
io_tile = 0
[crossbar]
rows = 4
columns = 2
[energy]
packet = "1.7 pJ"
hop = "3.5 pJ"
idle_cell = 3
[latency]
packet = "2.1 ns"
hop_x = "5 ns"
hop_y = "6 ns"
"""
_MAPPING = {"format": "spinemap-exact mapping", "version": 1, "unit_of_synapse": [1, 2, 0, 1],
            "neuron_of_unit": [0, 1, 2], "parent_of_unit": [-1, -1, -1], "cluster_of_unit": [0, 0, 1],
            "tile_of_cluster": [2, 1]}  # fmt: skip
_SUITE = """[[case]]
name = "a"
problem = "packing"
file = "net.txt"
[[case]]
name = "b"
problem = "partition"
file = "net.json"
clusters = 3
"""
_RUN = {"key": "k", "case": "a", "problem": "packing", "method": "m", "seed": 0, "objective": 3, "dual_bound": 3,
        "status": "OPTIMAL", "digest": "0" * 64, "time_s": 1.0, "vouched_by": None, "trust": "attested"}  # fmt: skip
_TENNLAB = {
    "Nodes": [{"id": 0}, {"id": 4}, {"id": 7}],
    "Edges": [{"from": 0, "to": 4, "values": [1]}, {"from": 4, "to": 7, "values": [2]}],
    "Properties": {"edge_properties": [{"name": "Weight", "index": 0}]},
}


def _network() -> Network:
    is_input = np.array([False, False, False, True])
    return Network.from_synapses([0, 1, 2, 3], [1, 2, 0, 1], [5, 6, 7, 8], is_input=is_input)


def _problem(kind: str, **options: Any) -> Callable[[Path], Any]:
    return lambda path: readers.read_problem(path, kind, **options)


def _with_spikes(path: Path) -> Any:
    return readers.read_network(path.with_name("net.csv"), spikes=path)


# reader -> (the file to damage, what reads it)
READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "edge list": ("net.csv", readers.read_network),
    "tabbed edge list": ("net.tsv", readers.read_network),
    "native": ("net.npz", readers.read_network),
    "nir": ("net.nir", readers.read_network),
    "sonata nodes": ("net/cells_nodes.h5", lambda path: readers.read_network(path.parent.parent)),
    "sonata edges": ("net/edges.h5", lambda path: readers.read_network(path.parent.parent)),
    "sonata config": ("config.json", lambda path: readers.read_network(path.parent)),
    "sonata types": ("net/types.csv", lambda path: readers.read_network(path.parent.parent)),
    "tennlab": ("tennlab.json", readers.read_network),
    "network of a problem": ("net.json", readers.read_network),
    "edge list of networkx": ("attributes.csv", readers.read_network),
    "graphml": ("net.graphml", readers.read_network),
    "hypergraph": ("net.hgr", readers.read_network),
    "matrix market": ("net.mtx", readers.read_network),
    "dense matrix": ("matrix.npy", readers.read_network),
    "labelled matrix": ("matrix.csv", readers.read_network),
    "counts": ("counts.csv", _with_spikes),
    "spike events": ("events.csv", _with_spikes),
    "spike events of NEST": ("events.dat", _with_spikes),
    "raster .npy": ("raster.npy", _with_spikes),
    "raster .npz": ("raster.npz", _with_spikes),
    "spikes .h5": ("spikes.h5", _with_spikes),
    "qap": ("net.dat", _problem("qap")),
    "qap solution": ("net.sln", lambda path: read_qaplib_solution(path, read_qaplib(path.with_suffix(".dat")).problem)),
    "noc": ("cores.csv", _problem("noc", mesh="2x2")),
    "packing": ("net.txt", _problem("packing")),
    "partition": ("net.json", _problem("partition", clusters=2)),
    "partition, several types": ("types.json", _problem("partition", clusters=2)),
    "unroll": ("net.json", _problem("unroll")),
    "placement": ("placement.json", _problem("placement")),
    "mapping": ("mapping.json", lambda path: read_mapping(path, _network())),
    "mapping, compressed": ("mapping.json.gz", lambda path: read_mapping(path, _network())),
    "mapping, CSV": ("tiles.csv", lambda path: read_mapping(path, _network())),
    "hardware": ("tiny.toml", read_hardware),
    "suite": ("suite.toml", read_suite),
    "runs": ("runs.jsonl", read_runs),
    "instance": ("instance.json", format.read_instance),
    "certificate": ("certificate.json", format.read),
}
_ODD = ("-1", "0", "1.5", "1e400", "NaN", "Infinity", "true", "null", "9" * 19, "9" * 5000, "1e999999999",
        "[]", "{}", '"', '"3"', "1000000000", str(2**63 - 1), "é", "\x00", "[" * 6000, '{"a":' * 3000)  # fmt: skip


@cache
def good_files() -> dict[str, bytes]:
    """One good file for each name above."""
    network = _network()
    instance = {"format": format.INSTANCE_FORMAT, "version": 1, "kind": "packing", "sizes": [1, 2], "capacity": 3}
    certificate = {"format": format.FORMAT, "version": 1, "scope": "packing", "instance": "0" * 64, "lower": 1,
                   "upper": None, "infeasible": False, "witness": None,
                   "evidence": {"kind": "counting", "argument": "sizes"}}  # fmt: skip
    texts = {
        "net.csv": _EDGES,
        "net.tsv": _EDGES.replace(",", "\t"),
        "counts.csv": _COUNTS,
        "events.csv": "timestamps population node_ids\n0.5 a 0\n0.75 a 1\n",
        "events.dat": "# NEST version: 3.8\nsender\ttime_ms\n1\t0.5\n2\t0.75\n",
        "attributes.csv": "0 1 {'weight': 0.5}\n1 2 {'weight': 2, 'delay': 1}\n",
        "matrix.csv": ",0,1\n0,0,0.5\n1,2,0\n",
        "net.hgr": "2 4 1\n7 1 2 3\n2 3 4\n",
        "net.mtx": "%%MatrixMarket matrix coordinate real symmetric\n3 3 2\n2 1 0.5\n3 2 -1e-3\n",
        "net.graphml": '<graphml><graph edgedefault="directed"><node id="a"/><node id="b"/>'
        '<edge source="a" target="b"/></graph></graphml>',
        "net.dat": "3\n0 1 2\n1 0 3\n2 3 0\n\n0 5 1\n5 0 4\n1 4 0\n",
        "net.sln": "3 32\n2 1 3\n",
        "cores.csv": "source,target,weight\n0,1,2.5\n1,2,4\n2,0,1\n",
        "net.txt": "4 10\n3\n5\n7\n2\n",
        "net.json": json.dumps(_FAN_IN),
        "types.json": json.dumps({k: v for k, v in _TYPES.items() if k not in ("rows", "columns")}),
        "placement.json": json.dumps({"width": 2, "height": 2, "clusters": 3, "traffic": [[0, 1, 5], [1, 2, 7]]}),
        "tennlab.json": json.dumps(_TENNLAB),
        "mapping.json": json.dumps(_MAPPING),
        "tiles.csv": "neuron,tile\n0,1\n1,0\n2,1\n",
        "tiny.toml": _HARDWARE,
        "suite.toml": _SUITE,
        "runs.jsonl": json.dumps(_RUN) + "\n" + json.dumps({**_RUN, "key": "l", "seed": 1}) + "\n",
        "instance.json": json.dumps(instance),
        "certificate.json": json.dumps(certificate),
    }
    found = {name: text.encode() for name, text in texts.items()}
    found["mapping.json.gz"] = gzip.compress(found["mapping.json"], mtime=0)
    with TemporaryDirectory() as folder:
        readers.write_network(Path(folder) / "net.npz", network)
        found["net.npz"] = (Path(folder) / "net.npz").read_bytes()
    raster = np.array([[1, 0, 2, 0], [0, 1, 0, 1]])
    arrays = (("raster.npy", np.save, raster), ("raster.npz", np.savez, raster), ("matrix.npy", np.save, np.eye(3)))
    for name, save, array in arrays:
        buffer = io.BytesIO()
        save(buffer, array)
        found[name] = buffer.getvalue()
    return found | _sonata() | _nir()


def _sonata() -> dict[str, bytes]:
    if find_spec("h5py") is None:
        return {}
    import h5py

    def file(**entries: Any) -> bytes:
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as content:
            for path, values in entries.items():
                content[path] = np.array(values)
            for side in ("source", "target"):
                if f"edges/a/{side}_node_id" in content:
                    content[f"edges/a/{side}_node_id"].attrs["node_population"] = "cells"
        return buffer.getvalue()

    config = {
        "manifest": {"$NET": "net"},
        "networks": {
            "nodes": [{"nodes_file": "$NET/cells_nodes.h5", "node_types_file": "$NET/types.csv"}],
            "edges": [{"edges_file": "$NET/edges.h5", "edge_types_file": None}],
        },
    }
    ends = {"edges/a/source_node_id": [0, 1, 2], "edges/a/target_node_id": [1, 2, 0], "edges/a/edge_type_id": [7, 7, 7]}
    return {
        "net/cells_nodes.h5": file(**{"nodes/cells/node_type_id": [1, 1, 2], "nodes/cells/node_id": [0, 1, 2]}),
        "net/edges.h5": file(**ends),
        "net/types.csv": b"node_type_id model_type note\n1 point_process 'a b'\n2 point_process c\n",
        "config.json": json.dumps(config).encode(),
        "spikes.h5": file(**{"spikes/gids": [0, 1, 1, 3]}),
    }


def _nir() -> dict[str, bytes]:
    if find_spec("nir") is None:
        return {}
    import nir

    one = np.ones(2)
    neurons = nir.LIF(tau=one, r=one, v_leak=one, v_threshold=one, v_reset=one)
    nodes = {"in": nir.Input(input_type={"input": np.array([3])}), "w": nir.Linear(weight=np.ones((2, 3))),
             "n": neurons, "out": nir.Output(output_type={"output": np.array([2])})}  # fmt: skip
    graph = nir.NIRGraph(nodes, [("in", "w"), ("w", "n"), ("n", "out")], type_check=False)
    with TemporaryDirectory() as folder:
        nir.write(Path(folder) / "net.nir", graph)
        return {"net.nir": (Path(folder) / "net.nir").read_bytes()}


def warm_up() -> None:
    """Read every good file once: what is imported then is not what damage costs."""
    for name in READERS:
        if READERS[name][0] in good_files():
            perform({"reader": name, "content": good_files()[READERS[name][0]].decode("latin-1")})


def orders(rng: Random, count: int) -> Iterator[Table]:
    """Damage to the file of one reader."""
    reader = rng.choice([name for name in READERS if READERS[name][0] in good_files()])
    content = good_files()[READERS[reader][0]]
    for _ in range(count):
        harm = rng.choice((damaged, damaged, _word, _word, _line, _vast))
        hurt = harm(content, rng)
        yield {"what": "file", "label": reader, "reader": reader, "content": hurt.decode("latin-1")}


def _word(content: bytes, rng: Random) -> bytes:
    """Exchange one word or number for something odd."""
    ends = [k for k in range(1, len(content)) if content[k - 1 : k].isalnum() != content[k : k + 1].isalnum()]
    if len(ends) < 2:
        return damaged(content, rng)
    k = rng.randrange(len(ends) - 1)
    return content[: ends[k]] + rng.choice(_ODD).encode() + content[ends[k + 1] :]


def _line(content: bytes, rng: Random) -> bytes:
    """Drop, double or exchange whole lines."""
    lines = content.splitlines(keepends=True)
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    ways = (lines[:a] + lines[a + 1 :], [*lines, lines[a]], [*lines[:a], lines[b], *lines[a:]], lines[::-1], lines[:a])
    return b"".join(rng.choice(ways))


def _vast(content: bytes, rng: Random) -> bytes:
    """Much of something, in few bytes where the format allows it."""
    if content[:2] == b"\x1f\x8b" or rng.random() < 0.1:
        return gzip.compress(b"[" + b"{}," * (2 << 22) + b"{}]", 1, mtime=0)
    k = rng.randrange(len(content) + 1)
    return content[:k] + rng.choice((b"9" * 200_000, b"[" * 200_000, b'"', b'"' + b"a" * 200_000, b"\n" * 100_000,
                                     b"#" * 200_000, b"0," * 100_000, b"\xff\xfe")) + content[k:]  # fmt: skip


def perform(order: Table) -> tuple[str, str | None]:
    """Read a damaged file."""
    name, read = READERS[order["reader"]]
    with TemporaryDirectory() as folder:
        for other, content in good_files().items():
            target = Path(folder) / other
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(order["content"].encode("latin-1") if other == name else content)
        began = time.process_time()
        try:
            read(Path(folder) / name)
            outcome, finding = "read", None
        except (InvalidInput, CertificateMalformed) as refusal:
            outcome, finding = "refused", f"refusal of several lines: {refusal}" if "\n" in str(refusal) else None
        spent = time.process_time() - began
    return outcome, finding or (f"late: reading took {spent:.1f} s of CPU" if spent > LATE_S else None)

"""Runs that are killed or interrupted, as real processes: what they leave is whole and of one run."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from spinemap_exact import instances
from spinemap_exact.certificate import format as certificates
from spinemap_exact.hardware import Hardware, read_hardware
from spinemap_exact.io import read_network
from spinemap_exact.io.mapping_file import read_mapping, read_partition
from spinemap_exact.io.run_folder import MANIFEST, read_manifest
from spinemap_exact.network import Network

COMMAND = (sys.executable, "-m", "spinemap_exact")


def begin(*args: object) -> subprocess.Popen[str]:
    command = [*COMMAND, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if words in line:
            return
    raise AssertionError(f"{words!r} was never said: {said}")


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def tangle(tmp_path_factory) -> tuple[Path, Path]:
    """A network that cannot be closed in seconds, and a chip for it."""
    folder = tmp_path_factory.mktemp("tangle")
    pre, post = np.nonzero(np.random.default_rng(0).random((120, 120)) < 0.15)
    lines = "".join(f"{a},{b}\n" for a, b in zip(pre, post, strict=True))
    (folder / "net.csv").write_text("pre,post\n" + lines)
    (folder / "chip.toml").write_text("[grid]\nwidth = 5\nheight = 5\n[crossbar]\nrows = 64\ncolumns = 8\n")
    return folder / "net.csv", folder / "chip.toml"


def read_all(folder: Path, network: Network, hardware: Hardware) -> list[str]:
    """Read all that a folder says it holds; return the names."""
    if not (folder / MANIFEST).exists():
        assert not folder.exists() or [p.name for p in folder.iterdir() if not p.name.startswith(".")] == []
        return []
    manifest = read_manifest(folder)
    assert (manifest["network"], manifest["hardware"]) == (network.digest, hardware.digest)
    for name in manifest["files"]:
        path = folder / name
        if name == "mapping.json":
            assert read_mapping(path, network, hardware).violations(network, hardware) == []
        elif name == "partition.json":
            read_partition(path, network, hardware)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".certificate":
            certificates.read(path)
        else:
            assert path.read_text() or name == "log.txt"
    return list(manifest["files"])


@pytest.mark.parametrize(
    ("moment", "there"),
    [
        ("mapping: incumbent", {"partition.json", "mapping.json"}),
        ("partition: warm start", {"unroll.certificate"}),
        ("partition: incumbent", {"partition.json", "mapping.json", "unroll.certificate"}),
        ("placement: ", {"partition.json", "mapping.json", "unroll.certificate", "partition.certificate"}),
    ],
)
def test_a_killed_run_leaves_the_best_so_far(tangle, tmp_path, moment, there):
    net, chip = tangle
    stages = [] if moment.startswith("mapping") else ["--stages"]
    process = begin("map", net, "--hardware", chip, *stages, "--time-limit", 6, "--out", tmp_path / "out")
    wait_for(process, moment)
    kill(process)

    names = read_all(tmp_path / "out", read_network(net)[0], read_hardware(chip))
    assert there <= set(names)
    assert "result.json" not in names  # nobody takes it for a run that has ended
    assert read_manifest(tmp_path / "out")["state"] == "running"


def test_what_was_killed_is_cleared_by_force(tangle, tmp_path):
    net, chip = tangle
    process = begin("map", net, "--hardware", chip, "--stages", "--time-limit", 60, "--out", tmp_path)
    wait_for(process, "partition: warm start")
    kill(process)
    killed = read_manifest(tmp_path)["id"]
    again = ("map", net, "--hardware", chip, "--solver", "none", "--time-limit", 5, "--out", tmp_path)

    refused = begin(*again)
    _, said = refused.communicate()
    assert (refused.returncode, said.count("\n")) == (2, 1)
    assert "run.json of another run" in said and read_manifest(tmp_path)["id"] == killed

    forced = begin(*again, "--force")
    forced.communicate()
    assert forced.returncode == 0
    assert read_manifest(tmp_path)["id"] != killed and read_manifest(tmp_path)["state"] == "done"


@pytest.mark.slow
def test_thirty_random_kills(tmp_path):
    network, hardware = instances.load("random-200")
    rng = random.Random(0)
    found = []
    for k in range(30):  # a moment in each half second or so, from before anything is found to after the end
        folder = tmp_path / f"{k}"
        process = begin("map", "random-200", "--time-limit", 10, "--out", folder)
        time.sleep(0.5 + (k + rng.random()) * 0.6)
        kill(process)
        found.append(read_all(folder, network, hardware))
    assert len({tuple(names) for names in found}) > 2  # the moments differed


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_twenty_random_interrupts(tmp_path, number):
    network, hardware = instances.load("random-200")
    rng = random.Random(1)
    states = []
    for k in range(20):
        folder = tmp_path / f"{k}"
        process = begin("map", "random-200", "--time-limit", 100, "--out", folder)
        time.sleep(0.5 + (k + rng.random()) * 1.5)
        had_mapping = (folder / "mapping.json").exists()
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
        names = read_all(folder, network, hardware)
        states.append("mapping.json" in names)
        assert states[-1] or not had_mapping
        # 4: stopped with nothing found; the signal itself, if it came before Python had reached our first line
        assert process.returncode in ((0,) if states[-1] else (4, -number, 1)), said
        assert process.returncode != 0 or {"result.json", "report.html"} <= set(names)
    assert any(states)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_search_for_evidence(tmp_path, number):
    """A placement without structure: proofs take minutes, and the time for them is not up for ten."""
    flow = np.random.default_rng(0).integers(1, 99, (25, 25))
    pairs = [(a, b) for a in range(25) for b in range(25) if a != b]
    lines = "".join(f"{a},{b},{flow[a, b]}\n" for a, b in pairs)
    (tmp_path / "cores.csv").write_text("source,target,weight\n" + lines)
    asked = ("solve", tmp_path / "cores.csv", "--problem", "noc", "--mesh", "5x5", "--json", "--time-limit", 2)

    process = begin(*asked, "--certificate", tmp_path / "c", "--certify-time", 600)
    wait_for(process, "looking for evidence")
    process.send_signal(number)
    out, _ = process.communicate(timeout=120)

    result = json.loads(out)
    assert process.returncode == 0
    assert result["objective"] is not None
    # on a machine that was quick enough the evidence was complete by then, or nothing was left to be tried
    assert "before the interrupt" in " ".join(result["notes"]) or "within" not in " ".join(result["notes"])


def test_a_run_that_is_interrupted_says_so_in_its_folder(tangle, tmp_path):
    net, chip = tangle
    process = begin("map", net, "--hardware", chip, "--time-limit", 600, "--out", tmp_path / "out")
    wait_for(process, "mapping: incumbent")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)

    assert process.returncode == 0
    assert read_manifest(tmp_path / "out")["state"] == "interrupted"
    names = read_all(tmp_path / "out", read_network(net)[0], read_hardware(chip))
    assert {"mapping.json", "result.json", "report.html"} <= set(names)

"""Whatever is wrong with a file, one sentence names it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io import NETWORK_FORMATS, read_network, read_problem, write_network
from spinemap_exact.network import Network

FOLDER = Path(__file__).parent.parent / "data" / "malformed"
CASES: list[dict[str, Any]] = tomllib.loads((FOLDER / "cases.toml").read_text())["case"]


def test_every_file_is_a_case() -> None:
    used = {case["file"] for case in CASES} | {case.get("options", {}).get("spikes") for case in CASES}
    unused = {path.name for path in FOLDER.iterdir()} - used - {"cases.toml"}
    assert not unused


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['read']}-{case['file']}")
def test_malformed_files_are_refused_in_one_sentence(case: dict[str, Any]) -> None:
    options = dict(case.get("options", {}))
    if "spikes" in options:
        options["spikes"] = FOLDER / options["spikes"]
    with pytest.raises(InvalidInput, match=re.escape(case["message"])) as caught:
        if case["read"] == "network":
            read_network(FOLDER / case["file"], **options)
        else:
            read_problem(FOLDER / case["file"], case["read"], **options)
    assert "\n" not in str(caught.value)


def test_a_file_nested_too_deeply(tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text("[" * 200_000)
    with pytest.raises(InvalidInput, match="nested too deeply"):
        read_network(tmp_path / "net.json")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=60) | st.text(alphabet='0123456789,;-.e\n\t xpre[]{}":', max_size=60).map(str.encode),
    name=st.sampled_from(["n.csv", "n.tsv", "n.json", "n.npz", "q.dat", "c.csv", "b.txt"]),
)
def test_no_bytes_crash_a_reader(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    kind = {"q.dat": "qap", "c.csv": "noc", "b.txt": "packing"}.get(name)
    try:
        if kind is None:
            read_network(path)
        else:
            read_problem(path, kind, mesh="2x2" if kind == "noc" else None)
    except InvalidInput as refused:
        assert "\n" not in str(refused)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_native_file_goes_unnoticed(tmp_path: Path, data: st.DataObject) -> None:
    network = Network.from_synapses([0, 1, 2], [1, 2, 0], [5, 6, 7])
    write_network(tmp_path / "net.npz", network)
    content = bytearray((tmp_path / "net.npz").read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    (tmp_path / "net.npz").write_bytes(content)
    try:
        assert read_network(tmp_path / "net.npz")[0].digest == network.digest
    except InvalidInput as refused:
        assert "\n" not in str(refused)


def test_an_unknown_suffix_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=re.escape(NETWORK_FORMATS)):
        read_network(tmp_path / "net.brian")
    with pytest.raises(InvalidInput, match=r"networks are written as \.npz, \.csv or \.tsv"):
        write_network(tmp_path / "net.nir", Network.from_synapses([], [], [1]))
    with pytest.raises(InvalidInput, match="cannot write"):
        write_network(tmp_path / "missing" / "net.npz", Network.from_synapses([], [], [1]))


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, spinemap_exact.io; print({'numpy', 'h5py', 'nir'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

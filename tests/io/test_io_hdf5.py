"""HDF5 is read in a process of its own, and what becomes of that process is one sentence."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io import _hdf5
from spinemap_exact.io._hdf5 import read_hdf5

h5py = pytest.importorskip("h5py")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "f.h5", "w") as content:
        content["a/ids"] = np.array([3, 4], dtype=">u8")
        content["a/ids"].attrs["population"] = "cells"
        content["a/deep/one"] = 5
        content["text"] = "abc"
        content["empty"] = h5py.Empty("f8")
    return tmp_path / "f.h5"


def test_everything_is_read(file: Path) -> None:
    content = read_hdf5(file, "sonata", "a test").plain()
    assert content["a"]["ids"].tolist() == [3, 4]
    assert (content["a"]["deep"]["one"], content["text"]) == (5, "abc")
    assert "empty" not in content  # there is no value in it


def test_names_choose_datasets_and_attributes(file: Path) -> None:
    group = read_hdf5(file, "sonata", "a test", ("ids", "population")).group("a")
    assert group.text("ids@population") == "cells"
    assert group.integers("ids").dtype == np.int64
    assert "one" not in group.group("deep")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", "hang or crash"),
        ("import os; os.abort()", "hang or crash"),
        ("""print('{"entries": [[["a"], "<i8", [5]]]}')""", "not all of its data can be read"),
    ],
    ids=["hangs", "crashes", "stops halfway"],
)
def test_a_process_that_fails(file: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str) -> None:
    (file.parent / "child.py").write_text(script)
    monkeypatch.setattr(_hdf5, "_CHILD", file.parent / "child.py")
    monkeypatch.setattr(_hdf5, "_STALLED_S", 1.0)
    with pytest.raises(InvalidInput, match=rf"f\.h5 .*{reason}"):
        read_hdf5(file, "sonata", "a test")


def test_the_kernel_ends_a_process_that_computes_too_long() -> None:
    code = "from spinemap_exact.io._hdf5_child import _allow\n_allow(1)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGXCPU


def test_sizes_are_read_before_data(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as content:  # 2^40 numbers of which none is stored
        content.create_dataset("ids", shape=(2**40,), dtype="u8", chunks=(2**20,))
    with pytest.raises(InvalidInput, match=r"holds more than the 2\.0 GiB of numbers that are read"):
        read_hdf5(tmp_path / "f.h5", "sonata", "a test")
    assert read_hdf5(tmp_path / "f.h5", "sonata", "a test", ("others",)).plain() == {}


def test_a_group_that_contains_itself(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as content:
        content["again"] = content["/"]
    with pytest.raises(InvalidInput, match="is nested too deeply, or in a circle"):
        read_hdf5(tmp_path / "f.h5", "sonata", "a test")


def test_other_files_are_not_opened(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as content:
        content["other"] = h5py.ExternalLink("/dev/zero", "/x")
    assert read_hdf5(tmp_path / "f.h5", "sonata", "a test").plain() == {}

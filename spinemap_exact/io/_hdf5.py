"""HDF5 files, read in a process of their own: the library hangs in damaged files, crashes, and ignores Ctrl-C there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput, MissingExtra
from spinemap_exact.files import MOST_BYTES, require_regular

_CHILD = Path(__file__).with_name("_hdf5_child.py")
_MOST_BYTES_A_FILE = 2**40
_STALLED_S = 300.0  # the child limits its processor time; this is for file systems that do not answer


@dataclass(frozen=True)
class Group:
    """What was read of a group: arrays, strings (or lists of them) and groups, by name.

    ``where`` names it in errors. A string attribute of a dataset stands beside it as ``DATASET@ATTRIBUTE``.
    """

    where: str
    entries: dict[str, Any] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def group(self, name: str) -> Group:
        found = self.entries.get(name)
        return found if isinstance(found, Group) else self._lacks("group", name)

    def groups(self) -> Iterator[tuple[str, Group]]:
        return ((name, item) for name, item in self.entries.items() if isinstance(item, Group))

    def text(self, name: str) -> str:
        found = self.entries.get(name)
        return found if isinstance(found, str) else self._lacks("text", name)

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        found = self.entries.get(name)
        return found if isinstance(found, list) else self._lacks("list of texts", name)

    def integers(self, name: str) -> Array:
        """A list of integers, of which none is beyond int64."""
        found = self.numbers(name)
        if found.dtype.kind not in "iu":
            raise InvalidInput(f"{self.where}: {name} holds {found.dtype} values, not integers")
        if found.size and int(found.max()) > np.iinfo(np.int64).max:
            raise InvalidInput(f"{self.where}: {name} holds {found.max()}, which overflows int64")
        return found.astype(np.int64, copy=False)

    def numbers(self, name: str) -> Array:
        """A list of numbers."""
        found = self.entries.get(name)
        if not isinstance(found, np.ndarray):
            self._lacks("list of numbers", name)
        if found.ndim != 1:
            raise InvalidInput(f"{self.where}: {name} has the shape {found.shape}, not that of a list")
        return found

    def plain(self) -> dict[str, Any]:
        """Dictionaries all the way down; arrays of no dimension are numbers."""
        return {
            name: item.plain() if isinstance(item, Group) else item[()] if isinstance(item, np.ndarray) else item
            for name, item in self.entries.items()
        }

    def _lacks(self, kind: str, name: str) -> NoReturn:
        raise InvalidInput(f"{self.where} has no {kind} {name!r}")


def read_hdf5(path: Path, extra: str, purpose: str, names: tuple[str, ...] | None = None) -> Group:
    """Read an HDF5 file, or its datasets and attributes of some ``names``.

    Raises
    ------
    MissingExtra
        Without the package h5py; ``extra`` brings it.
    InvalidInput
        If the file is damaged, larger than is read, or the library does not survive it.
    """
    if find_spec("h5py") is None:
        raise MissingExtra("h5py", extra, purpose)
    require_regular(path, _MOST_BYTES_A_FILE)
    # -P: beside the script lies a module that is called nir, like the package
    command = [sys.executable, "-P", str(_CHILD), str(path), str(MOST_BYTES), json.dumps(names)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as child:
        stalled = threading.Timer(_STALLED_S + path.stat().st_size / 1e6, child.kill)
        stalled.daemon = True
        stalled.start()
        try:
            assert child.stdout is not None
            return _received(path, child.stdout)
        finally:
            stalled.cancel()
            child.kill()


def _received(path: Path, stream: IO[bytes]) -> Group:
    answer = stream.readline()
    if not answer.endswith(b"\n"):
        raise InvalidInput(f"{path} makes the HDF5 library hang or crash: it is damaged")
    table = json.loads(answer)
    if "error" in table:
        raise InvalidInput(f"{path} {table['error']}")
    root = Group(str(path))
    for names, kind, content in table["entries"]:
        group = root
        for name in names[:-1]:
            group = group.group(name)
        if kind == "group":
            group.entries[names[-1]] = Group(f"{path}: {'/'.join(names)}")
        else:
            group.entries[names[-1]] = content if kind == "text" else _array(path, stream, kind, content)
    return root


def _array(path: Path, stream: IO[bytes], dtype: str, shape: list[int]) -> Array:
    array = np.empty(shape, dtype=dtype)
    if array.nbytes and stream.readinto(array.reshape(-1).view(np.uint8)) != array.nbytes:  # type: ignore[attr-defined]
        raise InvalidInput(f"{path} is truncated or damaged: not all of its data can be read")
    return array

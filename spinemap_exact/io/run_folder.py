"""A folder that holds the files of one run, readable at every moment.

Each file is written beside its place and renamed into it. ``run.json`` is replaced last: it names the run by a random
id, says what was asked for and how far it is, and lists the files that belong to the run; others do not. Should the
process be killed, what is listed is whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_json_table

MANIFEST = "run.json"
FORMAT = "spinemap-exact run"
VERSION = 1
RUNNING, DONE, INTERRUPTED = "running", "done", "interrupted"


class RunFolder:
    """The folder of a run that begins; no other run may write there as long as this one goes on.

    Parameters
    ----------
    path : str or Path
        Made if it is not there.
    names : iterable of str
        All files that a run may write; nothing else is ever touched.
    about : dict
        What the manifest says of the run.
    force : bool
        Clear what another run has left, as soon as there is something to put in its place.

    Raises
    ------
    InvalidInput
        If the folder cannot be written, or holds another run.
    """

    def __init__(self, path: str | Path, names: Iterable[str], about: dict[str, Any], *, force: bool = False) -> None:
        self.path, self.names = Path(path), (MANIFEST, *names)
        with _writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._descriptor = self._lock()
            self._about = {"format": FORMAT, "version": VERSION, "id": uuid.uuid4().hex, **about}
            self.files: list[str] = []
            self._has_begun = False
            self._held = [name for name in self.names if (self.path / name).exists()]
            try:
                self._require_empty(force)
                if not self._held:
                    self._begin()
            except BaseException:
                os.close(self._descriptor)
                raise

    def put(self, name: str, write: Callable[[Path], None]) -> None:
        """Replace a file by what ``write`` writes to the path that it is given."""
        with _writing(self.path):
            self._begin()
            self._replace(name, write)
            if name not in self.files:
                self.files.append(name)
                self._say(RUNNING)

    def put_text(self, name: str, text: str) -> None:
        self.put(name, partial(_write_text, text))

    def close(self, state: str) -> None:
        """Say how the run ended, and leave the folder to others."""
        if self._has_begun:
            self._say(state)
        os.close(self._descriptor)

    def _say(self, state: str) -> None:
        table = {**self._about, "state": state, "files": sorted(self.files)}
        with _writing(self.path):
            self._replace(MANIFEST, partial(_write_text, json.dumps(table, indent=1) + "\n"))

    def _replace(self, name: str, write: Callable[[Path], None]) -> None:
        beside = self.path / _beside(name)
        write(beside)
        beside.replace(self.path / name)

    def _lock(self) -> int:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)  # the system unlocks it when we end
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as defect:
            os.close(descriptor)
            raise InvalidInput(f"another run is writing to {self.path}") from defect
        return descriptor

    def _require_empty(self, force: bool) -> None:
        if self._held and not force:
            raise InvalidInput(
                f"{self.path} holds {self._held[0]} of another run: name another folder, or clear it with --force, in "
                "Python force=True"
            )
        trial = self.path / _beside(MANIFEST)
        trial.touch()
        trial.unlink()

    def _begin(self) -> None:
        """Clear the folder and say that a run goes on, once."""
        if self._has_begun:
            return
        self._has_begun = True
        for name in self._held:  # the manifest first: without it no file belongs to a run
            (self.path / name).unlink()
        for name in self.names:
            (self.path / _beside(name)).unlink(missing_ok=True)
        for torn in self.path.glob(f".{'[0-9a-f]' * 16}.tmp"):  # of `files.writing`
            torn.unlink()
        self._say(RUNNING)


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Return what ``run.json`` of a folder says.

    Raises
    ------
    InvalidInput
        If there is none, or it is none of this version.
    """
    path = Path(path) / MANIFEST
    table = read_json_table(path)
    if table.get("format") != FORMAT or table.get("version") != VERSION:
        raise InvalidInput(f"{path} is no {FORMAT} of version {VERSION}")
    return table


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _beside(name: str) -> str:
    return f".{name}.tmp"


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as defect:
        raise InvalidInput(f"cannot write to {folder}: {defect.strerror or defect}") from defect

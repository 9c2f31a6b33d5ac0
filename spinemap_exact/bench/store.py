"""Runs as JSON lines: appended whole, never lost, never twice unless the first one failed."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from spinemap_exact.bench.line import defect
from spinemap_exact.errors import InvalidInput

logger = logging.getLogger(__name__)

Run = dict[str, Any]


def read_runs(path: str | Path) -> list[Run]:
    """Read all complete lines; a torn last one is left out, and so is a failure that was tried again since.

    Raises
    ------
    InvalidInput
        If the file cannot be read, or a complete line is no run.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as defect:
        raise InvalidInput(f"cannot read runs {path}: {defect.strerror or defect}") from defect
    return _parsed(path, content)


class Store:
    """The file that one bench writes to; nobody else may while it is open.

    A line is written by a single call and flushed to the disk. Should a kill tear the last line all the same, opening
    the file cuts it off, and its run is done again.

    Attributes
    ----------
    keys : set of str
        Of the runs that need not be done again: all but those that failed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as defect:
            raise InvalidInput(f"cannot write runs {path}: {defect.strerror or defect}") from defect
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as defect:
            os.close(self._file)
            raise InvalidInput(f"another bench is writing to {path}") from defect
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            logger.warning("%s: cut off a torn last line of %d bytes", path, len(content) - whole)
            os.ftruncate(self._file, whole)
        self.keys = {run["key"] for run in _parsed(path, content[:whole]) if not _is_open(run)}

    def append(self, run: Run) -> bool:
        """Write one run; False if it need not be done again."""
        if run["key"] in self.keys:
            return False
        line = json.dumps(run, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        end = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError as defect:
            os.ftruncate(self._file, end)
            raise InvalidInput(f"cannot write runs {self.path}: {defect.strerror or defect}") from defect
        if not _is_open(run):
            self.keys.add(run["key"])
        return True

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _parsed(path: str | Path, content: bytes) -> list[Run]:
    runs: dict[str, Run] = {}
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            run = json.loads(line)
        except (ValueError, RecursionError) as cause:
            raise InvalidInput(f"{path}, line {number}: not a run") from cause
        if flaw := defect(run):
            raise InvalidInput(f"{path}, line {number}: {flaw}")
        key = run["key"]
        if key in runs and not _is_open(runs[key]):
            raise InvalidInput(f"{path}, line {number}: the run {key} is listed twice")
        runs[key] = run
    return list(runs.values())


def _is_open(run: Run) -> bool:
    """True of a run that broke down for a reason that may be gone; a worker that died was tried again at once."""
    return bool(run["status"] == "FAILED")

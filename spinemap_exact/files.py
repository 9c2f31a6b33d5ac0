"""Files as the whole package opens them: regular ones of a stated size, read and written whole.

Readers and writers of every format come here, so that a device, a pipe, a file that unpacks to more than the memory, a
number of five thousand digits and a full disk each end in one sentence.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import reprlib
import secrets
import shutil
import stat
import tomllib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from spinemap_exact.errors import InvalidInput

MOST_TEXT = 2**28
"""Bytes of a text file; Python needs some twenty times as much for the words in it."""
MOST_BYTES = 2**31
"""Bytes of all arrays that one file may hold."""

_LONGEST_PATH, _PIECE = 4_000, 2**20
_MOST_LEVELS, _MOST_DOTS, _MOST_TOML = 64, 100, 2**20
_repr = reprlib.Repr()
_repr.maxstring, _repr.maxother, _repr.maxlong = 80, 80, 40


def shown(value: object) -> str:
    """Write a value of a file as its ``repr``, cut where it is long or deep."""
    return _repr.repr(value)


def cut(text: str) -> str:
    """Write a name of a file, cut where it is long."""
    return text if len(text) <= _repr.maxstring and text.isprintable() else shown(text)


def size_text(size: int) -> str:
    """Write ``2.0 GiB``."""
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.1f} MiB"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the operating system says about ``path`` into an `InvalidInput`."""
    try:
        yield
    except EOFError as defect:
        raise InvalidInput(f"{path} ends too early: it is truncated") from defect
    except (gzip.BadGzipFile, zlib.error) as defect:
        raise InvalidInput(f"{path} cannot be decompressed: it is damaged, or not compressed at all") from defect
    except UnicodeDecodeError as defect:
        raise InvalidInput(f"{path} is not a text file: byte {defect.start} is no UTF-8") from defect
    except OSError as defect:
        raise InvalidInput(f"cannot read {path}: {defect.strerror or defect}") from defect


def require_regular(path: Path, most: int) -> None:
    """Refuse what may never end, a device or a pipe, and files of more than ``most`` bytes."""
    if len(str(path)) > _LONGEST_PATH:
        raise InvalidInput(f"{shown(str(path))} is no name that a file can have")
    try:
        with reading(path):
            status = path.stat()
    except InvalidInput:
        raise
    except ValueError as defect:  # a zero byte, or half a character
        raise InvalidInput(f"{shown(str(path))} is no name that a file can have") from defect
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput(f"{path} is a {'folder' if stat.S_ISDIR(status.st_mode) else 'device or pipe'}, not a file")
    if status.st_size > most:
        raise InvalidInput(f"{path} has {size_text(status.st_size)}; at most {size_text(most)} are read")


def read_bytes(path: Path, most: int = MOST_TEXT) -> bytes:
    """Return the content of a file, unpacked if its name ends in ``.gz``."""
    require_regular(path, most)
    with reading(path), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        content = io.BytesIO()
        while content.tell() <= most and (piece := file.read(_PIECE)):  # `read` sets aside all that it is asked for
            content.write(piece)
    if content.tell() > most:
        raise InvalidInput(f"{path} unpacks to more than the {size_text(most)} that are read")
    return content.getvalue()


def read_text(path: Path) -> str:
    """Return the text of a file, of a compressed one if its name ends in ``.gz``; lines end in ``\\n``."""
    content = read_bytes(path)
    with reading(path):
        text = content.decode("utf-8-sig")
    if "\0" in text:
        raise InvalidInput(f"{path} is not a text file in UTF-8: it contains zero bytes")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file."""
    return parse_json(read_text(path), str(path))


def parse_json(text: str, source: str) -> Any:
    """Return what a JSON text holds; ``source`` names it in errors."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as defect:
        raise InvalidInput(f"{source} is not JSON: {defect.msg} in line {defect.lineno}") from defect
    except RecursionError as defect:
        raise InvalidInput(f"{source} is not JSON of any format known here: it is nested too deeply") from defect
    except ValueError as defect:
        raise InvalidInput(f"{source} is not JSON of any format known here: {_reason(defect)}") from defect


def read_json_table(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that must hold a table."""
    table = read_json(path)
    if not isinstance(table, dict):
        raise InvalidInput(f"{path} holds a JSON {type(table).__name__}, not a table of named entries")
    return table


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return what a TOML text holds; ``source`` names it in errors."""
    # the parser's time grows with the square of the dots in a key
    if len(text) > _MOST_TOML or any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
        raise InvalidInput(f"{source}: it is larger than {size_text(_MOST_TOML)}, or nested too deeply in one line")
    try:
        table = tomllib.loads(text)
    except RecursionError as defect:
        raise InvalidInput(f"{source}: its entries are nested too deeply") from defect
    except ValueError as defect:
        raise InvalidInput(f"{source}: {_reason(defect)}") from defect
    level: list[Any] = [table]
    for _ in range(_MOST_LEVELS):  # dotted keys nest without brackets, and without the parser's noticing
        level = [inner for outer in level for inner in _inner(outer)]
    if level:
        raise InvalidInput(f"{source}: its entries are nested too deeply")
    return table


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _reason(defect: ValueError) -> str:
    return "it has a number of thousands of digits" if "integer string conversion" in str(defect) else str(defect)


@contextmanager
def writing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to be written whole or not at all.

    What is written goes to a temporary file beside it, which takes its name at the end; so a full disk or a kill leaves
    an older file as it was. Devices and pipes are written to as they are.

    Raises
    ------
    InvalidInput
        In place of what the operating system raises.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        target = path.resolve()  # a link stays a link
        torn = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with torn.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, torn)
            torn.replace(target)
        finally:
            torn.unlink(missing_ok=True)
    except OSError as defect:
        raise InvalidInput(f"cannot write {path}: {defect.strerror or defect}") from defect


def write_text(path: str | Path, text: str) -> None:
    """Write a text whole or not at all."""
    with writing(path) as file:
        file.write(text.encode())


def require_writable(path: str | Path) -> None:
    """Refuse a file that cannot be written, before hours are spent on what it is to hold."""
    if not str(path) or Path(path).is_dir():
        raise InvalidInput(f"cannot write {shown(str(path))}: {'it is a folder' if str(path) else 'the name is empty'}")
    path = Path(path)
    if path.exists() and not path.is_file():
        return  # a device or a pipe takes what it is given, or says so then
    trial = path.resolve().with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        trial.open("xb").close()
        trial.unlink()
    except OSError as defect:
        raise InvalidInput(f"cannot write {path}: {defect.strerror or defect}") from defect

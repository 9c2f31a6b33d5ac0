"""The text of a certificate or an instance: JSON, read without trusting it to be small, flat or finite."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from spinemap_exact.errors import CertificateMalformed, InvalidInput

MAX_BYTES = 64 * 1024 * 1024  # of the JSON text; what a compressed file may grow to
MAX_MEMORY = 512 * 1024 * 1024  # of what the text stands for
# Bytes that a character may cost once it is read: an object, a list, an entry of an object, one more value.
_COST = {b"{": 240, b"[": 96, b":": 160, b",": 48}
_COMPRESS_FROM = 1024
_GZIP = b"\x1f\x8b"


def encode(table: dict[str, Any]) -> bytes:
    """Return the file of a table, compressed if it is long; equal tables give equal bytes."""
    text = json.dumps(table, separators=(",", ":"), allow_nan=False).encode()
    # no time stamp: the same claim gives the same bytes
    return text if len(text) < _COMPRESS_FROM else gzip.compress(text, compresslevel=9, mtime=0)


def read_bytes(path: str | Path) -> bytes:
    """Return the bytes of a file, and no more of them than show that it is too large."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as defect:
        raise InvalidInput(f"{path} cannot be read: {defect.strerror}") from defect


def decode(content: bytes) -> dict[str, Any]:
    """Read one JSON object; what it would cost is counted before anything is built.

    Raises
    ------
    CertificateMalformed
        If the bytes are no JSON object, or too many of them.
    """
    if content[:2] == _GZIP:
        content = _inflate(content)
    if len(content) > MAX_BYTES:
        raise CertificateMalformed(f"the file is larger than {MAX_BYTES} bytes")
    if sum(bytes_each * content.count(character) for character, bytes_each in _COST.items()) > MAX_MEMORY:
        raise CertificateMalformed(f"the file holds so many values that they may take more than {MAX_MEMORY} bytes")
    try:
        table = json.loads(content.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_distinct)
    except CertificateMalformed:
        raise
    except RecursionError:
        raise CertificateMalformed("the file is nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as defect:
        raise CertificateMalformed(f"the file is not JSON: {defect}") from None
    except ValueError:  # Python converts no more digits than this
        raise CertificateMalformed("the file holds a number of thousands of digits") from None
    if not isinstance(table, dict):
        raise CertificateMalformed("the file holds no JSON object")
    return table


def _inflate(content: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        text = stream.decompress(content, MAX_BYTES + 1)
    except zlib.error as defect:
        raise CertificateMalformed(f"the file is not compressed properly: {defect}") from None
    if len(text) <= MAX_BYTES and (not stream.eof or stream.unused_data):
        raise CertificateMalformed("the compressed file is cut short or goes on after its end")
    return text


def _no_constant(name: str) -> None:
    raise CertificateMalformed(f"the file is not JSON: {name} is not a number")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise CertificateMalformed("the file lists a key of an object twice")
    return table

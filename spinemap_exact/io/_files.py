"""What readers share: tables of text, numpy archives and whole numbers, with one sentence for whatever is wrong."""

from __future__ import annotations

import csv
import math
import re
import zipfile
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import (
    MOST_BYTES,
    MOST_TEXT,
    cut,
    read_bytes,
    read_text,
    reading,
    require_regular,
    shown,
    size_text,
)
from spinemap_exact.units import INT64_MAX

if TYPE_CHECKING:
    from spinemap_exact.arrays import Array

_LONGEST_LINE = 2**20
_COMMENT = re.compile(r"\s#.*$")


def require_lines(path: Path, most: int = MOST_TEXT) -> None:
    """Refuse a file with a line that no table has: its billions of columns would take all the memory there is."""
    require_regular(path, most)
    with reading(path), path.open("rb") as file:
        while len(block := file.read(_LONGEST_LINE)) == _LONGEST_LINE:
            if b"\n" not in block and b"\r" not in block:
                raise InvalidInput(f"{path} has a line of more than {_LONGEST_LINE:,} characters: it is no table")


def read_rows(path: Path, delimiter: str | None = None, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every line of a table that is neither empty nor a comment.

    Parameters
    ----------
    path : path
    delimiter : str, optional
        None for blanks; cells may be quoted where it is given.
    skip : int
        Lines to leave out at the beginning.
    """
    lines = [without_comment(line) for line in read_text(path).split("\n")]
    rows = csv.reader(lines[skip:], delimiter=delimiter, strict=True) if delimiter else map(str.split, lines[skip:])
    number = skip
    try:
        for cells in rows:
            number += 1
            if delimiter and rows.line_num != number - skip:  # type: ignore[union-attr]
                raise InvalidInput(f"line {number} of {path} opens a quotation mark that it does not close")
            cells = [cell.strip() for cell in cells]
            if any(cells) and not cells[0].startswith("#"):
                yield number, cells
    except csv.Error as defect:
        raise InvalidInput(f"line {number + 1} of {path} cannot be read as a table: {defect}") from defect


def without_comment(line: str) -> str:
    """Cut off a comment that follows data; a ``#`` within a word or a quotation belongs to it."""
    if "#" not in line or '"' in line or line.lstrip().startswith("#"):
        return line
    return _COMMENT.sub("", line)


def read_arrays(path: Path, what: str) -> dict[str, Array]:
    """Return the arrays of an ``.npz`` file by name, or that of an ``.npy`` file under the empty name.

    Sizes are read before arrays. Objects, which only unpickling could bring back, are refused.
    """
    import numpy as np

    content = read_bytes(path, MOST_BYTES)
    if not content:
        raise InvalidInput(f"{path} is empty")
    try:
        _require_room(path, content)
        loaded = np.load(BytesIO(content), allow_pickle=False)
        return {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except InvalidInput:
        raise
    except Exception as defect:  # a damaged file makes zipfile and numpy raise whatever their parsing meets
        raise InvalidInput(f"{path} is truncated or not {what}") from defect


def _require_room(path: Path, content: bytes) -> None:
    """Add up what the headers promise."""
    if not content.startswith(b"PK"):
        promised = _promised(BytesIO(content), len(content))
    else:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            promised = sum(member.file_size for member in archive.infolist())
            if promised <= MOST_BYTES:
                promised = sum(_promised(archive.open(m), m.file_size) for m in archive.infolist())
    if promised > MOST_BYTES:
        raise InvalidInput(
            f"{path} unpacks to {size_text(promised)} of numbers; at most {size_text(MOST_BYTES)} are read"
        )


def _promised(file: IO[bytes], size: int) -> int:
    """Bytes of an array by its header, where dimensions of zero count one: they do not make the others small."""
    import numpy as np

    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"an array of shape {shape} is not in {size} bytes")
    return math.prod(max(1, n) for n in shape) * max(1, dtype.itemsize)


def whole_number(value: Any, what: str) -> int:
    """Return a whole number that fits int64, given as text or as a number; ``what`` names it in the error."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        try:
            exact = Decimal("" if isinstance(value, dict | list) else str(value).strip())
        except InvalidOperation as defect:
            raise InvalidInput(f"{what} is {shown(value)}, not a number") from defect
        # adjusted() first: 1e999999999 has an exact integer value that nobody wants to write down
        if not exact.is_finite() or (exact.adjusted() < 19 and exact != exact.to_integral_value()):
            raise InvalidInput(f"{what} is {_cut(value)}, not a whole number")
        number = int(exact) if exact.adjusted() < 19 else INT64_MAX + 1
    if abs(number) > INT64_MAX:
        raise InvalidInput(f"{what} is {_cut(value)}, which overflows int64")
    return number


def _cut(number: Any) -> str:
    return cut(number) if isinstance(number, str) else shown(number)


def plural(count: int, noun: str, plural_noun: str | None = None) -> str:
    """Write ``1 synapse``, ``2 synapses``, ``1,000 synapses``."""
    return f"{count:,} {noun if count == 1 else plural_noun or noun + 's'}"

"""What all readers share: files to text, JSON and HDF5, with one sentence for whatever is wrong with them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinemap_exact.errors import InvalidInput, MissingExtra
from spinemap_exact.units import INT64_MAX

if TYPE_CHECKING:
    from spinemap_exact.arrays import Array


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


def read_text(path: Path) -> str:
    """Return the text of a file, of a compressed one if its name ends in ``.gz``."""
    with reading(path):
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8-sig") as file:
                return file.read()
        return path.read_text(encoding="utf-8-sig")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as defect:
        raise InvalidInput(f"{path} is not JSON: {defect.msg} in line {defect.lineno}") from defect
    except RecursionError as defect:
        raise InvalidInput(f"{path} is not JSON of any format known here: it is nested too deeply") from defect


def read_json_table(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that must hold a table."""
    table = read_json(path)
    if not isinstance(table, dict):
        raise InvalidInput(f"{path} holds a JSON {type(table).__name__}, not a table of named entries")
    return table


def read_arrays(path: Path, what: str) -> dict[str, Array]:
    """Return the arrays of an ``.npz`` file by name, or that of an ``.npy`` file under the empty name."""
    import numpy as np

    with reading(path):
        content = path.read_bytes()
    if not content:
        raise InvalidInput(f"{path} is empty")
    try:
        loaded = np.load(BytesIO(content), allow_pickle=False)
        return {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except Exception as defect:  # a damaged file makes zipfile and numpy raise whatever their parsing meets
        raise InvalidInput(f"{path} is truncated or not {what}") from defect


@contextmanager
def hdf5(path: Path, purpose: str) -> Iterator[Any]:
    """Open an HDF5 file; whatever is missing inside becomes an `InvalidInput` as well."""
    try:
        import h5py
    except ImportError as defect:
        raise MissingExtra("h5py", "sonata", purpose) from defect
    if not path.is_file():
        raise InvalidInput(f"cannot read {path}: there is no such file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InvalidInput:
        raise
    except OSError as defect:
        raise InvalidInput(f"{path} is truncated or not an HDF5 file") from defect
    except Exception as defect:  # a damaged file makes h5py raise whatever its parsing meets
        reason = " ".join(str(defect.args[0] if defect.args else defect).split()).strip('"')
        raise InvalidInput(f"{path} lacks something that its format asks for: {reason}") from defect


def whole_number(value: Any, what: str) -> int:
    """Return a whole number that fits int64, given as text or as a number; ``what`` names it in the error."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        try:
            exact = Decimal(str(value).strip())
        except InvalidOperation as defect:
            raise InvalidInput(f"{what} is {value!r}, not a number") from defect
        # adjusted() first: 1e999999999 has an exact integer value that nobody wants to write down
        if not exact.is_finite() or (exact.adjusted() < 19 and exact != exact.to_integral_value()):
            raise InvalidInput(f"{what} is {value}, not a whole number")
        number = int(exact) if exact.adjusted() < 19 else INT64_MAX + 1
    if abs(number) > INT64_MAX:
        raise InvalidInput(f"{what} is {value}, which overflows int64")
    return number


def plural(count: int, noun: str, plural_noun: str | None = None) -> str:
    """Write ``1 synapse``, ``2 synapses``, ``1,000 synapses``."""
    return f"{count:,} {noun if count == 1 else plural_noun or noun + 's'}"

"""The process that reads HDF5: a damaged file can make the library hang or crash, and here it may.

Run as ``_hdf5_child.py FILE MOST_BYTES NAMES``; ``NAMES`` is a JSON list of the datasets and attributes that are
wanted, or ``null`` for all datasets. It answers on stdout with one line of JSON: ``{"error": TEXT}``, or ``{"entries":
[...]}`` with ``[path, "group", null]``, ``[path, "text", strings]`` or ``[path, dtype, shape]`` each. The bytes of the
arrays follow in the same order.

It limits itself: processor time, so that nobody has to be alive to end it, and memory. It imports nothing of the
package, so that it starts in a quarter of a second.
"""

from __future__ import annotations

import json
import math
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

_MOST_LEVELS, _MOST_ENTRIES = 32, 100_000
_OPEN_S, _BYTES_A_SECOND = 5, 20_000_000
_OVERHEAD_BYTES = 2**30

Path = tuple[str, ...]


class Refused(Exception):
    """What is wrong with the file, as the end of a sentence that begins with its name."""


def main(file_name: str, most_bytes: int, names: list[str] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the library does not return, no handler would run
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, 2 * most_bytes + _OVERHEAD_BYTES)
    _allow(_OPEN_S)
    try:
        _send(file_name, most_bytes, names)
    except Refused as defect:
        _answer({"error": str(defect)})
    except MemoryError:
        _answer({"error": "asks for more memory than its data can need: it is damaged"})
    except OSError:
        _answer({"error": "is truncated or not an HDF5 file"})
    except Exception as defect:  # a damaged file makes h5py raise whatever its parsing meets
        _answer({"error": f"is damaged: {' '.join(repr(defect)[:200].split())}"})


def _send(file_name: str, most_bytes: int, names: list[str] | None) -> None:
    import h5py

    with h5py.File(file_name, "r") as file:
        entries: list[list[Any]] = []
        arrays = []
        size = 0
        for path, item in _items(file, (), names):
            kind, description = _described(item)
            entries.append([path, kind, description])
            if kind not in ("group", "text"):
                arrays.append(item)
                size += _bytes_of(item)
            if size > most_bytes:
                raise Refused(f"holds more than the {most_bytes / 2**30:.1f} GiB of numbers that are read")
        _answer({"entries": entries})
        _allow(_OPEN_S + size // _BYTES_A_SECOND)
        for item in arrays:
            sys.stdout.buffer.write(item[()].tobytes())
        sys.stdout.buffer.flush()


def _items(group: Any, above: Path, names: list[str] | None) -> Iterator[tuple[Path, Any]]:
    """Groups and datasets, outer ones first, and strings that are attributes of datasets (named after an ``@``)."""
    import h5py

    if len(above) > _MOST_LEVELS:
        raise Refused("is nested too deeply, or in a circle")
    for count, name in enumerate(group):
        if count > _MOST_ENTRIES or not name.isprintable():
            raise Refused(f"has {'too many entries' if count > _MOST_ENTRIES else 'a name that cannot be printed'}")
        item = group.get(name) if not isinstance(group.get(name, getlink=True), h5py.ExternalLink) else None
        if isinstance(item, h5py.Group):
            yield (*above, name), None
            yield from _items(item, (*above, name), names)
        elif isinstance(item, h5py.Dataset) and (names is None or name in names) and _is_plain(item):
            yield (*above, name), item
            for attribute in names or ():
                if attribute in item.attrs:
                    yield (*above, f"{name}@{attribute}"), item.attrs[attribute]


def _is_plain(item: Any) -> bool:
    """Numbers and text; a format that this package reads needs nothing else."""
    import h5py

    return item.shape is not None and (item.dtype.kind in "biuf" or h5py.check_string_dtype(item.dtype) is not None)


def _bytes_of(item: Any) -> int:
    # dimensions of zero count one: they do not make the others small
    shape: tuple[int, ...] = item.shape
    return math.prod(max(1, n) for n in shape) * max(1, int(item.dtype.itemsize))


def _described(item: Any) -> tuple[str, Any]:
    if item is None:
        return "group", None
    if isinstance(item, bytes | str):
        return "text", item.decode(errors="replace") if isinstance(item, bytes) else item
    if not hasattr(item, "shape"):
        return "text", str(item)
    if item.dtype.kind in "biuf":
        return item.dtype.str, item.shape
    if _bytes_of(item) > 2**28:
        raise Refused("holds more text than is read")
    text = item.asstr(errors="replace")[()]
    return "text", text if isinstance(text, str) else text.tolist()


def _allow(seconds: int) -> None:
    """Have the kernel end this process when it has computed for so much longer."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime) + seconds)


def _limit(what: int, amount: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))


def _answer(table: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(table).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]))

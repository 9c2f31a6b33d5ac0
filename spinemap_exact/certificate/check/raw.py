"""Raw numbers of an instance, taken as they are: nothing is rounded, parsed or converted on the way into the digest.

NumPy makes integers of 4.9, "4" and true where it is asked to; an instance that holds these is refused.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInstance

LARGEST = 2**63 - 1


def integer(value: Any, what: str, low: int = 0) -> int:
    """Return a whole number from ``low`` to 2^63 - 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidInstance(f"{what} is not an integer")
    if not low <= value <= LARGEST:
        raise InvalidInstance(f"{what} lies outside {low} ... {LARGEST}")
    return int(value)


def optional(value: Any, what: str, low: int = 0) -> int | None:
    """Return a whole number, or None where none is given."""
    return None if value is None else integer(value, what, low)


def integers(values: Any, what: str, dtype: type = np.int64, low: int = 0, dimensions: int = 1) -> Array:
    """Return a copy of a list, of a list of lists, or of an array of whole numbers from ``low``."""
    array = _array(values, what, dimensions)
    if array.dtype.kind not in "iu":
        raise InvalidInstance(f"{what} holds something else than integers")
    if array.size and not low <= int(array.min()) <= int(array.max()) <= np.iinfo(dtype).max:
        raise InvalidInstance(f"{what} holds a number outside {low} ... {np.iinfo(dtype).max}")
    return array.astype(dtype)


def flags(values: Any, what: str) -> Array:
    """Return a copy of an array of booleans, or of a list of 0 and 1."""
    array = _array(values, what, 1)
    if array.dtype.kind != "b" and integers(array, what).max(initial=0) > 1:
        raise InvalidInstance(f"{what} holds a number that is neither 0 nor 1")
    return array.astype(np.bool_)


def choice(value: Any, what: str, known: tuple[str, ...]) -> str:
    """Return one of a few words."""
    if not isinstance(value, str) or value not in known:
        raise InvalidInstance(f"{what} is none of {', '.join(known)}")
    return str(value)


def _array(values: Any, what: str, dimensions: int) -> Array:
    """Return an array of so many dimensions; lists hold nothing but integers."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        raise InvalidInstance(f"{what} is not a table of integers") from None
    if array.ndim != dimensions:
        raise InvalidInstance(f"{what} has not the shape of {'a list' if dimensions == 1 else 'a square table'}")
    if isinstance(values, list):
        kinds = {*map(type, values if dimensions == 1 else chain.from_iterable(values))}
        if not kinds <= {int}:
            raise InvalidInstance(f"{what} holds something else than integers")
    return array if array.size else array.astype(np.int64)

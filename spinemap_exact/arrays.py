"""Arrays that a frozen dataclass owns: fixed dtype, contiguous, read-only; and their digest."""

from __future__ import annotations

import hashlib
import operator
from typing import Any

import numpy as np

from spinemap_exact.errors import InvalidInstance, WrongType

Array = np.ndarray[Any, Any]


def freeze(owner: object, **dtypes: type) -> None:
    """Replace array fields of a frozen dataclass by read-only copies of a fixed dtype.

    Raises
    ------
    InvalidInstance
        If a value is no number, is fractional where integers are wanted, neither 0 nor 1 where truth is, or does not
        fit the dtype.
    """
    for name, dtype in dtypes.items():
        value = getattr(owner, name)
        if value is not None:
            object.__setattr__(owner, name, frozen_array(name, value, dtype))


def frozen_array(name: str, value: Any, dtype: type) -> Array:
    """Return ``value`` as a read-only array of ``dtype`` that nobody else can write to."""
    try:
        given = np.asarray(value)
    except ValueError as defect:
        raise InvalidInstance(f"{name} has rows of different lengths: it is no array") from defect
    if given.size == 0:
        given = given.astype(dtype)
    if given.dtype.kind not in "biuf":
        raise InvalidInstance(f"{name} holds {given.dtype} values, not numbers")
    if np.issubdtype(dtype, np.integer):
        _require_integers(name, given, np.iinfo(dtype))
    if dtype is np.bool_ and given.dtype.kind != "b" and (wrong := (given != 0) & (given != 1)).any():
        raise InvalidInstance(f"{name}[{_first(wrong)}] is {given[wrong][0]}, neither 0 nor 1")
    with np.errstate(over="ignore"):  # an infinite float32 is refused by whoever asks for finite ones
        owned: Array = np.array(given, dtype=dtype, order="C")
    owned.flags.writeable = False
    return owned


def is_whole(value: Any) -> bool:
    """True for a whole number of Python or numpy; a truth value is none."""
    return hasattr(type(value), "__index__") and not isinstance(value, bool)


def whole(name: str, value: Any) -> int:
    """Return a whole number of Python or numpy as Python's own, so that equal numbers have equal digests.

    Raises
    ------
    WrongType
        If it is anything else: a float, a text, a truth value.
    """
    if not is_whole(value):
        raise WrongType(name, value, "a whole number")
    return operator.index(value)


def _require_integers(name: str, given: Array, limits: Any) -> None:
    if given.dtype.kind == "f":
        wrong = ~np.isfinite(given) | (given != np.floor(given))
        if wrong.any():
            raise InvalidInstance(f"{name}[{_first(wrong)}] is {given[wrong][0]}, not an integer")
    if given.size and given.dtype.kind in "iuf":
        # float(2**63 - 1) rounds up to 2**63, hence the strict comparison for floats
        top = float(limits.max) if given.dtype.kind == "f" else limits.max
        beyond = (given < limits.min) | ((given >= top) if given.dtype.kind == "f" else (given > top))
        if beyond.any():
            raise InvalidInstance(f"{name}[{_first(beyond)}] is {given[beyond][0]}, which overflows {limits.dtype}")


def dot(weights: Array, values: Array) -> int:
    """Scalar product of integers that are not negative, exact even where int64 would overflow."""
    if float(weights.sum(dtype=np.float64)) * float(values.max(initial=0)) < 2.0**62:
        return int(weights @ values)
    return sum(w * v for w, v in zip(weights.tolist(), values.tolist(), strict=True))


def total(values: Array) -> int:
    """Sum of integers that are not negative, exact even where int64 would overflow."""
    return int(values.sum()) if values.sum(dtype=np.float64) < 2.0**62 else sum(values.ravel().tolist())


def _first(mask: Array) -> str:
    return ", ".join(str(int(i)) for i in np.argwhere(mask)[0])


def digest(kind: str, *parts: Any) -> str:
    """SHA-256 of a canonical byte string: a kind, then each part with its dtype and shape.

    Arrays count by value in little-endian order; everything else by its ``repr``.
    """
    sha = hashlib.sha256(kind.encode())
    for part in parts:
        if isinstance(part, np.ndarray):
            little = np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<"))
            sha.update(f"|{little.dtype.str}{little.shape}|".encode())
            sha.update(little.tobytes())
        else:
            sha.update(f"|{part!r}|".encode())
    return sha.hexdigest()


def csr_from_pairs(source: Array, target: Array, num_sources: int) -> tuple[Array, Array, Array]:
    """Sort ``(source, target)`` pairs into CSR form.

    Returns
    -------
    ptr : (num_sources + 1,) int64
    idx : (num_pairs,) int32
        Targets, ascending within each source; duplicates are kept.
    order : (num_pairs,) int64
        Position in the input of each entry of ``idx``.
    """
    width = int(target.max(initial=0)) + 1
    # one sort of combined keys is several times faster than two of the parts
    fits = num_sources * width < 2**62
    order = np.argsort(source.astype(np.int64) * width + target) if fits else np.lexsort((target, source))
    ptr = np.zeros(num_sources + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=num_sources), out=ptr[1:])
    return ptr, target[order].astype(np.int32), order

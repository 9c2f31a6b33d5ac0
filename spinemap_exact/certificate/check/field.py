"""Reading evidence without trusting its shape: every value knows its place in the certificate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from spinemap_exact.errors import CertificateMalformed, CertificateRejected

# Integers in a certificate are smaller than this in size; sums of fewer than 2^22 of them fit into int64.
LARGEST = 2**40


class Field:
    """A JSON value and the path that leads to it."""

    def __init__(self, value: Any, place: str) -> None:
        self.value = value
        self.place = place

    def malformed(self, reason: str) -> NoReturn:
        raise CertificateMalformed(f"{self.place}: {reason}")

    def rejected(self, reason: str) -> NoReturn:
        raise CertificateRejected(self.place, reason)

    def table(self, *keys: str) -> dict[str, Field]:
        """Return the fields of an object that has exactly these keys."""
        if not isinstance(self.value, dict) or self.value.keys() != set(keys):
            self.malformed(f"not an object with exactly {', '.join(keys)}")
        return {key: self[key] for key in keys}

    def __getitem__(self, key: str) -> Field:
        if not isinstance(self.value, dict) or key not in self.value:
            self.malformed(f"no object with {key}")
        return Field(self.value[key], f"{self.place}.{key}")

    @property
    def is_null(self) -> bool:
        return self.value is None

    def integer(self, low: int = -LARGEST, high: int = LARGEST) -> int:
        value = self.value
        if type(value) is not int:
            self.malformed("not an integer")
        if not low <= value <= high:
            self.rejected(f"{value} lies outside {low} ... {high}")
        return int(value)

    def integers(self, length: int | None = None, low: int = -LARGEST, high: int = LARGEST) -> list[int]:
        """Return a list of integers within limits, of one length if given."""
        values = self.items_raw(length)
        if {*map(type, values)} <= {int} and (not values or low <= min(values) <= max(values) <= high):
            return values
        for k, value in enumerate(values):
            if type(value) is not int or not low <= value <= high:
                Field(value, f"{self.place}[{k}]").integer(low, high)  # says what is wrong
        return values

    def items_raw(self, length: int | None) -> list[Any]:
        if not isinstance(self.value, list):
            self.malformed("not a list")
        if length is not None and len(self.value) != length:
            self.rejected(f"{len(self.value)} entries where {length} are due")
        return self.value

    def items(self, length: int | None = None) -> list[Field]:
        """Return the entries of a list, of one length if given."""
        return [Field(item, f"{self.place}[{k}]") for k, item in enumerate(self.items_raw(length))]


class Preorder:
    """The entries of a tree, parent before children: whoever walks the tree takes the next entry at each node."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._entries: Iterator[Field] = iter(field.items())

    def take(self) -> Field:
        """Return the next entry; the tree must not end early."""
        entry = next(self._entries, None)
        if entry is None:
            self._field.rejected("the tree ends before all its cases are closed")
        return entry

    def rejected(self, reason: str) -> NoReturn:
        self._field.rejected(reason)

    def finish(self) -> None:
        """Reject entries that no case asked for."""
        if next(self._entries, None) is not None:
            self._field.rejected("the tree has entries that belong to no case")

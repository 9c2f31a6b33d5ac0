"""Tables of text: what separates their columns, and what a header calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import cut, read_text, shown
from spinemap_exact.io._files import read_rows, without_comment

_RUNNING = re.compile(r"(unnamed: \d+)?$", re.IGNORECASE)  # number of a line, as pandas writes it and writes it again
_DECIMAL = re.compile(r"[+-]?\d*\.\d*([eE][+-]?\d+)?$")


def separator(line: str) -> str | None:
    """The character that separates columns; None for blanks. Between semicolons a comma may be a decimal point."""
    if "\t" in line:
        return "\t"
    return max(",;", key=line.count) if "," in line or ";" in line else None


@dataclass(frozen=True)
class Table:
    """The lines of a table below its header.

    Attributes
    ----------
    path : Path
    rows : list of (line number, cells)
    column : dict of str to int, or None
        Where each thing stands that the header names; None without a header.
    header : tuple of str
    unread : tuple of str
        What the header names besides.
    """

    path: Path
    rows: list[tuple[int, list[str]]]
    column: dict[str, int] | None
    header: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def refuse_unread(self, wanted: str) -> None:
        """Refuse columns whose meaning might change what the others say."""
        if self.unread:
            raise InvalidInput(f"{self.path} has a column {shown(self.unread[0])} that is not understood; {wanted}")


def read_table(path: Path, known: Mapping[str, Sequence[str]]) -> Table:
    """Read a table whose separator its first line shows.

    Parameters
    ----------
    path : path
    known : mapping of str to names
        What a header may call each thing; a first line without any of these names, or with a number, is no header.
    """
    first = next((line for line in read_text(path).split("\n") if line.strip() and not _is_comment(line)), "")
    rows = list(read_rows(path, separator(without_comment(first))))
    column = named_columns(path, rows[0][1], known) if rows else {}
    if not column or any(map(is_number, rows[0][1])):
        return Table(path, rows, None)
    header = tuple(rows[0][1])
    unread = tuple(name for k, name in enumerate(header) if k not in column.values() and not _RUNNING.match(name))
    for number, cells in rows[1:]:
        require_width(path, number, cells, len(header))
    return Table(path, rows[1:], column, header, unread)


def named_columns(path: Path, header: Sequence[str], known: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Find where each known thing stands in a header; nothing may be named twice."""
    names = [name.strip().strip('"').lower() for name in header]
    found: dict[str, int] = {}
    for thing, spellings in known.items():
        places = [k for k, name in enumerate(names) if name in spellings]
        if len(places) > 1:
            both = f"{cut(names[places[0]])} and {cut(names[places[1]])}"
            raise InvalidInput(f"{path} has two columns for the {thing}, {both}: keep one of them")
        if places:
            found[thing] = places[0]
    return found


def require_width(path: Path, number: int, cells: Sequence[str], width: int) -> None:
    """Refuse a line that is longer than the first: nobody knows which column that one leaves out."""
    if len(cells) > width and any(cells[width:]):
        raise InvalidInput(f"line {number} of {path} has {len(cells)} columns, the first line has {width}")


def whole_id(text: str) -> str:
    """Write an id that is a whole number without its decimals, as ``2`` for ``2.0``; leave others as they are."""
    if not is_decimal(text):
        return text
    value = float(text)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else text


def is_decimal(text: str) -> bool:
    """Tell a number with a point, perhaps with an exponent: ``2.0`` or ``2.000e+00``."""
    return bool(_DECIMAL.match(text)) and any(c.isdigit() for c in text.lower().partition("e")[0])


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")

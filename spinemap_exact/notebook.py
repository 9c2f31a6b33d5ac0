"""How results look in a notebook: tables of pandas, and plain HTML without scripts or styles of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from spinemap_exact.errors import MissingExtra


def html_table(title: str, rows: Iterable[Sequence[object]], remarks: Iterable[object] = ()) -> str:
    """Return a table whose first row names the columns, below a title and above remarks; all texts are escaped."""
    head, *body = rows
    lines = [_line(head, "th"), *(_line(row, "td") for row in body)]
    below = "".join(f"<p>{escape(str(remark))}</p>" for remark in remarks)
    return f"<p><strong>{escape(title)}</strong></p><table>{''.join(lines)}</table>{below}"


def _line(cells: Sequence[object], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"


def data_frame(columns: dict[str, list[Any]]) -> Any:
    """Return a table of pandas; whole numbers of which some are missing stay whole.

    Raises
    ------
    MissingExtra
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError as missing:
        raise MissingExtra("pandas", None, "a data frame") from missing
    return pandas.DataFrame(columns).convert_dtypes()

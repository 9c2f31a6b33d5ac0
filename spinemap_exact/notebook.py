"""How results look in a notebook: plain HTML without scripts or styles of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(title: str, rows: Iterable[Sequence[object]], remarks: Iterable[object] = ()) -> str:
    """Return a table whose first row names the columns, below a title and above remarks; all texts are escaped."""
    head, *body = rows
    lines = [_line(head, "th"), *(_line(row, "td") for row in body)]
    below = "".join(f"<p>{escape(str(remark))}</p>" for remark in remarks)
    return f"<p><strong>{escape(title)}</strong></p><table>{''.join(lines)}</table>{below}"


def _line(cells: Sequence[object], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

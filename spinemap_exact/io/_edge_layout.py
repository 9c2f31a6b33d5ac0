"""What the first lines of an edge list say: what separates its columns, and which column is which."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import reading
from spinemap_exact.io._files import require_lines, without_comment
from spinemap_exact.io._tables import named_columns, require_width, separator, whole_id

_COLUMNS = {
    "pre-synaptic neuron": (
        *("pre", "source", "from", "src", "pre_id", "source_id", "i", "source_node_id", "pre_gid", "source_gid"),
        *("presynaptic", "pre_root_id", "pre_pt_root_id", "bodyid_pre"),
    ),
    "post-synaptic neuron": (
        *(
            "post",
            "target",
            "to",
            "dst",
            "destination",
            "post_id",
            "target_id",
            "j",
            "target_node_id",
            "post_gid",
            "target_gid",
        ),
        *("postsynaptic", "post_root_id", "post_pt_root_id", "bodyid_post"),
    ),
    "weight": ("weight", "w", "weights", "syn_weight"),
}
_SAY_NOTHING = ("", "delay", "delays")  # the running number of a table, and what no mapping depends on
_OF_TWO_POPULATIONS = ["i", "j"]
_PYNN_COLUMNS = re.compile(r"#\s*columns\s*=\s*\[(.*)\]")
NETWORKX = re.compile(r"([^\s,]+)[\s,]+([^\s,]+)[\s,]+(\{.*\})$")
_WHOLE = re.compile(r"[+-]?\d+$")
_MOST_BYTES = 2**30
_MOST_NAMELESS = 3  # columns without a header: pre, post, weight; more are those of a matrix


@dataclass(frozen=True)
class Layout:
    delimiter: str | None
    columns: tuple[str, ...] | None  # None: no header
    header_lines: int
    pre: int
    post: int
    weight: int | None
    has_dictionaries: bool = False  # as networkx writes them
    is_matrix: bool = False  # with a header that names its columns, or without any

    @property
    def width(self) -> int:
        return len(self.columns) if self.columns is not None else 2 if self.weight is None else 3

    @property
    def named(self) -> tuple[str, ...]:
        return self.columns or ()

    @property
    def may_number_twice(self) -> bool:
        """True where the columns are called as by tools that number two populations, each from zero."""
        return [self.named[k] for k in (self.pre, self.post) if self.named] == _OF_TWO_POPULATIONS

    def unread(self, but: Collection[str]) -> list[str]:
        read = {self.pre, self.post, self.weight}
        return [n for k, n in enumerate(self.named) if k not in read and n not in (*_SAY_NOTHING, *but)]


def layout_of(path: Path) -> Layout:
    """Look at the first lines: separator, header or not, and which column is which."""
    require_lines(path, _MOST_BYTES)
    skipped, comments, line, following = _first_lines(path)
    if NETWORKX.match(line):
        return Layout(None, ("pre", "post", "weight"), skipped, 0, 1, 2, has_dictionaries=True)
    delimiter = separator(line)
    cells = [cell.strip().strip('"') for cell in line.split(delimiter)]
    if said := next((found[1] for c in comments if (found := _PYNN_COLUMNS.match(c))), None):
        header, first, cells = skipped, line, [name.strip(" '\"") for name in said.split(",")]
    else:
        header, first = skipped + 1, following
    column = named_columns(path, cells, _COLUMNS)
    pre, post, weight = (column.get(thing) for thing in _COLUMNS)
    beneath = first.split(delimiter)
    names = tuple(cell.lower() for cell in cells)
    if pre is not None and post is not None and not _is_a_synapse(names, pre, post, beneath):
        require_width(path, header + 1, beneath, len(cells))
        return Layout(delimiter, names, header, pre, post, weight)
    if len(cells) > 2 and cells[0] == "" and len(beneath) == len(cells) and beneath[0].strip().strip('"') == cells[1]:
        return Layout(delimiter, names, skipped, 0, 0, None, is_matrix=True)
    if len(cells) < 2:
        raise InvalidInput(f"line {skipped + 1} of {path} has one column; a synapse needs pre and post")
    if len(cells) > _MOST_NAMELESS:
        return Layout(delimiter, None, skipped, 0, 0, None, is_matrix=True)
    return Layout(delimiter, None, skipped, 0, 1, 2 if len(cells) > 2 else None)


def _first_lines(path: Path) -> tuple[int, list[str], str, str]:
    """Return the number of lines before the first that is neither empty nor a comment, the comments among them, that
    line, and the next such line, empty if there is none."""
    skipped, comments, found = 0, [], []
    with reading(path), path.open(encoding="utf-8-sig") as file:
        for line in file:
            text = line.strip()
            if text and not text.startswith("#"):
                found.append(without_comment(text))
            elif not found:
                skipped += 1
                comments.append(text)
            if len(found) == 2:
                break
    if not found:
        raise InvalidInput(f"{path} holds no synapse: the network is empty")
    return skipped, comments, found[0], found[1] if len(found) == 2 else ""


def _is_a_synapse(names: tuple[str, ...], pre: int, post: int, beneath: list[str]) -> bool:
    """Tell neurons that happen to be called i and j: below a header of Brian2 or PyNN there are numbers."""
    if [names[pre], names[post]] != _OF_TWO_POPULATIONS or len(beneath) <= max(pre, post):
        return False
    return not all(_WHOLE.match(whole_id(beneath[k].strip().strip('"'))) for k in (pre, post))

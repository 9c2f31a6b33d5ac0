"""Edge lists: text files with one synapse a line, and the spike counts beside them.

The columns are ``pre,post`` or ``source,target`` (also ``from,to`` and ``i,j``), and optionally ``weight``; a header
may name them in any order among others, and a file without one has no other columns. Tabs, commas, semicolons or blanks
separate. Lines that start with ``#`` are comments; the one with which PyNN names its columns is read. So are lines of
networkx, which end in a dictionary of attributes.

Ids are whole numbers from zero, or any text; ``2.0`` is the whole number 2. Whole numbers are neuron ids as they stand:
the network has as many neurons as the largest id asks for. Text ids are numbered in the order of their first
appearance, and every neuron keeps its name as a population of one.

External inputs are marked in the spike counts: a column ``input`` with 1 or 0. ``NAME.spikes.csv`` beside ``NAME.csv``
is read without being asked for.
"""

from __future__ import annotations

import ast
import logging
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import cut, read_text, reading, shown, writing
from spinemap_exact.io._draft import Draft
from spinemap_exact.io._edge_layout import NETWORKX, Layout, layout_of
from spinemap_exact.io._files import plural, read_rows, whole_number
from spinemap_exact.io._tables import is_decimal, is_number, require_width, whole_id
from spinemap_exact.io.count_table import ASSUMED, CountTable, is_count_table, read_count_table
from spinemap_exact.io.matrices import matrix_of_text
from spinemap_exact.network import Network, Population

logger = logging.getLogger(__name__)

_WHOLE = re.compile(r"[+-]?\d+$")
_LINES_A_CHUNK = 1_000_000
_MOST_DIGITS = 18  # of an id, so that it fits int64 while it is checked


def read_edge_list(
    path: str | Path,
    *,
    spikes: str | Path | None = None,
    weight_threshold: float = 0.0,
    where: Mapping[str, str] | None = None,
) -> tuple[Network, list[str]]:
    """Read an edge list; see the module docstring for the format.

    Parameters
    ----------
    path : path
    spikes : path, optional
        Spike counts; a CSV of counts may name neurons without synapses and mark external inputs.
    weight_threshold : float
        Synapses of at most this absolute weight are dropped; zero keeps all that the file lists.
    where : mapping of str to str, optional
        Read only lines with these values, as in ``{"type": "chemical"}``.

    Returns
    -------
    network : Network
    notes : list of str

    Raises
    ------
    InvalidInput
        If the file or its spike counts cannot be used.
    """
    path = Path(path)
    layout, where = layout_of(path), {column.lower(): value for column, value in (where or {}).items()}
    draft = matrix_of_text(path, layout, where) if layout.is_matrix else _listed(path, layout, where)
    counts = Path(spikes) if spikes is not None else path.with_suffix(".spikes.csv")
    if spikes is None:
        if not counts.is_file():
            return draft.finish(None, weight_threshold)
        draft.notes.append(f"spike counts are those of {counts.name} beside the edge list")
    if not is_count_table(counts):
        if draft.populations:
            first = ", ".join(cut(p.name) for p in draft.populations[:3])
            draft.notes.append(f"{counts.name} counts neurons in the order of their first appearance: {first}, ...")
        return draft.finish(counts, weight_threshold)
    _attach_counts(draft, read_count_table(counts))
    return draft.finish(None, weight_threshold)


def write_edge_list(path: str | Path, network: Network) -> None:
    """Write ``pre,post[,weight]`` and, beside it, the spike counts as ``NAME.spikes.csv``.

    Populations are left out; the native format keeps them.
    """
    path = Path(path)
    separator = "\t" if path.suffix == ".tsv" else ","
    columns = [network.pre, network.post] + ([] if network.weights is None else [network.weights])
    names = ["pre", "post", "weight"][: len(columns)]
    with writing(path) as file:
        file.write(f"{separator.join(names)}\n".encode())
        for start in range(0, network.num_synapses, _LINES_A_CHUNK):
            # as text, a float32 has no more digits than it needs
            chunk = [c[start : start + _LINES_A_CHUNK].astype(str).tolist() for c in columns]
            file.writelines(f"{separator.join(line)}\n".encode() for line in zip(*chunk, strict=True))
    with writing(path.with_suffix(".spikes.csv")) as file:
        file.write((f"{ASSUMED}\n" if network.spikes_assumed else "").encode())
        file.write(b"neuron,spikes,input\n")
        counts = zip(network.spikes.tolist(), network.is_input.tolist(), strict=True)
        file.writelines(f"{i},{count},{int(is_input)}\n".encode() for i, (count, is_input) in enumerate(counts))


def _listed(path: Path, layout: Layout, where: dict[str, str]) -> Draft:
    draft = None if where or layout.has_dictionaries or "type" in layout.named else _fast(path, layout)
    if draft is None:
        draft = _careful(path, layout, where)
    if unread := layout.unread(where):
        draft.notes.append(f"columns that are not read: {', '.join(map(cut, unread))}")
    if not layout.named and layout.width == len(draft.pre) == 3:
        draft.notes.append("three lines of three are read as pre,post,weight, not as a matrix")
    if layout.may_number_twice:
        draft.notes.append("i and j are read as ids of one network; PyNN and Brian2 number either population from 0")
    return draft


def _fast(path: Path, layout: Layout) -> Draft | None:
    """Parse whole-number ids at some 5 million lines a second; None if the file holds anything else."""
    columns = [(layout.pre, "pre", "i8"), (layout.post, "post", "i8")]
    if layout.weight is not None:
        columns.append((layout.weight, "weight", "f8"))
    columns.sort()
    try:
        with reading(path), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an empty file: we say so ourselves
            table = np.loadtxt(
                path,
                dtype=[(name, kind) for _, name, kind in columns],
                delimiter=layout.delimiter,
                skiprows=layout.header_lines,
                # a line with more columns than the others is an error only where all are read
                usecols=[c for c, _, _ in columns] if len(columns) < layout.width else None,
                encoding="utf-8-sig",
                ndmin=1,
            )
    except InvalidInput:
        raise
    except (ValueError, OverflowError) as defect:  # ids of any length, text, too few columns
        logger.debug("%s is read line by line: %s", path, defect)
        return None
    if table.size == 0:
        raise InvalidInput(f"{path} holds no synapse: the network is empty")
    weights = table["weight"] if layout.weight is not None else None
    if weights is not None and not np.isfinite(weights).all():
        return None  # the line is found where lines are counted
    return _numbered(path, table["pre"], table["post"], weights)


def _numbered(path: Path, pre: Array, post: Array, weights: Array | None) -> Draft:
    """Make a draft of whole-number ids."""
    top = -1
    for name, ids in (("pre-synaptic", pre), ("post-synaptic", post)):
        if ids.size and ids.min() < 0:
            raise InvalidInput(f"{path}: {name} neuron {ids.min()} is negative")
        top = max(top, int(ids.max(initial=-1)))
    _refuse_gaps(path, top + 1, len(pre))
    return Draft(top + 1, pre, post, weights)


def _refuse_gaps(path: Path, num_neurons: int, listed: int) -> None:
    # a stray id of ten digits would otherwise ask for gigabytes of neurons that do not exist
    if num_neurons > 10_000_000 and num_neurons > 100 * listed:
        raise InvalidInput(f"{path}: neuron id {num_neurons - 1} in a list of {listed} lines; number neurons from 0")


def _careful(path: Path, layout: Layout, where: dict[str, str]) -> Draft:
    """Read line by line: text ids, conditions, and errors with their line."""
    conditions = _conditions(path, layout, where)
    needed = max(layout.pre, layout.post, layout.weight or 0, *(c for c, _ in conditions), 0)
    kind = layout.named.index("type") if "type" in layout.named and "type" not in where else None
    kept: list[tuple[str, str]] = []
    weights: list[tuple[int, str]] = []
    listed = 0
    for number, cells in _rows(path, layout):
        listed += 1
        if len(cells) <= needed:
            raise InvalidInput(f"line {number} of {path} has {plural(len(cells), 'column')}, not {needed + 1}")
        require_width(path, number, cells, layout.width)
        pair = cells[layout.pre], cells[layout.post]
        if "" in pair:
            raise InvalidInput(f"line {number} of {path} names no {'pre' if not pair[0] else 'post'}-synaptic neuron")
        if any(cells[column] != value for column, value in conditions):
            continue
        if kind is not None and len(cells) > kind and cells[kind].lower() == "undirected":
            raise InvalidInput(f"line {number} of {path} is an undirected edge; a synapse has a direction")
        kept.append(pair)
        if layout.weight is not None:
            weights.append((number, cells[layout.weight]))
    rule = " and ".join(f"{column} = {value}" for column, value in where.items())
    if not kept:
        raise InvalidInput(f"{path} holds no synapse{' with ' + rule if rule else ''}: the network is empty")
    if not layout.named:
        _refuse_header(path, layout.header_lines + 1, kept, weights)
    draft = _from_names(path, kept, _weights(path, layout, weights))
    if len(kept) < listed:
        draft.notes.append(f"{plural(listed - len(kept), 'line')} of {listed:,} left out, since only {rule} was wanted")
    return draft


def _rows(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    if not layout.has_dictionaries:
        yield from read_rows(path, layout.delimiter, layout.header_lines)
        return
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = NETWORKX.match(line.strip())
        if found is None:
            raise InvalidInput(f"line {number} of {path} does not end in attributes, as the first one does")
        try:
            attributes = ast.literal_eval(found[3])
            weight = str(attributes.get("weight", ""))
        except (ValueError, SyntaxError, TypeError, AttributeError, MemoryError, RecursionError) as defect:
            raise InvalidInput(f"line {number} of {path} ends in {shown(found[3])}, no attributes") from defect
        yield number, [found[1], found[2], weight]


def _refuse_header(path: Path, number: int, kept: list[tuple[str, str]], weights: list[tuple[int, str]]) -> None:
    """Refuse a first line that may be a header: two names that no other line has, or a weight that is none."""
    names, others = set(kept[0]), {name for pair in kept[1:] for name in pair}
    is_text = not any(_WHOLE.match(whole_id(name)) for name in names)
    numbers = [is_number(text) for _, text in weights]
    if is_text and ((others and not names & others) or (numbers[1:] and not numbers[0] and all(numbers[1:]))):
        raise InvalidInput(
            f"line {number} of {path} ({cut(kept[0][0])}, {cut(kept[0][1])}) looks like a header: name two columns pre "
            "and post there, or in a line above it"
        )


def _weights(path: Path, layout: Layout, texts: list[tuple[int, str]]) -> Array | None:
    if layout.weight is None or (layout.has_dictionaries and not any(text for _, text in texts)):
        return None
    for number, text in texts:
        if not is_number(text):
            raise InvalidInput(f"line {number} of {path} has the weight {shown(text)}, not a number")
        if not math.isfinite(float(text)):
            raise InvalidInput(f"line {number} of {path} has the weight {text}, which is not finite")
    return np.array([float(text) for _, text in texts])


def _conditions(path: Path, layout: Layout, where: dict[str, str]) -> list[tuple[int, str]]:
    names = layout.named
    for column in where:
        if column not in names:
            raise InvalidInput(f"{path} has no column {shown(column)}; it has {', '.join(names) or 'no header'}")
    return [(names.index(column), value) for column, value in where.items()]


def _from_names(path: Path, kept: list[tuple[str, str]], weights: Array | None) -> Draft:
    kept = [(whole_id(a), whole_id(b)) for a, b in kept]
    everyone = list(dict.fromkeys(name for pair in kept for name in pair))
    if fractions := [name for name in everyone if is_decimal(name)]:
        raise InvalidInput(f"{path} has the id {cut(fractions[0])}, a number, but not a whole one")
    whole = [name for name in everyone if _WHOLE.match(name)]
    if len(whole) == len(everyone):
        largest = max(whole, key=lambda name: (len(name), name))
        if len(largest) > _MOST_DIGITS:
            raise InvalidInput(f"{path}: neuron id {cut(largest)} overflows int32")
        ids = np.array([(int(a), int(b)) for a, b in kept], dtype=np.int64).reshape(-1, 2)
        return _numbered(path, ids[:, 0], ids[:, 1], weights)
    if whole:
        text = next(name for name in everyone if not _WHOLE.match(name))
        raise InvalidInput(f"{path} mixes ids that are whole numbers ({cut(whole[0])}) with others ({shown(text)})")
    number = {name: i for i, name in enumerate(everyone)}
    ids = np.array([(number[a], number[b]) for a, b in kept], dtype=np.int64).reshape(-1, 2)
    names = tuple(Population(name, i, i + 1) for i, name in enumerate(everyone))
    return Draft(len(everyone), ids[:, 0], ids[:, 1], weights, populations=names)


def _attach_counts(draft: Draft, table: CountTable) -> None:
    """Give a draft the counts of a table, which may name neurons that have no synapse."""
    if draft.populations:
        known = {p.name for p in draft.populations}
        new = [name for name in table.names if name not in known]
        first = draft.num_neurons
        draft.populations += tuple(Population(name, first + k, first + k + 1) for k, name in enumerate(new))
        draft.num_neurons += len(new)
    elif all(_WHOLE.match(whole_id(name)) for name in table.names):
        top = max((whole_number(name, f"{table.path}: a neuron") for name in table.names), default=-1)
        _refuse_gaps(table.path, top + 1, len(table.names))
        draft.num_neurons = max(draft.num_neurons, top + 1)
    recorded = table.resolve(draft.num_neurons, draft.populations, draft.is_input)
    draft.spikes, draft.is_input = recorded.counts, recorded.is_input
    draft.notes += recorded.notes
    draft.spikes_assumed = table.assumed

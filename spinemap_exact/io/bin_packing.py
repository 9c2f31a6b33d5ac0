"""Bin packing as text: the number of items, the capacity, then the sizes, separated by white space."""

from __future__ import annotations

from pathlib import Path

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_text
from spinemap_exact.io._files import plural, whole_number
from spinemap_exact.problems.packing import PackingProblem


def read_bin_packing(path: str | Path) -> tuple[PackingProblem, list[str]]:
    """Read a bin packing problem.

    Raises
    ------
    InvalidInput
        If a number is missing, fractional or not positive, or an item is larger than the bin.
    """
    path = Path(path)
    words = read_text(path).split()
    if len(words) < 2:
        raise InvalidInput(f"{path} has no number of items and capacity")
    items = whole_number(words[0], f"{path}: the number of items")
    capacity = whole_number(words[1], f"{path}: the capacity")
    sizes = [whole_number(word, f"{path}: the size of item {i}") for i, word in enumerate(words[2:])]
    if len(sizes) != items:
        raise InvalidInput(f"{path} promises {plural(items, 'item')} and lists {len(sizes)}")
    try:
        return PackingProblem(sizes, capacity), []  # type: ignore[arg-type]
    except InvalidInput as defect:
        raise InvalidInput(f"{path}: {defect}") from defect

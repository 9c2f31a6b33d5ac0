"""Sets of clusters that can lie in the middle of a cheap chain: by lower bounds, before any chain is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check._sets import Front, Sets

_NARROW = 4  # lowest bits of a mask: neighbours of sets that differ in these lie too close to be one row
_NEAR, _STRIP = 16, 2**8  # bits of a mask whose sets stay near the processor together; numbers of a row at a time


@dataclass(frozen=True)
class Sieve:
    """Sets on one half of the lines that chains of at most ``most`` can go through.

    Attributes
    ----------
    numbers : dict
        Size of the set -> the sets by number.
    beyond : dict
        Size of the set -> for each of these at most what chains through it pay behind it.
    """

    numbers: dict[int, Array]
    beyond: dict[int, Array]


def sieves(front: Front, back: Front, most: int) -> tuple[Sieve, Sieve]:
    """Sift the sets in front of the middle and those behind it, without looking at ways to split them.

    A set on some lines costs at least its cut, the least that any of its subsets costs on the lines before, and the
    least that any block pays on its last line. What follows a set in front of the middle is, across the line in the
    middle if there is one, a subset of its complement seen from the other end; so it costs at least what that does.
    """
    table = np.empty(1 << front.sets.n, dtype=np.int32 if most < 2**30 - 1 else np.int64)
    ahead = _least(front, most + 1, table)
    behind = ahead if back is front else _least(back, most + 1, table)
    sieve = _sift(front, ahead, behind, most, table)
    return sieve, sieve if back is front else _sift(back, behind, ahead, most, table)


def _least(front: Front, ceiling: int, table: Array) -> dict[int, Array]:
    """By size: at most what each set costs on half of the lines, and never more than the ceiling.

    ``table`` has room for a number for each set.
    """
    direction, sets, n = front.direction, front.sets, front.sets.n
    least = {0: np.zeros(1, dtype=np.int64)}
    for line in range(direction.num_lines // 2):
        before, least = least, {}
        if line > 0:
            _of_subsets(before, ceiling, sets, table)
        for t in direction.sizes(n, line + 1):
            cost = direction.hop * sets.cut_of_size(t)
            cost += front.paid(0, t) if line == 0 else table[sets.of_size(t)] + np.int64(_cheapest(front, line, t))
            least[t] = np.minimum(cost, ceiling)
    return least


def _cheapest(front: Front, line: int, t: int) -> int:
    """Least that any block pays on a line up to which t clusters lie."""
    sizes = (block for whole, block in front.direction.moves(front.sets.n, line) if whole == t)
    return min((int(front.paid(line, block).min()) for block in sizes), default=0)


def _of_subsets(values: dict[int, Array], ceiling: int, sets: Sets, table: Array) -> None:
    """Fill the table with the least value of any subset of each set, given those of some sizes, at most the ceiling."""
    table.fill(ceiling)
    for t, costs in values.items():
        table[sets.of_size(t)] = np.minimum(costs, ceiling)
    low = min(_NEAR, len(table).bit_length() - 1)
    parts = table.reshape(-1, 1 << low)  # the lower bits are done part by part, near the processor, then the upper ones
    for part in parts:
        for i in range(low):
            pairs = part.reshape(-1, 2, 1 << i)  # without cluster i, and with it
            columns = [slice(None)] if i >= _NARROW else [slice(k, k + 1) for k in range(1 << i)]
            for k in columns:
                np.minimum(pairs[:, 1, k], pairs[:, 0, k], out=pairs[:, 1, k])
    for start in range(0, 1 << low, _STRIP):
        for i in range(len(parts).bit_length() - 1):
            pairs = parts.reshape(-1, 2, 1 << i, 1 << low)[..., start : start + _STRIP]
            np.minimum(pairs[:, 1], pairs[:, 0], out=pairs[:, 1])


def _sift(front: Front, ahead: dict[int, Array], behind: dict[int, Array], most: int, table: Array) -> Sieve:
    direction, sets, middle = front.direction, front.sets, front.direction.num_lines // 2
    odd = direction.num_lines % 2 == 1
    if odd:
        _of_subsets(behind, most + 1, sets, table)
    sieve = Sieve({}, {})
    for t in direction.sizes(sets.n, middle):
        if odd:
            ends = direction.moves(sets.n, middle)
            paid = min((int(front.paid(middle, b).min()) for whole, b in ends if whole - b == t), default=0)
            beyond = table[sets.full ^ sets.of_size(t)] + np.int64(paid)
        else:  # both halves count the cut between them; complements of ascending sets descend
            beyond = behind[sets.n - t][::-1] - direction.hop * sets.cut_of_size(t)
        sieve.numbers[t] = np.flatnonzero(ahead[t] + beyond <= most)
        sieve.beyond[t] = beyond[sieve.numbers[t]]
    return sieve

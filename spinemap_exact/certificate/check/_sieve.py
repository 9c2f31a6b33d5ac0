"""Sets of clusters that can lie in the middle of a cheap chain: by lower bounds, before any chain is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check._sets import Front

_NARROW = 4  # lowest bits of a mask: neighbours of sets that differ in these lie too close to be one row


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
    ahead = _least(front, most + 1)
    behind = ahead if back is front else _least(back, most + 1)
    sieve = _sift(front, ahead, behind, most)
    return sieve, sieve if back is front else _sift(back, behind, ahead, most)


def _least(front: Front, ceiling: int) -> Array:
    """(2^n,): at most what each set costs on half of the lines, and never more than the ceiling."""
    direction, sets, n = front.direction, front.sets, front.sets.n
    kind = np.int32 if ceiling < 2**30 else np.int64
    least = np.full(1 << n, ceiling, dtype=kind)
    least[0] = min(0, ceiling)
    for line in range(direction.num_lines // 2):
        before, least = _of_subsets(least), np.full(1 << n, ceiling, dtype=kind)
        for t in direction.sizes(n, line + 1):
            masks = sets.of_size(t)
            paid = front.paid(0, t) if line == 0 else _cheapest(front, line, t)
            least[masks] = np.minimum(before[masks] + paid + direction.hop * sets.cut_of_size(t), ceiling)
    return least


def _cheapest(front: Front, line: int, t: int) -> int:
    """Least that any block pays on a line up to which t clusters lie."""
    sizes = (block for whole, block in front.direction.moves(front.sets.n, line) if whole == t)
    return min((int(front.paid(line, block).min()) for block in sizes), default=0)


def _of_subsets(values: Array) -> Array:
    """(2^n,): the least value of any subset of each set."""
    least = values.copy()
    for i in range(len(values).bit_length() - 1):
        pairs = least.reshape(-1, 2, 1 << i)  # without cluster i, and with it
        columns = [slice(None)] if i >= _NARROW else [slice(k, k + 1) for k in range(1 << i)]
        for k in columns:
            np.minimum(pairs[:, 1, k], pairs[:, 0, k], out=pairs[:, 1, k])
    return least


def _sift(front: Front, ahead: Array, behind: Array, most: int) -> Sieve:
    direction, sets, middle = front.direction, front.sets, front.direction.num_lines // 2
    odd = direction.num_lines % 2 == 1
    others = _of_subsets(behind) if odd else behind
    sieve = Sieve({}, {})
    for t in direction.sizes(sets.n, middle):
        masks = sets.of_size(t)
        beyond = others[sets.full ^ masks].astype(np.int64)
        if odd:
            ends = direction.moves(sets.n, middle)
            beyond += min((int(front.paid(middle, b).min()) for whole, b in ends if whole - b == t), default=0)
        else:  # both halves count the cut between them
            beyond -= direction.hop * sets.cut_of_size(t)
        sieve.numbers[t] = np.flatnonzero(ahead[masks] + beyond <= most)
        sieve.beyond[t] = beyond[sieve.numbers[t]]
    return sieve

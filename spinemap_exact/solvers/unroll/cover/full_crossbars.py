r"""A lower bound for densely connected neurons: an axon with a single row lies beside all its readers.

Take a *block*: n >= 2 neurons D and axons X, A of them, each of which feeds all of D and has at most N readers. Suppose
that B crossbars suffice. Two units of a neuron in one crossbar can be merged, so let neuron i have c_i units in as many
crossbars, and c_i - 1 carries, each in a row of its own beside the unit that merges it. Call a crossbar *full* if it
holds all of D, and let there be f full ones.

* Rows. Axons have at least ceil(readers / N) rows each, neurons t_i = max(1, ceil((m_i - 1)/(R - 1))) units or more
  for their m_i inputs. What B R rows leave beyond that is spare; so are columns beyond sum t_i.
* An axon of X without a row in a full crossbar needs two rows, since no other crossbar holds all its readers. Let there
  be r such axons; the other A - r have a row in a full crossbar, so A - r <= f R.
* A neuron of D lies in the f full crossbars and e_i others. With e_i = 0 all its axons and its f - 1 carries are in
  full crossbars, so r = 0 and f >= t_i. With e_i = 1 its other crossbar holds all the r axons, and its f carries are
  there or in full crossbars. Let m_0 and m_1 neurons be of these kinds, and let g be the number of the other crossbars
  of the second kind. Each of the r axons has max(2, g) rows then, and

      A - r + (f - 1) m_0 <= f R,    A - r + (f - 1) m_0 + f m_1 + g r <= (f + g) R,    m_1 <= g min(N, n - 1).

* Beyond their least number the r axons use r (max(2, g) - 1) rows, a neuron of D max(t_i, f + min(e_i, 2)) - t_i rows
  and columns.

If that is more than is spare in every case (f, r, g, m_0, m_1), B crossbars do not suffice. Blocks that share neither
neurons nor axons use different spare rows: the least of each may be added. For given f, r and g the best m_0 is the
largest: one more saves two units, and costs one neuron of the second kind at most.

With 12 crossbars of 128 x 128 for 784-100-10 there are 1536 rows, of which 784 + 100 axons and 100 x 6 carries leave 52
to spare. Five full crossbars hold 640 axons, and 144 more rows are due for the others. Six hold 768; 16 axons and all
600 carries lie outside, at most 18 neurons in one crossbar, for which either the 16 axons take four more rows each, or
too many neurons an eighth unit. Seven have room for the carries of 18 neurons beside 784 axons; 82 need an eighth unit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.counting import fewest_units
from spinemap_exact.problems.unroll import UnrollProblem

MOST_BLOCKS = 50
MOST_CASES = 100_000
"""Of one block, a fraction of a second; beyond that it proves nothing."""


@dataclass(frozen=True)
class Block:
    """Neurons of a block, the units that each needs at least, and the number of its axons."""

    neurons: tuple[int, ...]
    fewest: Array
    num_axons: int


@dataclass(frozen=True)
class Spare:
    """What a number of crossbars leaves beyond the rows and columns that are needed in any case."""

    crossbars: int
    rows: int
    columns: int


def raise_bound(problem: UnrollProblem, bound: int) -> tuple[int, dict[str, Any]]:
    """Return the bound that follows from ``bound`` crossbars at least, and evidence if it is larger."""
    blocks = [] if problem.unit_fan_in is not None else find_blocks(problem)  # counting knows better
    least = bound
    while blocks and refutes(problem, blocks, least):
        least += 1
    evidence = {"kind": "full-crossbars", "crossbars": least - 1, "blocks": [list(block.neurons) for block in blocks]}
    return least, evidence if least > bound else {}


def find_blocks(problem: UnrollProblem) -> list[Block]:
    """Return disjoint blocks of more axons than rows, the most synapses first; fewer axons prove nothing."""
    network = problem.network
    readers = [network.fanout_idx[a:b] for a, b in zip(network.fanout_ptr[:-1], network.fanout_ptr[1:], strict=True)]
    alike = Counter(tuple(r.tolist()) for r in readers if 2 <= len(r) <= problem.columns)
    likely = [(count * len(set_), set_) for set_, count in alike.items() if count > problem.rows]
    chosen: list[tuple[int, ...]] = []
    taken: set[int] = set()
    for _, neurons in sorted(likely, reverse=True)[:MOST_BLOCKS]:
        if taken.isdisjoint(neurons):
            chosen.append(neurons)
            taken.update(neurons)
    return blocks_of(problem, chosen)


def blocks_of(problem: UnrollProblem, chosen: list[tuple[int, ...]]) -> list[Block]:
    """Return the blocks of disjoint sets of neurons; an axon that could serve two goes to the first."""
    network = problem.network
    fewest = _merged_units(problem)
    untaken = network.fan_out <= problem.columns
    blocks = []
    for neurons in chosen:
        member = np.zeros(network.num_neurons, dtype=bool)
        member[list(neurons)] = True
        feeds = np.bincount(network.pre[member[network.post]], minlength=network.num_neurons)
        axons = untaken & (feeds == len(neurons))
        untaken = untaken & ~axons
        blocks.append(Block(neurons, fewest[list(neurons)], int(axons.sum())))
    return blocks


def refutes(problem: UnrollProblem, blocks: list[Block], crossbars: int) -> bool:
    """True if so many crossbars leave too few rows to spare, or too few columns."""
    fewest = _merged_units(problem)
    needed = int((-(-problem.network.fan_out // problem.columns)).sum() + fewest.sum()) - len(problem.neurons)
    spare = Spare(crossbars, crossbars * problem.rows - needed, crossbars * problem.columns - int(fewest.sum()))
    if spare.rows < 0 or spare.columns < 0:
        return True
    total = 0
    for block in blocks:
        least = _fewest_rows(problem, block, spare)
        if least is None or total + least > spare.rows:
            return True
        total += least
    return False


def _merged_units(problem: UnrollProblem) -> Array:
    """Units that each neuron needs at least once those in one crossbar are merged, homogeneous or not."""
    return fewest_units(replace(problem, unit_fan_in=None))


def _fewest_rows(problem: UnrollProblem, block: Block, spare: Spare) -> int | None:
    """Spare rows that a block uses in its best case; None if no case has enough to spare, 0 if there are too many."""
    best = None
    cases = 0
    for full in range(spare.crossbars + 1):
        none, one = (int((block.fewest <= full + k).sum()) for k in (0, 1))  # neurons that may be of either kind
        units = int(np.maximum(0, full + 2 - block.fewest).sum())
        if units - none - one > min(spare.rows, spare.columns):
            break  # more full crossbars ask for more units
        fewest_twice = max(0, block.num_axons - full * problem.rows)
        for twice in range(fewest_twice, min(block.num_axons, spare.rows) + 1):
            if best is not None and twice >= best:
                break
            for others in _others(twice, full, spare):
                extra = units - _units_saved(problem, block, (none, one), full, twice, others)
                used = twice * (max(2, others) - 1) + extra
                if extra <= spare.columns and used <= spare.rows and (best is None or used < best):
                    best = used
                cases += 1
                if best == 0 or cases > MOST_CASES:
                    return 0
    return best


def _others(twice: int, full: int, spare: Spare) -> range:
    """Numbers of other crossbars worth a try: all of them where they cost nothing."""
    most = spare.crossbars - full
    return range(most, most + 1) if twice == 0 else range(min(most, spare.rows // twice + 1) + 1)


def _units_saved(
    problem: UnrollProblem, block: Block, able: tuple[int, int], full: int, twice: int, others: int
) -> int:
    """Units fewer than with two other crossbars for each neuron: two for the first kind, one for the second."""
    room = full * problem.rows - (block.num_axons - twice)
    unsplit = able[0] if twice == 0 and full > 0 else 0
    if full > 1:
        unsplit = min(unsplit, room // (full - 1))
    if twice > problem.rows:
        return 2 * unsplit
    once = min(able[1] - unsplit, others * min(problem.columns, len(block.neurons) - 1))
    if full > 0:
        room += others * (problem.rows - twice) - (full - 1) * unsplit
        once = min(once, room // full)
    return 2 * unsplit + once

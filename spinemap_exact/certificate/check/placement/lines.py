"""Placement on a mesh: both directions apart, coupled by multipliers; and trees of blocks where that is not enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Placement
from spinemap_exact.certificate.check.kinds import proves
from spinemap_exact.certificate.check.placement.chains import Line
from spinemap_exact.certificate.check.placement.charges import Charges, lengths
from spinemap_exact.certificate.check.placement.sets import LARGEST_COST, Direction, Sets, directions

MAX_CLUSTERS = 31  # to look at all their sets takes seconds
MAX_SCALE = 2**20


@dataclass(frozen=True)
class Relaxation:
    """Both directions of one instance, with costs times ``scale``."""

    instance: Placement
    scale: int
    directions: tuple[Direction, Direction]
    sets: Sets

    @property
    def grain(self) -> int:
        """Every placement costs a multiple of this."""
        instance = self.instance
        both_ways: dict[tuple[int, int], int] = {}
        for a, b, f in instance.flows:
            if a != b:
                pair = min(a, b), max(a, b)
                both_ways[pair] = both_ways.get(pair, 0) + f
        flows = [*both_ways.values(), *(instance.input_flow or ())]
        return gcd(*flows) * gcd(instance.hop_x, instance.hop_y) or 1

    @property
    def leader(self) -> int:
        """The cluster of the least flow, of which reflections of the mesh decide on which half it lies."""
        return int(self.sets.flow.sum(axis=1).argmin())

    @property
    def exchanges(self) -> bool:
        """True if columns and rows may be exchanged."""
        return self.instance.hop_x == self.instance.hop_y and self._keeps(lambda x, y: (y, x))

    def reflects(self, direction: int) -> bool:
        """True if the first line of a direction may become the last one."""
        last = self.directions[direction].num_lines - 1
        return self._keeps((lambda x, y: (last - x, y)) if direction == 0 else lambda x, y: (x, last - y))

    def _keeps(self, turn: Callable[[int, int], tuple[int, int]]) -> bool:
        """True if a turn of the mesh maps its tiles to its tiles, and the I/O tile to itself."""
        tiles, entry = self.instance.coordinates, self.instance.io_tile
        assert tiles is not None
        if self.instance.input_flow is not None and entry is not None and turn(*tiles[entry]) != tiles[entry]:
            return False
        return {turn(*tile) for tile in tiles} == {*tiles}

    def round_up(self, scaled: int) -> int:
        """Least cost of a placement that is no less than ``scaled / scale``."""
        grain = self.grain * self.scale
        return -(-scaled // grain) * self.grain

    def line(self, direction: int, charges: Charges) -> Line:
        """One direction with multipliers."""
        return Line(self.directions[direction], self.sets, charges)

    def read(self, field: Field) -> Array:
        """Read multipliers of the clusters."""
        return read_multipliers(field, self.sets.n)


def read_multipliers(field: Field, n: int) -> Array:
    """Read multipliers of pairs, or of pairs and triples, of n clusters."""
    multipliers = field.integers(None, low=0)
    if len(multipliers) not in lengths(n):
        field.rejected(f"{len(multipliers)} multipliers where {' or '.join(map(str, lengths(n)))} are due")
    return np.array(multipliers, dtype=np.int64)


def read_sparse(field: Field, n: int) -> Array:
    """Read multipliers of n clusters that are not zero, each behind its number; numbers ascend."""
    listed = np.array(field.integers(None, low=0), dtype=np.int64)
    found = np.zeros(lengths(n)[1], dtype=np.int64)
    numbers, values = listed[::2], listed[1::2]
    if len(numbers) != len(values):
        field.rejected("a number without its multiplier")
    if (np.diff(numbers, prepend=-1) <= 0).any() or (numbers >= len(found)).any():
        field.rejected(f"numbers of multipliers do not ascend from 0 to {len(found) - 1}")
    found[numbers] = values
    return found


def relax(instance: Placement, evidence: Field, scale: int) -> Relaxation:
    """Set the tables up, once it is clear that they are small enough and that nothing can overflow."""
    if instance.coordinates is None:
        evidence.rejected("lines need a mesh")
    n = instance.num_clusters
    if n > MAX_CLUSTERS:
        evidence.rejected(f"{n} clusters are more than the {MAX_CLUSTERS} whose sets can be looked at")
    extent = sum(map(max, zip(*instance.coordinates, strict=True)))
    if extent > 4 * MAX_CLUSTERS:
        evidence.rejected(f"the mesh has more lines than {4 * MAX_CLUSTERS}")
    both = directions(instance, scale)
    total = sum(f for _, _, f in instance.flows) + sum(instance.input_flow or ())
    # a cut counts a flow once for each border; both ends together count one border twice
    if 4 * total * (instance.hop_x + instance.hop_y + 1) * (extent + 1) * scale > LARGEST_COST:
        evidence.rejected("the costs are too large for this scale")
    return Relaxation(instance, scale, both, Sets(instance))


@proves("lines", Placement)
def prove(instance: Placement, evidence: Field, claim: int | None) -> int:
    """Return the bound that multipliers of pairs and triples of clusters prove.

    No two clusters share both their column and their row of the mesh: [same x] + [same y] <= 1. Three clusters stand on
    four lines at least, columns and rows together: on one column they need three rows, on two columns two rows, and
    three columns have one row. A direction in which they stand on 3 - s lines puts them together s times, and a block
    that holds two or three of them does so once or twice: over both directions, twice at most.

    For lambda, mu >= 0 a placement therefore costs at least its cost + sum lambda ([same x] + [same y] - 1) + sum mu
    (times together - 2). Now minimise over x and y apart: each is a shortest chain of blocks in which a block pays for
    pairs and triples that it puts together. Two minima, less the sum of all lambda and twice that of all mu, are a
    lower bound, rounded up to what a placement can cost.
    """
    fields = evidence.table("kind", "scale", "multipliers")
    relaxation = relax(instance, evidence, fields["scale"].integer(1, MAX_SCALE))
    multipliers = relaxation.read(fields["multipliers"])
    charges = Charges.of(relaxation.sets.n, multipliers)
    x = relaxation.line(0, charges).least()
    alike = relaxation.directions[0] == relaxation.directions[1]
    y = x if alike else relaxation.line(1, charges).least()
    return max(0, relaxation.round_up(x + y - charges.total))

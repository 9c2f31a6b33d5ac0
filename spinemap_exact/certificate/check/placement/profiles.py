"""Placement on a mesh with empty tiles: how many clusters each column and each row holds, then trees of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.field import Field, Preorder
from spinemap_exact.certificate.check.instance import Placement
from spinemap_exact.certificate.check.kinds import proves
from spinemap_exact.certificate.check.placement.blocks import Case, Margins, Walk, below, led
from spinemap_exact.certificate.check.placement.chains import NONE, Chains, Line
from spinemap_exact.certificate.check.placement.charges import Charges, lengths
from spinemap_exact.certificate.check.placement.lines import MAX_SCALE, Relaxation, relax
from spinemap_exact.certificate.check.placement.listing import Listing
from spinemap_exact.certificate.check.placement.sets import LARGEST_COST, Direction

MAX_PROFILES = 1500
MAX_GRAPHS = 16  # as many arcs as this number of graphs may have are looked at: a minute
Profile = tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """A profile of the columns and one of the rows, and all chains that matter."""

    columns: Profile
    rows: Profile
    case: Case


@proves("profiles", Placement)
def prove(instance: Placement, evidence: Field, claim: int | None) -> int:
    """Show that no placement costs less than the claim, and return the claim.

    Every placement has some number of clusters on each column and on each row; two such profiles go together only if
    some set of tiles has these numbers. So it is enough that each pair that goes together holds no placement of cost Z
    or less, Z being the largest cost below the claim. What holds for chains in `blocks.prove` holds for chains of one
    profile; a tree closes each pair that the cheapest chains of both, without multipliers, leave open.

    A reflection turns a profile round and changes no cost. So of a profile and its mirror image one is looked at, and
    where they are equal, the leader shall lie on the first half of the lines. Where columns and rows may be exchanged,
    that comes first: columns shall not cost more than rows, hence half of Z at most.

    The positions of empty tiles may be told apart: a placement of the pair leaves one set of tiles empty, and puts a
    cluster without flow on each of them. Blocks hold these clusters, too, and have multipliers for them.
    """
    fields = evidence.table("kind", "scale", "shared", "pairs")
    if claim is None:
        evidence.rejected("on a mesh with enough tiles something is always feasible")
    relaxation = relax(instance, evidence, fields["scale"].integer(1, MAX_SCALE))
    limit = below(relaxation, claim)
    if limit > LARGEST_COST:
        evidence.rejected("no placement costs as much as the claim says")
    if not applies(instance):
        evidence.rejected("profiles need a mesh with empty tiles, but without missing ones")
    trees = _trees(relaxation, fields["pairs"])
    walk = Walk(relaxation, limit, fields["shared"].items())
    for pair in open_pairs(relaxation, evidence, limit):
        tree = trees.pop((pair.columns, pair.rows), None)
        if tree is None:
            fields["pairs"].rejected(f"columns of {pair.columns} and rows of {pair.rows} clusters are missing")
        walk.close(pair.case, Preorder(tree))
    for (columns, rows), tree in trees.items():
        tree.rejected(f"columns of {columns} and rows of {rows} clusters need no proof")
    return claim


def applies(instance: Placement) -> bool:
    """True on a mesh without missing tiles that has empty ones."""
    if instance.coordinates is None or instance.num_tiles == instance.num_clusters:
        return False
    x, y = (max(values) + 1 for values in zip(*instance.coordinates, strict=True))
    return len({*instance.coordinates}) == instance.num_tiles == int(x) * int(y)


def _trees(relaxation: Relaxation, pairs: Field) -> dict[tuple[Profile, Profile], Field]:
    """Read which tree belongs to which pair of profiles."""
    found: dict[tuple[Profile, Profile], Field] = {}
    for entry in pairs.items():
        fields = entry.table("columns", "rows", "tree")
        columns, rows = (
            tuple(fields[name].integers(d.num_lines, 0, relaxation.sets.n))
            for name, d in zip(("columns", "rows"), relaxation.directions, strict=True)
        )
        if (columns, rows) in found:
            entry.rejected("the same pair of profiles once more")
        found[columns, rows] = fields["tree"]
    return found


def open_pairs(relaxation: Relaxation, evidence: Field, limit: int) -> Iterator[Pair]:
    """Yield pairs of profiles of which chains within the limit are left, up to symmetry.

    Raises
    ------
    CertificateRejected
    """
    x, y = (_profiles(relaxation, evidence, d) for d in (0, 1))
    listing = Listing(MAX_GRAPHS)
    nothing = Charges.of(relaxation.sets.n, np.zeros(lengths(relaxation.sets.n)[0], dtype=np.int64))
    most = limit // 2 if relaxation.exchanges else limit - relaxation.line(1, nothing).least()
    columns = {}
    for a in x:
        chains, through = _cheap(relaxation, 0, a, most, nothing, listing)
        if cheapest(through) <= most:
            columns[a] = (chains, through)
    widths = tuple(direction.num_lines for direction in relaxation.directions)
    for b in y:
        beside = {a: cheapest(columns[a][1]) for a in columns if realisable(a, b)}
        most = limit - min(beside.values(), default=NONE)
        listing.apart()
        across, by_y = _cheap(relaxation, 1, b, most, nothing, listing)
        for a, least in beside.items():
            if least + cheapest(by_y) <= limit:
                ahead, by_x = columns[a]
                empty = Margins(tuple(widths[1] - size for size in a), tuple(widths[0] - size for size in b))
                case = Case((ahead, across), (ahead.cost, across.cost), 0, relaxation.sets.n, (by_x, by_y), empty)
                yield Pair(a, b, case)


def cheapest(through: Array) -> int:
    """Cost of the cheapest chain."""
    return int(through.min(initial=NONE))


def _profiles(relaxation: Relaxation, evidence: Field, direction: int) -> list[Profile]:
    """All ways to share the clusters among the lines of a direction, one of each pair of mirror images."""
    room, n = relaxation.directions[direction].room, relaxation.sets.n
    found: list[Profile] = [()]
    for line in range(len(room)):
        left = sum(room[line + 1 :])
        found = [
            (*start, size) for start in found for size in range(room[line] + 1) if 0 <= n - sum(start) - size <= left
        ]
        if len(found) > MAX_PROFILES:
            evidence.rejected(f"there are more than {MAX_PROFILES} profiles")
    if relaxation.reflects(direction):
        found = [profile for profile in found if profile <= profile[::-1]]
    return found


def _cheap(
    relaxation: Relaxation, direction: int, profile: Profile, most: int, nothing: Charges, listing: Listing
) -> tuple[Chains, Array]:
    """Chains of a profile that cost at most so much, and what the cheapest one through each arc costs."""
    lines = relaxation.directions[direction]
    chains = Line(Direction(profile, lines.hop, lines.away), relaxation.sets, nothing).below(most, listing)
    if profile == profile[::-1]:
        chains = led(relaxation, direction, chains)
    return chains, chains.through(chains.cost)


def realisable(columns: Profile, rows: Profile) -> bool:
    """True if some set of tiles has these numbers of clusters on its columns and rows.

    The k fullest columns hold at most min(size, k) clusters of each row; if that is so for every k, such a set exists
    (Gale and Ryser). That it does not exist otherwise is all that a proof needs.
    """
    fullest = sorted(columns, reverse=True)
    return all(sum(fullest[:k]) <= sum(min(size, k) for size in rows) for k in range(1, len(fullest) + 1))

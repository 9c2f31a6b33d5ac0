"""Chains of one direction, listed from both ends, against all ways to share the clusters among its lines."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from spinemap_exact.certificate.check import proven_bound
from spinemap_exact.certificate.check.instance import Placement
from spinemap_exact.certificate.check.placement import ends, listing, subsets
from spinemap_exact.certificate.check.placement.chains import Line
from spinemap_exact.certificate.check.placement.charges import Charges, lengths
from spinemap_exact.certificate.check.placement.sets import Direction, Sets
from spinemap_exact.errors import CertificateRejected
from spinemap_exact.problems.placement import Mesh, PlacementProblem


def draw(seed):
    """A direction with its multipliers: lines of different length, more room than clusters, perhaps inputs."""
    rng = np.random.default_rng(seed)
    n, lines, entry = int(rng.integers(1, 7)), int(rng.integers(1, 6)), int(rng.integers(5))
    room = rng.integers(1, 4, lines)
    while room.sum() < n:
        room[rng.integers(lines)] += 1
    flows = [(a, b, int(rng.integers(1, 9))) for a in range(n) for b in range(n) if a != b and rng.random() < 0.4]
    inputs = rng.integers(0, 5, n).tolist() if seed % 3 == 0 else None
    away = tuple(abs(p - entry) if inputs else 0 for p in range(lines))
    sets = Sets(Placement(n, int(room.sum()), flows, [], 1, 1, None, 0, inputs))
    multipliers = rng.integers(0, 5, lengths(n)[1]) * (rng.random(lengths(n)[1]) < 0.3)
    direction = Direction(tuple(room.tolist()), int(rng.integers(0, 3)) if seed % 7 == 0 else 2, away)
    return direction, sets, Charges.of(n, multipliers)


def every_chain(direction, sets, charges):
    """What each chain costs, and its arcs as (line, set before, set after)."""
    for line_of in product(range(direction.num_lines), repeat=sets.n):
        blocks = [sum(1 << i for i in range(sets.n) if line_of[i] == p) for p in range(direction.num_lines)]
        if any(block.bit_count() > room for block, room in zip(blocks, direction.room, strict=True)):
            continue
        cost, before, arcs = 0, 0, []
        for p, block in enumerate(blocks):
            arcs.append((p, before, before | block))
            before |= block
            crossing = [(i, j) for i in range(sets.n) for j in range(sets.n) if before >> i & 1 > before >> j & 1]
            cost += direction.hop * sum(int(sets.flow[pair]) for pair in crossing)
            cost += direction.hop * direction.away[p] * sum(int(v) for i, v in enumerate(sets.inputs) if block >> i & 1)
            cost += int(charges.paid(np.array([block]))[0])
        yield cost, arcs


@pytest.mark.parametrize("way", ["tables", "pairs"])
@pytest.mark.parametrize("seed", range(40))
def test_arcs_on_cheap_chains_are_those_of_enumeration(seed, way, monkeypatch):
    """With small tables that speak of three clusters only, and few pairs held together."""
    if way == "pairs":
        monkeypatch.setattr(ends, "_MOST_IN_TABLE", 0)
        monkeypatch.setattr(subsets, "_IN_TABLE", (3, 3))
        monkeypatch.setattr(subsets, "_TOGETHER", 5)
    direction, sets, charges = draw(seed)
    known = list(every_chain(direction, sets, charges))
    least = min(cost for cost, _ in known)
    line = Line(direction, sets, charges)

    assert line.least() == least
    for most in (least - 1, least, least + 3, least + least // 4):
        chains = line.below(most)
        order = np.repeat(np.arange(direction.num_lines), np.diff((0, *chains.ends)))
        masks = chains.blocks[chains.which]
        after = {0: 0}  # node -> set
        for tail, head, mask in zip(chains.tail.tolist(), chains.head.tolist(), masks.tolist(), strict=True):
            after[head] = after[tail] | mask
        found = {(p, after[t], after[h]) for p, t, h in zip(order, chains.tail, chains.head, strict=True)}
        assert len(found) == chains.num_arcs
        assert found == {arc for cost, arcs in known if cost <= most for arc in arcs}


def test_chains_of_more_clusters_than_a_table_has_room_for():
    """A path of 28 clusters on 7 x 4 tiles: each border in either direction is crossed once at least, and no more."""
    tile = np.arange(28)
    flow = np.diag(np.full(27, 5), 1)
    problem = PlacementProblem.from_matrices(flow, mesh=Mesh(tile % 7, tile // 7))
    evidence = {"kind": "lines", "scale": 2, "multipliers": [0] * (28 * 27 // 2)}

    assert proven_bound(problem, evidence, None) == 5 * (6 + 3)


def test_a_listing_that_takes_too_long_is_given_up(monkeypatch):
    direction, sets, charges = draw(4)
    for name in ("MAX_LINKS", "MAX_ARCS"):
        with monkeypatch.context() as limits:
            limits.setattr(listing, name, 3)
            with pytest.raises(CertificateRejected, match="more chains are left"):
                Line(direction, sets, charges).below(10**6)

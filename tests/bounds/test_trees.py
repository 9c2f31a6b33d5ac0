"""The cheapest tree of one neuron against all trees there are."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise

import pytest

from spinemap_exact.bounds import PricedTree, huffman_carries


def least_by_enumeration(tree: PricedTree) -> Fraction:
    """The least cost over all trees, all sets of axons of every unit, and all B of the definition."""
    m, rows, everything = tree.num_axons, tree.rows, (1 << tree.num_axons) - 1

    def total(values: tuple[int, ...], axons: int) -> int:
        return sum(v for k, v in enumerate(values) if axons >> k & 1)

    @cache
    def unit(below: int) -> Fraction:
        """Least cost of a unit with these axons at it or below, its own carry left out."""
        costs = [Fraction(total(tree.idle, below), tree.sharers)] if below.bit_count() <= rows else []
        own = below
        while True:
            own = (own - 1) & below
            charge = total(tree.merging, own)
            for merged, cost in carries(below & ~own, own == 0).items():
                for share in range(merged, rows - own.bit_count() + 1):
                    part = Fraction(1, tree.sharers) if share > tree.sharers else Fraction(merged, share)
                    costs.append(cost + part * charge)
            if own == 0:
                return min(costs)

    @cache
    def carries(axons: int, several: bool) -> dict[int, Fraction]:
        """Least cost of units that hold these axons and send a carry each, by their number."""
        lowest, least = axons & -axons, {}
        rest = axons ^ lowest
        block = rest
        while True:
            own = block | lowest
            if not (several and own == axons):
                cost = unit(own) + tree.row + tree.carry * total(tree.weights, own)
                for merged, others in carries(axons & ~own, False).items() if own != axons else [(0, Fraction(0))]:
                    least[merged + 1] = min(least.get(merged + 1, cost + others), cost + others)
            if block == 0:
                return least
            block = (block - 1) & rest

    assert m >= 1
    return unit(everything)


def random_tree(seed: int) -> PricedTree:
    """A neuron of up to seven axons, with charges in the order that is asked for."""
    draw = random.Random(seed)
    rows, m, carry, row = draw.randint(2, 4), draw.randint(2, 7), draw.randint(1, 10), draw.choice([0, 0, 3, 9])
    weights = sorted((draw.choice([0, 1, 5, draw.randint(0, 20)]) for _ in range(m)), reverse=True)
    merging, idle = [draw.randint(0, 8)], [draw.choice([0, 5])]
    for above, below in pairwise(weights):
        slack = carry * (above - below)
        falls = draw.randint(0, slack) if slack else 0
        merging.append(max(0, merging[-1] - falls))
        idle.append(idle[-1] + (draw.randint(0, slack - falls) if slack > falls else 0))
    return PricedTree(tuple(weights), rows, carry, tuple(merging), draw.randint(1, 4), tuple(idle), row)


def steep_tree(seed: int) -> PricedTree:
    """Busy axons and quiet ones, and charges that tell them apart as far as their order allows."""
    draw = random.Random(seed)
    rows, m, carry, sharers, row = draw.randint(2, 4), draw.randint(5, 8), draw.choice([1, 2, 5]), draw.randint(1, 3), 3
    busy = draw.randint(2, m)
    weights = (10,) * busy + (0,) * (m - busy)
    price, part = draw.randint(0, carry), draw.randint(0, row)
    part = min(part, 10 * sharers * (carry - price) // (sharers + 1))
    merging = tuple(price * w + part * (w > 0) for w in weights)
    return PricedTree(weights, rows, carry, merging, sharers, tuple(row - part * (w > 0) for w in weights), row)


@pytest.mark.parametrize("seed", range(120))
def test_the_least_is_never_above_any_tree(seed):
    tree = random_tree(seed)
    assert tree.least <= least_by_enumeration(tree)


@pytest.mark.parametrize("seed", [*range(20), *(pytest.param(s, marks=pytest.mark.slow) for s in range(20, 1000))])
def test_the_least_is_never_above_any_tree_where_charges_are_steep(seed):
    tree = steep_tree(seed)
    assert tree.least <= least_by_enumeration(tree)


def test_a_unit_that_merges_nothing_may_leave_a_row_empty():
    """Five busy axons and three quiet ones, three rows; quiet ones cost nothing but where nothing is merged."""
    tree = PricedTree((10,) * 5 + (0,) * 3, 3, 2, (11,) * 5 + (0,) * 3, 1, (0,) * 5 + (1,) * 3, 1)
    # The soma unit merges three carries. Units of three and of two busy axons pay 2 * 50 for their spikes; the third
    # reads two quiet axons and merges the carry of a unit of one, which pays 1. Four carries take a row each. With a
    # quiet axon in the empty row, the others in one unit, three axons pay 1 and three carries a row: 106.
    assert tree.least == least_by_enumeration(tree) == 100 + 1 + 4


@pytest.mark.parametrize("seed", range(120, 200))
def test_the_least_is_that_of_the_cheapest_tree_where_idle_axons_cost_nothing(seed):
    tree = replace(random_tree(seed), idle=())
    assert least_by_enumeration(tree) - tree.least < 1  # shares are rounded down


@pytest.mark.parametrize("seed", range(60))
def test_units_form_a_tree_of_the_least_cost(seed):
    tree = random_tree(seed)
    units = tree.units()
    assert sum(u.stop - u.first for u in units) == tree.num_axons
    assert sum(u.merged for u in units) == len(units) - 1
    assert all(u.stop - u.first + u.merged <= tree.rows for u in units)


@pytest.mark.parametrize("seed", range(40))
def test_without_prices_it_is_huffmans_code(seed):
    draw = random.Random(seed)
    weights = tuple(sorted((draw.randint(0, 30) for _ in range(draw.randint(1, 40))), reverse=True))
    rows = draw.randint(2, 9)
    tree = PricedTree(weights, rows, 1, (0,) * len(weights), rows)
    assert tree.least == huffman_carries(weights, rows)


@pytest.mark.parametrize(
    ("rows", "carried"),
    [
        (2, 3 + 6 + 9),  # 1 + 2, 3 + 3, 4 + 5; the soma unit sends nothing
        (3, 6),  # 1 + 2 + 3
        (4, 3),  # two axons too many for four rows: 1 + 2 with two rows of weight zero
        (5, 0),
    ],
)
def test_huffman_by_hand(rows, carried):
    assert huffman_carries((1, 2, 3, 4, 5), rows) == carried

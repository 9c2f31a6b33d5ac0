"""The second mind itself: values derived by hand, and agreement with the oracle of the other tests."""

from __future__ import annotations

from random import Random

import pytest
from ask import UNKNOWN, optimum, problem_of
from draw import STAGES, draw, mapping, random_mapping
from enumerate_links import least_bottleneck
from enumerate_mapping import MEASURES, best_mapping, price_mapping
from enumerate_stages import TooLarge, best_packing, best_partition, best_placement, price_partition, price_placement
from enumerate_unroll import best_unroll, price_unroll
from oracle import optimum as other_mind

from spinemap_exact.errors import InvalidInput

LARGE = 2**62


def network(spikes, synapses, inputs=0):
    """Units first, then the inputs; synapses as (pre, post)."""
    n = len(spikes)
    posts = [sorted(post for pre, post in synapses if pre == k) for k in range(n)]
    ptr = [sum(map(len, posts[:k])) for k in range(n + 1)]
    idx = [post for fed in posts for post in fed]
    return {
        "fanout_ptr": ptr,
        "fanout_idx": idx,
        "spikes": spikes,
        "is_input": [int(k >= n - inputs) for k in range(n)],
    }


def partition(net, crossbars, clusters, **other):
    table = {"max_area": None, "traffic": "per-tile", "objective": "packets", **other}
    return {"kind": "partition", "network": net, "crossbars": crossbars, "max_clusters": clusters, **table}


def unroll(net, rows, columns, **other):
    names = ("unit_fan_in", "max_depth", "max_crossbars", "max_units")
    limits = {**dict.fromkeys(names), "objective": "crossbars", **other}
    return {"kind": "unroll", "network": net, "rows": rows, "columns": columns, **limits}


def chip(net, width, height, rows, columns, **other):
    prices = dict.fromkeys(("packet", "hop_x", "hop_y"), 1) | {"local": 0, "synapse": 0}
    table = {"io_tile": None, "fj": {**prices, "idle_cell": 0}, "ps": prices, "traffic": "per-tile", **other}
    return {"network": net, "width": width, "height": height, "tiles": [[rows, columns]] * width * height, **table}


def test_numbers_of_any_size_are_packed_exactly():
    # LARGE - 1 and 1 fill a bin; two of LARGE / 2 fill another; one less room and all but the pairs of 1 stand alone
    sizes = [LARGE - 1, LARGE // 2, LARGE // 2, 1]
    assert best_packing({"sizes": sizes, "capacity": LARGE}) == 2
    assert best_packing({"sizes": sizes, "capacity": LARGE - 1}) == 3


def test_a_partition_pays_each_remote_cluster_once_or_each_synapse():
    # 0 feeds 1 and 2, two columns: one of them stays with 0, the other reads 7 spikes from afar
    net = network([7, 0, 0], [(0, 1), (0, 2)])
    assert best_partition(partition(net, [[1, 2, 1, None]], 2)) == 7
    # alone with its two readers elsewhere: one packet a spike, or one for each of two synapses
    witness = {"cluster_of_unit": [0, 1, 1], "crossbar_of_cluster": [0, 0]}
    assert price_partition(partition(net, [[1, 2, 1, None]], 2), witness) == 7
    assert price_partition(partition(net, [[1, 2, 1, None]], 2, traffic="per-synapse"), witness) == 14


def test_a_partition_keeps_counts_and_areas():
    net = network([1, 1, 1], [])
    types = [[1, 1, 5, 2], [1, 2, 9, 1]]
    # one of 9 for two units and one of 5; without the wide one three of 5 are needed, and there are two
    assert best_partition(partition(net, types, 3, objective="area")) == 14
    assert best_partition(partition(net, types[:1], 3, objective="area")) is None
    assert best_partition(partition(net, types, 3, objective="area", max_area=13)) is None


def test_a_placement_pays_the_way_from_the_io_tile():
    # three tiles in a row; the pair wants to be adjacent (5 * 1), the second cluster at the entry on the left (3 * 0)
    instance = {"num_clusters": 2, "flow_from": [0], "flow_to": [1], "flow": [5], "distance": None}
    instance |= {"mesh": [[0, 1, 2], [0, 0, 0], 1, 1], "io_tile": 0, "input_flow": [0, 3]}
    assert best_placement(instance) == 5
    assert price_placement(instance, {"tile_of_cluster": [2, 1]}) == 5 + 3
    assert price_placement(instance, {"tile_of_cluster": [1, 1]}) is None


def test_an_unrolling_counts_rows_columns_and_carries():
    # four inputs on two rows: 3 units; one column each, so 3 crossbars, and none of depth 0
    net = network([0, 1, 2, 4, 8], [(k, 0) for k in (1, 2, 3, 4)], inputs=4)
    assert best_unroll(unroll(net, 2, 1)) == 3
    assert best_unroll(unroll(net, 2, 1, max_crossbars=2)) is None
    assert best_unroll(unroll(net, 2, 1, max_depth=0)) is None
    # Huffman: 1 + 2 carried, then 3 + 4: 3 + 7
    assert best_unroll(unroll(net, 2, 1, objective="carry-spikes")) == 10
    chain = {"unit_of_synapse": [0, 0, 1, 2], "neuron_of_unit": [0, 0, 0], "parent_of_unit": [1, 2, -1]}
    assert price_unroll(unroll(net, 2, 1, objective="carry-spikes"), {**chain, "cluster_of_unit": [0, 1, 2]}) == 10
    assert price_unroll(unroll(net, 2, 1), {**chain, "cluster_of_unit": [0, 0, 1]}) is None


@pytest.mark.parametrize("columns, least", [(1, 3333), (2, 3323)])
def test_an_axon_read_nearby_may_be_passed_on(columns, least):
    """Three tiles in a row with two rows each, inputs at the left one; a packet costs 1, a hop 10."""
    # Three neurons read one common input of 1 spike, and one of 100 each: two of them never fit a tile, and their own
    # inputs cost 100 * (1 + 11 + 21). The common one costs 1 + 11 + 21, or, where the tile in the middle has a column
    # for a unit that passes it on to the right, 1 + 11 + 11.
    net = network([0, 0, 0, 1, 100, 100, 100], [(3, 0), (3, 1), (3, 2), (4, 0), (5, 1), (6, 2)], inputs=4)
    prices = {"packet": 1, "hop_x": 10, "hop_y": 10, "local": 0, "synapse": 0, "idle_cell": 0}
    assert best_mapping(chip(net, 3, 1, 2, columns, io_tile=0, fj=prices)) == least


def test_one_crossbar_for_all_sends_nothing():
    net = network([1, 1, 1], [(0, 1), (0, 2), (1, 2)])
    assert best_mapping(chip(net, 1, 1, 3, 3)) == 0  # local reads are free


def test_latency_of_a_mapping():
    # 0 feeds 1 with 3 spikes over one hop: packet + hop; two neurons on one tile read locally, for nothing
    net = network([3, 0], [(0, 1)])
    assert best_mapping(chip(net, 2, 1, 1, 1), "worst") == best_mapping(chip(net, 2, 1, 1, 1), "mean") == 2
    assert best_mapping(chip(net, 1, 1, 1, 2), "worst") == 0
    assert best_mapping(chip(net, 1, 1, 1, 1), "worst") is None


@pytest.mark.parametrize("stage", STAGES)
def test_two_minds_agree(stage):
    compared = 0
    for seed in range(40):
        instance = draw(stage, Random(seed))
        try:
            problem = problem_of(instance)
        except InvalidInput:
            continue
        known = optimum(instance)
        if known != UNKNOWN:
            assert known == other_mind(problem), instance
            compared += 1
    assert compared > 30


@pytest.mark.parametrize("measure", MEASURES)
def test_no_mapping_is_cheaper_than_the_best(measure):
    """Random mappings, also with several units of a neuron on a tile, and with units of one input."""
    compared = 0
    for seed in range(30):
        rng = Random(seed)
        instance = mapping(rng)
        instance["fj"]["idle_cell"] = 0
        try:
            best = best_mapping(instance, measure)
        except TooLarge:
            continue
        for _ in range(50):
            found = random_mapping(instance, rng)
            if fits(instance, found):
                assert best is None or price_mapping(instance, found, measure) >= best, (instance, found)
                compared += 1
    assert compared > 100


def fits(instance, found):
    """Rows and columns, by the prices of unrollings: one crossbar a tile."""
    rows, columns = instance["tiles"][0]
    return price_unroll(unroll(instance["network"], rows, columns), found) is not None


def test_a_busy_link_is_relieved_by_two_ways():
    # two neurons read inputs of 5 and 9 that enter at tile 0, where one of them lies: both inputs to the other take the
    # link to tile 1 (14), or it lies on tile 3, reads the 9 there and gets the 5 from a unit on tile 2. One of two
    # reads of the 9 leaves tile 0 in any case. On a line there is one way only.
    net = network([0, 0, 5, 9], [(2, 0), (3, 0), (2, 1), (3, 1)], inputs=2)
    assert least_bottleneck(chip(net, 2, 2, 2, 1, io_tile=0)) == 9
    assert least_bottleneck(chip(net, 3, 1, 2, 1, io_tile=0)) == 14

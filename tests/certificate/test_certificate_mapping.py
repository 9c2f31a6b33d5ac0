"""Certificates of whole mappings: evidence by trees, and mappings as witnesses."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from ask import mapping_problem
from certificate_cases import claim, mutants
from draw import random_mapping

from spinemap_exact.bounds import network_bound
from spinemap_exact.certificate import format
from spinemap_exact.certificate.check import check, verified
from spinemap_exact.errors import CertificateMalformed, CertificateRejected, InvalidInput
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.proofs.best import witness_table

FLAWS = (CertificateMalformed, CertificateRejected)
OBJECTIVES = [str(objective) for objective in MappingObjective]


def five_axons(**options) -> MappingProblem:
    """The example of docs/certificates.md: inputs of 1 to 5 spikes, three rows, one column, two tiles."""
    pre = np.arange(1, 6)
    network = Network.from_synapses(pre, np.zeros(5, dtype=int), np.arange(6), is_input=np.arange(6) > 0)
    return MappingProblem(network, Hardware("two", TileGrid(2, 1), (Crossbar(3, 1),)), **options)


NOTHING = {"kind": "trees", "price": [0] * 6, "merging": [0] * 6, "row": 0}
# inputs of 1, 2 and 3 spikes at unit 1, the others at the soma unit
WITNESS = {
    "unit_of_synapse": [1, 1, 1, 0, 0],
    "neuron_of_unit": [0, 0],
    "parent_of_unit": [-1, 0],
    "cluster_of_unit": [0, 1],
    "crossbar_of_cluster": [0, 0],
    "tile_of_cluster": [0, 1],
}


def optimal(problem: MappingProblem) -> format.Certificate:
    # 15 packets of inputs, and a packet and a hop for each of 1 + 2 + 3 carried spikes
    return format.Certificate("mapping", problem.digest, 27, 27, False, WITNESS, NOTHING)


def some_prices(problem: MappingProblem, draw: Random) -> dict:
    """Evidence of any prices in their ranges, in order or not, those of rows up to the largest that there is."""
    costs, grid, spikes = problem.hardware.costs, problem.hardware.grid, problem.network.spikes.tolist()
    unit = "fj" if problem.objective == "energy" else "ps"
    packet, x, y, synapse = (getattr(costs, f"{k}_{unit}") for k in ("packet", "hop_x", "hop_y", "synapse"))
    hop = min([x] * (grid.width > 1) + [y] * (grid.height > 1), default=0)
    shared, part = unit == "fj" and problem.traffic == "per-tile", draw.choice([0.5, 1, 1])
    outside = [packet + hop * (not external) for external in problem.network.is_input.tolist()]
    row = draw.choice([0, 1, 5, min(2**40, draw.randrange(1 + 2 * max(spikes) * (packet + hop + synapse))), 2**40])
    slope, threshold = draw.choice([0, 1, (hop + synapse) // 2, packet + hop]), draw.choice(spikes)
    merging = [min(row, max(0, s - threshold) * slope) for s in spikes]
    merging = draw.choice([merging, merging, [row] * len(spikes), [draw.randint(0, row) for _ in spikes]])
    return {"kind": "trees", "price": [int(part * p) * shared for p in outside], "merging": merging, "row": row}


def test_an_optimum_is_certified():
    problem = five_axons()
    assert verified(problem, NOTHING, None).lower == 27
    told = check(problem, optimal(problem))
    assert (told.lower, told.upper, told.evidence) == (27, 27, "trees")


def test_rows_at_a_price_are_charged_and_given_back():
    problem = five_axons()
    # a row for the carry and one for each axon of unit 1, which merges nothing; 2 x 3 rows are given back
    assert verified(problem, {**NOTHING, "row": 1}, None).lower == 27 + 1 + 3 - 6
    # the two axons of the soma unit pay instead
    assert verified(problem, {**NOTHING, "row": 1, "merging": [1] * 6}, None).lower == 27 + 1 + 2 - 6


def test_one_more_is_rejected():
    problem = five_axons()
    with pytest.raises(CertificateRejected, match=r"claims 28; the evidence proves 27"):
        check(problem, claim(problem, 28, NOTHING))
    with pytest.raises(CertificateRejected, match="not infeasibility"):
        check(problem, claim(problem, None, NOTHING, infeasible=True))


@pytest.mark.parametrize(
    "other",
    [{"objective": "mean-latency"}, {"traffic": "per-synapse"}, {"max_crossbars": 2}, {"max_latency_ps": 10**6}],
    ids=str,
)
def test_a_certificate_is_of_one_problem(other):
    with pytest.raises(CertificateRejected, match=r"^instance: "):
        check(five_axons(**other), optimal(five_axons()))


@pytest.mark.parametrize("objective", ["worst-latency", "crossbars"])
def test_trees_say_nothing_of_other_objectives(objective):
    problem = five_axons(objective=objective)
    with pytest.raises(CertificateRejected, match=f"trees say nothing about the objective {objective}"):
        check(problem, claim(problem, 1, NOTHING))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"price": [0, 2, 0, 0, 0, 0]}, "price 2 of axon 1"),
        ({"price": [3, 0, 0, 0, 0, 0]}, "price 3 of axon 0"),
        ({"merging": [1, 0, 0, 0, 0, 0]}, "1 lies outside 0 ... 0"),
        ({"merging": [0] * 5}, "5 entries where 6 are due"),
        ({"row": 2**40 + 1}, "lies outside"),
        ({"row": -1}, "lies outside"),
        ({"row": 1, "merging": [0, 1, 0, 0, 0, 0]}, "not in the order that trees need"),
    ],
    ids=str,
)
def test_prices_out_of_range_are_rejected(change, reason):
    problem = five_axons()
    with pytest.raises(CertificateRejected, match=reason):
        check(problem, claim(problem, 1, {**NOTHING, **change}))


def test_prices_up_to_what_a_read_costs_are_taken():
    problem = five_axons()
    # of an input a packet; of a neuron a packet and a hop. Where a read costs no more, none of it is left to count
    assert verified(problem, {**NOTHING, "price": [2, 1, 1, 1, 1, 1]}, None).lower <= 27


def test_reads_per_synapse_have_no_price():
    problem = five_axons(traffic="per-synapse")
    with pytest.raises(CertificateRejected, match="price 1 of axon 1 is above"):
        check(problem, claim(problem, 1, {**NOTHING, "price": [0, 1, 0, 0, 0, 0]}))


@pytest.mark.parametrize("count", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_mutants_are_rejected_or_still_true(count):
    """One thing changed, also where one more is claimed than is true."""
    problem = five_axons()
    for k, honest in enumerate((optimal(problem), claim(problem, 28, NOTHING))):
        table = {"format": format.FORMAT, "version": format.VERSION, **copy.deepcopy(vars(honest))}
        for path, value, mutant in mutants(table, np.random.default_rng(k), count):
            try:
                told = check(problem, format.from_bytes(json.dumps(mutant).encode()))
            except FLAWS:
                continue
            assert told.lower is None or told.lower <= 27, (path, value)
            assert told.upper is None or told.upper >= 27, (path, value)
            assert not told.infeasible, (path, value)


@pytest.mark.parametrize("seed", [*range(40), *(pytest.param(s, marks=pytest.mark.slow) for s in range(40, 540))])
def test_no_prices_prove_more_than_the_optimum(seed):
    draw = Random(seed)
    problem, least = mapping_problem(draw, draw.choice(["energy", "mean-latency"]), draw.choice([0, 0, 7]))
    for _ in range(4):
        try:
            told = verified(problem, some_prices(problem, draw), None)
        except CertificateRejected as flaw:
            assert "order" in str(flaw)
        else:
            assert told.lower <= least


def wide(draw: Random) -> MappingProblem:
    """Neurons of up to twelve inputs, and up to four rows."""
    neurons, inputs, tiles = draw.randint(1, 6), draw.randint(3, 12), draw.randint(1, 3)
    pairs = [(k, i) for k in range(neurons + inputs) for i in range(neurons) if draw.random() < 0.6]
    spikes = [draw.choice([0, 1, draw.randrange(50)]) for _ in range(neurons + inputs)]
    pre, post = np.array(pairs, dtype=int).reshape(-1, 2).T
    network = Network.from_synapses(pre, post, np.array(spikes), is_input=np.arange(neurons + inputs) >= neurons)
    costs = {f"{k}_fj": draw.randrange(6) for k in ("packet", "hop_x", "hop_y", "local", "synapse", "idle_cell")}
    crossbars = tuple(Crossbar(draw.randint(2, 4), draw.randint(1, 4), count=tiles) for _ in range(2))
    hardware = Hardware("drawn", TileGrid(2, tiles), crossbars, CostModel(**costs))
    return MappingProblem(network, hardware, draw.choice(["per-tile", "per-synapse"]))


# of the last three, neurons read inputs and neurons at different prices, which once put their charges out of order
@pytest.mark.parametrize("seed", [*range(40), 1023, 1028, 1031])
def test_the_checker_proves_what_the_solver_claims(seed):
    problem = wide(Random(seed))
    bound = network_bound(problem.network, problem.hardware, problem.traffic)
    prices = bound.prices
    arrays = {"price": prices.price_of_axon.tolist(), "merging": prices.merging_of_axon.tolist()}
    assert verified(problem, {"kind": "trees", **arrays, "row": prices.row}, None).lower == max(0, bound.energy_fj)


def laid(problem: MappingProblem, draw: Random) -> Mapping | None:
    """A random mapping; None if it does not fit."""
    grid, network = problem.hardware.grid, problem.network
    flat = {"is_input": network.is_input.tolist(), "fanout_idx": network.fanout_idx.tolist()}
    table = random_mapping({"network": flat, "tiles": [None] * grid.num_tiles}, draw)
    tiles, cluster = np.unique(table["cluster_of_unit"], return_inverse=True)
    kind = np.repeat(np.arange(len(problem.hardware.crossbars)), [c.count or 0 for c in problem.hardware.crossbars])
    kinds = kind[tiles] if len(problem.hardware.crossbars) > 1 else np.zeros(len(tiles), dtype=int)
    units = Unrolling(*(np.array(table[k], dtype=int) for k in format._UNITS))
    mapping = Mapping(units, Partition(cluster, kinds), Placement(tiles))
    return None if problem.violations(mapping) else mapping


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_checker_prices_mappings_as_the_evaluator_does(objective):
    compared = 0
    for seed in range(60):
        draw = Random(seed)
        problem = replace(mapping_problem(draw, "energy", draw.choice([0, 3]))[0], objective=objective)
        if problem.network.synaptic_events > 2**40:  # sums beyond int64 are refused by the evaluator
            continue
        for mapping in filter(None, (laid(problem, draw) for _ in range(10))):
            cost, witness = problem.cost(mapping), witness_table("mapping", mapping)
            told = check(problem, format.Certificate("mapping", problem.digest, None, cost, False, witness, None))
            assert told.upper == cost
            compared += 1
    assert compared > 40


@pytest.mark.parametrize(
    ("problem", "least"),
    [
        # a neuron without synapses, and rows at a price: nothing is negative
        (MappingProblem(Network.from_synapses([], [], [5]), Hardware("one", TileGrid(1, 1), (Crossbar(1, 1),))), 0),
        # inputs alone
        (
            MappingProblem(
                Network.from_synapses([], [], [5], is_input=np.array([True])),
                Hardware("one", TileGrid(1, 1), (Crossbar(1, 1),)),
            ),
            0,
        ),
        # one row: 0 and 1 feed each other 2 spikes over a hop each, as there is one column
        (
            MappingProblem(
                Network.from_synapses([0, 1], [1, 0], [2, 2]), Hardware("two", TileGrid(2, 1), (Crossbar(1, 1),))
            ),
            8,
        ),
        # a self loop is read at home, and costs nothing
        (MappingProblem(Network.from_synapses([0], [0], [3]), Hardware("two", TileGrid(2, 1), (Crossbar(2, 1),))), 0),
    ],
    ids=["no synapse", "no neuron", "one row", "self loop"],
)
@pytest.mark.parametrize("row", [0, 1, 2**40])
def test_small_cases_by_hand(problem, least, row):
    n = problem.network.num_neurons
    for merging in (0, row):
        told = verified(problem, {"kind": "trees", "price": [0] * n, "merging": [merging] * n, "row": row}, None)
        assert told.lower <= least and (row or told.lower == least)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("hardware",), None, "hardware: not an object"),
        (("hardware", "grid"), [2, 1], "grid: not a list [width, height, io_tile]"),
        (("hardware", "grid"), [2, 0, None], "grid: height lies outside"),
        (("hardware", "grid"), [2, 1, 2], "the I/O tile lies outside of the mesh"),
        (("hardware", "crossbars"), [], "there is no crossbar"),
        (("hardware", "crossbars"), [[3, 1, 3]], "crossbars: not a list [rows, columns, area, count]"),
        (("hardware", "crossbars"), [[3, 1, 3, 1], [3, 1, 3, 2]], "not as many as the tiles"),
        (("hardware", "crossbars"), [[3.0, 1, 3, None]], "crossbars[0]: rows is not an integer"),
        (("hardware", "costs"), {}, "hop_x_fj: missing"),
        (("hardware", "costs", "packet_fj"), True, "costs: packet_fj is not an integer"),
        (("hardware", "costs", "packet_fj"), -1, "costs: packet_fj lies outside"),
        (("traffic",), "both", "traffic is none of per-tile, per-synapse"),
        (("objective",), "units", "objective is none of energy"),
        (("max_crossbars",), 0, "max_crossbars lies outside 1"),
        (("max_latency_ps",), 1.5, "max_latency_ps is not an integer"),
        (("unrolling",), [[0]], "unrolling: not a list [unit_of_synapse, neuron_of_unit, parent_of_unit]"),
        (("unrolling",), [[0] * 5, [0], ["x"]], "parent_of_unit holds something else than integers"),
        (("network", "spikes"), [0] * 5, "do not belong together"),
    ],
    ids=str,
)
def test_malformed_instances_are_named(tmp_path, path, value, reason):
    problem, file = five_axons(), tmp_path / "instance.json"
    format.write_instance(file, problem)
    assert check(format.read_instance(file), optimal(problem)).lower == 27
    table = json.loads(file.read_text())
    holder = table
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    file.write_text(json.dumps(table))
    with pytest.raises(InvalidInput) as flaw:
        check(format.read_instance(file), optimal(problem))
    assert reason in str(flaw.value) and "\n" not in str(flaw.value)

"""Annealing of whole mappings: every step priced exactly, optima of tiny networks, limits, repeatability."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from interrupted import StopsAfter
from oracle import random_network

from spinemap_exact import heuristics
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.heuristics.mapping import anneal
from spinemap_exact.heuristics.mapping._search import RATES, WHOLE_UNITS, Search
from spinemap_exact.kernels import mapping_moves as moves
from spinemap_exact.kernels import mapping_state as state
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.result import Limits, Watch

COSTS = CostModel(
    packet_fj=3, hop_x_fj=5, hop_y_fj=7, local_fj=2, synapse_fj=1, idle_cell_fj=4,
    packet_ps=2, hop_x_ps=4, hop_y_ps=6, local_ps=1, synapse_ps=1,
)  # fmt: skip

SMALL = (Crossbar(4, 3),)


def chip(width=3, height=2, *, io_tile=None, crossbars=SMALL, costs=COSTS) -> Hardware:
    return Hardware("test", TileGrid(width, height, io_tile), crossbars, costs)


def search(problem: MappingProblem) -> Search:
    """A search that begins with each synapse and each neuron in a random slot."""
    found = Search(problem, problem.most_crossbars, problem.max_latency_ps)
    unrolling = problem.unrolling or Unrolling.identity(problem.network)
    slots = np.random.default_rng(0).integers(found.slots, size=unrolling.num_units)
    found.load(unrolling, slots, np.random.default_rng(1).permutation(found.slots))
    return found


def current(found: Search) -> Mapping:
    """The current state as a mapping, whether it keeps the limits or not."""
    for kept, value in zip(found.best, (found.now.place, found.now.parent, found.now.site), strict=True):
        kept[:] = value
    return found.mapping()


def unrolled(network: Network) -> Unrolling:
    """Two units for each neuron with two inputs or more, the second below the first."""
    base, wide = Unrolling.identity(network), np.flatnonzero(network.fan_in > 1)
    unit = base.unit_of_synapse.copy()
    for second, i in enumerate(wide):
        unit[np.flatnonzero(network.post == i)[0]] = base.num_units + second
    soma = np.searchsorted(base.neuron_of_unit, wide)
    return Unrolling(unit, np.concatenate((base.neuron_of_unit, wide)), np.concatenate((base.parent_of_unit, soma)))


NETWORK = random_network(np.random.default_rng(3), 8, 3, density=0.45)
CASES = {
    "per tile": {},
    "per synapse": {"traffic": Traffic.PER_SYNAPSE},
    "I/O tile": {"hardware": chip(io_tile=4)},
    "several types": {"hardware": chip(crossbars=(Crossbar(4, 3, count=2), Crossbar(6, 2, count=4)))},
    "mean latency": {"objective": MappingObjective.MEAN_LATENCY, "hardware": chip(io_tile=1)},
    "late": {"max_latency_ps": 16},
    "given units": {"unrolling": unrolled(NETWORK)},
    "given units, mean latency": {"unrolling": unrolled(NETWORK), "objective": MappingObjective.MEAN_LATENCY},
}


@pytest.mark.parametrize("case", CASES)
def test_every_move_is_priced_exactly_and_can_be_taken_back(case):
    problem = MappingProblem(NETWORK, **{"hardware": chip(), **CASES[case]})
    found = search(problem)
    numbers = np.array([1234567], dtype=np.uint64)
    made = 0
    for n, move in enumerate(list(RATES) * 60):
        if found.given and move not in WHOLE_UNITS:
            continue
        before = found.now.totals.copy()
        moves.propose(found.net, found.chip, found.now, found.log, numbers, move, found.given)
        assert found.price == problem.cost(current(found))
        made += int(found.log[0, 0] > 0)
        if n % 3 == 0:
            moves.take_back(found.net, found.chip, found.now, found.log)
            assert found.now.totals[: state.STAMP].tolist() == before[: state.STAMP].tolist()
    assert made > 100


@pytest.mark.parametrize("case", ["per tile", "several types", "late", "given units"])
def test_increments_agree_with_a_state_filled_anew(case):
    """Rows, columns, cells, flows, traffic and late synapses, after a thousand moves."""
    problem = MappingProblem(NETWORK, **{"hardware": chip(), **CASES[case]})
    found = search(problem)
    found.anneal(Watch(Limits(time_s=None)), np.random.default_rng(5), 1000, (1.0, 0.5))
    kept = {
        name: getattr(found.now, name).copy() for name in ("rows", "columns", "cells", "traffic", "entering", "flow")
    }
    totals = found.now.totals.copy()
    found.set(found.now.place.copy(), found.now.parent.copy(), found.now.site.copy())
    assert found.now.totals[: state.STAMP].tolist() == totals[: state.STAMP].tolist()
    for name, value in kept.items():
        assert (getattr(found.now, name) == value).all(), name


@pytest.mark.parametrize("case", ["late", "given units"])
def test_a_state_breaks_no_limit_exactly_if_its_mapping_breaks_none(case):
    roomy = {"hardware": chip(3, 3, crossbars=(Crossbar(9, 4),)), "max_crossbars": 5}
    problem = MappingProblem(NETWORK, **{**roomy, **CASES[case]})
    found = search(problem)
    seen = set()
    for seed in range(150):
        found.anneal(Watch(Limits(time_s=None)), np.random.default_rng(seed), 64, (0.3, 0.3))
        kept = [value.copy() for value in found.best]
        seen.add(found.beyond == 0)
        assert (found.beyond == 0) == (not problem.violations(current(found)))
        for best, value in zip(found.best, kept, strict=True):
            best[:] = value
    assert seen == {True, False}


def least(problem: MappingProblem) -> int | None:
    """The optimum over all tiles of synapses and neurons, with trees of one level: enough for two inputs a neuron."""
    network, tiles = problem.network, range(problem.hardware.grid.num_tiles)
    neurons = np.flatnonzero(~network.is_input)
    best = None
    for somas in product(tiles, repeat=len(neurons)):
        soma = dict(zip(neurons.tolist(), somas, strict=True))
        for place in product(tiles, repeat=network.num_synapses):
            units = sorted(set(soma.items()) | set(zip(network.post.tolist(), place, strict=True)))
            number = {unit: n for n, unit in enumerate(units)}
            mapping = Mapping(
                Unrolling(
                    [number[int(i), t] for i, t in zip(network.post, place, strict=True)],
                    [i for i, _ in units],
                    [-1 if soma[i] == t else number[i, soma[i]] for i, t in units],
                ),
                Partition.from_labels([t for _, t in units]),
                Placement(np.unique([t for _, t in units])),
            )
            if not problem.violations(mapping):
                cost = problem.cost(mapping)
                best = cost if best is None else min(best, cost)
    return best


@pytest.mark.parametrize("objective", ["energy", "mean-latency", "worst-latency", "crossbars"])
@pytest.mark.parametrize("seed", range(4))
def test_annealing_finds_the_optimum_of_tiny_networks(seed, objective):
    """Two neurons of two inputs at most, three tiles, two rows and columns each."""
    network = random_network(np.random.default_rng(seed), 2, 2, density=0.7, max_fan_in=2)
    hardware = chip(3, 1, io_tile=seed % 3, crossbars=(Crossbar(2, 2),))
    problem = MappingProblem(network, hardware, objective=objective)
    found = anneal.run(problem, Watch(Limits(time_s=None, seed=seed)))
    assert not problem.violations(found)
    assert problem.cost(found) == least(problem)


def fan_in_four() -> Network:
    """Inputs 1 ... 4 with 1, 2, 10 and 20 spikes feed neuron 0."""
    return Network.from_synapses([1, 2, 3, 4], [0] * 4, [5, 1, 2, 10, 20], is_input=np.arange(5) > 0)


def test_quiet_inputs_are_carried_and_busy_ones_read_at_the_soma():
    # three rows: two inputs and a carry at the soma; the carry of inputs 1 and 2 has the fewest spikes, 3
    problem = MappingProblem(fan_in_four(), chip(2, 1, crossbars=(Crossbar(3, 1),), costs=CostModel()))
    found = anneal.run(problem, Watch(Limits(time_s=None)))
    # 33 packets from outside, 3 of the carry, and its 3 hops
    assert problem.cost(found) == 39


def test_given_units_stay_as_they_are():
    problem = MappingProblem(NETWORK, chip(3, 3, crossbars=(Crossbar(8, 4),)), unrolling=unrolled(NETWORK))
    found = anneal.run(problem, Watch(Limits(time_s=None)))
    assert found.unrolling.digest == problem.unrolling.digest
    assert not problem.violations(found)


@pytest.mark.parametrize(("crossbars", "is_possible"), [(1, False), (2, True), (3, True)])
def test_the_limit_on_crossbars_is_kept(crossbars, is_possible):
    """Four inputs need two crossbars of three rows."""
    problem = MappingProblem(fan_in_four(), chip(crossbars=(Crossbar(3, 2),)), max_crossbars=crossbars)
    found = anneal.run(problem, Watch(Limits(time_s=None)))
    assert (found is not None) == is_possible
    assert found is None or not problem.violations(found)


@pytest.mark.parametrize(("latency", "is_possible"), [(9, False), (10, True), (11, True)])
def test_the_limit_on_latency_is_kept(latency, is_possible):
    """An input reaches its unit in 3 ps (packet, synapse); the next tile is 7 ps away: packet, hop, synapse."""
    problem = MappingProblem(fan_in_four(), chip(crossbars=(Crossbar(3, 2),)), max_latency_ps=latency)
    found = anneal.run(problem, Watch(Limits(time_s=None)))
    assert (found is not None) == is_possible
    assert found is None or not problem.violations(found)


def test_one_seed_gives_one_mapping():
    problem = MappingProblem(NETWORK, chip(3, 3, crossbars=(Crossbar(8, 4),)))
    runs = [anneal.run(problem, Watch(Limits(time_s=None, seed=5))) for _ in range(2)]
    assert runs[0].unrolling.digest == runs[1].unrolling.digest
    assert runs[0].placement.digest == runs[1].placement.digest


def test_a_start_is_kept_where_there_is_no_time():
    problem = MappingProblem(NETWORK, chip(3, 3, crossbars=(Crossbar(8, 4),)))
    start = anneal.run(problem, Watch(Limits(time_s=None)))
    assert problem.cost(anneal.run(problem, StopsAfter(0), start)) == problem.cost(start)


def test_a_start_beyond_the_limits_is_not_handed_back():
    problem = MappingProblem(fan_in_four(), chip(crossbars=(Crossbar(3, 2),)), max_crossbars=1)
    start = anneal.run(MappingProblem(fan_in_four(), chip(crossbars=(Crossbar(3, 2),))), Watch(Limits(time_s=None)))
    assert anneal.run(problem, StopsAfter(3), start) is None


def test_the_busiest_link_is_relieved_and_a_start_never_made_worse():
    problem = MappingProblem(NETWORK, chip(3, 3, crossbars=(Crossbar(8, 4),)), objective=MappingObjective.BOTTLENECK)
    hops = anneal.run(replace(problem, objective=MappingObjective.ENERGY), Watch(Limits(0.3, 1)))
    found = anneal.run(problem, Watch(Limits(1.0, 1)), hops)
    assert problem.violations(found) == []
    assert problem.cost(found) <= problem.cost(hops)


def test_the_heuristic_is_found_by_its_name():
    assert heuristics.load("mapping", "anneal") is anneal.run


def test_without_synapses_the_start_is_the_answer():
    """Two neurons that nobody feeds: nothing can be moved, and nothing costs anything."""
    network = Network.from_synapses([], [], [5, 7])
    problem = MappingProblem(network, Hardware("tiny", TileGrid(2, 1), (Crossbar(3, 1),)))
    start = Mapping(Unrolling.identity(network), Partition([0, 1]), Placement([1, 0]))
    assert anneal.run(problem, Watch(Limits(time_s=1)), start) is start
    assert anneal.run(problem, Watch(Limits(time_s=1))) is None

"""The whole way from a network to an evaluated mapping."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from spinemap_exact import pipeline
from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.network import Network
from spinemap_exact.pipeline import Choices, Stage, area_then_packets, evidence, map_by_stages
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.problems.placement import placement_problem
from spinemap_exact.result import Limits, Status

LIMITS = Limits(time_s=20, workers=1)


def dense(inputs: int, outputs: int, spikes: int = 3) -> Network:
    """External inputs, all feeding all of a layer of neurons."""
    pre = np.repeat(np.arange(inputs), outputs)
    post = inputs + np.tile(np.arange(outputs), inputs)
    n = inputs + outputs
    return Network.from_synapses(pre, post, np.full(n, spikes), is_input=np.arange(n) < inputs)


def chip(rows: int, columns: int, width: int, height: int, **costs: int) -> Hardware:
    return Hardware("chip", TileGrid(width, height), (Crossbar(rows, columns),), CostModel(**costs))


def test_every_stage_is_proven_on_a_small_network():
    run = map_by_stages(dense(6, 4), chip(8, 2, 2, 2), limits=LIMITS)

    assert [(s.name, s.result.status) for s in run.stages] == [
        ("unroll", Status.OPTIMAL),
        ("partition", Status.OPTIMAL),
        ("placement", Status.OPTIMAL),
    ]
    # four neurons, two columns: two clusters, and each of the 6 inputs sends its 3 spikes to both
    assert run.stage("partition").result.objective == 6 * 3 * 2
    # nothing travels between clusters
    assert run.stage("placement").result.objective == 0
    assert run.mapping is not None
    assert run.mapping.violations(run.network, run.hardware) == []
    assert all(s.result.vouched_by is not None for s in run.stages)


def test_unrolling_keeps_every_synapse():
    """Eight inputs on four rows: three units a neuron in the fan-in-four chain, two neurons."""
    run = map_by_stages(dense(8, 2), chip(4, 4, 3, 2), limits=LIMITS)

    unrolling = run.mapping.unrolling
    assert unrolling.violations(run.network) == []
    # t = ceil((8 - 1)/(4 - 1)) units at least for each neuron
    assert unrolling.num_units >= 2 * 3
    assert run.evaluation().violations == ()
    assert run.stage("unroll").measure == "crossbars"


def test_the_published_chain_is_an_option():
    run = map_by_stages(
        dense(5, 1),
        chip(4, 4, 4, 4),
        limits=LIMITS,
        unit_fan_in=2,
        last_stage="unroll",
        choices=Choices({"unroll": "none"}, {"unroll": "chain"}),
    )
    # m inputs make m - 1 units of two inputs
    assert run.stage("unroll").result.incumbent.unrolling.num_units == 4
    assert run.mapping is None


def test_unrolling_switched_off_says_what_pruning_would_lose():
    # two neurons of fan-in 8 on 5 rows lose 3 synapses each
    with pytest.raises(InvalidInput, match=r"neuron 8 has fan-in 8, .* lose 6 synapses of 2 neurons"):
        map_by_stages(dense(8, 2), chip(5, 4, 3, 2), unroll=False)


def test_too_few_tiles_is_proven_by_counting():
    run = map_by_stages(dense(2, 9), chip(4, 2, 2, 2), limits=LIMITS)
    assert run.status is Status.INFEASIBLE
    # nine units in crossbars of two columns
    assert "at least 5 crossbars (by counting columns), there are 4 tiles" in run.summary()
    assert run.mapping is None


def test_without_a_solver_only_the_checker_proves_anything():
    none = dict.fromkeys(pipeline.STAGES, "none")
    run = map_by_stages(
        dense(4, 6), chip(6, 2, 3, 2), limits=LIMITS, choices=Choices(none, {"partition": "sequential"})
    )
    partition = run.stage("partition").result
    # six readers in crossbars of two columns: each of the four inputs sends its 3 spikes to three clusters at least
    assert (partition.objective, partition.dual_bound) == (4 * 3 * 3, 4 * 3 * 3)
    assert str(partition.vouched_by) == "verified (counting)"


def test_a_stop_request_returns_the_best_so_far():
    stop = threading.Event()
    stop.set()
    rng = np.random.default_rng(1)
    pre, post = np.nonzero(rng.random((40, 40)) < 0.2)
    network = Network.from_synapses(pre, post, rng.integers(1, 50, 40))

    run = map_by_stages(network, chip(32, 8, 4, 4), limits=Limits(time_s=60, workers=1), stop=stop)

    # sequential filling always gets its pass; what is missing must be said, not invented
    for stage in run.stages:
        assert stage.result.status in (Status.OPTIMAL, Status.FEASIBLE, Status.UNKNOWN)
    assert run.runtime_s < 30


def test_the_same_seed_gives_the_same_mapping():
    network, hardware = dense(6, 5), chip(8, 2, 3, 2)
    runs = [map_by_stages(network, hardware, limits=Limits(time_s=20, workers=1, seed=7)) for _ in range(2)]
    for part in ("unrolling", "partition", "placement"):
        assert getattr(runs[0].mapping, part).digest == getattr(runs[1].mapping, part).digest


@pytest.mark.parametrize("traffic", list(Traffic))
def test_placement_traffic_is_the_partition_cost(traffic):
    """Packets between clusters plus packets from outside are what the partition problem counts."""
    rng = np.random.default_rng(3)
    dense_graph = rng.random((12, 12)) < 0.3
    is_input = np.arange(12) >= 9
    dense_graph[:, is_input] = False
    pre, post = np.nonzero(dense_graph)
    network = Network.from_synapses(pre, post, rng.integers(0, 9, 12), is_input=is_input)
    from spinemap_exact.mapping import Partition
    from spinemap_exact.problems.partition import PartitionProblem

    partition = Partition.from_labels(rng.integers(0, 4, 9))
    hardware = Hardware("io", TileGrid(2, 3, io_tile=1), (Crossbar(99, 99),), CostModel(hop_x_fj=6, hop_y_fj=4))

    placement = placement_problem(network, partition, hardware, traffic)

    assert (placement.mesh.hop_x, placement.mesh.hop_y) == (3, 2)  # 6 : 4 without the common divisor
    packets = PartitionProblem(network, hardware.crossbars, 6, traffic).cost(partition)
    assert int(placement.flow.sum() + placement.input_flow.sum()) == packets


def test_unknown_names_list_what_there_is():
    with pytest.raises(InvalidInput, match=r"unknown stage 'packing'; known: unroll, partition, placement"):
        map_by_stages(dense(2, 2), chip(4, 4, 2, 2), last_stage="packing")
    with pytest.raises(InvalidInput, match=r"unknown partition solver .nope.; known: "):
        map_by_stages(dense(2, 3), chip(4, 2, 2, 2), choices=Choices({"partition": "nope"}), limits=LIMITS)


def test_infeasibility_against_a_known_solution_is_a_defect(monkeypatch):
    """A solver that denies what a warm start has shown must not be believed."""
    from spinemap_exact import solvers
    from spinemap_exact.errors import EngineDefect
    from spinemap_exact.result import conclude

    def denying(problem, watch, warm_start=None):
        return conclude(problem, None, None, engine="denier", watch=watch, infeasible=True)

    monkeypatch.setattr(solvers, "load", lambda kind, name: denying)
    with pytest.raises(EngineDefect, match="denier claims infeasibility against a solution"):
        map_by_stages(dense(6, 4), chip(8, 2, 2, 2), limits=LIMITS, choices=Choices({"partition": "branch-price"}))


def test_two_goals_are_optimal_only_if_both_are_proven(monkeypatch):
    # six units in a ring on crossbars of two columns: three crossbars, and every second net is cut
    ring = Network.from_synapses(range(6), [1, 2, 3, 4, 5, 0], [1] * 6)
    problem = PartitionProblem(ring, (Crossbar(2, 2, area=5),), 6)
    monkeypatch.setattr(evidence, "certify", lambda name, asked, used, result, watch, thorough: Stage(
        name, asked, used, result))  # fmt: skip

    proven = area_then_packets(problem, limits=LIMITS)
    guessed = area_then_packets(problem, limits=LIMITS, solver="none")

    assert [(s.name, s.result.objective) for s in proven.stages] == [("area", 15), ("packets", 3)]
    assert proven.status is Status.OPTIMAL
    assert proven.stages[1].problem.max_area == 15
    # nothing but heuristics: whatever they found, no bound stands beside it
    assert guessed.status is Status.FEASIBLE
    assert [s.result.dual_bound for s in guessed.stages] == [None, None]

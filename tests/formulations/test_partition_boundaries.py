"""Each constraint of the partition models below, at and above its limit, on every formulation and engine."""

from __future__ import annotations

import numpy as np
import pytest

from spinemap_exact import solvers
from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._milp import Milp
from spinemap_exact.formulations.partition import set_partitioning_milp
from spinemap_exact.hardware import Crossbar
from spinemap_exact.mapping import Partition
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Limits, Watch

MODELS = list(solvers.modelled("partition"))


@pytest.fixture(params=MODELS)
def solve(request):
    if request.param.endswith("-scip"):
        pytest.importorskip("pyscipopt")
    engine = solvers.load("partition", request.param)
    return lambda problem: engine(problem, Watch(Limits(time_s=60, workers=1))).objective


def network(pre, post, spikes, inputs: int = 0) -> Network:
    return Network.from_synapses(pre, post, spikes, is_input=np.arange(len(spikes)) >= len(spikes) - inputs)


@pytest.mark.parametrize(("columns", "expected"), [(1, 3), (2, 2), (3, 1), (4, 1)])
def test_columns(solve, columns, expected):
    loose = network([], [], [1, 1, 1])
    assert solve(PartitionProblem(loose, (Crossbar(1, columns),), 3, objective="crossbars")) == expected


@pytest.mark.parametrize(("rows", "expected"), [(1, None), (2, 2), (3, 1), (4, 1)])
def test_rows_are_shared_within_a_crossbar(solve, rows, expected):
    # inputs 2, 3, 4; unit 0 reads 2 and 3, unit 1 reads 3 and 4: three axons together, two apart
    fed = network([2, 3, 3, 4], [0, 0, 1, 1], [0, 0, 1, 1, 1], inputs=3)
    assert solve(PartitionProblem(fed, (Crossbar(rows, 2),), 2, objective="crossbars")) == expected


@pytest.mark.parametrize(("rows", "expected"), [(1, 7), (2, 0)])
def test_a_unit_read_at_home_takes_a_row_there(solve, rows, expected):
    # 0 -> 1 and 1 -> 0 and no input: at home together they need two rows
    ring = network([0, 1], [1, 0], [3, 4])
    assert solve(PartitionProblem(ring, (Crossbar(rows, 2),), 2)) == expected


@pytest.mark.parametrize(("clusters", "expected"), [(1, None), (2, 2), (3, 2)])
def test_most_clusters(solve, clusters, expected):
    loose = network([], [], [1, 1, 1])
    assert solve(PartitionProblem(loose, (Crossbar(1, 2),), clusters, objective="crossbars")) == expected


@pytest.mark.parametrize(("count", "expected"), [(1, None), (2, 2), (3, 2)])
def test_crossbars_of_a_type(solve, count, expected):
    loose = network([], [], [1, 1, 1])
    assert solve(PartitionProblem(loose, (Crossbar(1, 2, count=count),), 3, objective="crossbars")) == expected


@pytest.mark.parametrize(("count", "expected"), [(1, 2 + 5), (2, 4), (3, 4)])
def test_the_cheap_type_is_used_first(solve, count, expected):
    loose = network([], [], [1, 1, 1, 1])
    crossbars = (Crossbar(1, 2, area=2, count=count), Crossbar(1, 2, area=5, count=4))
    assert solve(PartitionProblem(loose, crossbars, 4, objective="area")) == expected


@pytest.mark.parametrize(("area", "expected"), [(3, None), (4, 9), (5, 9), (6, 0), (7, 0)])
def test_most_area_before_packets(solve, area, expected):
    # apart on two small crossbars (area 2 each) the net of 9 spikes is cut; one large crossbar takes area 6
    pair = network([0, 0], [1, 0], [9, 1])
    crossbars = (Crossbar(1, 1, area=2, count=2), Crossbar(2, 2, area=6, count=1))
    assert solve(PartitionProblem(pair, crossbars, 2, max_area=area)) == expected


@pytest.mark.parametrize(("traffic", "expected"), [("per-tile", 5), ("per-synapse", 10)])
def test_traffic_of_a_net_that_leaves(solve, traffic, expected):
    # units 1 and 2 must leave unit 0, which needs two columns' worth of rows: three axons of which two fit
    fan_out = network([0, 0, 3, 4], [1, 2, 0, 0], [5, 0, 0, 0, 0], inputs=2)
    assert solve(PartitionProblem(fan_out, (Crossbar(2, 3),), 2, traffic=traffic)) == expected


@pytest.mark.parametrize(("traffic", "expected"), [("per-tile", 7), ("per-synapse", 14)])
def test_an_external_input_is_never_at_home(solve, traffic, expected):
    fed = network([2, 2], [0, 1], [0, 0, 7], inputs=1)
    assert solve(PartitionProblem(fed, (Crossbar(1, 2),), 1, traffic=traffic)) == expected


def test_a_self_loop_never_leaves(solve):
    assert solve(PartitionProblem(network([0], [0], [8, 1]), (Crossbar(1, 1),), 2)) == 0


def test_silent_networks_cost_nothing(solve):
    assert solve(PartitionProblem(network([0, 1], [1, 0], [0, 0]), (Crossbar(2, 1),), 2)) == 0


@pytest.mark.parametrize(("largest", "covers"), [(6, False), (7, True), (8, True)])
def test_as_many_clusters_as_are_listed(largest, covers, monkeypatch):
    monkeypatch.setattr(set_partitioning_milp, "LARGEST", largest)
    problem = PartitionProblem(network([], [], [1, 1, 1]), (Crossbar(1, 3),), 3)

    # three units that nothing connects: every set of them but the empty one fits, 2^3 - 1
    if covers:
        assert len(set_partitioning_milp.build(problem, Milp()).choose) == 7
    else:
        with pytest.raises(InvalidInput, match="does not cover 3 units with more than 6 clusters within the limits"):
            set_partitioning_milp.build(problem, Milp())


def test_columns_are_clusters_on_every_type_that_holds_them():
    # unit 0 reads inputs 3 and 4: one row is too few for it; two columns are too few for all three units
    fed = network([3, 4], [0, 0], [1, 1, 1, 2, 5], inputs=2)
    problem = PartitionProblem(fed, (Crossbar(1, 2), Crossbar(2, 3)), 3)

    listed = set_partitioning_milp.build(problem, Milp(), [[1, 0], [2], [0, 1], [0, 1, 2]])

    assert set(listed.choose) == {((0, 1), 1), ((2,), 0), ((2,), 1), ((0, 1, 2), 1)}
    # either input is read in one cluster, and no unit reads another
    assert {listed.cost(cluster, kind) for cluster, kind in listed.choose} == {0, 2 + 5}
    assert sum(chosen for _, chosen in listed.values(Partition([0, 0, 1], [1, 0]))) == 2
    with pytest.raises(InvalidInput, match=r"no cluster \[0\], which the solution holds"):
        list(listed.values(Partition([0, 1, 1], [1, 0])))

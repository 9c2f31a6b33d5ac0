"""Every registered heuristic of every kind: within the limits or None, repeatable, and obedient to a stop."""

from __future__ import annotations

import numpy as np
import pytest
from draws import some
from oracle import optimum, random_problem

import spinemap_exact.heuristics as heuristics
from spinemap_exact.errors import MissingExtra
from spinemap_exact.hardware import Crossbar, TileGrid
from spinemap_exact.heuristics.partition._growth import slots_of, within_limits
from spinemap_exact.heuristics.placement._moves import Board, layers
from spinemap_exact.heuristics.placement.hilbert_force import _tiles_along_curve
from spinemap_exact.mapping import Partition, Placement
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Watch

KINDS = ("partition", "placement", "packing", "unroll")
HEURISTICS = [(kind, name) for kind in KINDS for name in heuristics.names(kind)]
SEEDS = some(3, 6)


def run(kind, name, problem, limits=None, stopped=False):
    watch = Watch(limits or Limits(time_s=0.06))
    if stopped:
        watch.request_stop()
    try:
        return heuristics.load(kind, name)(problem, watch)
    except MissingExtra as missing:
        pytest.skip(str(missing))


def labels(solution):
    return [(k, v.tolist()) for k, v in sorted(vars(solution).items()) if isinstance(v, np.ndarray)]


@pytest.mark.parametrize(("kind", "name"), HEURISTICS)
@pytest.mark.parametrize("seed", SEEDS)
def test_solutions_are_feasible_and_cost_no_less_than_the_optimum(kind, name, seed):
    problem = random_problem(kind, seed)
    found = run(kind, name, problem)
    if found is None:
        return
    assert problem.violations(found) == []
    assert problem.cost(found) >= optimum(problem)


@pytest.mark.parametrize(("kind", "name"), HEURISTICS)
def test_a_stop_request_is_obeyed(kind, name):
    problem = random_problem(kind, 5)
    found = run(kind, name, problem, Limits(time_s=None), stopped=True)
    assert found is None or problem.violations(found) == []


PUBLISHED = {
    "partition": ("spinecluster-greedy", "edgemap", "hedge-overlap", "psopart", "sneap", "mtkahypar"),
    "placement": ("spineplacer-pso", "hilbert-force", "truenorth", "sneap"),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in PUBLISHED for name in PUBLISHED[kind]])
def test_the_same_seed_gives_the_same_solution(kind, name):
    problem = clustered() if kind == "partition" else line_of_flows(9, TileGrid(4, 3))
    first, again = (run(kind, name, problem, Limits(time_s=None, seed=3)) for _ in range(2))
    assert labels(first) == labels(again)


@pytest.mark.parametrize("name", PUBLISHED["partition"])
def test_tight_limits_are_kept(name):
    """Four groups of six units that share inputs fill four crossbars exactly."""
    problem = clustered()
    found = run("partition", name, problem, Limits(time_s=None))
    assert found is not None and problem.violations(found) == []
    # each group reads itself and two inputs of 5 spikes: 4 x 2 x 5 packets whatever else happens, the rest is mixing
    assert problem.cost(found) >= 40


@pytest.mark.parametrize("name", PUBLISHED["placement"])
def test_published_placements_beat_a_shuffled_one(name):
    problem = line_of_flows(16, TileGrid(4, 4))
    found = run("placement", name, problem, Limits(time_s=None))
    shuffled = [problem.cost(Placement(np.random.default_rng(s).permutation(16))) for s in range(20)]
    assert problem.cost(found) < min(shuffled)


@pytest.mark.parametrize("kind", ["partition", "placement"])
@pytest.mark.parametrize("seed", range(3))
def test_best_effort_is_as_good_as_every_other_heuristic(kind, seed):
    problem = random_problem(kind, seed + 40)
    best = run(kind, "best-effort", problem, Limits(time_s=0.4))
    others = [run_or_none(kind, name, problem) for name in heuristics.names(kind)]
    found = [problem.cost(o) for o in others if o is not None]
    assert (best is None) == (not found)
    if found:
        assert problem.cost(best) <= min(found)


def test_best_effort_is_never_worse_than_its_start():
    problem = clustered()
    start = in_groups()
    watch = Watch(Limits(time_s=None))
    watch.request_stop()
    found = heuristics.load("partition", "best-effort")(problem, watch, start)
    assert problem.cost(found) <= problem.cost(start)


def run_or_none(kind, name, problem):
    try:
        return heuristics.load(kind, name)(problem, Watch(Limits(time_s=0.1)))
    except MissingExtra:
        return None


# --- the parts ---------------------------------------------------------------------------------------------------


def clustered() -> PartitionProblem:
    """Four dense groups of six units, shuffled, with two inputs each; one crossbar a group, no room to spare."""
    shuffled = np.random.default_rng(1).permutation(24)
    pre, post = [], []
    for group in range(4):
        members = shuffled[6 * group : 6 * group + 6]
        for u in members:
            others = [*members.tolist(), 24 + 2 * group, 25 + 2 * group]
            pre += [k for k in others if k != u]
            post += [u] * (len(others) - 1)
    spikes = np.concatenate((np.full(24, 10), np.full(8, 5)))
    network = Network.from_synapses(pre, post, spikes, is_input=np.arange(32) >= 24)
    return PartitionProblem(network, (Crossbar(8, 6),), 4)


def in_groups() -> Partition:
    """The one partition of `clustered` that cuts nothing."""
    label = np.zeros(24, dtype=np.int64)
    label[np.random.default_rng(1).permutation(24)] = np.repeat(np.arange(4), 6)
    return Partition(label)


def line_of_flows(clusters: int, grid: TileGrid) -> PlacementProblem:
    """A shuffled chain: each cluster sends 7 packets to the next."""
    order = np.random.default_rng(2).permutation(clusters)
    return PlacementProblem(clusters, order[:-1], order[1:], np.full(clusters - 1, 7), mesh=Mesh.of_grid(grid))


def test_broken_wishes_are_repaired():
    problem = clustered()
    everything_in_one = np.zeros(24, dtype=np.int64)
    found = within_limits(problem, everything_in_one, Watch(Limits(time_s=None)))
    assert found is not None and problem.violations(found) == []


def test_kept_wishes_are_not_touched():
    problem = clustered()
    wish = in_groups().cluster_of_unit
    found = within_limits(problem, wish, Watch(Limits(time_s=None)))
    assert found.cluster_of_unit.tolist() == wish.tolist()
    assert problem.cost(found) == 40


def test_slots_begin_with_the_largest_crossbars_and_respect_their_counts():
    network = Network.from_synapses([0], [1], [1, 1])
    problem = PartitionProblem(network, (Crossbar(2, 2), Crossbar(4, 4, count=1), Crossbar(3, 3, count=2)), 5)
    assert slots_of(problem).tolist() == [1, 2, 2, 0, 0]


@pytest.mark.parametrize("allowed", [2, 3, 2**31 + 1, 2**40])
@pytest.mark.parametrize("name", heuristics.names("partition"))
def test_any_number_of_clusters_may_be_allowed(name, allowed):
    # two units that read an axon each, one row a crossbar
    network = Network.from_synapses([2, 3], [1, 0], [3, 3, 3, 3], is_input=[False, False, True, True])
    problem = PartitionProblem(network, (Crossbar(1, 3), Crossbar(1, 2)), max_clusters=allowed)
    assert run("partition", name, problem, Limits(time_s=1)).num_clusters == 2


@pytest.mark.parametrize("seed", range(8))
def test_the_increment_of_a_swap_is_the_change_of_the_cost(seed):
    problem = random_problem("placement", seed)
    random = np.random.default_rng(seed)
    board = Board(problem, random.permutation(problem.num_tiles)[: problem.num_clusters])
    for _ in range(20):
        before = problem.cost(board.placement)
        a, b = random.permutation(problem.num_tiles)[:2]
        assert board.swap(int(a), int(b)) == problem.cost(board.placement) - before


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (5, 3), (2, 7), (6, 5), (1, 9), (13, 8)])
def test_the_curve_visits_every_tile_once(shape):
    problem = PlacementProblem(1, [], [], [], mesh=Mesh.of_grid(TileGrid(*shape)))
    curve = _tiles_along_curve(problem)
    assert sorted(curve.tolist()) == list(range(shape[0] * shape[1]))
    steps = problem.mesh.distance(curve[:-1], curve[1:])
    assert (steps <= 2).all()  # one diagonal step is unavoidable where parities are against it
    assert (steps > 1).sum() <= 1


def test_layers_follow_the_flow_and_survive_circles():
    problem = PlacementProblem(5, [0, 1, 3, 4], [1, 2, 4, 3], [1, 1, 1, 1], mesh=Mesh.of_grid(TileGrid(5, 1)))
    # 0 -> 1 -> 2 first; then the circle of 3 and 4 starts at 3
    assert layers(problem).tolist() == [0, 1, 2, 3, 4]


def test_no_saving_is_worth_a_limit():
    """Four units that read each other and two inputs, 2^56 spikes each: one crossbar would save all, it holds three."""
    units, inputs = 4, 2
    pre = np.repeat(np.arange(units + inputs), units)
    post = np.tile(np.arange(units), units + inputs)
    is_input = np.arange(units + inputs) >= units
    network = Network.from_synapses(pre, post, np.full(units + inputs, 2**56), is_input=is_input)
    problem = PartitionProblem(network, (Crossbar(6, 3),), 4)
    found = heuristics.load("partition", "kl")(problem, Watch(Limits(time_s=5)))
    assert found is not None
    assert problem.violations(found) == []


def test_no_saving_of_area_is_worth_a_limit():
    """Three units on crossbars of two rows, or of one: the area of a crossbar, 2^48, saves nothing that rows cost."""
    pre, post = [0, 1, 1, 3, 3, 4], [1, 0, 2, 1, 2, 0]
    network = Network.from_synapses(pre, post, [18, 16, 15, 2, 6], is_input=np.arange(5) >= 3)
    crossbars = (Crossbar(2, 4, 2**48 + 3, 3), Crossbar(1, 4, 2**48 - 2, 3))
    problem = PartitionProblem(network, crossbars, 4, objective=PartitionObjective.AREA)
    found = heuristics.load("partition", "kl")(problem, Watch(Limits(time_s=5, seed=405)))
    assert found is None or problem.violations(found) == []

"""Two solvers side by side give one honest result."""

from __future__ import annotations

import pytest

from spinemap_exact import solvers
from spinemap_exact.errors import EngineDefect
from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.partition import race
from spinemap_exact.solvers.partition._choice import choose

# two triangles of 50 spikes a net, joined by one net of 3
TRIANGLES = Network.from_synapses([0, 1, 2, 3, 4, 5, 2], [1, 2, 0, 4, 5, 3, 3], [50, 50, 3, 50, 50, 50])


@pytest.mark.parametrize("time_s", [60.0, None])
def test_the_race_ends_with_a_proof(time_s):
    problem = PartitionProblem(TRIANGLES, (Crossbar(6, 3),), 2)
    watch = Watch(Limits(time_s=time_s, workers=2))

    result = race.solve(problem, watch)

    # unit 2 sends its 3 spikes to the other triangle; any other split cuts two nets of 50
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, 3, 3)
    assert result.vouched_by is not None
    # ending the race is no stop request of the user
    assert not watch.stop_requested


def test_infeasibility_survives_the_race():
    result = race.solve(PartitionProblem(TRIANGLES, (Crossbar(6, 2),), 2), Watch(Limits(time_s=60)))
    assert result.status is Status.INFEASIBLE
    assert result.reason


def test_one_type_or_several_race_while_the_model_is_small():
    small, large = Crossbar(6, 3, count=2), Crossbar(8, 4, count=2)
    assert choose(PartitionProblem(TRIANGLES, (small,), 2)) == choose(PartitionProblem(TRIANGLES, (small, large), 2))
    # 7 synapses x 6 clusters are few, 400 x 399 synapses x 400 clusters are not
    everybody = Network.from_synapses(
        [i for i in range(400) for j in range(400) if i != j], [j for i in range(400) for j in range(400) if i != j],
        [1] * 400,
    )  # fmt: skip
    assert choose(PartitionProblem(TRIANGLES, (small,), 6)) == "race"
    assert choose(PartitionProblem(everybody, (Crossbar(400, 1),), 400)) == "branch-price"


def test_an_answer_outlives_the_failure_of_the_other(caplog):
    # a column each parts the units; CP-SAT adds the 2^62 packets to every cluster, beyond its integers
    pair = Network.from_synapses([0], [1], [2**62, 0])
    result = race.solve(PartitionProblem(pair, (Crossbar(1, 1),), 2), Watch(Limits(time_s=60)))
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, 2**62, 2**62)
    assert "branch-price stands alone: costs or sizes are beyond CP-SAT's integers" in caplog.text


@pytest.mark.parametrize("loser", ["branch-price", "assignment-cpsat"])
def test_either_may_fail(loser, monkeypatch):
    monkeypatch.setattr(solvers, "load", fails(loser))
    result = race.solve(PartitionProblem(TRIANGLES, (Crossbar(6, 3),), 2), Watch(Limits(time_s=60)))
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, 3, 3)


def test_the_failure_of_both_is_a_failure(monkeypatch):
    monkeypatch.setattr(solvers, "load", fails("branch-price", "assignment-cpsat"))
    with pytest.raises(EngineDefect, match="fails"):
        race.solve(PartitionProblem(TRIANGLES, (Crossbar(6, 3),), 2), Watch(Limits(time_s=60)))


def fails(*losers: str):
    """A loader whose solvers of these names raise."""
    load = solvers.load

    def lose(problem, watch, warm_start=None):
        raise EngineDefect("it fails")

    return lambda kind, name: lose if name in losers else load(kind, name)

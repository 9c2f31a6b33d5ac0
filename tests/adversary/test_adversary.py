"""A small part of ``scripts/adversary``, always the same; and that it notices what it is there for."""

from __future__ import annotations

import json
import os
import signal
import threading
from random import Random

import ask
import damage
import duty
import forge
import pytest
import supervise
from draw import STAGES, draw

from spinemap_exact import solvers
from spinemap_exact.result import Limits, Voucher, Watch, conclude

_QUICK = (
    "heuristic",
    "packing/patterns",
    "unroll/cover",
    "partition/branch-price",
    "placement/grid-dp",
    "placement/rlt1",
)


def findings(orders):
    return [(order["label"], finding, order) for order in orders if (finding := duty.perform(order)[1])]


@pytest.mark.parametrize("stage", STAGES)
def test_no_quick_solver_or_heuristic_claims_anything_false(stage):
    for seed in range(12):
        rng = Random(seed)
        for order in ask.orders(draw(stage, rng), rng):
            order["time_s"] = min(order["time_s"], 0.3)
            if order["what"] == "heuristic" or order["label"] in _QUICK:
                assert not findings([order])


def test_no_forgery_of_what_ships_is_accepted():
    rng = Random(1)
    others = [forge.shipped(rng)[1] for _ in range(4)]
    for _ in range(12):
        assert not findings(forge.orders(*forge.shipped(rng), others, rng, 20))


def test_no_forgery_of_prices_of_trees_is_accepted():
    attacked = 0
    for seed in range(12):
        rng = Random(seed)
        if (made := forge.written("mapping", rng)) is not None:
            assert not findings(forge.orders(*made, [], rng, 20))
            attacked += made[1]["evidence"]["kind"] == "trees"
    assert attacked >= 3


def test_damaged_files_are_read_or_refused():
    for seed in range(40):
        assert not findings(damage.orders(Random(seed), 4))


def test_every_good_file_is_read():
    """Otherwise damage to it would prove nothing."""
    for reader, (name, _) in damage.READERS.items():
        if name in damage.good_files():
            order = {"reader": reader, "content": damage.good_files()[name].decode("latin-1")}
            assert damage.perform(order) == ("read", None), reader


def test_whole_mappings_are_priced_right():
    for seed in range(6):
        assert not findings(duty.orders("map", seed))


def claimed(problem, incumbent, bound, **how):
    watch = Watch(Limits())
    return conclude(
        problem, incumbent, bound, engine="liar", watch=watch, vouched_by=Voucher("attested", "liar"), **how
    )


def test_false_results_are_noticed():
    # 3 + 3, 4: two bins of 6
    instance = {"kind": "packing", "sizes": [3, 3, 4], "capacity": 6}
    problem = ask.problem_of(instance)
    good, poor = (ask.solution_of("packing", {"bin_of_item": bins}) for bins in ([0, 0, 1], [0, 1, 2]))
    assert ask.false_result(instance, claimed(problem, good, 2)) is None
    assert ask.false_result(instance, claimed(problem, poor, 2)) is None
    assert "OPTIMAL" not in (ask.false_result(instance, claimed(problem, poor, None)) or "")
    assert "the bound 3" in ask.false_result(instance, claimed(problem, poor, 3))
    assert "the bound 3" in ask.false_result(instance, claimed(problem, None, 3))
    assert "INFEASIBLE" in ask.false_result(instance, claimed(problem, None, None, infeasible=True))
    assert "costs 3, not 2" in ask.false_incumbent(instance, {"bin_of_item": [0, 1, 2]}, 2)
    assert "breaks a limit" in ask.false_incumbent(instance, {"bin_of_item": [0, 1, 1]}, 2)


def test_a_process_that_dies_or_hangs_is_noticed_and_replaced(tmp_path, monkeypatch):
    monkeypatch.setitem(supervise.GRACE_S, "of the clock", 2.0)
    monkeypatch.setattr(supervise, "_START_S", 12.0)  # a process that is stopped before it is ready is waited for
    campaign = supervise.Campaign(1, 0, 1, tmp_path, keep_going=True)
    process = supervise.Process("read")
    for sent, wanted in (
        (signal.SIGKILL, "death: the process ended with exit code -9"),
        (signal.SIGSTOP, "hang: no answer after"),
    ):
        os.kill(process.process.pid, sent)
        process.work(0, campaign._tell, campaign.over)
        assert json.loads(list(campaign.findings.values())[-1].read_text())["finding"].startswith(wanted)
    told = []
    process.work(0, lambda order, *_: told.append(order), threading.Event())
    process.stop()
    assert told == list(duty.orders("read", 0))


def test_a_change_leaves_the_next_one_as_it_was():
    before = str(forge._ODD)
    for seed in range(300):
        table = {"a": [[0], {}, 1]}
        for _ in range(5):
            forge._change_one(table, Random(seed))
    assert str(forge._ODD) == before


def test_a_crash_while_orders_are_drawn_is_theirs(monkeypatch):
    def drawn(role, seed):
        yield from [next(damage.orders(Random(seed), 1))]
        raise ValueError("nothing to draw")

    monkeypatch.setattr(duty, "orders", drawn)
    told = list(duty.messages("read", 5))
    assert [message[0] for message in told] == ["begin", "end", "begin", "end", "done"]
    assert told[2][1] == {"what": "drawing", "label": "read", "task": 5}
    assert told[3][2].startswith("crash: ValueError") and told[3][2].endswith("nothing to draw")


def test_the_same_seed_gives_the_same_orders():
    first, second = (list(forge.orders(*forge.shipped(Random(5)), [], Random(6), 5)) for _ in range(2))
    assert first == second


def test_every_solver_is_asked():
    for stage in STAGES:
        asked = {order["name"] for order in ask.orders(draw(stage, Random(0)), Random(0)) if order["what"] == "solver"}
        assert asked == set(solvers.names(stage))


@pytest.mark.slow
def test_minutes_of_attacks_find_nothing(tmp_path):
    campaign = supervise.Campaign(3, 7, 1, tmp_path)
    campaign.run(print)
    assert not campaign.findings, campaign.findings

"""The exact solver of unrolling: agreement with enumeration, bounds that hold, known networks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle
import pytest

from spinemap_exact import heuristics, solvers
from spinemap_exact.kernels.counting import counting_bounds
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Limits, SolveResult, Status, Watch
from spinemap_exact.solvers.unroll.cover.patterns import PatternBound

VARIANTS = {
    "trees": {},
    "stars": {"max_depth": 1},
    "whole": {"max_depth": 0},
    "pairs": {"unit_fan_in": 2, "max_fan_in": 3},
    "triples": {"unit_fan_in": 3, "rows": 3},
    "flat-pairs": {"unit_fan_in": 2, "max_depth": 1},
    "units": {"objective": "units", "max_crossbars": 3},
    "carry-spikes": {"objective": "carry-spikes", "max_crossbars": 4, "max_units": 5},
}


def solve(problem: UnrollProblem, time_s: float = 30, warm_start=None) -> SolveResult:
    return solvers.load("unroll", "cover")(problem, Watch(Limits(time_s=time_s, workers=1)), warm_start)


def agree(problem: UnrollProblem) -> None:
    best = oracle.optimum(problem)

    result = solve(problem)

    if best is None:
        assert result.status is Status.INFEASIBLE
    else:
        assert (result.objective, result.dual_bound) == (best, best)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_enumeration(variant, seed):
    agree(oracle.random_unroll_problem(seed, neurons=3, axons=5, **VARIANTS[variant]))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", range(25))
def test_agrees_with_enumeration_on_more(variant, seed):
    agree(oracle.random_unroll_problem(100 + seed, **VARIANTS[variant]))


@pytest.mark.parametrize("seed", range(30))
def test_no_bound_exceeds_the_optimum(seed):
    problem = oracle.random_unroll_problem(seed, neurons=3, axons=6)
    best = oracle.optimum(problem)

    assert best is not None
    assert max(counting_bounds(problem).values()) <= best
    patterns = PatternBound(problem).raise_to(None, Watch(Limits(time_s=10)))
    if problem.network.num_synapses:
        assert patterns is not None
        assert patterns <= best


@pytest.mark.parametrize("seed", range(10))
def test_pattern_evidence_proves_the_bound_again(seed):
    """Every set of columns, by plain loops: no pattern is worth more than the evidence says."""
    problem = oracle.random_unroll_problem(seed, neurons=4, axons=7)
    if problem.network.num_synapses == 0:
        return
    patterns = PatternBound(problem)
    bound = patterns.raise_to(None, Watch(Limits(time_s=10)))
    evidence, network = patterns.evidence, problem.network
    neurons = problem.neurons.tolist()
    mu, nu = dict(zip(neurons, evidence["mu"], strict=True)), dict(zip(neurons, evidence["nu"], strict=True))
    units = {i: max(1, -(-(int(network.fan_in[i]) - 1) // (problem.rows - 1))) for i in neurons}
    for mask in range(1, 2 ** len(neurons)):
        chosen = [i for j, i in enumerate(neurons) if mask >> j & 1]
        if len(chosen) > problem.columns:
            continue
        worth = dict.fromkeys(range(network.num_neurons), 0)
        for s, pi in enumerate(evidence["pi"]):
            if network.post[s] in chosen:
                worth[int(network.pre[s])] += pi
        first = [mu[i] for i in chosen for _ in range(units[i] - 1)]
        further = [max(0, *(mu[i] - nu[i] for i in chosen))] * problem.rows
        rows = sorted([*worth.values(), *first, *further])[-problem.rows :]
        assert sum(rows) - sum(mu[i] - nu[i] for i in chosen) <= evidence["worth"]
    proven = sum(evidence["pi"]) - sum(mu.values()) + sum(t * nu[i] for i, t in units.items())
    assert bound == -(-proven // evidence["worth"])


def test_axons_need_a_row_for_every_full_set_of_columns():
    """9 axons to 9 neurons on 9x3: each axon has three rows, 27 in all, and no carries: three crossbars."""
    pre, post = np.divmod(np.arange(81), 9)
    problem = UnrollProblem(
        Network.from_synapses(pre + 9, post, np.ones(18, dtype=int), is_input=np.arange(18) >= 9), rows=9, columns=3
    )

    assert counting_bounds(problem) == {"columns": 3, "rows": 3, "cells": 3}


def test_a_warm_start_at_the_bound_ends_the_search():
    problem = oracle.random_unroll_problem(3, rows=3)
    best = solve(problem)

    again = solve(problem, warm_start=best.incumbent)

    assert again.status is Status.OPTIMAL


def test_infeasible_limits_name_the_resource():
    pre = np.arange(1, 11)
    network = Network.from_synapses(pre, 0 * pre, np.ones(11, dtype=int), is_input=np.arange(11) > 0)
    problem = UnrollProblem(network, rows=3, columns=3)

    assert "reach 9 inputs" in solve(replace(problem, max_depth=1)).reason  # 3 units of 3 axons below the soma unit
    assert "5 units are needed" in solve(replace(problem, max_units=4)).reason  # (10 - 1) / (3 - 1), rounded up
    assert "5 crossbars are needed" in solve(replace(problem, max_crossbars=4)).reason  # 10 axons + 4 carries, 3 rows


@pytest.mark.external
@pytest.mark.parametrize(
    ("name", "crossbars"),
    [
        ("dense24x6_R16", 2),
        ("dense40x8_R16", 4),
        ("dense64x10_R32", 3),
        ("dense96x16_R32", 5),
        ("dense256x10_R128", 3),
        ("dense784x10_R128", 7),
        ("sp128x24d.6_R64", 3),
    ],
)
def test_known_networks_are_closed(external_data: Path, name, crossbars):
    given = json.loads((external_data / "unroll" / f"{name}.json").read_text())
    fan_in, neurons = given["fan_in"], len(given["fan_in"])
    axons = 1 + max(max(axons) for axons in fan_in)
    network = Network.from_synapses(
        np.concatenate(fan_in) + neurons,
        np.repeat(np.arange(neurons), [len(axons) for axons in fan_in]),
        np.ones(neurons + axons, dtype=int),
        is_input=np.arange(neurons + axons) >= neurons,
    )
    problem = UnrollProblem(network, given["rows"], given["columns"])
    start = heuristics.load("unroll", "row-slices")(problem, Watch(Limits(time_s=10)))

    result = solve(problem, warm_start=start)

    assert (result.status, result.objective) == (Status.OPTIMAL, crossbars)

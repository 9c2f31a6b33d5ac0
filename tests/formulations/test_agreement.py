"""Every formulation on every engine finds what enumeration finds; a new file is tested by existing."""

from __future__ import annotations

from functools import cache

import pytest
from oracle import optimum, random_problem

from spinemap_exact import registry, solvers
from spinemap_exact.errors import InvalidInput
from spinemap_exact.result import Limits, Status, Watch

PROBLEMS = 200
MODELS = [(kind, name) for kind in registry.KINDS for name in solvers.modelled(kind)]

problem_of = cache(random_problem)
optimum_of = cache(lambda kind, seed: optimum(problem_of(kind, seed)))


def load(kind: str, name: str):
    if name.endswith("-scip"):
        pytest.importorskip("pyscipopt")
    return solvers.load(kind, name)


def agree(kind: str, name: str, seeds) -> None:
    """Solve each problem cold, some again from their own optimum; leave out those that the model does not cover."""
    solve = load(kind, name)
    covered = 0
    for seed in seeds:
        problem, expected = problem_of(kind, seed), optimum_of(kind, seed)
        try:
            result = solve(problem, Watch(Limits(time_s=60, workers=1)))
        except InvalidInput as refusal:
            assert "does not cover" in str(refusal), (kind, name, seed)
            continue
        covered += 1
        if expected is None:
            assert result.status is Status.INFEASIBLE, (kind, name, seed)
            continue
        assert (result.objective, result.dual_bound) == (expected, expected), (kind, name, seed)
        if seed % 4:
            continue
        again = solve(problem, Watch(Limits(time_s=60, workers=1)), result.incumbent)
        assert (again.objective, again.dual_bound) == (expected, expected), (kind, name, seed, "warm")
    assert covered >= len(seeds) / 4, f"{name} covers {covered} of {len(seeds)} problems"


@pytest.mark.parametrize(("kind", "name"), MODELS, ids=[" ".join(m) for m in MODELS])
def test_agrees_with_the_oracle(kind, name):
    """All problems are dealt out among the models on the quickest engine; each of the others takes a few."""
    names = [n for k, n in MODELS if k == kind]
    quick = [n for n in names if n.endswith("-cpsat")]
    if name in quick:
        agree(kind, name, range(quick.index(name), PROBLEMS, len(quick)))
    else:
        agree(kind, name, range(names.index(name), PROBLEMS, PROBLEMS // 8))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), MODELS, ids=[" ".join(m) for m in MODELS])
def test_agrees_with_the_oracle_everywhere(kind, name):
    agree(kind, name, range(PROBLEMS))

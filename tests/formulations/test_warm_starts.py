"""A warm start is complete and feasible in every model, and priced by it as by the problem."""

from __future__ import annotations

import pytest
from oracle import optimum, random_problem
from ortools.sat.python import cp_model

from spinemap_exact import formulations, registry, solvers
from spinemap_exact.errors import InvalidInput
from spinemap_exact.result import Limits, Watch

REFERENCE = {
    "packing": "assignment-cpsat",
    "partition": "assignment-cpsat",
    "placement": "table-cpsat",
}
MAPPING = {True: "flow-cpsat", False: "trees-cpsat"}  # by whether units are given
MODELS = [
    (kind, name)
    for kind in registry.KINDS
    for name in registry.names(formulations, kind)
    if not hasattr(registry.load(formulations, kind, name), "levels")
]


@pytest.mark.parametrize(("kind", "name"), MODELS, ids=[" ".join(m) for m in MODELS])
def test_complete_feasible_and_priced_alike(kind, name):
    for seed in range(12):
        problem = random_problem(kind, seed)
        try:
            model = registry.load(formulations, kind, name).build(problem)
        except InvalidInput as refusal:
            assert "does not cover" in str(refusal)
            continue
        if optimum(problem) is None:
            continue
        reference = MAPPING[problem.unrolling is not None] if kind == "mapping" else REFERENCE[kind]
        solution = solvers.load(kind, reference)(problem, Watch(Limits(workers=1))).incumbent
        given = dict(model.values(solution))
        check = satisfies_cpsat if name.endswith("-cpsat") else satisfies_milp
        assert check(model, solution, given), (kind, name, seed)
        assert model.price(given.__getitem__) == problem.cost(solution)
        assert problem.cost(model.read(given.__getitem__)) == problem.cost(solution)


def satisfies_cpsat(model, solution, given) -> bool:
    model.hint(solution)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.fix_variables_to_their_hinted_value = True
    return solver.solve(model.proto) == cp_model.OPTIMAL


def satisfies_milp(model, solution, given) -> bool:
    for variable in model.lp.variables():
        if variable.name != "__dummy":
            variable.setInitialValue(given[variable], check=True)
    return all(constraint.valid(1e-9) for constraint in model.lp.constraints())

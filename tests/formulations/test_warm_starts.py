"""A warm start is complete and feasible in every model, and priced by it as by the problem."""

from __future__ import annotations

import pytest
from oracle import optimum, random_problem
from ortools.sat.python import cp_model

from spinemap_exact import formulations, registry, solvers
from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._cpsat import CpSat
from spinemap_exact.formulations._milp import Milp
from spinemap_exact.result import Limits, Watch

REFERENCE = {
    "packing": "assignment-cpsat",
    "partition": "assignment-cpsat",
    "placement": "table-cpsat",
}
MAPPING = {True: "flow-cpsat", False: "trees-cpsat"}  # by whether units are given
MODELS = [
    (kind, file, paradigm)
    for kind in registry.KINDS
    for file, paradigm in dict.fromkeys(solvers.modelled(kind).values())
    if not hasattr(registry.load(formulations, kind, file), "levels")
]


@pytest.mark.parametrize(("kind", "file", "paradigm"), MODELS, ids=[" ".join(m) for m in MODELS])
def test_complete_feasible_and_priced_alike(kind, file, paradigm):
    for seed in range(12):
        problem = random_problem(kind, seed)
        try:
            say = CpSat() if paradigm == "cpsat" else Milp()
            model = registry.load(formulations, kind, file).build(problem, say)
        except InvalidInput as refusal:
            assert "does not cover" in str(refusal)
            continue
        if optimum(problem) is None:
            continue
        reference = MAPPING[problem.unrolling is not None] if kind == "mapping" else REFERENCE[kind]
        solution = solvers.load(kind, reference)(problem, Watch(Limits(workers=1))).incumbent
        given = dict(model.values(solution))
        check = satisfies_cpsat if paradigm == "cpsat" else satisfies_milp
        assert check(say, given), (kind, file, seed)
        assert model.price(given.__getitem__) == problem.cost(solution)
        assert problem.cost(model.read(given.__getitem__)) == problem.cost(solution)


def satisfies_cpsat(say, given) -> bool:
    say.hint(given.items())
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.fix_variables_to_their_hinted_value = True
    return solver.solve(say.proto) == cp_model.OPTIMAL


def satisfies_milp(say, given) -> bool:
    for variable in say.lp.variables():
        if variable.name != "__dummy":
            variable.setInitialValue(given[variable], check=True)
    return all(constraint.valid(1e-9) for constraint in say.lp.constraints())

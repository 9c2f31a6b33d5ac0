"""The words of a model mean the same to every engine: all points of small boxes, one by one."""

from __future__ import annotations

from itertools import product
from operator import ge, le

import numpy as np
import pytest
from ortools.sat.python import cp_model

from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._cpsat import CpSat
from spinemap_exact.formulations._milp import Milp


def keeps_cpsat(say, point) -> bool:
    say.hint(point.items())
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.fix_variables_to_their_hinted_value = True
    return solver.solve(say.proto) == cp_model.OPTIMAL


def keeps_milp(say, point) -> bool:
    for variable, value in point.items():
        variable.setInitialValue(value, check=True)
    return all(row.valid(1e-9) for row in say.lp.constraints())


ENGINES = pytest.mark.parametrize(("engine", "keeps"), [(CpSat, keeps_cpsat), (Milp, keeps_milp)])


def points(tops, variables):
    for values in product(*(range(top + 1) for top in tops)):
        yield values, dict(zip(variables, values, strict=True))


@ENGINES
@pytest.mark.parametrize("word", ["where", "unless"])
@pytest.mark.parametrize("compare", [le, ge])
@pytest.mark.parametrize("seed", range(4))
def test_an_inequality_that_a_choice_excuses(engine, keeps, word, compare, seed):
    rng = np.random.default_rng(seed)
    tops = [1, *rng.integers(1, 3, size=2).tolist()]
    factors, limit = rng.integers(-3, 4, size=2).tolist(), int(rng.integers(-3, 4))
    say = engine()
    choice, *others = choice_and_numbers(say, tops)
    left = say.sum(factor * number for factor, number in zip(factors, others, strict=True))
    say.require(compare(left + choice, limit), **{word: choice})
    for (chosen, *values), point in points(tops, (choice, *others)):
        total = sum(factor * value for factor, value in zip(factors, values, strict=True)) + chosen
        holds = compare(total, limit) or (chosen == 1) == (word == "unless")
        assert keeps(say, point) == holds, (chosen, values)


def choice_and_numbers(say, tops):
    return [say.choice("choice"), *(say.number(f"number[{n}]", top) for n, top in enumerate(tops[1:]))]


@ENGINES
def test_words_for_choices(engine, keeps):
    for word, means in (
        ("exactly_one", lambda a, b, c: a + b + c == 1),
        ("at_most_one", lambda a, b, c: a + b + c <= 1),
        ("implies", lambda a, b, c: a <= b),
    ):
        say = engine()
        choices = [say.choice(name) for name in "abc"]
        getattr(say, word)(*(choices[:2] if word == "implies" else [choices]))
        for values, point in points([1, 1, 1], choices):
            assert keeps(say, point) == means(*values), (word, values)


def test_an_excuse_costs_no_more_than_it_must():
    # 3 x + 2 y >= 4 with x and y up to 2: at worst 4 are missing, so the excuse counts 4
    say = Milp()
    x, y, excuse = say.number("x", 2), say.number("y", 2), say.choice("excuse")
    say.require(3 * x + 2 * y >= 4, unless=excuse)
    assert say.weight == 3 + 2 + 4 + 4


def test_equations_are_not_excused_by_a_big_number():
    say = Milp()
    x, excuse = say.number("x", 2), say.choice("excuse")
    with pytest.raises(ValueError, match="only an inequality"):
        say.require(x == 1, unless=excuse)


def test_numbers_beyond_int64_are_refused():
    with pytest.raises(InvalidInput, match="beyond CP-SAT's integers"):
        CpSat().number("huge", 2**63)

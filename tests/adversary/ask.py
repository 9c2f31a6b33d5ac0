"""Ask the product about an instance, and judge what it says by enumeration."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
from draw import Table, mapping_file
from enumerate_mapping import best_of_file, price_of_file
from enumerate_stages import (
    TooLarge,
    best_packing,
    best_partition,
    best_placement,
    price_packing,
    price_partition,
    price_placement,
)
from enumerate_unroll import best_unroll, price_unroll

from spinemap_exact import heuristics, solvers
from spinemap_exact.errors import InvalidInput, MissingExtra
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.mapping import Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.pipeline import solve_problem
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Limits, SolveResult, Status, Watch

LATE_S = 5.0  # of CPU beyond the time limit; a solver is to return within about a second
_BEST = {
    "packing": best_packing,
    "partition": best_partition,
    "placement": best_placement,
    "unroll": best_unroll,
    "mapping": best_of_file,
}
_PRICE = {
    "packing": price_packing,
    "partition": price_partition,
    "placement": price_placement,
    "unroll": price_unroll,
    "mapping": price_of_file,
}
_TIMES_S = (0.01, 0.05, 0.3, 2.0, 2.0, 5.0)

UNKNOWN = "too large to enumerate"


class StopsAfter(threading.Event):
    """A stop request that comes at a certain question, so that it comes there again."""

    def __init__(self, questions: int | None) -> None:
        super().__init__()
        self.questions = questions

    def is_set(self) -> bool:
        if self.questions is not None:
            self.questions -= 1
            if self.questions < 0:
                self.set()
        return super().is_set()


def optimum(instance: Table) -> int | str | None:
    """Least cost, None if nothing is feasible, `UNKNOWN` if there is too much to try."""
    return _optimum(json.dumps(instance))


@lru_cache(maxsize=64)
def _optimum(text: str) -> int | str | None:
    instance = json.loads(text)
    try:
        return _BEST[instance["kind"]](instance)
    except TooLarge:
        return UNKNOWN


def price(instance: Table, witness: Table) -> int | None:
    return _PRICE[instance["kind"]](instance, witness)


def network_of(table: Table) -> Network:
    ptr, idx = np.array(table["fanout_ptr"]), np.array(table["fanout_idx"], dtype=np.int64)
    return Network(ptr, idx, np.array(table["spikes"]), is_input=np.array(table["is_input"], dtype=bool))


def problem_of(instance: Table) -> Any:
    """Build the product's problem; `InvalidInput` if it refuses."""
    t = {key: value for key, value in instance.items() if key not in ("kind", "network", "format", "version")}
    if instance["kind"] == "packing":
        return PackingProblem(np.array(t["sizes"]), t["capacity"])
    if instance["kind"] == "unroll":
        return UnrollProblem(network_of(instance["network"]), **t)
    if instance["kind"] == "partition":
        t["crossbars"] = [Crossbar(*c) for c in t["crossbars"]]
        return PartitionProblem(network_of(instance["network"]), **t)
    if instance["kind"] == "mapping":
        t["unrolling"] = t["unrolling"] and Unrolling(*map(np.array, t["unrolling"]))
        return MappingProblem(network_of(instance["network"]), _chip(t.pop("hardware")), **t)
    mesh = t["mesh"] and Mesh(*(np.array(axis) for axis in t["mesh"][:2]), *t["mesh"][2:])
    arrays = {k: t[k] and np.array(t[k]) for k in ("flow_from", "flow_to", "flow", "distance", "input_flow")}
    arrays |= {k: np.array([], dtype=np.int64) for k in ("flow_from", "flow_to", "flow") if not t[k]}
    return PlacementProblem(t["num_clusters"], mesh=mesh, io_tile=t["io_tile"], **arrays)


def _chip(table: Table) -> Hardware:
    crossbars = tuple(Crossbar(*c) for c in table["crossbars"])
    return Hardware("drawn", TileGrid(*table["grid"]), crossbars, CostModel(**table["costs"]))


def mapping_problem(rng: Random, objective: str, idle_cell_fj: int = 0) -> tuple[MappingProblem, int]:
    """Return a problem that has a solution, and the least cost of any; with idle cells the cost of some solution."""
    while True:
        instance = mapping_file(rng) | {"objective": objective}
        instance["hardware"]["costs"]["idle_cell_fj"] = idle_cell_fj
        try:
            problem = problem_of(instance)
        except InvalidInput:
            continue
        if (least := optimum(instance)) not in (None, UNKNOWN):
            return problem, least


def witness_of(kind: str, solution: Any) -> Table:
    """Return a solution of the product as a table."""
    if kind == "packing":
        return {"bin_of_item": solution.tolist()}
    if kind == "placement":
        return {"tile_of_cluster": solution.tile_of_cluster.tolist()}
    if kind == "partition":
        return {name: getattr(solution, name).tolist() for name in ("cluster_of_unit", "crossbar_of_cluster")}
    names = ("unit_of_synapse", "neuron_of_unit", "parent_of_unit")
    table = {name: getattr(solution.unrolling, name).tolist() for name in names}
    return {**table, "cluster_of_unit": solution.partition.cluster_of_unit.tolist()}


def solution_of(kind: str, witness: Table) -> Any:
    if kind == "packing":
        return np.array(witness["bin_of_item"])
    if kind == "placement":
        return Placement(np.array(witness["tile_of_cluster"]))
    if kind == "partition":
        return Partition(np.array(witness["cluster_of_unit"]), np.array(witness["crossbar_of_cluster"]))
    arrays = {name: np.array(values, dtype=np.int64) for name, values in witness.items()}
    return PackedUnrolling(
        Unrolling(*(arrays[name] for name in ("unit_of_synapse", "neuron_of_unit", "parent_of_unit"))),
        Partition(arrays["cluster_of_unit"]),
    )


def orders(instance: Table, rng: Random) -> Iterator[Table]:
    """Everything in the registry asked about one instance, in any order, under all sorts of limits.

    Heuristics come first: what they find (`perform` adds it to their orders) is a warm start for some of the solvers.
    """
    kind, warm = instance["kind"], None
    for what, names in (("heuristic", heuristics.names(kind)), ("solver", solvers.names(kind))):
        for name in rng.sample(names, len(names)):
            order = {
                "what": what,
                "name": name,
                "label": f"{kind}/{name}",
                "instance": instance,
                "time_s": rng.choice(_TIMES_S),
                "stop_after": int(2 ** rng.uniform(0, 8)) if rng.random() < 0.3 else None,
                "seed": rng.randrange(1000),
                "workers": rng.choice((1, 1, 1, 2)),
                "by_pipeline": rng.random() < 0.4,
                "warm": warm if what == "solver" and rng.random() < 0.3 else None,
            }
            yield order
            warm = order.get("found", warm)


def perform(order: Table) -> tuple[str, str | None]:
    """Carry an order out; return what came of it, and a finding if that is wrong."""
    instance = order["instance"]
    try:
        problem = problem_of(instance)
    except InvalidInput as refusal:
        return "refused instance", _unless_one_sentence(refusal)
    limits = Limits(time_s=order["time_s"], workers=order["workers"], seed=order["seed"])
    watch = Watch(limits, stop=StopsAfter(order["stop_after"]))
    began = time.process_time()
    try:
        outcome, finding = {"heuristic": _heuristic, "solver": _solver}[order["what"]](order, problem, watch)
    except MissingExtra:
        return "missing extra", None
    except InvalidInput as refusal:
        return "refused", _unless_one_sentence(refusal)
    spent = time.process_time() - began
    if finding is None and spent > order["time_s"] + LATE_S:
        finding = f"late: {spent:.1f} s of CPU under a limit of {order['time_s']} s"
    return outcome, finding


def _unless_one_sentence(refusal: Exception) -> str | None:
    return f"refusal of several lines: {refusal}" if "\n" in str(refusal) else None


def _heuristic(order: Table, problem: Any, watch: Watch) -> tuple[str, str | None]:
    instance = order["instance"]
    solution = heuristics.load(problem.kind, order["name"])(problem, watch)
    if solution is None:
        return "nothing", None
    witness = witness_of(problem.kind, solution)
    finding = false_incumbent(instance, witness, problem.cost(solution))
    if finding is None:
        order["found"] = witness
    return "found", finding


def _solver(order: Table, problem: Any, watch: Watch) -> tuple[str, str | None]:
    warm = order["warm"] and solution_of(problem.kind, order["warm"])
    if order["by_pipeline"]:
        starts = [] if warm is None else [warm]
        _, result = solve_problem(problem, watch, solver=order["name"], warm_start="none", starts=starts)
    else:
        result = solvers.load(problem.kind, order["name"])(problem, watch, warm_start=warm)
    return str(result.status), false_result(order["instance"], result)


def false_result(instance: Table, result: SolveResult[Any]) -> str | None:
    """Say what is false about a result; None if nothing is."""
    truth = optimum(instance)
    if result.incumbent is not None:
        assert result.objective is not None
        found = false_incumbent(instance, witness_of(instance["kind"], result.incumbent), result.objective)
        if found is not None:
            return found
    if truth == UNKNOWN:
        return None
    if result.status is Status.INFEASIBLE and truth is not None:
        return f"false: INFEASIBLE is claimed, the optimum is {truth}"
    if truth is not None and result.dual_bound is not None and result.dual_bound > truth:
        return f"false: the bound {result.dual_bound} is claimed, the optimum is {truth}"
    if result.status is Status.OPTIMAL and result.objective != truth:
        return f"false: OPTIMAL {result.objective} is claimed, the optimum is {truth}"
    return None


def false_incumbent(instance: Table, witness: Table, claimed: int) -> str | None:
    """Say what is false about a solution and its price; None if nothing is."""
    cost = price(instance, witness)
    if cost is None:
        return f"false: a solution breaks a limit: {witness}"
    if cost != claimed:
        return f"false: a solution costs {cost}, not {claimed}: {witness}"
    truth = optimum(instance)
    if truth is None or (truth != UNKNOWN and cost < truth):
        return f"enumeration is wrong: {truth} is the optimum, yet a solution costs {cost}: {witness}"
    return None

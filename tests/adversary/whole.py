"""Ask for whole mappings of tiny networks, and judge them against every mapping there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any

from ask import UNKNOWN, StopsAfter, network_of
from draw import Table
from enumerate_mapping import MEASURES, best_mapping, price_mapping
from enumerate_stages import TooLarge, synapses_of

from spinemap_exact import evaluate
from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.pipeline import map_by_stages, map_network
from spinemap_exact.result import Limits, Status


def hardware_of(instance: Table) -> Hardware:
    rows, columns = instance["tiles"][0]
    costs = {f"{name}_fj": value for name, value in instance["fj"].items()}
    costs |= {f"{name}_ps": value for name, value in instance["ps"].items()}
    grid = TileGrid(instance["width"], instance["height"], instance["io_tile"])
    return Hardware("tiny", grid, (Crossbar(rows, columns),), CostModel(**costs))


_LABELS = {
    "stages": "map, stage by stage",
    "energy": "map at once, energy",
    "mean-latency": "map at once, mean latency",
}


def orders(instance: Table, rng: Random) -> Iterator[Table]:
    for how, label in _LABELS.items():
        yield {
            "what": "mapping",
            "label": label,
            "how": how,
            "instance": instance,
            "time_s": rng.choice((0.05, 0.3, 1.0)),
            "seed": rng.randrange(100),
            "stop_after": int(2 ** rng.uniform(0, 8)) if rng.random() < 0.2 else None,
        }


def perform(order: Table) -> tuple[str, str | None]:
    instance, how = order["instance"], order.get("how", "stages")
    limits = Limits(time_s=order["time_s"], workers=1, seed=order["seed"])
    options = {"traffic": instance["traffic"], "limits": limits, "stop": StopsAfter(order["stop_after"])}
    try:
        chip = network_of(instance["network"]), hardware_of(instance)
        run = map_by_stages(*chip, **options) if how == "stages" else map_network(*chip, minimise=how, **options)
    except InvalidInput as refusal:
        return "refused", f"refusal of several lines: {refusal}" if "\n" in str(refusal) else None
    if run.status is Status.INFEASIBLE:
        least = best(instance, "energy")
        return "INFEASIBLE", None if least in (None, UNKNOWN) else f"false: INFEASIBLE, yet a mapping takes {least} fJ"
    if how != "stages" and (false := _false_bound_of_any(instance, run, how)):
        return str(run.status), false
    if run.mapping is None:
        return str(run.status), None
    bound = run.lower_bound()
    return str(run.status), false_mapping(instance, run.mapping) or (bound and _false_bound(instance, run, bound))


def _false_bound_of_any(instance: Table, run: Any, how: str) -> str | None:
    """What is called a bound of the network exceeds no mapping there is."""
    told = run.stages[0].result.dual_bound
    least = best(instance, "energy" if how == "energy" else "mean")
    if told is None or least in (None, UNKNOWN):
        return None
    if how == "mean-latency":
        least *= sum(instance["network"]["spikes"][k] for k, _ in synapses_of(instance["network"]))
    return f"false: at least {told} is claimed of any mapping, one has {least}" if told > least else None


def table_of(mapping: Any) -> Table:
    table = {k: getattr(mapping.unrolling, k).tolist() for k in ("unit_of_synapse", "neuron_of_unit", "parent_of_unit")}
    table["cluster_of_unit"] = mapping.partition.cluster_of_unit.tolist()
    return table | {"tile_of_cluster": mapping.placement.tile_of_cluster.tolist()}


@lru_cache(maxsize=64)
def _best(text: str, measure: str) -> Any:
    try:
        return best_mapping(json.loads(text), measure)
    except TooLarge:
        return UNKNOWN


def best(instance: Table, measure: str) -> Any:
    return _best(json.dumps(instance), measure)


def false_mapping(instance: Table, mapping: Any) -> str | None:
    """Compare the evaluator with plain loops, and both with the least there is."""
    evaluated = evaluate(network_of(instance["network"]), hardware_of(instance), mapping, instance["traffic"])
    told = (evaluated.energy_fj.total, evaluated.latency_worst_ps, evaluated.latency_mean_ps)
    if evaluated.violations:
        return f"false: the mapping breaks a limit: {evaluated.violations[0]}"
    for measure, value in zip(MEASURES, told, strict=True):
        own = price_mapping(instance, table_of(mapping), measure)
        if own != value:
            return f"false: {measure} is evaluated as {value}, it is {own}"
        least = best(instance, measure)
        if own is None or least == UNKNOWN or (measure == "energy" and instance["fj"]["idle_cell"]):
            continue
        if least is None or own < least:
            return f"enumeration is wrong: {least} is the least {measure}, a mapping has {own}"
    return None


def _false_bound(instance: Table, run: Any, bound: Any) -> str | None:
    """The bound given these units cannot exceed the mapping at hand."""
    own = {m: price_mapping(instance, table_of(run.mapping), m) for m in MEASURES}
    told = {"energy": bound.energy_fj, "worst": bound.latency_worst_ps, "mean": bound.latency_mean_ps}
    for measure, claimed in told.items():
        if None not in (claimed, own[measure]) and claimed > own[measure]:
            return f"false: at least {claimed} of {measure} is claimed, the mapping takes {own[measure]}"
    return None

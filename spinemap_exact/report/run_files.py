"""The files of a run, as `map --out` and `MappingRun.save` write them."""

from __future__ import annotations

import json
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spinemap_exact.certificate import format as certificates
from spinemap_exact.io.mapping_file import write_mapping, write_partition
from spinemap_exact.io.mapping_table import write_mapping_table
from spinemap_exact.io.run_folder import DONE, RunFolder
from spinemap_exact.mapping import Partition, Unrolling
from spinemap_exact.pipeline import MappingRun
from spinemap_exact.report.run_page import html_of_run

STAGES = ("unroll", "partition", "placement", "mapping")
NAMES = (
    "mapping.json",
    "mapping.csv",
    "partition.json",
    *(f"{stage}.certificate" for stage in STAGES),
    "report.html",
    "result.json",
    "evaluation.json",
    "summary.txt",
    "log.txt",
)


def save_run(run: MappingRun, path: str | Path, *, name: str = "network", force: bool = False) -> Path:
    """Write all that is known of a run into a folder, and return the folder.

    ``name`` is what the report calls the network.

    Raises
    ------
    InvalidInput
        If the folder cannot be written, or holds another run and ``force`` is not given.
    """
    ours = version("spinemap-exact")
    about = {
        "made_by": f"spinemap-exact {ours}",
        "network": run.network.digest,
        "hardware": run.hardware.digest,
        "options": {"input": name, "traffic": str(run.traffic), **vars(run.limits)},
    }
    folder = RunFolder(path, NAMES, about, force=force)
    facts = {"network": name, **run.as_json(), "version": ours, "notes": list(run.notes)}
    put_run(folder, run, facts, "\n\n".join(text for text in (run.summary(), run.costs()) if text))
    for stage in run.stages:
        if (proof := stage.proof) is not None:
            folder.put(f"{stage.name}.certificate", partial(certificates.write, certificate=proof))
    folder.close(DONE)
    return Path(path)


def put_run(folder: RunFolder, run: MappingRun, facts: dict[str, Any], words: str) -> None:
    """Write what is known of a run but its certificates: mapping and report, and what was said of it."""
    if (parts := _unplaced(run)) is not None:
        unrolling, partition = parts
        write = partial(write_partition, unrolling=unrolling, partition=partition)
        folder.put("partition.json", partial(write, network=run.network, hardware=run.hardware))
    if run.mapping is not None:
        for file, written in (("mapping.json", write_mapping), ("mapping.csv", write_mapping_table)):
            folder.put(file, partial(written, mapping=run.mapping, network=run.network, hardware=run.hardware))
    folder.put_text("report.html", html_of_run(run, str(facts["network"])))
    folder.put_text("result.json", json.dumps(facts, indent=1) + "\n")
    folder.put_text("evaluation.json", json.dumps(facts["evaluation"], indent=1) + "\n")
    folder.put_text("summary.txt", words + "\n")


def _unplaced(run: MappingRun) -> tuple[Unrolling, Partition] | None:
    """Units and clusters, also of a run that ended before clusters were placed."""
    if run.mapping is not None:
        return run.mapping.unrolling, run.mapping.partition
    found = {stage.name: stage.result.incumbent for stage in run.stages}
    packed, clusters = found.get("unroll"), found.get("partition")
    if packed is None or (clusters is None and "partition" in found):
        return None
    return packed.unrolling, clusters or packed.partition

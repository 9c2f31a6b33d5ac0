"""What `map --pareto` asks for, and the folder that it writes."""

from __future__ import annotations

import argparse
import csv
import io
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from spinemap_exact.cli.asked import remembering
from spinemap_exact.cli.folder import certificate_of, opened
from spinemap_exact.errors import InvalidInput

if TYPE_CHECKING:
    from spinemap_exact.hardware import Hardware
    from spinemap_exact.network import Network
    from spinemap_exact.pipeline import Front, FrontPoint

_MOST_POINTS = 12  # more than a front has limits
_OF_A_FRONT = ("front.csv", "front.html", "front.json", "summary.txt", "log.txt")
_COLUMNS = (
    "limit", "crossbars", "latency_worst_ps", "energy_fj", "bound_fj", "gap", "vouched_by", "mapping", "certificate"
)  # fmt: skip


def second_goal(args: argparse.Namespace) -> str:
    """Return what energy is weighed against.

    Raises
    ------
    InvalidInput
        If the goals are none that are weighed, or other options speak against a front.
    """
    goals = list(args.pareto)
    if sorted(goals) not in (["crossbars", "energy"], ["energy", "worst-latency"]):
        raise InvalidInput(
            f"--pareto weighs energy against crossbars or worst-latency, not {goals[0]} against {goals[1]}"
        )
    options = {"--minimise": args.minimise, "--units": args.units}
    if clash := next((option for option, given in options.items() if given), None):
        raise InvalidInput(f"--pareto says what is minimised, over any units: leave out {clash}")
    if args.solver or args.warm_start:
        raise InvalidInput("--pareto chooses its own methods: leave out --solver and --warm-start")
    goals.remove("energy")
    second: str = goals[0]
    return second


class FrontFolder:
    """The folder of one front; opened before anything is solved."""

    def __init__(self, args: argparse.Namespace, network: Network, hardware: Hardware, second: str) -> None:
        kinds = ("mapping.json", "certificate")
        names = [f"{_stem(k)}.{kind}" for k in range(_MOST_POINTS) for kind in kinds]
        self._args = args
        self._folder = opened(args, (*names, *_OF_A_FRONT), network, hardware)
        self._number: dict[int | None, int] = {}

    def keep(self, point: FrontPoint) -> None:
        """Write the mapping of a point, and what is certified of it, as soon as it is found."""
        from spinemap_exact.certificate import format as certificates
        from spinemap_exact.io.mapping_file import write_mapping

        run, stem = point.run, self._stem_of(point)
        assert run.mapping is not None
        write = partial(write_mapping, mapping=run.mapping, network=run.network, hardware=run.hardware)
        self._folder.put(f"{stem}.mapping.json", write)
        certificate, _ = certificate_of(run.stages[0])
        if certificate is not None:
            told = remembering(certificate, self._args, run.stages[0].problem)
            self._folder.put(f"{stem}.certificate", partial(certificates.write, certificate=told))

    def save(self, front: Front, facts: dict[str, Any], words: str, log: list[str]) -> None:
        """Write the front as a table, a page and for machines."""
        from spinemap_exact.report import html_of_front

        put = self._folder.put_text
        put("front.json", json.dumps(facts, indent=1) + "\n")
        put("front.csv", self._table(front))
        put("front.html", html_of_front(front, str(facts["network"])))
        put("summary.txt", words + "\n")
        put("log.txt", "".join(line + "\n" for line in log))

    def end(self, *, interrupted: bool) -> None:
        """Say in the manifest that nothing more comes."""
        from spinemap_exact.io.run_folder import DONE, INTERRUPTED

        self._folder.close(INTERRUPTED if interrupted else DONE)

    def _table(self, front: Front) -> str:
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(_COLUMNS)
        for point in front.points:
            found, result, stem = point.run.evaluation(), point.run.stages[0].result, self._stem_of(point)
            assert found is not None
            certificate = f"{stem}.certificate"
            lines.writerow([
                point.limit, found.crossbars, found.latency_worst_ps, found.energy_fj.total, result.dual_bound,
                result.gap, result.vouched_by, f"{stem}.mapping.json",
                certificate if certificate in self._folder.files else None,
            ])  # fmt: skip
        return text.getvalue()

    def _stem_of(self, point: FrontPoint) -> str:
        return _stem(self._number.setdefault(point.limit, len(self._number)))


def _stem(number: int) -> str:
    return f"point-{number:02}"

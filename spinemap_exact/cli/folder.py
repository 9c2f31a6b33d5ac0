"""What `map --out` writes, and when: whatever is the best so far, as soon as it is found."""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinemap_exact import __version__
from spinemap_exact.cli.asked import remembering
from spinemap_exact.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spinemap_exact.hardware import Hardware
    from spinemap_exact.io.run_folder import RunFolder
    from spinemap_exact.network import Network
    from spinemap_exact.pipeline import Found, MappingRun, Stage

logger = logging.getLogger(__name__)

_NOT_OPTIONS = {"verb", "json", "quiet", "verbose", "out", "force"}


def certificate_of(stage: Stage) -> tuple[Any, str]:
    """Return the certificate of a stage that is worth writing, or None, and what is to be said about it.

    In the sentence ``{}`` stands for the file.
    """
    if stage.proof is None:
        why = stage.unverified or "there is neither a solution nor a bound"
        return None, f"{{}} was not written: {why.removeprefix('nothing is certified: ')}"
    return stage.proof, f"{{}}: {stage.unverified}" if stage.unverified else ""


def opened(args: argparse.Namespace, names: Iterable[str], network: Network, hardware: Hardware) -> RunFolder:
    """Open the folder of ``--out`` for a run that may write files of these names."""
    from spinemap_exact.io.run_folder import RunFolder

    if not args.out:
        raise InvalidInput("--out names a folder; this name is empty")
    about = {
        "made_by": f"spinemap-exact {__version__}",
        "network": network.digest,
        "hardware": hardware.digest,
        "options": {name: value for name, value in vars(args).items() if name not in _NOT_OPTIONS},
    }
    return RunFolder(Path(args.out), names, about, force=args.force)


class MapFolder:
    """The folder of one `map`; opened before anything is solved."""

    def __init__(self, args: argparse.Namespace, network: Network, hardware: Hardware) -> None:
        from spinemap_exact.report.run_files import NAMES

        self.network, self.hardware, self.last_stage = network, hardware, args.stage or "placement"
        self._args, self._written = args, dict[str, Any]()
        self._folder = opened(args, NAMES, network, hardware)

    def keep(self, found: Found) -> None:
        """Write the best so far; should that fail, the run goes on, and its end says so if it fails again."""
        try:
            self._keep(found)
        except InvalidInput as defect:
            logger.warning("%s", defect)

    def save(self, run: MappingRun, facts: dict[str, Any], words: str, log: list[str]) -> None:
        """Write all that is known of a run."""
        from spinemap_exact.report.run_files import put_run

        put_run(self._folder, run, facts, words)
        self._certificates(run.stages)
        self._folder.put_text("log.txt", "".join(line + "\n" for line in log))

    def end(self, *, interrupted: bool) -> None:
        """Say in the manifest that nothing more comes."""
        from spinemap_exact.io.run_folder import DONE, INTERRUPTED

        self._folder.close(INTERRUPTED if interrupted else DONE)

    def _keep(self, found: Found) -> None:
        from spinemap_exact.io.mapping_file import write_mapping, write_partition

        if self.last_stage == "unroll" or found.partition.num_clusters <= self.hardware.grid.num_tiles:
            solved = partial(write_partition, unrolling=found.unrolling, partition=found.partition)
            self._folder.put("partition.json", partial(solved, network=self.network, hardware=self.hardware))
        mapping = found.mapping(self.hardware) if self.last_stage == "placement" else None
        if mapping is not None:
            write = partial(write_mapping, mapping=mapping, network=self.network, hardware=self.hardware)
            self._folder.put("mapping.json", write)
        self._certificates(found.stages)

    def _certificates(self, stages: tuple[Stage, ...]) -> None:
        from spinemap_exact.certificate import format as certificates

        for stage in stages:
            certificate, _ = certificate_of(stage)
            if certificate is not None and self._written.get(stage.name) is not certificate:
                told = remembering(certificate, self._args, stage.problem)
                self._folder.put(f"{stage.name}.certificate", partial(certificates.write, certificate=told))
                self._written[stage.name] = certificate

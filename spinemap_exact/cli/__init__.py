"""The command line: `spinemap-exact VERB`."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import threading
from collections.abc import Sequence

from spinemap_exact.cli.options import parser
from spinemap_exact.cli.progress import Stopped
from spinemap_exact.cli.verbs import BAD_INPUT, DEFECT, DONE, NOTHING_FOUND, REJECTED
from spinemap_exact.errors import CertificateMalformed, CertificateRejected, EngineDefect, InvalidInput
from spinemap_exact.units import printable

logger = logging.getLogger(__name__)

_STOPPED = "stopped before there was anything to tell"
_LONGEST = 1000  # characters of a sentence, however long the names in it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    args = parser().parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if args.verbose else logging.WARNING,
        format="%(asctime)s %(name)s: %(message)s",
    )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show
    with Stopped() as stopped:
        status = _answered(args, stopped)
    if argv is None:
        _leave_threads(status)
    return status


def _answered(args: argparse.Namespace, stopped: Stopped) -> int:
    """Run a verb; every exception becomes a sentence and an exit status."""
    try:
        status: int = args.verb(args)
        sys.stdout.flush()  # here, where a full disk is answered
    except CertificateRejected as defect:
        return _failed(REJECTED, f"rejected: {defect}", "")
    except (InvalidInput, CertificateMalformed) as defect:
        return _failed(BAD_INPUT, str(defect))
    except EngineDefect as defect:
        return _failed(NOTHING_FOUND, f"no result: {defect}")
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return DONE
    except OSError as defect:
        _drop_output()
        return _failed(BAD_INPUT, f"the system refuses: {defect}")
    except KeyboardInterrupt:
        return _failed(NOTHING_FOUND, _STOPPED)
    except MemoryError:
        return _failed(BAD_INPUT, "the memory of this machine is too small for what was asked")
    except Exception as defect:  # not foreseen: the user is told so, and told no more than helps
        if stopped:
            return _failed(NOTHING_FOUND, _STOPPED)
        logger.info("the defect", exc_info=True)
        what = f"{type(defect).__name__}: {defect}"
        return _failed(DEFECT, f"this is a defect of the program, please report it; --verbose shows where: {what}")
    return status


def _failed(status: int, text: str, speaker: str = "spinemap-exact: ") -> int:
    sentence = " ".join(text.split())
    if len(sentence) > _LONGEST:
        sentence = f"{sentence[: _LONGEST // 2]} ... {sentence[-_LONGEST // 2 :]}"
    print(printable(speaker + sentence), file=sys.stderr)
    return status


def _leave_threads(status: int) -> None:
    """End the process here if threads of what was ended are still at work: Python or their engines would wait."""
    if threading.active_count() > 1:
        sys.stderr.flush()
        os._exit(status)


def _drop_output() -> None:
    """What could not be written is not tried again at the end of the process, which would say so in its own words."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

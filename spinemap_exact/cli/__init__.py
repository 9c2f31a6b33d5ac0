"""The command line: `spinemap-exact VERB`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from spinemap_exact.cli.options import parser
from spinemap_exact.cli.verbs import BAD_INPUT, DONE, NOTHING_FOUND, REJECTED
from spinemap_exact.errors import CertificateMalformed, CertificateRejected, EngineDefect, InvalidInput


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    args = parser().parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if args.verbose else logging.WARNING,
        format="%(asctime)s %(name)s: %(message)s",
    )
    try:
        status: int = args.verb(args)
    except CertificateRejected as defect:
        print(f"rejected: {defect}", file=sys.stderr)
        return REJECTED
    except (InvalidInput, CertificateMalformed) as defect:
        print(f"spinemap-exact: {defect}", file=sys.stderr)
        return BAD_INPUT
    except EngineDefect as defect:
        print(f"spinemap-exact: no result: {defect}", file=sys.stderr)
        return NOTHING_FOUND
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return DONE
    return status

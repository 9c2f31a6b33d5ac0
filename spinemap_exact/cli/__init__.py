"""The command line: `spinemap-exact VERB`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from spinemap_exact.cli.options import parser
from spinemap_exact.cli.verbs import BAD_INPUT, DONE, REJECTED
from spinemap_exact.errors import CertificateMalformed, CertificateRejected, InvalidInput
from spinemap_exact.units import printable


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
        print(printable(f"rejected: {defect}"), file=sys.stderr)
        return REJECTED
    except (InvalidInput, CertificateMalformed) as defect:
        print(printable(f"spinemap-exact: {defect}"), file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return DONE
    return status

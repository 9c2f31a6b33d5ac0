"""How a command line is read: a mistake is one sentence that says what may have been meant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from spinemap_exact.errors import unknown
from spinemap_exact.units import printable

USAGE = 2  # exit status


class Parser(argparse.ArgumentParser):
    """A parser that answers with a sentence instead of a page of usage."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(self._left_over(rest))
        return found, rest

    def error(self, message: str) -> NoReturn:
        end = " " if message.endswith("?") else "; "
        print(printable(f"{self.prog}: {message}{end}--help tells more"), file=sys.stderr)
        sys.exit(USAGE)

    def _left_over(self, rest: Sequence[str]) -> str:
        strange = next((word.partition("=")[0] for word in rest if word.startswith("--")), None)
        if strange is None:
            return f"nothing is expected at {rest[0]!r}"
        close = get_close_matches(strange, [o for o in self._option_string_actions if o.startswith("--")], n=1)
        return f"unknown option {strange!r}" + (f"; did you mean {close[0]}?" if close else "")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = action.option_strings[0] if action.option_strings else str(action.metavar or action.dest).lower()
            raise argparse.ArgumentError(None, unknown(what, str(value), map(str, action.choices)))

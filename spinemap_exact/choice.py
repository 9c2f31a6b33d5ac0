"""Words to choose among."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NoReturn

from spinemap_exact.errors import InvalidInput, unknown


class Choice(StrEnum):
    """One of a few words; another is refused by a sentence that lists them."""

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__).lower()
        raise InvalidInput(unknown(what, str(value), map(str, cls)))

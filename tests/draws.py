"""How many cases a test draws: some always, the rest with ``-m slow``."""

from __future__ import annotations

from typing import Any

import pytest


def some(count: int, of: int) -> list[Any]:
    """Numbers 0 ... of - 1, of which those from ``count`` on are slow."""
    return [*range(count), *(pytest.param(k, marks=pytest.mark.slow) for k in range(count, of))]

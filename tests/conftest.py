"""Fixtures and the hooks that every test relies on."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("spinemap_exact") is None or find_spec("spinemap_exact.formulations") is None:
    pytest.exit("spinemap_exact is not installed: pip install -e '.[test]' first", returncode=2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out slow tests unless asked for, and external ones where the data is missing.

    Files that lie here start processes, and take longest: they go first, so that no worker is left with them.
    """
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.parent != here)
    data = os.environ.get("SPINEMAP_DATA")
    is_there = bool(data) and Path(data or "").joinpath("README.md").exists()
    without_data = pytest.mark.skip(reason="SPINEMAP_DATA is not set")
    for item in items:
        if "external" in item.keywords and not is_there:
            item.add_marker(without_data)
        if "slow" in item.keywords and "slow" not in (config.option.markexpr or ""):
            item.add_marker(pytest.mark.skip(reason="slow: run with -m slow"))


@pytest.fixture(scope="session")
def external_data() -> Path:
    """Folder of development data that is not part of this repository."""
    return Path(os.environ["SPINEMAP_DATA"])

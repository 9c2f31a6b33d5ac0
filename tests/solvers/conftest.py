"""What tests of several solvers share."""

from __future__ import annotations

import numpy as np
import pytest

from spinemap_exact.kernels import tabu
from spinemap_exact.mapping import Placement


@pytest.fixture
def without_tabu(monkeypatch):
    """Searches must find every placement by themselves: they start from an arbitrary one."""

    def any_placement(problem, watch, start=None, idle_starts=0):
        return Placement(np.random.default_rng(7).permutation(problem.num_tiles)[: problem.num_clusters])

    monkeypatch.setattr(tabu, "search", any_placement)

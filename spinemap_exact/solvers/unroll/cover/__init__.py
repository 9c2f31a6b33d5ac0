"""The fewest crossbars: annealing from above, counting and crossbar patterns from below, decisions in between."""

from spinemap_exact.solvers.unroll.cover.search import solve

__all__ = ["solve"]

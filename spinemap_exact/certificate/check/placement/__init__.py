"""Clusters on the tiles of a mesh, or at given distances."""

from spinemap_exact.certificate.check.placement import blocks, lines, pairs, profiles

__all__ = ["blocks", "lines", "pairs", "profiles"]

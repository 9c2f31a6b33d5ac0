"""Whole mappings, unrolling included or not."""

from spinemap_exact.certificate.check.mapping import contents, on_tiles, sources, trees

__all__ = ["contents", "on_tiles", "sources", "trees"]

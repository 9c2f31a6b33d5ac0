"""Bin packing."""

from spinemap_exact.certificate.check.packing import duals

__all__ = ["duals"]

"""Neurons split into units that share crossbars."""

from spinemap_exact.certificate.check.unroll import full_crossbars, patterns, shapes

__all__ = ["full_crossbars", "patterns", "shapes"]

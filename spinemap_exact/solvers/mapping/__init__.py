"""Solvers of whole mappings."""

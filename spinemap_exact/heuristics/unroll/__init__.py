"""Heuristics for the unroll problem."""

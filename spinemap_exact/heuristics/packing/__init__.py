"""Heuristics for the packing problem."""

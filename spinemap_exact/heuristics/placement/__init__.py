"""Heuristics for the placement problem."""

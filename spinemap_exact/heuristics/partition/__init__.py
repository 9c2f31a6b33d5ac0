"""Heuristics for the partition problem."""

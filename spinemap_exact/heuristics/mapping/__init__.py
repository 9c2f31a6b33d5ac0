"""Heuristics for the whole mapping."""

"""Compiled inner loops that solvers and heuristics share."""

"""Solvers for the whole mapping."""

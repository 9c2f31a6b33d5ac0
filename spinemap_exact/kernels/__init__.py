"""Kernels below the level of an algorithm, for solvers and heuristics alike."""

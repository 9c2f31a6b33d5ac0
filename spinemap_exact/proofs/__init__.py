"""Finds evidence that the checker of certificates accepts, from what solvers leave and by searches of its own."""

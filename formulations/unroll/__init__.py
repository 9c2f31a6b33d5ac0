"""Models of the unroll problem."""

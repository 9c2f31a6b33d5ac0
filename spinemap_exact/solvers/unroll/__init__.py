"""Our own exact algorithms for the unroll problem."""

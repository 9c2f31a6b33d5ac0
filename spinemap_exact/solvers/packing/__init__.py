"""Our own exact algorithms for the packing problem."""

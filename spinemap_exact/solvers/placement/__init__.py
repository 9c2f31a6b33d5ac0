"""Our own exact algorithms for the placement problem."""

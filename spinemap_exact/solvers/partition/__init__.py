"""Our own exact algorithms for the partition problem."""

"""Models of the packing problem."""

"""Models of the placement problem."""

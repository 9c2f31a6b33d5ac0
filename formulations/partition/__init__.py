"""Models of the partition problem."""

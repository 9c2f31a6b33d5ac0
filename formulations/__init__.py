"""One mathematical model a file: build it, read a solution back, never solve."""

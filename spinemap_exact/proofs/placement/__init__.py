"""Evidence for lower bounds of placements."""

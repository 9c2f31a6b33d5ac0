"""Bounds that can be checked: the file, and the checker that trusts nothing but integer arithmetic."""

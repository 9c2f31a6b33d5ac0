"""Bounds that can be checked: the file, who writes it, and the checker that trusts nothing but integer arithmetic."""

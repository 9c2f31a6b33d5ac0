"""Models of whole mappings."""

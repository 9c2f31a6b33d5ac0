"""Evidence for lower bounds of whole mappings."""

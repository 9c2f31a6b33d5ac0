"""Evidence for lower bounds of the packets, or of the number, of clusters."""

"""Networks, hardware and core graphs that ship."""

"""Units grouped into clusters."""

from spinemap_exact.certificate.check.partition import clusters, conflicts, listed

__all__ = ["clusters", "conflicts", "listed"]

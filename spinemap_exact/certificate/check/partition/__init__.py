"""Units grouped into clusters."""

from spinemap_exact.certificate.check.partition import clusters, conflicts, listed, moments

__all__ = ["clusters", "conflicts", "listed", "moments"]

"""What a check may take: counted in steps of its own, never in seconds, so that it ends alike on every machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from spinemap_exact.errors import CertificateRejected

_ASK_EVERY = 2**16  # steps


class Budget:
    """Work that may still be done; whoever spends more, or too late, is refused.

    Parameters
    ----------
    work : int
    why : str
        What `CertificateRejected` says then.
    should_stop : callable, optional
        Of those who look for evidence, asked now and then; the checker itself has no clock.
    """

    def __init__(
        self,
        work: int,
        why: str = "the trees take longer than the checker allows",
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self._left, self._why, self._should_stop, self._asked_at = work, why, should_stop, work

    def spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            self.refuse()
        if self._should_stop is not None and self._asked_at - self._left > _ASK_EVERY:
            self._asked_at = self._left
            if self._should_stop():
                self.refuse()

    def refuse(self) -> NoReturn:
        raise CertificateRejected("evidence", self._why)

"""A watch that ends a search in the middle of its work."""

from __future__ import annotations

from spinemap_exact.result import Limits, Watch


class StopsAfter(Watch):
    """Says stop at one question after so many, so that a search ends in the middle of its tree."""

    def __init__(self, questions: int, workers: int = 1) -> None:
        super().__init__(Limits(time_s=None, workers=workers))
        self.questions = questions

    def should_stop(self) -> bool:
        self.questions -= 1
        if self.questions < 0:
            self.request_stop()
        return self.stop_requested

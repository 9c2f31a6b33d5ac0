"""How a command ends when something goes wrong: a sentence and a status, no traceback."""

from __future__ import annotations

from typing import NoReturn

import pytest

from spinemap_exact.cli import main, verbs
from spinemap_exact.errors import CertificateRejected, EngineDefect, InvalidInput


@pytest.mark.parametrize(
    ("defect", "status", "said"),
    [
        (InvalidInput("net.csv\nis empty"), 2, "spinemap-exact: net.csv is empty\n"),
        (InvalidInput("x" * 5000), 2, "xxx ... xxx"),
        (CertificateRejected("lower", "too high"), 1, "rejected: lower: too high\n"),
        (MemoryError(), 2, "the memory of this machine is too small"),
        (KeyboardInterrupt(), 4, "stopped before there was anything to tell"),
        (EngineDefect("a half unit"), 4, "no result: a half unit\n"),
        (IndexError("7"), 70, "--verbose shows where: IndexError: 7\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_errors_end_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    defect: BaseException,
    status: int,
    said: str,
) -> None:
    def fail(_: object) -> NoReturn:
        raise defect

    monkeypatch.setattr(verbs, "info", fail)
    assert main(["info", "net.csv"]) == status
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1 and len(error) < 1100

"""How a command ends when something goes wrong: a sentence and a status, no traceback."""

from __future__ import annotations

import signal
from typing import NoReturn

import pytest

from spinemap_exact.cli import main, verbs
from spinemap_exact.errors import CertificateRejected, EngineDefect, InvalidInput
from spinemap_exact.io.run_folder import DONE, RunFolder


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


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--time-limit", "-1"], "time limit -1.0 s is not a positive number"),
        (["--workers", "0"], "0 workers can do nothing"),
        (["--seed", "-4"], "seed -4 lies outside"),
        (["--solver", "nobody"], "unknown mapping solver 'nobody'"),
        (["--warm-start", "nobody"], "unknown mapping heuristic 'nobody'"),
        (["--max-crossbars", "0"], "at most 0 crossbars leaves no mapping"),
        (["--pareto", "energy", "crossbars", "--max-crossbars", "0"], "at most 0 crossbars leaves no mapping"),
        (["--stages", "--solver", "partition=nobody"], "unknown partition solver 'nobody'"),
        (["--stages", "--unit-fan-in", "1"], "unit fan-in 1 lies outside"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_refused_costs_no_earlier_run(tmp_path, monkeypatch, capsys, asked, said):
    monkeypatch.setattr(verbs, "_compile_ahead", lambda *_: None)
    ended = RunFolder(tmp_path, ("mapping.json",), {})
    ended.put_text("mapping.json", "of an earlier run")
    ended.close(DONE)

    assert main(["map", "layered-16-24-8", "--out", str(tmp_path), "--force", *asked]) == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "mapping.json").read_text() == "of an earlier run"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["map", "layered-16-24-8", "--out", ""], "--out names a folder; this name is empty"),
        (["map", "layered-16-24-8", "--out", "taken"], "cannot write to taken: File exists"),
        (["map", "layered-16-24-8", "--out", "taken/out"], "cannot write to taken/out: Not a directory"),
        (["solve", "x.csv", "--problem", "noc", "--certificate", ""], "cannot write '': the name is empty"),
        (["solve", "x.csv", "--problem", "noc", "--certificate", "folder"], "cannot write 'folder': it is a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_results_that_could_not_be_written_are_not_looked_for(tmp_path, monkeypatch, capsys, asked, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verbs, "_compile_ahead", lambda *_: pytest.fail("it went on"))
    (tmp_path / "taken").write_text("")
    (tmp_path / "folder").mkdir()
    assert main(asked) == 2
    assert said in capsys.readouterr().err


def test_a_signal_in_an_import_is_no_defect(monkeypatch, capsys):
    """A module of C that is interrupted while it is imported says that it could not be."""

    def fail(_: object) -> NoReturn:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None
        raise AssertionError("no signal came")

    monkeypatch.setattr(verbs, "info", fail)
    assert main(["info", "net.csv"]) == 4
    assert "stopped before there was anything to tell" in capsys.readouterr().err

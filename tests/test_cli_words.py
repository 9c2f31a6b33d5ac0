"""What the command line says of a mistake, and the verb `hardware`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from spinemap_exact.cli import main
from spinemap_exact.errors import meant, unknown
from spinemap_exact.hardware import parse_hardware, preset_names, read_hardware


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one sentence that a command with a mistake ends in."""
    try:
        status = main(argv)
    except SystemExit as leaving:
        status = leaving.code
    assert status == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["mpa"], "unknown verb 'mpa'; did you mean 'map'? Known: info, map, "),
        (["map", "net.csv", "--time-limt", "3"], "unknown option '--time-limt'; did you mean --time-limit?"),
        (["map", "net.csv", "--time-limt=3"], "unknown option '--time-limt'; did you mean --time-limit?"),
        (["map", "net.csv", "--xyz"], "unknown option '--xyz'; --help tells more"),
        (["map", "net.csv", "more"], "nothing is expected at 'more'"),
        (["map", "net.csv", "--minimise", "enrgy"], "unknown --minimise 'enrgy'; did you mean 'energy'?"),
        (["solve", "x.dat", "--problem", "qpa"], "unknown --problem 'qpa'; did you mean 'qap'?"),
        (["solve", "x.dat"], "required: --problem"),
        (["info", "digits-64-32-1"], "is no file and no instance that ships; did you mean 'digits-64-32-10'?"),
        (["instances", "mvd"], "unknown instance 'mvd'; did you mean 'mwd'?"),
        (["info", "mwd.csv", "--hardware", "loihy"], "cannot read mwd.csv"),
        (["map", "random-40", "--hardware", "loihy"], "unknown hardware preset 'loihy'; did you mean 'loihi'?"),
        (
            ["map", "random-40", "--solver", "priced-tree"],
            "unknown mapping solver 'priced-tree'; did you mean '",
        ),
        (["map", "random-40", "--stages", "--solver", "placment=rlt1"], "did you mean 'placement'?"),
        (["hardware", "lits"], "unknown action 'lits'; did you mean 'list'?"),
        (["hardware", "show"], "say which hardware to show; known: dynapse-like"),
        (["hardware", "list", "loihi"], "`hardware show loihi` shows one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_told_with_what_may_have_been_meant(capsys, argv, words):
    assert words in said(capsys, *argv)


GRID, CROSSBAR = "[grid]\nwidth = 2\nheight = 2\n", "[crossbar]\nrows = 3\ncolumns = 2\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[grid]\nwidth = 2\nheigth = 2\n" + CROSSBAR, "unknown entry 'heigth' in [grid]; did you mean 'height'?"),
        (GRID + "[crossbar]\nrow = 3\ncolumns = 2\n", "unknown entry 'row' in [crossbar]; did you mean 'rows'?"),
        (GRID + CROSSBAR + "[energy]\npakcet = 1\n", "unknown entry 'pakcet' in [energy]; did you mean 'packet'?"),
        (GRID + CROSSBAR + "[enrgy]\npacket = 1\n", "unknown entry 'enrgy'; did you mean 'energy'?"),
        (GRID + CROSSBAR + '[energy]\nhop = "3 pj"\n', "chip', hop_x in [energy]: energy '3 pj' has no known unit"),
        (
            GRID + CROSSBAR + "[latency]\npacket = nan\n",
            "packet in [latency]: duration nan is not a whole number",
        ),
    ],
)
def test_a_wrong_hardware_file_is_told_by_table_and_entry(capsys, tmp_path, text, words):
    (tmp_path / "chip.toml").write_text(text)
    assert words in said(capsys, "hardware", "show", str(tmp_path / "chip.toml"))


def test_names_are_close_whatever_their_case():
    assert unknown("preset", "Loihy", ["loihi", "truenorth"]).startswith(
        "unknown preset 'Loihy'; did you mean 'loihi'?"
    )
    assert meant("qap", []) == "there is none"


def test_all_presets_are_listed_with_their_source(capsys):
    assert main(["hardware"]) == 0
    table = capsys.readouterr().out
    assert all(f"\n{name} " in table for name in preset_names())
    assert "loihi            16x8   4096x1024  Davies et al. 2018, Table 2" in table
    assert main(["hardware", "list", "--json"]) == 0
    assert [chip["hardware"] for chip in json.loads(capsys.readouterr().out)] == list(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_that_is_shown_is_a_hardware_file(capsys, name):
    assert main(["hardware", "show", name]) == 0
    text = capsys.readouterr().out
    assert parse_hardware(text).digest == read_hardware(name).digest
    assert main(["hardware", "show", name, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["digest"], facts["source"]) == (read_hardware(name).digest, tomllib.loads(text)["source"])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("net.csv", "pre,post,weight\n0,1,1\n1,2,nan\n", "line 3 of {} has the weight nan, which is not finite"),
        (
            "net.mtx",
            "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 nan\n",
            "{}: synapse 0 -> 1 has the weight",
        ),
    ],
)
def test_a_weight_that_is_no_number_is_named_with_its_file(capsys, tmp_path: Path, name, text, words):
    (tmp_path / name).write_text(text)
    assert words.format(tmp_path / name) in said(capsys, "info", str(tmp_path / name))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("neuron,spikes\n0,1\n1,nan\n", "line 3 of {}: the spike count of neuron 1 is nan, not a whole number"),
        ("neuron,spikes\n0,-1\n", "line 2 of {}: the spike count of neuron 0 is -1, which is negative"),
        ("neuron,time\n0,0.5\n1,nan\n", "line 3 of {} has the time 'nan', not a number"),
    ],
)
def test_spikes_that_are_no_numbers_are_named_with_file_and_line(capsys, tmp_path: Path, text, words):
    (tmp_path / "net.csv").write_text("pre,post\n0,1\n1,0\n")
    (tmp_path / "spikes.csv").write_text(text)
    sentence = said(capsys, "info", str(tmp_path / "net.csv"), "--spikes", str(tmp_path / "spikes.csv"))
    assert words.format(tmp_path / "spikes.csv") in sentence and "net.csv" not in sentence

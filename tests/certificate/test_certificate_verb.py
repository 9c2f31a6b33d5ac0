"""The verb `check`: what is compared with what, and what each exit status says."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from spinemap_exact.certificate import format
from spinemap_exact.certificate._text import decode
from spinemap_exact.cli import main
from spinemap_exact.instances import FOLDER

ROOT = Path(__file__).parents[2]
CHIP = 'name = "six"\n[grid]\nwidth = 3\nheight = 2\n[crossbar]\nrows = 3\ncolumns = 2\n'


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A ring of six neurons in three clusters, with the mapping and certificates that `map` writes."""
    folder = tmp_path_factory.mktemp("mapped")
    (folder / "ring.csv").write_text("pre,post\n" + "".join(f"{i},{(i + 1) % 6}\n" for i in range(6)))
    (folder / "spikes.csv").write_text("neuron,spikes\n" + "".join(f"{i},{i + 1}\n" for i in range(6)))
    (folder / "chip.toml").write_text(CHIP)
    asked = [str(folder / "ring.csv"), "--spikes", str(folder / "spikes.csv"), "--hardware", str(folder / "chip.toml")]
    assert (
        main(["map", *asked, "--stages", "--out", str(folder), "--quiet", "--workers", "1", "--time-limit", "10"]) == 0
    )
    return folder, asked


def check(mapped, certificate, *more):
    _, (network, *options) = mapped
    return main(["check", network, str(certificate), *options, *map(str, more)])


def altered(mapped, tmp_path, **change):
    table = json.loads((mapped[0] / "mapping.json").read_text())
    table |= {key: how(table[key]) for key, how in change.items()}
    (tmp_path / "altered.json").write_text(json.dumps(table))
    return tmp_path / "altered.json"


@pytest.mark.parametrize("stage", ["unroll", "partition", "placement"])
def test_the_mapping_that_was_certified(mapped, capsys, stage):
    assert check(mapped, mapped[0] / f"{stage}.certificate", "--mapping", mapped[0] / "mapping.json") == 0
    assert f"the {stage} of {mapped[0] / 'mapping.json'} is the solution that is certified" in capsys.readouterr().out


def test_another_placement_is_not_what_is_certified(mapped, tmp_path, capsys):
    other = altered(mapped, tmp_path, tile_of_cluster=lambda tiles: tiles[1:] + tiles[:1])
    assert check(mapped, mapped[0] / "placement.certificate", "--mapping", other) == 1
    said = capsys.readouterr()
    assert f"rejected: {other}, tile_of_cluster[0]: is" in said.err and "accepted" not in said.out


def test_another_partition_is_not_what_is_certified(mapped, tmp_path, capsys):
    """Pairs of neighbours share a cluster, in one of two ways: whichever is certified, moving all by one is not."""
    other = altered(mapped, tmp_path, cluster_of_unit=lambda labels: labels[1:] + labels[:1])
    assert check(mapped, mapped[0] / "partition.certificate", "--mapping", other) == 1
    assert f"rejected: {other}, cluster_of_unit[" in capsys.readouterr().err


def test_the_numbers_of_clusters_mean_nothing(mapped, tmp_path):
    other = altered(mapped, tmp_path, cluster_of_unit=lambda labels: [max(labels) - c for c in labels])
    assert check(mapped, mapped[0] / "partition.certificate", "--mapping", other) == 0


def test_a_bound_alone_is_not_compared_with_a_mapping(mapped, tmp_path, capsys):
    known = format.read(mapped[0] / "placement.certificate")
    alone = format.Certificate(known.scope, known.instance, known.lower, None, False, None, known.evidence)
    format.write(tmp_path / "bound.certificate", alone)
    other = altered(mapped, tmp_path, tile_of_cluster=lambda tiles: tiles[1:] + tiles[:1])
    assert check(mapped, tmp_path / "bound.certificate", "--mapping", other) == 0
    said = capsys.readouterr().out
    assert "no mapping was compared with what is certified" in said and "optimal" not in said


def test_what_ships_is_checked_given_its_reference(capsys):
    shipped = FOLDER / "certificates" / "small-world-32.placement.certificate"
    assert main(["check", "small-world-32", str(shipped)]) == 0
    assert "no mapping was compared" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"", b"{", b"\x1f\x8b", b'{"format": NaN}', b'{"a\x1b": 1}', b"[" * 10_000])
def test_what_is_no_certificate_has_status_two(mapped, tmp_path, capsys, content):
    path = tmp_path / "c.certificate"
    path.mkdir() if content is None else path.write_bytes(content)
    assert check(mapped, path, "--mapping", mapped[0] / "mapping.json") == 2
    assert capsys.readouterr().err.strip().isprintable()


def test_a_bare_problem_has_no_mapping(tmp_path, capsys):
    (tmp_path / "items.txt").write_text("3 4\n3\n2\n2\n")
    solved = ["solve", str(tmp_path / "items.txt"), "--problem", "packing", "--quiet"]
    assert main([*solved, "--certificate", str(tmp_path / "c")]) == 0
    asked = ["check", str(tmp_path / "items.txt"), str(tmp_path / "c"), "--problem", "packing"]
    assert main(asked) == 0
    assert main([*asked, "--mapping", "mapping.json"]) == 2
    assert "--mapping belongs to a network" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["one"], ["no", "files"], ["a", "b", "c"]])
def test_the_script_leaves_with_two_where_it_is_misused(arguments):
    script = ROOT / "scripts" / "check_certificate"
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_a_bound_of_given_units_is_checked_with_them_and_told_as_one_of_them(mapped, tmp_path, capsys):
    folder, (network, *options) = mapped
    units, out = ["--units", str(folder / "mapping.json")], tmp_path / "run"
    asked = ["map", network, *options, *units, "--out", str(out), "--quiet", "--workers", "1", "--time-limit", "10"]
    assert main(asked) == 0
    capsys.readouterr()
    assert check(mapped, out / "mapping.certificate") == 2
    assert "mapping.certificate was made with --units: give the same again" in capsys.readouterr().err
    assert check(mapped, out / "mapping.certificate", *units) == 0
    assert "mapping of these units: energy" in capsys.readouterr().out


# --- what a certificate remembers -----------------------------------------------------------------------------------

QAP = "3\n0 5 2\n5 0 3\n2 3 0\n0 1 1\n1 0 2\n1 2 0\n"  # distances and flows


def solved(tmp_path, capsys, name, content, *asked):
    """Solve a file, and return the path of its certificate."""
    (tmp_path / name).write_text(content)
    written = tmp_path / "c.certificate"
    command = ["solve", str(tmp_path / name), *asked, "--certificate", str(written), "--quiet", "--workers", "1"]
    assert main(command) == 0
    capsys.readouterr()
    return str(tmp_path / name), str(written)


@pytest.mark.parametrize(
    ("name", "content", "asked"),
    [
        ("q.dat", QAP, ["--problem", "qap"]),
        ("cores.csv", "source,target,weight\n0,1,5\n1,2,7\n", ["--problem", "noc", "--mesh", "2x2"]),
        ("items.txt", "3 4\n3\n2\n2\n", ["--problem", "packing"]),
        (
            "part.json",
            '{"num_neurons": 4, "num_inputs": 0, "rows": 4, "columns": 2, "spikes": [1, 2, 3, 4], '
            '"fan_in": [[3], [0], [1], [2]]}',
            ["--problem", "partition", "--clusters", "3", "--traffic", "per-synapse"],
        ),
    ],
)
def test_a_bare_problem_needs_no_options(tmp_path, capsys, name, content, asked):
    file, written = solved(tmp_path, capsys, name, content, *asked)
    assert main(["check", file, written]) == 0
    said = capsys.readouterr().out
    assert f"{written}: accepted for {file}, asked with {' '.join(asked)}" in said and "optimal" in said


def test_what_is_given_counts_more_than_what_is_remembered(tmp_path, capsys):
    asked = ["--problem", "noc", "--mesh", "2x2"]
    file, written = solved(tmp_path, capsys, "cores.csv", "source,target,weight\n0,1,5\n1,2,7\n", *asked)
    assert main(["check", file, written, "--mesh", "3x1"]) == 1
    assert f"rejected: {written}: it speaks of another problem than {file} as read with --problem noc" in (
        capsys.readouterr().err
    )


def test_a_file_of_qaplib_needs_no_options_even_where_nothing_is_remembered(tmp_path, capsys):
    file, written = solved(tmp_path, capsys, "q.dat", QAP, "--problem", "qap")
    format.write(written, replace(format.read(written), asked=None))
    assert main(["check", file, written]) == 0


def test_a_core_graph_that_ships_is_checked_by_its_name(capsys):
    assert main(["check", "mwd", str(FOLDER / "certificates" / "mwd.placement.certificate")]) == 0
    assert "placement: spike-hops 1 120, optimal; verified by" in capsys.readouterr().out


def test_files_are_named_again(mapped, capsys):
    folder, (network, *_) = mapped
    certificate = str(folder / "placement.certificate")
    assert main(["check", network, certificate]) == 2
    assert f"{certificate} was made with --spikes and --hardware: give the same again" in capsys.readouterr().err


@pytest.mark.parametrize(
    "asked",
    [
        {"verb": "x"},
        {"certificate": "x"},
        {"mapping": "/etc/passwd"},
        {"hardware": "/etc/passwd"},
        {"out": "x"},
        {"mesh": ["2x2"]},
        {"mesh": "2x2\n"},
        {"mesh": "2" * 201},
    ],
)
def test_a_certificate_may_name_options_and_nothing_else(tmp_path, capsys, asked):
    file, written = solved(tmp_path, capsys, "q.dat", QAP, "--problem", "qap")
    table = decode(Path(written).read_bytes()) | {"asked": asked}
    Path(written).write_text(json.dumps(table))
    assert main(["check", file, written, "--problem", "qap"]) == 2
    assert "asked: " in capsys.readouterr().err


@pytest.mark.parametrize("asked", [{"traffic": "x"}, {"clusters": "many"}, {"problem": 3}])
def test_an_option_that_is_none_is_refused_as_on_the_command_line(tmp_path, capsys, asked):
    file, written = solved(tmp_path, capsys, "q.dat", QAP, "--problem", "qap")
    format.write(written, replace(format.read(written), asked=asked))
    with pytest.raises(SystemExit, match="2"):
        main(["check", file, written])
    assert "Traceback" not in capsys.readouterr().err


def test_every_outcome_has_json(mapped, tmp_path, capsys):
    folder, (network, *options) = mapped

    def outcome(certificate):
        mapping = str(folder / "mapping.json")
        status = main(["check", network, str(certificate), *options, "--json", "--mapping", mapping])
        facts = json.loads(capsys.readouterr().out)
        assert facts["certificate"] == str(certificate) and facts["input"] == network
        return status, facts["outcome"], facts["accepted"], facts.get("reason", "")

    honest = folder / "placement.certificate"
    assert outcome(honest) == (0, "accepted", True, "")
    format.write(tmp_path / "false", replace(format.read(honest), upper=format.read(honest).upper + 1))
    status, said, accepted, reason = outcome(tmp_path / "false")
    assert (status, said, accepted) == (1, "rejected", False) and f"{tmp_path / 'false'}, upper: claims" in reason
    (tmp_path / "none").write_text("no")
    status, said, accepted, reason = outcome(tmp_path / "none")
    assert (status, said, accepted) == (2, "not checked", False) and "none is no certificate: the file is not" in reason
    assert outcome(tmp_path / "nowhere")[:3] == (2, "not checked", False)


def test_the_order_of_files_is_told(tmp_path, capsys):
    file, written = solved(tmp_path, capsys, "q.dat", QAP, "--problem", "qap")
    assert main(["check", written, file]) == 2
    assert f"{file} is no certificate" in (said := capsys.readouterr().err)
    assert "NETWORK comes first, then CERTIFICATE" in said

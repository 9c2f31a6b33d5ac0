"""The verb `check`: what is compared with what, and what each exit status says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spinemap_exact.certificate import format
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
    assert "rejected: mapping.tile_of_cluster[0]: is" in said.err and "accepted" not in said.out


def test_another_partition_is_not_what_is_certified(mapped, tmp_path, capsys):
    """Pairs of neighbours share a cluster, in one of two ways: whichever is certified, moving all by one is not."""
    other = altered(mapped, tmp_path, cluster_of_unit=lambda labels: labels[1:] + labels[:1])
    assert check(mapped, mapped[0] / "partition.certificate", "--mapping", other) == 1
    assert "rejected: mapping.cluster_of_unit[" in capsys.readouterr().err


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
    assert "speaks of given units: --units FILE" in capsys.readouterr().err
    assert check(mapped, out / "mapping.certificate", *units) == 0
    assert "accepted. mapping of these units: bound" in capsys.readouterr().out

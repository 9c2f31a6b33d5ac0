"""The command line through a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from spinemap_exact import solvers
from spinemap_exact.cli import main
from spinemap_exact.errors import EngineDefect, InvalidInput


def run(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spinemap_exact", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Six neurons in a ring with chords, as an edge list with spike counts."""
    folder = tmp_path_factory.mktemp("small")
    edges = [(i, (i + k) % 6) for i in range(6) for k in (1, 2)]
    (folder / "ring.csv").write_text("pre,post\n" + "".join(f"{a},{b}\n" for a, b in edges))
    (folder / "counts.csv").write_text("neuron,spikes\n" + "".join(f"{i},{10 + i}\n" for i in range(6)))
    (folder / "chip.toml").write_text(
        'name = "chip"\n[grid]\nwidth = 2\nheight = 2\n[crossbar]\nrows = 6\ncolumns = 2\n'
        '[energy]\npacket = "2 pJ"\nhop = "1 pJ"\n'
    )
    return folder


def test_help_imports_nothing_heavy():
    probe = (
        "import sys; from spinemap_exact.cli.options import parser; parser().format_help(); "
        "print([m for m in ('numpy', 'ortools', 'numba', 'pulp', 'rich') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize("verb", ["info", "map", "solve", "evaluate", "check", "convert", "bench", "report"])
def test_every_verb_explains_itself(verb):
    done = run(verb, "--help")
    assert done.returncode == 0
    assert "exit status:" in done.stdout


def test_map_evaluate_and_back(small, tmp_path):
    args = (small / "ring.csv", "--spikes", small / "counts.csv", "--hardware", small / "chip.toml")
    done = run("map", *args, "--json", "--workers", 1, "--time-limit", 60, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    for level in (result, *result["stages"].values()):
        keys = {"status", "objective", "dual_bound", "gap", "vouched_by", "runtime_s", "solver", "seed"}
        assert keys <= level.keys()
    assert set(result["stages"]) == {"mapping"}
    assert result["lower_bound"]["scope"] == "any mapping of this network"
    assert result["lower_bound"]["these_units"]["scope"] == "these units"
    assert 0 < result["lower_bound"]["energy_fj"] <= result["lower_bound"]["these_units"]["energy_fj"]
    assert result["lower_bound"]["these_units"]["energy_fj"] <= result["evaluation"]["energy_fj"]["total"]
    assert result["objective"] == result["evaluation"]["energy_fj"]["total"]

    again = run("evaluate", args[0], tmp_path / "out" / "mapping.json", *args[1:], "--json")
    assert again.returncode == 0, again.stderr
    fresh = json.loads(again.stdout)
    assert fresh["energy_fj"] == result["evaluation"]["energy_fj"]
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {
        "mapping.json",
        "result.json",
        "evaluation.json",
        "summary.txt",
        "log.txt",
    }


def test_stages_are_solved_one_after_the_other(small):
    args = (small / "ring.csv", "--spikes", small / "counts.csv", "--hardware", small / "chip.toml")
    done = run("map", *args, "--stages", "--json", "--workers", 1, "--time-limit", 60)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result["stages"]) == {"unroll", "partition", "placement"}
    assert result["stages"]["partition"]["status"] == "OPTIMAL"
    assert result["stages"]["partition"]["vouched_by"]["trust"] in ("attested", "verified")
    # three clusters of two; every net reads two units: at best one source of each pair stays half at home
    assert result["evaluation"]["crossbars"] == 3
    assert result["lower_bound"]["scope"] == "these units"
    assert 0 < result["lower_bound"]["energy_fj"] <= result["evaluation"]["energy_fj"]["total"]


def test_the_certificate_of_a_whole_mapping_is_checked(small, tmp_path):
    args = (small / "ring.csv", "--hardware", small / "chip.toml")
    run("map", *args, "--workers", 1, "--time-limit", 10, "--max-crossbars", 4, "--out", tmp_path)

    done = run("check", args[0], tmp_path / "mapping.certificate", *args[1:])
    other = run("check", args[0], tmp_path / "mapping.certificate", *args[1:], "--max-crossbars", 5)

    assert done.returncode == 0, done.stderr
    assert "is the solution that is certified" in done.stdout and "asked with --max-crossbars 4" in done.stdout
    assert (
        other.returncode == 1 and "it speaks of another problem" in other.stderr
    )  # five crossbars are another question


def test_given_units_are_kept(small, tmp_path):
    """Units in a file of a run before: their partition and placement are proven, and only theirs."""
    args = ("map", small / "ring.csv", "--spikes", small / "counts.csv", "--hardware", small / "chip.toml")
    run(*args, "--workers", 1, "--time-limit", 4, "--out", tmp_path)
    done = run(*args, "--units", tmp_path / "mapping.json", "--workers", 1, "--time-limit", 30, "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (result["status"], result["scope"]) == ("OPTIMAL", "any mapping of these units")
    assert result["lower_bound"]["scope"] == "these units"


def test_limits_below_what_is_possible_are_infeasible(small, tmp_path):
    """Six units in crossbars of two columns; even a local read takes 5 ps."""
    (tmp_path / "slow.toml").write_text((small / "chip.toml").read_text() + '[latency]\nlocal = "5 ps"\nhop = "9 ps"\n')
    few = run("map", small / "ring.csv", "--hardware", small / "chip.toml", "--max-crossbars", 2)
    fast = run("map", small / "ring.csv", "--hardware", tmp_path / "slow.toml", "--max-latency", "4 ps")
    assert (few.returncode, fast.returncode) == (3, 3), few.stdout + fast.stdout
    assert "at least 3 crossbars (by counting columns), 2 may be used" in few.stdout
    assert "the slowest spike takes at least 5 ps in any mapping, 4 ps are allowed" in fast.stdout


def test_certificates_are_written_and_checked(small, tmp_path):
    args = (small / "ring.csv", "--hardware", small / "chip.toml")
    run("map", *args, "--stages", "--workers", 1, "--out", tmp_path)
    for stage in ("unroll", "partition", "placement"):
        done = run("check", args[0], tmp_path / f"{stage}.certificate", *args[1:])
        assert done.returncode == 0, done.stderr
        assert "accepted" in done.stdout

    # other traffic is another instance
    other = run("check", args[0], tmp_path / "partition.certificate", *args[1:], "--traffic", "per-synapse")
    assert other.returncode == 1
    assert "it speaks of another problem" in other.stderr

    (tmp_path / "broken.certificate").write_text("{")
    broken = run("check", args[0], tmp_path / "broken.certificate", *args[1:])
    assert (broken.returncode, "Traceback" in broken.stderr) == (2, False)


def test_a_partition_is_written_and_its_certificate_checked(small, tmp_path):
    args = (small / "ring.csv", "--hardware", small / "chip.toml")
    done = run("map", *args, "--workers", 1, "--stage", "partition", "--out", tmp_path)
    checked = run("check", args[0], tmp_path / "partition.certificate", *args[1:])

    assert done.returncode == 0, done.stderr
    # six neurons in crossbars of two columns
    assert sorted(set(json.loads((tmp_path / "partition.json").read_text())["cluster_of_unit"])) == [0, 1, 2]
    assert not (tmp_path / "mapping.json").exists()  # nobody asked for tiles
    assert checked.returncode == 0, checked.stderr
    assert run("evaluate", args[0], tmp_path / "partition.json", *args[1:]).returncode == 2


def test_a_limit_of_no_time_ends_with_a_status(small):
    args = ("map", small / "ring.csv", "--hardware", small / "chip.toml", "--time-limit", 0.01, "--json")
    for done, stage in ((run(*args), "mapping"), (run(*args, "--stages"), "partition")):
        result = json.loads(done.stdout)
        assert (done.returncode, result["status"] in ("OPTIMAL", "FEASIBLE")) == (0, True)
        assert set(result["stages"][stage]["spent_s"]) >= {"warm start", "check"}


def test_bin_packing_is_solved_and_its_certificate_checked(tmp_path):
    items, written = tmp_path / "items.txt", tmp_path / "packing.certificate"
    # three bins of 10 for the sizes 6 4, 5 5, 3 3 4; best fit decreasing finds them, volume proves them
    items.write_text("7 10\n6\n5\n5\n4\n4\n3\n3\n")

    done = run("solve", items, "--problem", "packing", "--certificate", written)
    checked = run("check", items, written, "--problem", "packing")

    assert done.returncode == 0, done.stderr
    assert "dual bound  3, verified" in done.stdout
    assert checked.returncode == 0, checked.stderr
    assert "packing: bins 3, optimal; verified by counting" in checked.stdout


def test_a_mapping_that_breaks_a_limit_is_rejected(small, tmp_path):
    args = (small / "ring.csv", "--hardware", small / "chip.toml")
    run("map", *args, "--out", tmp_path, "--workers", 1)
    mapping = json.loads((tmp_path / "mapping.json").read_text())
    mapping["cluster_of_unit"] = [0, 0, 0, 1, 1, 1]
    mapping["tile_of_cluster"] = [0, 1]
    for key in ("hardware_digest", "network_digest", "crossbar_of_cluster"):
        mapping.pop(key, None)
    (tmp_path / "crowded.json").write_text(json.dumps(mapping))

    done = run("evaluate", args[0], tmp_path / "crowded.json", *args[1:])

    assert done.returncode == 1
    assert "cluster 0 needs 3 columns, its crossbar has 2" in done.stderr
    assert done.stdout == ""  # no price for what does not fit

    mapping |= {"cluster_of_unit": [0, 0, 1, 1, 2, 2], "tile_of_cluster": [0, 99, 1]}
    (tmp_path / "crowded.json").write_text(json.dumps(mapping))
    done = run("evaluate", args[0], tmp_path / "crowded.json", *args[1:], "--json")
    assert done.returncode == 1
    assert "cluster 1 lies on tile 99 of" in json.loads(done.stdout)["violations"][0]


def test_convert_round_trip(small, tmp_path):
    done = run("convert", small / "ring.csv", "--spikes", small / "counts.csv", tmp_path / "ring.npz")
    assert done.returncode == 0, done.stderr
    first = json.loads(run("info", tmp_path / "ring.npz", "--json").stdout)
    assert (first["neurons"], first["synapses"], first["spikes"]) == (6, 12, sum(range(10, 16)))
    assert not first["spikes_assumed"]


def test_info_says_what_is_short(small):
    text = run("info", small / "ring.csv", "--hardware", small / "chip.toml").stdout
    assert "6 neurons" in text
    assert "assumed" in text
    assert "at least 3 crossbars, by counting" in text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("map", "nowhere.csv", "--hardware", "loihi"), "nowhere.csv"),
        (("map", "{ring}", "--hardware", "loihy"), "unknown hardware preset 'loihy'"),
        (("map", "{ring}"), "say which hardware"),
        (("map", "{ring}", "--hardware", "{chip}", "--stages", "--solver", "nope"), "unknown solver 'nope'"),
        (("map", "{ring}", "--hardware", "{chip}", "--solver", "nope"), "unknown mapping solver 'nope'"),
        (("map", "{ring}", "--hardware", "{chip}", "--stages", "--max-crossbars", "3"), "choose one"),
        (("map", "{ring}", "--hardware", "{chip}", "--max-latency", "fast"), "fast"),
        (("map", "{ring}", "--hardware", "{chip}", "--time-limit", "-1"), "time limit -1.0 s"),
        (("map", "{ring}", "--hardware", "{chip}", "--workers", "0"), "0 workers"),
        (("solve", "{cores}", "--problem", "noc", "--mesh", "2x1"), "cores.csv: 3 clusters, 2 tiles"),
        (
            ("solve", "{cores}", "--problem", "noc", "--mesh", "2x2", "--solver", "nope"),
            "unknown placement solver 'nope'",
        ),
        (("solve", "{cores}", "--problem", "noc"), "mesh"),
        (("map", "{ring}", "--hardware", "{chip}", "--out", "{cores}"), "cannot write to "),
        (("map", "{ring}", "--hardware", "{chip}", "--certify-time", "5"), "say with --out where they go"),
        (("solve", "{cores}", "--problem", "noc", "--mesh", "2x2", "--certify-time", "5"), "say with --certificate"),
        (
            ("solve", "{cores}", "--problem", "noc", "--mesh", "2x2", "--certificate", "/no/folder"),
            "cannot write /no/folder",
        ),
        (
            ("solve", "{cores}", "--problem", "noc", "--mesh", "2x2", "--certificate", "c", "--certify-time", "0"),
            "--certify-time 0 is not a positive number",
        ),
        (("map", "{ring}", "--hardware", "{mixed}", "--stages"), "only --stage unroll and partition"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(small, tmp_path, args, message):
    cores = tmp_path / "cores.csv"
    cores.write_text("source,target,weight\n0,1,5\n1,2,7\n")
    mixed = tmp_path / "mixed.toml"
    mixed.write_text(
        "[grid]\nwidth = 2\nheight = 2\n"
        "[[crossbar]]\nrows = 6\ncolumns = 2\ncount = 2\n[[crossbar]]\nrows = 6\ncolumns = 4\ncount = 2\n"
    )
    names = {"ring": small / "ring.csv", "chip": small / "chip.toml", "cores": cores, "mixed": mixed}
    done = run(*(a.format(**names) for a in args))
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_mesh_of_one_tile(tmp_path):
    """One core that talks to itself: nothing to place, nothing to pay, and that is proven."""
    (tmp_path / "core.csv").write_text("source,target,weight\n0,0,5\n")
    done = run("solve", tmp_path / "core.csv", "--problem", "noc", "--mesh", "1x1", "--require-proof", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["objective"], result["dual_bound"]) == ("OPTIMAL", 0, 0)


def test_one_tile_with_a_cost(tmp_path):
    """A distance matrix may let a cluster pay on its only tile: 3 packets over 5."""
    (tmp_path / "one.dat").write_text("1\n3\n5\n")
    done = run("solve", tmp_path / "one.dat", "--problem", "qap", "--require-proof", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["objective"] == 15


def test_placements_are_told_in_the_terms_of_their_file(tmp_path):
    # a path of three: distances first, then a flow between the first and the last
    (tmp_path / "q.dat").write_text("3\n0 1 2\n1 0 1\n2 1 0\n0 0 4\n0 0 0\n4 0 0\n")
    done = json.loads(run("solve", tmp_path / "q.dat", "--problem", "qap", "--json").stdout)
    p = [k - 1 for k in done["solution"]["permutation"]]
    assert done["solution"]["transposed"] is True
    # sum A_ij B_p(i)p(j): the rows of A that p takes to 0 and 2 are one step apart, 4 there and 4 back
    assert done["objective"] == 8 and abs(p.index(0) - p.index(2)) == 1

    (tmp_path / "cores.csv").write_text("cpu,dsp,3\ndsp,ram,2\n")
    done = json.loads(run("solve", tmp_path / "cores.csv", "--problem", "noc", "--mesh", "3x1", "--json").stdout)
    assert done["solution"]["core_of_cluster"] == ["cpu", "dsp", "ram"]


def test_infeasible_is_status_3(small, tmp_path):
    (tmp_path / "tiny.toml").write_text("[grid]\nwidth = 1\nheight = 2\n[crossbar]\nrows = 6\ncolumns = 2\n")
    done = run("map", small / "ring.csv", "--hardware", tmp_path / "tiny.toml")
    assert done.returncode == 3
    # six units in crossbars of two columns
    assert "at least 3 crossbars (by counting columns), there are 2 tiles" in done.stdout


@pytest.mark.parametrize(
    ("crossbar", "short"),
    [
        # six units in crossbars of two columns: three are needed
        ("rows = 6\ncolumns = 2\ncount = 2", "at least 3 crossbars (by counting columns), there are 2 crossbars"),
        ("rows = 6\ncolumns = 5\ncount = 1", "at least 2 crossbars (by counting columns), there is 1 crossbar"),
        ("rows = 1\ncolumns = 6", "neuron 0 has fan-in 2, crossbars have one row: it cannot be unrolled"),
        ("rows = 6\ncolumns = 2\ncount = 3", None),
        ("rows = 6\ncolumns = 2\ncount = 9", None),  # a tile holds one of them
    ],
)
def test_info_and_map_agree_on_what_is_short(small, tmp_path, crossbar, short):
    (tmp_path / "chip.toml").write_text(f"[grid]\nwidth = 2\nheight = 2\n[crossbar]\n{crossbar}\n")
    args = small / "ring.csv", "--hardware", tmp_path / "chip.toml"
    facts = json.loads(run("info", *args, "--json").stdout)["hardware"]
    assert (facts["fits"], short in (facts["short"] or "") if short else facts["short"]) == (
        (False, True) if short else (None, None)
    )
    for how in ((), ("--stages",)):
        done = run("map", *args, *how, "--time-limit", 10, "--quiet")
        assert done.returncode == (3 if short else 0), done.stdout + done.stderr
        assert short is None or short in done.stdout


def test_require_proof(tmp_path):
    """Twelve units and a heuristic alone: too many to enumerate, too tangled to count."""
    pairs = [(a, b) for a in range(12) for b in range(12) if (7 * a + 5 * b + a * b) % 4 == 1 and a != b]
    (tmp_path / "net.csv").write_text("pre,post\n" + "".join(f"{a},{b}\n" for a, b in pairs))
    (tmp_path / "chip.toml").write_text("[grid]\nwidth = 2\nheight = 2\n[crossbar]\nrows = 12\ncolumns = 4\n")
    args = ("map", tmp_path / "net.csv", "--hardware", tmp_path / "chip.toml", "--stages", "--solver", "none")
    assert run(*args).returncode == 0
    assert run(*args, "--require-proof").returncode == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_still_delivers(tmp_path, number):
    """A dense random network cannot be closed in seconds; the signal must bring out the best so far."""
    rng = np.random.default_rng(0)
    pre, post = np.nonzero(rng.random((120, 120)) < 0.15)
    (tmp_path / "net.csv").write_text("pre,post\n" + "".join(f"{a},{b}\n" for a, b in zip(pre, post, strict=True)))
    (tmp_path / "chip.toml").write_text("[grid]\nwidth = 5\nheight = 5\n[crossbar]\nrows = 64\ncolumns = 8\n")
    command = [
        sys.executable,
        "-m",
        "spinemap_exact",
        "map",
        tmp_path / "net.csv",
        "--hardware",
        tmp_path / "chip.toml",
    ]
    command += ["--time-limit", "600", "--json", "--out", tmp_path / "out"]
    process = subprocess.Popen(
        [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    for line in process.stderr:
        if "mapping: " in line and "incumbent" in line:
            break
    time.sleep(1.0)
    process.send_signal(number)
    out, _ = process.communicate(timeout=120)
    result = json.loads(out)
    assert result["objective"] is not None
    assert (tmp_path / "out" / "mapping.json").exists()
    assert process.returncode == 0


def test_invalid_input_is_a_value_error():
    assert issubclass(InvalidInput, ValueError)


@pytest.fixture
def two_types(tmp_path):
    """Two units that exchange 9 + 4 spikes, on small crossbars of area 2 or a large one of area 6."""
    table = {"num_neurons": 2, "num_inputs": 0, "spikes": [9, 4], "fan_in": [[1], [0]]}
    table["crossbars"] = [{"rows": 1, "columns": 1, "area": 2}, {"rows": 2, "columns": 2, "area": 6, "count": 1}]
    path = tmp_path / "two.json"
    path.write_text(json.dumps(table))
    return path


def test_area_then_packets_proves_both(two_types, tmp_path):
    certificate = tmp_path / "two.certificate"
    options = ("--problem", "partition", "--objective", "area-then-packets", "--workers", 1)
    done = run("solve", two_types, *options, "--certificate", certificate, "--json", "--require-proof")
    result = json.loads(done.stdout)

    # two small crossbars take area 4, so both nets are cut
    assert (done.returncode, result["status"]) == (0, "OPTIMAL")
    assert {name: (s["objective"], s["dual_bound"], s["measure"]) for name, s in result["stages"].items()} == {
        "area": (4, 4, "area"),
        "packets": (13, 13, "packets"),
    }
    assert all(s["vouched_by"]["trust"] == "verified" for s in result["stages"].values())
    assert result["solution"]["crossbar_of_cluster"] == [0, 0]
    for path, asked in ((tmp_path / "two.area.certificate", "--objective area"), (certificate, "--max-area 4")):
        checked = run("check", two_types, path)
        assert checked.returncode == 0, checked.stderr
        assert f"asked with --problem partition {asked}\n" in checked.stdout
    # without a limit on area one large crossbar is chosen
    free = run("solve", two_types, "--problem", "partition", "--json")
    assert json.loads(free.stdout)["objective"] == 0
    words = run("solve", two_types, *options).stdout
    assert "area: OPTIMAL" in words and "packets: OPTIMAL" in words


def test_area_then_packets_without_room_is_infeasible(two_types):
    options = ("--problem", "partition", "--objective", "area-then-packets")
    done = run("solve", two_types, *options, "--max-area", 3, "--json")
    assert done.returncode == 3
    assert list(json.loads(done.stdout)["stages"]) == ["area"]

    wrong = run("solve", two_types, "--problem", "unroll", "--objective", "area-then-packets")
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1


def test_an_engine_that_contradicts_itself_is_a_sentence(small, monkeypatch, capsys):
    def lie(problem, watch, warm_start=None):
        raise EngineDefect("an engine claims the bound 3 above a solution of cost 2")

    monkeypatch.setattr(solvers, "load", lambda kind, name: lie)
    (small / "items.txt").write_text("2\n3\n2\n2\n")
    status = main(["solve", str(small / "items.txt"), "--problem", "packing", "--solver", "patterns"])
    assert status == 4  # nothing is claimed, nothing rejected
    said = capsys.readouterr().err
    assert said.endswith("spinemap-exact: no result: an engine claims the bound 3 above a solution of cost 2\n")
    assert "Traceback" not in said

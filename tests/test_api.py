"""The library from a prompt: what is public, what its documentation shows, and what it says to a wrong type."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import spinemap_exact
from spinemap_exact import (
    Crossbar,
    Hardware,
    InvalidInput,
    Limits,
    Mapping,
    Network,
    Partition,
    Placement,
    Population,
    SpinemapError,
    TileGrid,
    Unrolling,
    WrongType,
    evaluate,
    map_by_stages,
    map_network,
    pareto_front,
    read_hardware,
)
from spinemap_exact.errors import MissingExtra
from spinemap_exact.io.mapping_file import read_mapping
from spinemap_exact.io.run_folder import read_manifest
from spinemap_exact.result import Status

QUICK = Limits(time_s=5, workers=1)
CHIP = Hardware("chip", TileGrid(2, 1), Crossbar(rows=4, columns=2))
ROW = Network.from_synapses(pre=[0, 1], post=[1, 2], spikes=[2, 5, 0])
PUBLIC = [getattr(spinemap_exact, name) for name in spinemap_exact.__all__]
DOCUMENTED = [thing for thing in PUBLIC if not (inspect.isclass(thing) and issubclass(thing, SpinemapError))]


@pytest.fixture(scope="module")
def run():
    # either the first neuron stands alone (2 packets over 1 hop) or the last (5): 2 x (1 + 1) is the least
    return map_network(ROW, CHIP, limits=QUICK)


def test_what_is_public_is_what_is_listed():
    assert sorted(spinemap_exact.__all__) == spinemap_exact.__all__
    assert set(spinemap_exact.__all__) <= set(dir(spinemap_exact))
    assert "import_module" not in dir(spinemap_exact)
    with pytest.raises(AttributeError, match="has no attribute 'map_netwrk'"):
        _ = spinemap_exact.map_netwrk


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import spinemap_exact", ["numpy", "ortools", "numba"]),
        ("import spinemap_exact; spinemap_exact.instances.load('layered-16-24-8')", ["ortools", "numba", "pandas"]),
        ("from spinemap_exact import Hardware, Limits, Mapping, Network", ["ortools", "numba", "networkx", "pandas"]),
    ],
)
def test_nothing_is_imported_before_it_is_needed(statement, absent):
    code = f"{statement}\nimport sys\nprint([name for name in {absent} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("thing", DOCUMENTED, ids=lambda thing: thing.__name__)
def test_what_is_public_is_documented_with_an_example(thing):
    text = inspect.getdoc(thing)
    assert "Examples\n--------\n" in text
    if inspect.isfunction(thing):
        assert "Parameters\n----------\n" in text and "Raises\n------\n" in text
        assert "Returns\n-------\n" in text or thing.__annotations__["return"] == "None"


@pytest.mark.parametrize("thing", [spinemap_exact, *DOCUMENTED], ids=lambda thing: thing.__name__)
def test_examples_run(thing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = vars(sys.modules[getattr(thing, "__module__", thing.__name__)])
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder(recurse=inspect.isclass(thing)).find(thing, globs=dict(known)):
        runner.run(example)
    assert runner.tries > 0 and runner.failures == 0


def test_names_and_paths_stand_for_networks_and_hardware(tmp_path):
    network, hardware = tmp_path / "row.csv", tmp_path / "chip.toml"
    network.write_text("pre,post\n0,1\n1,2\n")
    hardware.write_text("[grid]\nwidth = 2\nheight = 1\n[crossbar]\nrows = 4\ncolumns = 2\n")
    for given in ((network, hardware), (str(network), str(hardware))):
        run = map_network(*given, limits=QUICK)
        assert run.stages[0].result.objective == 2  # one spike each: one packet over one hop
        assert "note: no spike counts were given" in run.summary()
        assert "one spike each assumed" in repr(run)
    assert map_by_stages(network, hardware, limits=QUICK, last_stage="unroll").notes
    assert map_network(ROW, "generic-16x16", limits=QUICK, solver="none").hardware.name == "generic-16x16"
    assert map_network("layered-16-24-8", limits=QUICK, solver="none").network.num_neurons == 48


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: map_network(5, CHIP), "network must be a Network, the path of one, .* not int"),
        (lambda: map_network(np.eye(3), CHIP), r"\(Network.from_matrix makes one\), not ndarray"),
        (lambda: map_by_stages(ROW, 5), "hardware must be a Hardware, the name of a preset, .* not int"),
        (lambda: pareto_front(None, CHIP, "crossbars"), "network must be .* not NoneType"),
        (lambda: map_network(ROW, CHIP, limits=60), r"such as Limits\(time_s=60\), not int"),
        (lambda: Limits(time_s="60"), "time_s must be a number of seconds, or None, not str"),
        (lambda: Limits(workers=2.0), "workers must be a whole number, not float"),
        (lambda: Crossbar("32", 32), "rows must be a whole number, not str"),
        (lambda: TileGrid(4, 4.0), "height must be a whole number, not float"),
        (lambda: Hardware("chip", (4, 4), Crossbar(32, 32)), "grid must be a TileGrid, not tuple"),
        (lambda: Hardware("chip", TileGrid(4, 4), (32, 32)), "a crossbar must be a Crossbar, not int"),
        (lambda: Hardware("chip", TileGrid(4, 4), 32), "a crossbar must be a Crossbar, not int"),
        (lambda: Hardware("chip", TileGrid(4, 4), Crossbar(32, 32), {}), "costs must be a CostModel, not dict"),
        (lambda: read_hardware(5), "hardware must be the name of a preset or the path of a TOML file, not int"),
        (lambda: evaluate(ROW, "generic-16x16", None), "hardware must be a Hardware, not str"),
        (lambda: evaluate(ROW, CHIP, None), "mapping must be a Mapping, not NoneType"),
        (lambda: Mapping([0], Partition([0]), Placement([0])), "unrolling must be a Unrolling, not list"),
    ],
)
def test_a_wrong_type_is_told_what_was_expected(call, text):
    with pytest.raises(WrongType, match=text) as caught:
        call()
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: map_network(ROW), "hardware is missing: a Hardware, a TOML file, or one of dynapse-like, "),
        (lambda: map_network(ROW, CHIP, minimise="energi"), "objective 'energi'; did you mean 'energy'"),
        (lambda: map_network(ROW, CHIP, traffic="per tile"), "unknown traffic 'per tile'; did you mean 'per-tile'"),
        (lambda: map_network("nowhere.csv", CHIP), "cannot read nowhere.csv"),
    ],
)
def test_a_wrong_word_is_told_which_are_known(call, text):
    with pytest.raises(InvalidInput, match=text):
        call()


def test_numbers_of_numpy_make_the_same_hardware():
    four, two = np.int64(4), np.uint8(2)
    same = Hardware("chip", TileGrid(two, np.int32(1)), [Crossbar(four, two)])
    assert same == CHIP and same.digest == CHIP.digest


def test_results_say_what_they_are_in_a_line(run):
    assert repr(run) == "<MappingRun OPTIMAL: energy 4 fJ, at least 4 fJ, gap 0.0 %>"
    assert repr(run.stages[0]).startswith("<Stage mapping: energy 4 fJ, at least 4 fJ, gap 0.0 %; ")
    assert repr(run.stages[0].result).startswith("<SolveResult OPTIMAL: objective 4, dual bound 4; ")
    assert repr(run.evaluation()).startswith("<Evaluation: 4 fJ a window, 2 packets, 2 spike-hops, ")
    assert repr(run.mapping) == "<Mapping: 3 units in 2 clusters on tiles>"
    assert repr(run.network) == "<Network: 3 neurons, 2 synapses, 7 spikes>"
    assert repr(CHIP) == "<Hardware chip: 2x1 tiles, crossbars 4x2>"
    short = map_network(ROW, Hardware("dot", TileGrid(1, 1), Crossbar(4, 2)), limits=QUICK)
    assert repr(short).startswith("<MappingRun INFEASIBLE: the network needs at least 2 crossbars")
    everything = (run, run.mapping.unrolling, run.mapping.partition, run.mapping.placement, short)
    assert all("\n" not in repr(thing) and len(repr(thing)) < 160 for thing in everything)


def test_what_a_notebook_shows_is_escaped_and_runs_nothing(run):
    shown = replace(run, notes=("<script>alert(1)</script>",))._repr_html_() + run.evaluation()._repr_html_()
    assert "<script" not in shown and "&lt;script&gt;alert(1)" in shown
    assert "<td>4 fJ</td>" in shown and "4 fJ a window" in shown


def test_a_run_is_saved_as_map_writes_it(run, tmp_path):
    folder = run.save(tmp_path / "run", name="three in a row")
    assert set(read_manifest(folder)["files"]) >= {
        "mapping.json", "mapping.csv", "partition.json", "report.html", "result.json", "evaluation.json", "summary.txt"
    }  # fmt: skip
    assert read_manifest(folder)["state"] == "done"
    for file in ("mapping.json", "mapping.csv"):
        assert evaluate(ROW, CHIP, read_mapping(folder / file, ROW, CHIP)).energy_fj.total == 4
    assert "three in a row on chip" in (folder / "report.html").read_text()
    assert (folder / "summary.txt").read_text().startswith(run.summary())
    with pytest.raises(InvalidInput, match=r"holds run.json of another run.*force=True"):
        run.save(folder)
    run.save(folder, force=True)


def test_a_run_without_a_mapping_is_saved_as_far_as_it_came(tmp_path):
    stages = map_by_stages(ROW, CHIP, limits=QUICK, last_stage="partition")
    files = read_manifest(stages.save(tmp_path / "partition"))["files"]
    assert "partition.json" in files and "mapping.json" not in files
    short = map_network(ROW, Hardware("dot", TileGrid(1, 1), Crossbar(4, 2)), limits=QUICK)
    assert short.status is Status.INFEASIBLE
    assert "report.html" in read_manifest(short.save(tmp_path / "short"))["files"]


def test_a_plot_shows_clusters_and_the_packets_of_links(run):
    pytest.importorskip("plotly")
    tiles, link = run.plot().data
    # the first neuron alone on its tile, the other two together; 2 packets between them, whichever way they lie
    assert sorted(tiles.z[0]) == [1, 2]
    assert [text for text in link.text if text] in (["2 packets east"], ["2 packets west"])
    assert link.x[0] + 1 == link.x[2] or link.x[0] - 1 == link.x[2]
    short = map_network(ROW, Hardware("dot", TileGrid(1, 1), Crossbar(4, 2)), limits=QUICK)
    with pytest.raises(InvalidInput, match="there is no mapping to draw: INFEASIBLE"):
        short.plot()


def test_without_plotly_a_plot_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(MissingExtra, match=r"a plot needs the package plotly: pip install 'spinemap-exact\[viz\]'"):
        run.plot()


def test_tables_of_pandas(run):
    pandas = pytest.importorskip("pandas")
    names = Network.from_synapses(
        [0, 1], [1, 2], [2, 5, 0], populations=[Population("b", 1, 2), Population("all", 0, 3)]
    )
    # neuron 1 reads neuron 0 in unit 2, which hands its sum to unit 1, on the other tile
    unrolling = Unrolling([2, 3], [0, 1, 1, 2], [-1, -1, 1, -1])
    mapping = Mapping(unrolling, Partition([0, 1, 0, 1]), Placement([3, 4]))
    table = replace(
        run, network=names, hardware=Hardware("chip", TileGrid(3, 2), Crossbar(4, 2)), mapping=mapping
    ).to_frame()
    assert table.index.name == "unit" and table.columns.tolist() == [
        "neuron", "name", "population", "parent", "cluster", "tile", "x", "y", "column", "rows", "sources"
    ]  # fmt: skip
    assert table.loc[2].fillna("-").tolist() == [1, "b", "all", 1, 0, 3, 0, 1, 1, "0", "0"]
    assert table.loc[3].fillna("-").tolist() == [2, "all[2]", "all", "-", 1, 4, 1, 1, 1, "0", "1"]
    (line,) = run.evaluation().to_frame().to_dict("records")
    assert (line["energy_total_fj"], line["energy_hop_fj"], line["packets"], line["traffic"]) == (4, 2, 2, "per-tile")
    assert pandas.concat([run.evaluation().to_frame()] * 2).shape[0] == 2


def test_without_pandas_a_table_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match="a data frame needs the package pandas: pip install pandas"):
        run.to_frame()


def test_a_front_is_drawn():
    front = pareto_front(ROW, Hardware("chip", TileGrid(3, 1), Crossbar(4, 2)), "crossbars", limits=QUICK)
    assert front.to_frame()["energy_fj"].tolist()[-1] == 4
    assert repr(front).startswith("<Front ") and "<td>2</td>" in front._repr_html_()
    pytest.importorskip("plotly")
    found, _ = front.plot().data
    assert found.y[-1] == 4 and found.x[0] == 2  # two crossbars suffice, and no more are worth it


def test_a_mapping_by_hand_is_priced():
    mapping = Mapping(Unrolling.identity(ROW), Partition([0, 0, 1]), Placement([1, 0]))
    assert evaluate(ROW, CHIP, mapping).energy_fj.total == 10  # 5 packets over one hop

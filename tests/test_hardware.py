"""Hardware: presets, the file format, and what it refuses."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from spinemap_exact.errors import InvalidInput, InvalidInstance
from spinemap_exact.hardware import (
    CostModel,
    Crossbar,
    Hardware,
    TileGrid,
    parse_hardware,
    preset_names,
    read_hardware,
)

SMALLEST = """
[grid]
width = 3
height = 2
[crossbar]
rows = 4
columns = 5
"""


def test_the_presets_are_those_promised():
    assert set(preset_names()) == {
        "loihi",
        "truenorth",
        "dynapse-like",
        *(f"generic-{size}x{size}" for size in (16, 32, 64, 128, 256)),
    }


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_parses_under_its_own_name(name):
    hardware = read_hardware(name)
    assert hardware.name == name
    assert hardware.grid.num_tiles >= 4


@pytest.mark.parametrize("name", preset_names())
def test_every_constant_of_a_preset_says_where_it_comes_from(name):
    text = (resources.files("spinemap_exact") / "presets" / f"{name}.toml").read_text()
    silent = [
        line
        for line in text.splitlines()
        if "=" in line and "#" not in line and not line.startswith(("name", "source", "height"))
    ]
    assert not silent
    assert tomllib.loads(text)["source"]


def test_loihi_has_the_costs_of_its_paper():
    # Davies et al. 2018, Table 2: 1.7 pJ in a tile, 3.0 and 4.0 pJ a hop, 23.6 pJ a synaptic operation
    costs = read_hardware("loihi").costs
    assert (costs.packet_fj, costs.hop_x_fj, costs.hop_y_fj, costs.synapse_fj) == (1700, 3000, 4000, 23600)
    assert (costs.packet_ps, costs.hop_x_ps, costs.hop_y_ps) == (2100, 4100, 6500)


def test_defaults_are_unit_costs_on_one_kind_of_crossbar():
    hardware = parse_hardware(SMALLEST, default_name="tiny")
    assert str(hardware) == "tiny: 3x2 tiles, crossbars 4x5"
    assert hardware.costs == CostModel()
    assert (hardware.crossbar.area, hardware.crossbar.count) == (20, None)


def test_tiles_are_numbered_along_rows():
    grid = TileGrid(3, 2)
    assert [(int(grid.x[t]), int(grid.y[t])) for t in range(grid.num_tiles)] == [
        (t % 3, t // 3) for t in range(6)
    ]  # fmt: skip


def test_hop_is_short_for_both_directions():
    costs = parse_hardware(SMALLEST + '[energy]\nhop = "1.7 pJ"\n[latency]\nhop_x = "2 ns"').costs
    assert (costs.hop_x_fj, costs.hop_y_fj) == (1700, 1700)
    assert (costs.hop_x_ps, costs.hop_y_ps) == (2000, 1)  # what is not given keeps its default of one


def test_several_crossbar_types_fill_the_tiles():
    text = "[grid]\nwidth = 2\nheight = 2\n" + "".join(
        f"[[crossbar]]\nrows = {size}\ncolumns = {size}\ncount = {count}\n" for size, count in ((8, 3), (16, 1))
    )
    hardware = parse_hardware(text)
    assert not hardware.is_uniform
    assert hardware.max_rows == 16
    with pytest.raises(InvalidInput, match="2 crossbar types"):
        _ = hardware.crossbar


def test_a_file_is_read_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SMALLEST)
    assert read_hardware(path).name == "mine"
    assert read_hardware(str(path)).digest == parse_hardware(SMALLEST, "another name").digest  # names do not count


def test_digests_tell_hardware_apart():
    texts = [SMALLEST, SMALLEST.replace("rows = 4", "rows = 5"), SMALLEST + "[energy]\npacket = 2", "io_tile"]
    texts[3] = SMALLEST.replace("height = 2", "height = 2\nio_tile = 0")
    assert len({parse_hardware(t).digest for t in texts}) == 4


MALFORMED = {
    "not toml": ("[grid", "hardware file bad"),
    "no tables": ("", r"needs the tables \[grid\] and \[crossbar\]"),
    "no crossbar": ("[grid]\nwidth = 1\nheight = 1", r"needs the tables \[grid\] and \[crossbar\]"),
    "empty crossbar list": ("crossbar = []\n[grid]\nwidth = 1\nheight = 1", "names no crossbar"),
    "grid is a number": ("grid = 3\n[crossbar]\nrows = 1\ncolumns = 1", r"grid is 3, not a table \[grid\]"),
    "no height": (SMALLEST.replace("height = 2", ""), r"\[grid\] is incomplete .*height"),
    "no columns": (SMALLEST.replace("columns = 5", ""), r"\[crossbar\] is incomplete .*columns"),
    "zero rows": (SMALLEST.replace("rows = 4", "rows = 0"), "crossbar of 0 rows and 5 columns holds nothing"),
    "negative columns": (SMALLEST.replace("columns = 5", "columns = -1"), "4 rows and -1 columns holds nothing"),
    "no tiles": (SMALLEST.replace("width = 3", "width = 0"), "a mesh of 0 x 2 has no tiles"),
    "float rows": (SMALLEST.replace("rows = 4", "rows = 4.0"), "crossbar rows is 4.0, not an integer"),
    "bool rows": (SMALLEST.replace("rows = 4", "rows = true"), "crossbar rows is True, not an integer"),
    "text width": (SMALLEST.replace("width = 3", 'width = "3"'), "grid width is '3', not an integer"),
    "negative area": (SMALLEST + "area = -1", "crossbar area -1 is negative"),
    "zero count": (SMALLEST + "count = 0", "crossbar count 0 is below one"),
    "unknown key": (SMALLEST + "depth = 2", r"unknown entry 'depth' in \[crossbar\]"),
    "unknown table": (SMALLEST + "[power]\nwatts = 2", "unknown entry 'power'"),
    "unknown energy": (SMALLEST + "[energy]\nrouter = 2", r"unknown entry 'router' in \[energy\]; known: hop, hop_x"),
    "io tile outside": (SMALLEST.replace("height = 2", "height = 2\nio_tile = 6"), r"I/O tile 6 lies outside 0 ... 5"),
    "energy is a number": ("energy = 3\n" + SMALLEST, r"energy is 3, not a table \[energy\]"),
    "cost is a list": (SMALLEST + "[energy]\nhop = [1]", r"energy \[1\] is not a number with a unit"),
    "cost is a bool": (SMALLEST + "[energy]\nhop = true", "energy True is not a number with a unit"),
    "unknown unit": (SMALLEST + '[energy]\nhop = "1.7 eV"', "no known unit"),
    "no number": (SMALLEST + '[energy]\nhop = "many pJ"', "not a number with a unit"),
    "too fine": (SMALLEST + '[energy]\nhop = "0.0001 pJ"', "not a whole number of fJ"),
    "fractional": (SMALLEST + "[latency]\nhop = 0.5", "not a whole number of ps"),
    "negative cost": (SMALLEST + "[latency]\nhop = -1", "lies outside 0"),
    "infinite cost": (SMALLEST + "[energy]\npacket = inf", "not a whole number"),
    "cost that is no number": (SMALLEST + "[energy]\npacket = nan", "not a whole number"),
    "cost beyond floats": (SMALLEST + "[energy]\npacket = 1e400", "not a whole number"),
    "text beyond floats": (SMALLEST + '[latency]\npacket = "1e400 s"', "lies outside 0"),
    "text beyond decimals": (SMALLEST + '[latency]\npacket = "1e9999999999999999999 s"', "not a number with a unit"),
    "digits beyond rounding": (SMALLEST + f'[latency]\npacket = "1.{"0" * 30}1 ps"', "not a whole number of ps"),
    "too many digits": (SMALLEST + f"[latency]\npacket = {'9' * 5000}", "hardware file bad"),
    "too many brackets": ("x = " + "[" * 5000, "hardware file bad"),
    "too many tiles": (SMALLEST.replace("width = 3", "width = 1000000000"), "1000000000 x 2 tiles is beyond anything"),
    "too many rows": (SMALLEST.replace("rows = 4", "rows = 1000000001"), "1000000001x5 lie beyond anything"),
    "too many crossbars": (SMALLEST + "count = 1000000001", "4x5 lie beyond anything"),
    "too much area": (SMALLEST + f"area = {10**15 + 1}", "area 1000000000000001 lies beyond"),
    "dotted width": (SMALLEST.replace("width = 3", "width" + ".a" * 5000 + " = 3"), "nested too deeply in one line"),
    "nan width": (SMALLEST.replace("width = 3", "width = nan"), "grid width is nan, not an integer"),
    "overflowing cost": (SMALLEST + '[energy]\npacket = "10000 J"', "lies outside 0"),
}


@pytest.mark.parametrize(("text", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_hardware_names_the_culprit(text, message):
    with pytest.raises(InvalidInput, match=message):
        parse_hardware(text, default_name="bad")


def test_an_unknown_preset_lists_those_there_are():
    with pytest.raises(
        InvalidInput, match=r"unknown hardware preset 'loihi3'; did you mean 'loihi'\? Known: dynapse-like"
    ):
        read_hardware("loihi3")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(InvalidInput, match=r"cannot read .*nowhere\.toml: No such file"):
        read_hardware(tmp_path / "nowhere.toml")


def test_a_binary_file_is_refused(tmp_path: Path):
    path = tmp_path / "noise.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match=r"noise\.toml is not a text file"):
        read_hardware(path)


def test_counts_of_crossbars_must_fill_the_tiles_exactly():
    types = Crossbar(8, 8, count=3), Crossbar(16, 16, count=1)
    assert Hardware("chip", TileGrid(2, 2), types).crossbars == types
    with pytest.raises(InvalidInstance, match="has 4 crossbars on 6 tiles"):
        Hardware("chip", TileGrid(3, 2), types)
    with pytest.raises(InvalidInstance, match="each needs a count"):
        Hardware("chip", TileGrid(2, 2), (Crossbar(8, 8), Crossbar(16, 16, count=1)))


@pytest.mark.parametrize("value", [-1, 2**63, 1.5])
def test_costs_are_integers_that_fit(value):
    assert CostModel(packet_fj=2**63 - 1).packet_fj == 2**63 - 1
    with pytest.raises(InvalidInstance, match="cost packet_fj is"):
        CostModel(packet_fj=value)

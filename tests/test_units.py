"""Units: decimal digits in, integers inside."""

from __future__ import annotations

import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.units import duration_text, energy_text, femtojoules, picoseconds


@pytest.mark.parametrize(
    ("text", "fj"),
    [
        ("1.7 pJ", 1700),
        ("0.1 nJ", 100_000),
        (" 3  fJ ", 3),
        (5, 5),
        (5.0, 5),
        (0, 0),
        ("1e-12 J", 1000),
        ("1 uJ", 10**9),
    ],
)
def test_energies_are_whole_femtojoules(text, fj):
    # 1.001 is no binary fraction: 1.001 * 1000 is 1000.9999999999999 in floats
    assert femtojoules(text) == fj


def test_the_largest_quantity_is_that_of_int64():
    assert picoseconds(2**63 - 1) == 2**63 - 1
    with pytest.raises(InvalidInput, match="lies outside"):
        picoseconds(2**63)


@pytest.mark.parametrize("value", ["1.7pJ", "1.7", "pJ", "", "nan pJ", "0.5 fJ", "-1 pJ", float("nan"), None])
def test_what_is_no_energy_is_refused(value):
    with pytest.raises(InvalidInput, match="energy"):
        femtojoules(value)


def test_texts_choose_the_largest_unit_that_fits():
    assert energy_text(1700) == "1.7 pJ"
    assert energy_text(999) == "999 fJ"
    assert energy_text(0) == "0 fJ"
    assert duration_text(1_500_000) == "1.5 us"

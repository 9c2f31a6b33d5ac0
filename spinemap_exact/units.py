"""Physical units: integers inside, floats only in files and on screen."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import shown

INT64_MAX = 2**63 - 1

_FEMTOJOULES = {"fJ": 1, "pJ": 10**3, "nJ": 10**6, "uJ": 10**9, "mJ": 10**12, "J": 10**15}
_PICOSECONDS = {"ps": 1, "ns": 10**3, "us": 10**6, "ms": 10**9, "s": 10**12}


def femtojoules(value: float | str) -> int:
    """Return an energy in fJ: ``"1.7 pJ"`` or a number of fJ."""
    return _quantity(value, _FEMTOJOULES, "energy")


def picoseconds(value: float | str) -> int:
    """Return a duration in ps: ``"2.1 ns"`` or a number of ps."""
    return _quantity(value, _PICOSECONDS, "duration")


def energy_text(fj: int) -> str:
    """Write an energy with a unit that suits its size."""
    return _text(fj, _FEMTOJOULES)


def energy_unit(fj: int) -> tuple[str, int]:
    """Return a unit that suits an energy, and its size in fJ."""
    return _unit(fj, _FEMTOJOULES)


def duration_unit(ps: int) -> tuple[str, int]:
    """Return a unit that suits a duration, and its size in ps."""
    return _unit(ps, _PICOSECONDS)


def duration_text(ps: float) -> str:
    """Write a duration with a unit that suits its size."""
    return _text(ps, _PICOSECONDS)


def printable(text: str) -> str:
    """Write what a terminal would obey, or could not show, as an escape; ends of lines stay."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def last_line(text: str) -> str:
    """Return the last line of a traceback or a message, to be printed."""
    return (printable(text.strip()).splitlines() or [""])[-1]


def _text(value: float, scale: dict[str, int]) -> str:
    unit, size = _unit(value, scale)
    if size == 1 and abs(value) < 1:
        return f"{value:g} {unit}"
    return f"{value / size:,.4g} {unit}" if value / size < 10_000 else f"{value / size:,.0f} {unit}"


def _unit(value: float, scale: dict[str, int]) -> tuple[str, int]:
    """The largest unit that does not exceed a value, or the smallest there is."""
    fitting = [(unit, size) for unit, size in scale.items() if abs(value) >= size]
    return fitting[-1] if fitting else next(iter(scale.items()))


def _quantity(value: float | str, scale: dict[str, int], what: str) -> int:
    if not isinstance(value, int | float | str):
        raise InvalidInput(f"{what} {shown(value)} is not a number with a unit")
    number, unit = (value, next(iter(scale))) if isinstance(value, int | float) else _split(value)
    if unit not in scale:
        raise InvalidInput(f"{what} {shown(value)} has no known unit; use one of {', '.join(scale)}")
    try:
        # decimal digits, not binary ones: 1.7 pJ is 1700 fJ exactly
        with localcontext(Context(prec=100, traps=[Inexact, InvalidOperation])):
            exact = Decimal(str(number)) * scale[unit]
    except (ArithmeticError, ValueError) as defect:
        raise InvalidInput(f"{what} {shown(value)} is not a number with a unit") from defect
    if not exact.is_finite() or exact != exact.to_integral_value():
        raise InvalidInput(f"{what} {shown(value)} is not a whole number of {next(iter(scale))}")
    if not 0 <= exact <= INT64_MAX:
        raise InvalidInput(f"{what} {shown(value)} lies outside 0 ... 2^63 - 1 {next(iter(scale))}")
    return int(exact)


def _split(text: str) -> tuple[str, str]:
    number, _, unit = text.strip().partition(" ")
    return number, unit.strip()

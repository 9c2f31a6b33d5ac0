"""Everything this package raises on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SpinemapError(Exception):
    """Base of all errors of this package; its text is one sentence that names the culprit."""


class InvalidInput(SpinemapError, ValueError):
    """A file, an option or a value given by the user cannot be used."""


class InvalidInstance(InvalidInput):
    """A network, hardware, mapping or problem contradicts itself."""


class WrongType(InvalidInput, TypeError):
    """A value is not of a type that can be used; the text says what is expected."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name} must be {expected}, not {type(value).__name__}")


class MissingExtra(InvalidInput):
    """An optional dependency is not installed; ``extra`` is None where the package itself is asked for."""

    def __init__(self, package: str, extra: str | None, purpose: str) -> None:
        wanted = package if extra is None else f"'spinemap-exact[{extra}]'"
        super().__init__(f"{purpose} needs the package {package}: pip install {wanted}")


class EngineDefect(SpinemapError):
    """An engine returned something that contradicts the model it was given."""


class CertificateRejected(SpinemapError):
    """The evidence of a certificate does not prove its claim.

    ``place`` is a path into the certificate, as in ``evidence.duals[3]``.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


class CertificateMalformed(SpinemapError, ValueError):
    """A file is not a certificate."""


def require_type(name: str, value: object, kind: type) -> None:
    """Refuse a value of another type.

    Raises
    ------
    WrongType
        If it is one.
    """
    if not isinstance(value, kind):
        raise WrongType(name, value, f"a {kind.__name__}")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that nothing is called ``name``, what may have been meant, and what there is.

    Examples
    --------
    >>> unknown("preset", "loihy", ["loihi", "truenorth"])
    "unknown preset 'loihy'; did you mean 'loihi'? Known: loihi, truenorth"
    """
    return f"unknown {what} {name!r}; {meant(name, known)}"


def meant(name: str, known: Iterable[str]) -> str:
    """Say which of the ``known`` names comes close to ``name``, if any does, and list them all."""
    known = list(known)
    there, lower = ", ".join(known), {k.lower(): k for k in reversed(known)}
    close = get_close_matches(name.lower(), lower, n=1)
    if close:
        return f"did you mean {lower[close[0]]!r}? Known: {there}"
    return f"known: {there}" if known else "there is none"

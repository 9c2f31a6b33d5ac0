"""Find solvers, heuristics and formulations by their place in the file tree.

A file ``<package>/<problem kind>/<name>.py`` is the entry ``<name>``, underscores written as hyphens, for that kind of
problem; a new file is a new entry. Names that start with an underscore are private helpers. Nothing is imported before
it is used.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

from spinemap_exact.errors import InvalidInput, unknown

KINDS = ("unroll", "packing", "partition", "placement", "mapping")


def names(package: ModuleType, kind: str) -> tuple[str, ...]:
    """Names of the entries of ``package`` for one kind of problem, sorted."""
    if kind not in KINDS:
        raise InvalidInput(unknown("problem", kind, KINDS))
    folders = [str(Path(root) / kind) for root in package.__path__]
    return tuple(sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(folders) if not m.name.startswith("_")))


def load(package: ModuleType, kind: str, name: str) -> ModuleType:
    """Import one entry.

    Raises
    ------
    InvalidInput
        If there is none of that name; the text lists those there are.
    """
    known = names(package, kind)
    if name not in known:
        what = package.__name__.rpartition(".")[2].removesuffix("s")
        raise InvalidInput(unknown(f"{kind} {what}", name, known))
    return import_module(f"{package.__name__}.{kind}.{name.replace('-', '_')}")

"""A heuristic that is no part of this package: a function of a user, and the file that it comes from."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from spinemap_exact.errors import InvalidInput, unknown

Function = Callable[..., Any]

SIGNATURE = "a heuristic is a function run(problem, watch), or run(problem, watch, start=None)"


@dataclass(frozen=True)
class Loaded:
    """A function and the SHA-256 of the file that was named."""

    function: Function
    source: str


def load_function(name: str) -> Loaded:
    """Import ``module:function`` or ``FILE.py:function`` and look whether it can be asked.

    A file may import what lies beside it. Only the file itself enters ``source``, not what it imports.

    Raises
    ------
    InvalidInput
        If the module cannot be imported, or has no such function, or the function takes other arguments.
    """
    place, _, attribute = name.rpartition(":")
    module = _module(place)
    if not callable(function := getattr(module, attribute, None)):
        functions = [n for n, value in vars(module).items() if inspect.isfunction(value)]
        raise InvalidInput(f"cannot load the heuristic {name!r}: {unknown('function', attribute, functions)}")
    try:
        inspect.signature(function).bind(None, None)
    except TypeError as defect:
        raise InvalidInput(f"cannot ask {name!r} ({defect}): {SIGNATURE}") from defect
    except ValueError:
        pass  # something compiled, that does not tell what it takes
    return Loaded(function, _digest(module))


@cache
def function_of(name: str, source: str) -> Function:
    """Return the function as it stood when its bench began; loaded once in a process.

    Raises
    ------
    InvalidInput
        If it cannot be loaded, or its file is another one by now.
    """
    loaded = load_function(name)
    if loaded.source != source:
        raise InvalidInput(f"the file of {name!r} has changed since this bench began; start it again")
    return loaded.function


def _module(place: str) -> ModuleType:
    folder = str(Path(place).resolve().parent) if place.endswith(".py") else ""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return _of_file(place) if folder else importlib.import_module(place)
    except (Exception, SystemExit) as defect:  # whatever a module may do when it is imported
        said = f"{type(defect).__name__}: {defect}"
        raise InvalidInput(f"cannot load the heuristics in {place!r}: {said}") from defect


def _of_file(place: str) -> ModuleType:
    name = f"_bench_{Path(place).stem}"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def _digest(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()

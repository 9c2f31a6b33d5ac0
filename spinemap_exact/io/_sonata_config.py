"""The configuration of a SONATA circuit: JSON files that name one another, with variables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_json_table, shown

CONFIGS = ("config.json", "circuit_config.json", "simulation_config.json")
_LONGEST_NAME, _LONGEST_PATH = 255, 4_000


@dataclass
class Config:
    """A configuration file: its table, with the variables of its manifest replaced."""

    path: Path
    table: dict[str, Any]
    variables: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Config:
        table = read_json_table(path)
        manifest = table.get("manifest", {})
        if not isinstance(manifest, dict):
            raise InvalidInput(f"{path}: manifest is not a table")
        if strange := [name for name, value in manifest.items() if not isinstance(value, str | int | float)]:
            raise InvalidInput(f"{path}: the variable {shown(strange[0])} of its manifest is no text")
        return cls(path, table, {name.strip("${}"): str(value) for name, value in manifest.items()})

    def list(self, *keys: str) -> list[dict[str, Any]]:
        found: Any = self.table
        for key in keys:
            found = found.get(key, {}) if isinstance(found, dict) else {}
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            if found == {}:
                return []
            raise InvalidInput(f"{self.path}: {'.'.join(keys)} is not a list of tables")
        return found

    def file(self, entry: dict[str, Any], key: str) -> Path:
        if not isinstance(entry.get(key), str):
            raise InvalidInput(f"{self.path} has an entry without {key}")
        return self.resolve(entry[key])

    def optional_file(self, entry: dict[str, Any], key: str) -> Path | None:
        return self.file(entry, key) if entry.get(key) not in (None, "NULL", "") else None

    def resolve(self, text: str) -> Path:
        """Paths are relative to the configuration that names them."""
        file = self.path.parent / self.expand(text)
        if not str(file).isprintable() or max(map(len, file.parts)) > _LONGEST_NAME or len(str(file)) > _LONGEST_PATH:
            raise InvalidInput(f"{self.path} names the file {shown(text)}, as no file can be called")
        return file

    def expand(self, text: str) -> str:
        for _ in range(10):  # variables may name variables
            if "$" not in text:
                return text
            for name in sorted(self.variables, key=len, reverse=True):
                for spelt in ("${" + name + "}", "$" + name):
                    if text.count(spelt) * len(self.variables[name]) > _LONGEST_PATH:
                        raise InvalidInput(f"{self.path}: the variable {shown(name)} of its manifest grows without end")
                    text = text.replace(spelt, self.variables[name])
        raise InvalidInput(f"{self.path} uses the variable in {shown(text)}, which its manifest does not define")


def configurations(path: Path) -> tuple[Config, Config | None]:
    """Find the circuit, and the simulation if one is named or stands beside the circuit in a folder."""
    beside = None
    if path.is_dir():
        found = [path / name for name in CONFIGS if (path / name).is_file()]
        if not found:
            raise InvalidInput(f"{path} is a folder without a SONATA {', '.join(CONFIGS)}")
        path, beside = found[0], next((p for p in found[1:] if p.name == CONFIGS[2]), None)
    main = Config.read(path)
    simulation = main if "run" in main.table or "output" in main.table else None
    if isinstance(main.table.get("simulation"), str):
        simulation = Config.read(main.resolve(main.table["simulation"]))
    elif simulation is None and beside is not None:
        simulation = Config.read(beside)
    circuit = main
    if isinstance(main.table.get("network"), str):
        circuit = Config.read(main.resolve(main.table["network"]))
    if not isinstance(circuit.table.get("networks"), dict):
        raise InvalidInput(f"{circuit.path} is no SONATA circuit: it has no table of networks")
    return circuit, simulation

"""However a file is damaged, it is read or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from damaged import SAMPLES, build, damaged

from spinemap_exact.errors import InvalidInput


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    build(folder)
    return folder


def read_or_refused(folder: Path, name: str, seeds: range) -> None:
    victim = folder / SAMPLES[name].file
    content = victim.read_bytes()
    try:
        for seed in seeds:
            victim.write_bytes(damaged(content, seed))
            try:
                SAMPLES[name].read(folder)
            except InvalidInput as refused:
                assert "\n" not in str(refused) and len(str(refused)) < 2000, seed
    finally:
        victim.write_bytes(content)


@pytest.mark.parametrize("name", SAMPLES)
def test_undamaged_files_are_read(samples: Path, name: str) -> None:
    assert SAMPLES[name].read(samples)


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_files_are_read_or_refused(samples: Path, name: str) -> None:
    read_or_refused(samples, name, range(3 if SAMPLES[name].is_slow else 40))


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_many_damaged_files_are_read_or_refused(samples: Path, name: str) -> None:
    read_or_refused(samples, name, range(40, 300))

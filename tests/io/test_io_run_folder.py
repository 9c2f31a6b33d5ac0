"""The folder of a run: whole files, one run at a time, nothing taken for what it is not."""

from __future__ import annotations

import json

import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io.run_folder import DONE, MANIFEST, RunFolder, read_manifest

NAMES = ("mapping.json", "log.txt")


def opened(path, **options):
    return RunFolder(path, NAMES, {"network": "abc"}, **options)


def test_the_manifest_names_the_run_and_its_files(tmp_path):
    folder = opened(tmp_path / "deep" / "out")
    begun = read_manifest(folder.path)
    folder.put_text("log.txt", "one")
    folder.close(DONE)
    ended = read_manifest(folder.path)

    assert (begun["network"], begun["state"], begun["files"]) == ("abc", "running", [])
    assert (ended["id"], ended["state"], ended["files"]) == (begun["id"], "done", ["log.txt"])
    assert sorted(p.name for p in folder.path.iterdir()) == ["log.txt", MANIFEST]


def test_another_run_is_refused_and_cleared_by_force(tmp_path):
    first = opened(tmp_path)
    first.put_text("mapping.json", "{}")
    first.close(DONE)
    (tmp_path / "mine.txt").write_text("of nobody's business")

    with pytest.raises(InvalidInput, match=r"holds run.json of another run: .* --force"):
        opened(tmp_path)
    assert read_manifest(tmp_path)["files"] == ["mapping.json"]  # refused without a trace

    second = opened(tmp_path, force=True)
    assert read_manifest(tmp_path)["files"] == ["mapping.json"]  # nothing is there to take its place
    second.put_text("log.txt", "one")
    assert (read_manifest(tmp_path)["files"], read_manifest(tmp_path)["state"]) == (["log.txt"], "running")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.txt", "mine.txt", MANIFEST]
    second.close(DONE)


def test_what_finds_nothing_clears_nothing(tmp_path):
    first = opened(tmp_path)
    first.put_text("mapping.json", "{}")
    first.close(DONE)

    opened(tmp_path, force=True).close(DONE)
    assert read_manifest(tmp_path)["files"] == ["mapping.json"]
    assert (tmp_path / "mapping.json").exists()


def test_a_file_without_a_manifest_is_of_another_run(tmp_path):
    (tmp_path / "mapping.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"holds mapping\.json of another run"):
        opened(tmp_path)


@pytest.mark.parametrize("force", [False, True])
def test_two_runs_never_write_to_one_folder(tmp_path, force):
    folder = opened(tmp_path)
    with pytest.raises(InvalidInput, match="another run is writing to"):
        opened(tmp_path, force=force)
    folder.close(DONE)


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    def half(path):
        path.write_text("ha")
        raise OSError(28, "No space left on device")

    folder = opened(tmp_path)
    folder.put_text("log.txt", "whole")
    with pytest.raises(InvalidInput, match=r"cannot write to .*: No space left on device"):
        folder.put("log.txt", half)
    folder.close(DONE)

    assert (tmp_path / "log.txt").read_text() == "whole"
    second = opened(tmp_path, force=True)
    second.put_text("mapping.json", "{}")
    second.close(DONE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mapping.json", MANIFEST]  # no half of a file lies about


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot write to"):
        opened(tmp_path / "file")
    with pytest.raises(InvalidInput, match="cannot write to"):
        opened(tmp_path / "file" / "below")


def test_a_manifest_of_another_version_is_not_read(tmp_path):
    opened(tmp_path).close(DONE)
    table = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps({**table, "version": 2}))
    with pytest.raises(InvalidInput, match="no spinemap-exact run of version 1"):
        read_manifest(tmp_path)

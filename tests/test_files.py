"""Files that are no files, too large, too deep, or cannot be written."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import tracemalloc
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import parse_json, parse_toml, read_bytes, read_text, shown, write_text, writing
from spinemap_exact.io._files import read_arrays, read_rows


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/tty0", "/"])
def test_only_regular_files_are_read(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name}"):
        read_text(Path(name))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="pipe is a device or pipe, not a file"):
        read_text(tmp_path / "pipe")


@pytest.mark.parametrize(("name", "packed"), [("a.txt", "text"), ("a.gz", "gzip")])
def test_the_limit_of_bytes(tmp_path: Path, name: str, packed: str) -> None:
    (tmp_path / name).write_bytes(b"x" * 100 if packed == "text" else gzip.compress(b"x" * 100))
    assert len(read_bytes(tmp_path / name, 100)) == 100
    with pytest.raises(InvalidInput, match=r"at most|more than the"):
        read_bytes(tmp_path / name, 99)


@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
def test_a_small_file_takes_little_memory(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(b"x" * 100) if name == "a.gz" else b"x" * 100)
    tracemalloc.start()
    read_bytes(tmp_path / name, 2**31)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24


@pytest.mark.parametrize("text", ["9" * 5000, "[" * 5000, "NaN", "-Infinity", '{"a": [Infinity]}'])
def test_json_that_nobody_can_use(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^some\.json is not JSON"):
        parse_json(text, "some.json")


@pytest.mark.parametrize(
    "text", ["a = " + "9" * 5000, "a = " + "[" * 5000, "a" + ".a" * 64 + " = 1", "a" + ".a" * 100_000 + " = 1"]
)
def test_toml_that_nobody_can_use(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^some\.toml"):
        parse_toml(text, "some.toml")
    assert parse_toml("a" + ".a" * 60 + " = 1", "some.toml")  # not one too deep


def test_long_values_are_cut() -> None:
    assert len(shown("x" * 1000)) < 100
    assert len(shown(int("9" * 4000))) < 100


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('a,b\n"c,d\n', "line 2 of .* cannot be read as a table: unexpected end of data"),
        ('a,b\n"c\nd",e\n', "line 2 of .* opens a quotation mark that it does not close"),
        ("a," + "x" * 200_000, "line 1 of .* cannot be read as a table: field larger than field limit"),
        ("a,b\n\0,c\n", "is not a text file in UTF-8: it contains zero bytes"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InvalidInput, match=reason):
        list(read_rows(tmp_path / "t.csv", ","))


def header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    file = BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(
    ("shape", "kind", "reason"),
    [
        ((2**45,), "<f8", "is truncated"),  # promised, not there
        ((0, 2**45), "<f8", r"unpacks to 262,144\.0 GiB of numbers; at most 2\.0 GiB are read"),  # columns of no rows
        ((2**45,), "<V0", "unpacks to"),
        ((-1,), "<f8", "is truncated"),
        ((2,), "|O", "is truncated or not an archive"),  # only unpickling would bring it back
    ],
)
def test_sizes_of_arrays_are_read_before_them(tmp_path: Path, shape: tuple[int, ...], kind: str, reason: str) -> None:
    (tmp_path / "a.npy").write_bytes(header(shape, kind) + bytes(16))
    with pytest.raises(InvalidInput, match=reason):
        read_arrays(tmp_path / "a.npy", "an archive")


def test_an_archive_that_unpacks_to_three_gigabytes(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", header((2**28,)))
    content = (tmp_path / "a.npz").read_bytes()
    size = len(header((2**28,))).to_bytes(4, "little")
    # the sizes that the directory at the end promises; 3 * 2^30 = 0xc0000000
    place = content.rindex(size)
    (tmp_path / "a.npz").write_bytes(content[:place] + (3 * 2**30).to_bytes(4, "little") + content[place + 4 :])
    with pytest.raises(InvalidInput, match=r"unpacks to 3\.0 GiB of numbers; at most 2\.0 GiB are read"):
        read_arrays(tmp_path / "a.npz", "an archive")


def test_what_is_written_halfway_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    with pytest.raises(KeyError), writing(tmp_path / "a") as file:
        file.write(b"new")
        raise KeyError
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [("a", "old")]


def test_a_full_disk(tmp_path: Path) -> None:
    """The size of files is limited, as a quota does, in a process of its own."""
    write_text(tmp_path / "a", "old")
    code = (
        "import resource, sys; from spinemap_exact.files import write_text\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); write_text(sys.argv[1], 'x' * 5000)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a"], capture_output=True, text=True, check=False)
    assert re.search(r"InvalidInput: cannot write .*: File too large", done.stderr)
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [("a", "old")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_device_is_written_to_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(InvalidInput, match=r"cannot write .*full: No space left on device"):
        write_text(tmp_path / "full", "x")
    assert (tmp_path / "full").is_symlink()


def test_links_and_modes_stay(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    (tmp_path / "a").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "a").read_text() == "new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600

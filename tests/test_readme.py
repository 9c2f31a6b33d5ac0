"""What the README shows must run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_the_library_examples_run(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    assert blocks
    known: dict[str, object] = {}  # a block goes on from those before it
    for block in blocks:
        exec(compile(block, page, "exec"), known)
    assert "vouched for by" in capsys.readouterr().out


def test_every_verb_is_listed():
    from spinemap_exact.cli.options import parser

    verbs = re.findall(r"^    (\w+) {2,}\S", parser().format_help(), flags=re.MULTILINE)
    assert len(verbs) >= 6
    assert [verb for verb in verbs if f"| `{verb} " not in README] == []

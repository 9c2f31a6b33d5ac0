"""What the README shows must run."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_library_example_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert "vouched for by" in capsys.readouterr().out


def test_every_verb_is_listed():
    from spinemap_exact.cli.options import parser

    verbs = re.findall(r"^    (\w+) {2,}\S", parser().format_help(), flags=re.MULTILINE)
    assert len(verbs) >= 6
    assert [verb for verb in verbs if f"| `{verb} " not in README] == []

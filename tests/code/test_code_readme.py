"""The examples of the plugin's README run and print what the README says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import textgrad_code
from textgrad_code.problem_file import load_problem
from textgrad_code.verdict import WORDS

README = Path(textgrad_code.__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
PRINTED = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", range(len(PRINTED)))
def test_example_prints_what_is_shown(example: int) -> None:
    program, printed = PRINTED[example]
    paths = f"import sys; sys.path[:0] = {sys.path!r}\n"
    ran = subprocess.run(
        [sys.executable, "-c", paths + program], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == printed.strip()


def test_the_readme_has_examples() -> None:
    assert len(PRINTED) >= 2


def test_every_verdict_is_explained() -> None:
    table = TEXT.split("## Verdicts", 1)[1].split("##", 1)[0]
    for verdict in WORDS:
        assert re.search(rf"\b{verdict}\b", table), verdict


def test_the_problem_shown_can_be_loaded(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(# double.toml.*?)```", TEXT, re.DOTALL)
    assert found is not None
    path = tmp_path / "double.toml"
    path.write_text(found[1])
    assert load_problem(str(path)).signature.name == "double"

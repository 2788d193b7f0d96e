"""The examples of the plugin's README run and print what the README says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import textgrad_code
from textgrad_code.problem_file import load_problem
from textgrad_code.verdict import WORDS
from textgrad_core import registry
from textgrad_core.cli import main
from textgrad_core.cli.exits import FAILED, INTERRUPTED, MISSING, OK, REFUSED, TERMINATED, USAGE

README = Path(textgrad_code.__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
PRINTED = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.DOTALL)
SAMPLES, SAMPLES_PRINTED = re.findall(r"```json\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.DOTALL)[
    0
]


@pytest.mark.parametrize("example", range(len(PRINTED)))
def test_example_prints_what_is_shown(example: int) -> None:
    program, printed = PRINTED[example]
    paths = f"import sys; sys.path[:0] = {sys.path!r}\n"
    ran = subprocess.run(
        [sys.executable, "-c", paths + program], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == printed.strip()


def commands() -> list[list[str]]:
    """What the README tells people to type, without installation and downloads."""
    blocks = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    told = re.findall(r"`(textgrad [^`]+)`", TEXT)
    typed = [shlex.split(line, comments=True) for line in [*lines, *told]]
    return [words[1:] for words in typed if words[:1] == ["textgrad"]]


NEEDS_DATA = (["data", "fetch", "leetcode"], ["bench", "replay", "code"])


@pytest.mark.parametrize("typed", [c for c in commands() if c not in NEEDS_DATA], ids=" ".join)
def test_command_shown_works(
    typed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "plugin_names", lambda: ("code",))
    monkeypatch.setattr(registry, "load_plugin", lambda _: textgrad_code.plugin)
    monkeypatch.chdir(tmp_path)
    problem = load_problem("pair-with-sum")
    for name in ("solution.py", "other.py"):
        (tmp_path / name).write_text(problem.buggy[2].source, encoding="utf-8")
    (tmp_path / "samples.jsonl").write_text(SAMPLES, encoding="utf-8")
    code = main(typed)
    assert code == (REFUSED if typed[:2] == ["code", "judge"] else OK)


def test_the_samples_shown_give_the_table_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "plugin_names", lambda: ("code",))
    monkeypatch.setattr(registry, "load_plugin", lambda _: textgrad_code.plugin)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples.jsonl").write_text(SAMPLES, encoding="utf-8")
    (typed,) = (words for words in commands() if "samples.jsonl" in words)
    assert main(typed) == REFUSED
    here = re.compile(r"^isolation .*, Python .*$", re.MULTILINE)
    assert here.sub("", capsys.readouterr().out) == here.sub("", SAMPLES_PRINTED)


def test_every_exit_code_is_explained() -> None:
    table = TEXT.split("| exit code of", 1)[1].split("\n\n", 1)[0]
    found = {
        int(n) for row in table.splitlines()[2:] for n in re.findall(r"\d+", row.split("|")[1])
    }
    assert found == {OK, FAILED, USAGE, MISSING, REFUSED, INTERRUPTED, TERMINATED}


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

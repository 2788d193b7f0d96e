"""What README shows runs, and prints what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docking_processes import needs_bindings
from project import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@needs_bindings
def test_the_example_prints_what_it_says(tmp_path: Path) -> None:
    pytest.importorskip("rdkit", reason="needs the molecules extra")
    (example,) = blocks("python")
    assert len(example.splitlines()) <= 20
    (printed,) = (b for b in blocks("text") if b.startswith("s = "))
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed
    assert not list(tmp_path.iterdir())


def test_every_command_is_one_that_ci_runs_or_a_test_covers() -> None:
    """A command that is added here has to be run somewhere before it may be shown."""
    shown = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    run_by_tests = {
        "textgrad run molecules --engine openai:MODEL --base-url http://localhost:8000/v1 "
        "--feedback both": ROOT / "tests" / "molecules" / "test_molecule_runs.py",
    }
    for command in filter(None, shown):
        if command in run_by_tests:
            source = run_by_tests[command].read_text("utf-8")
            assert all(word in source for word in ("--engine", "--base-url", "--feedback"))
        else:
            assert command in script, f"{command!r} is shown, but .ci/run does not run it"


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target

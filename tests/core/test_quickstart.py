"""The program written for TextGrad runs with its import changed, alone and offline."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from project import ROOT

PROGRAM = ROOT / "examples" / "textgrad_quickstart.py"


def test_the_quick_start_improves_answer_and_prompt(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "before: 4 hours.",
        "after:  2 hours.",
        "prompt: Work step by step, then answer.",
    ]
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


def test_the_quick_start_imports_the_suite_as_textgrad_is_imported() -> None:
    tree = ast.parse(PROGRAM.read_text("utf-8"))
    names = [
        (alias.name, alias.asname)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert names == [("re", None), ("textgrad_core", "tg")]

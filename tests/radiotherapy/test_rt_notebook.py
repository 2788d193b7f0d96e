"""The notebook runs from its first cell to its last, and is kept without output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from project import ROOT

pytest.importorskip("matplotlib", reason="needs the radiotherapy extra")
NOTEBOOK = json.loads((ROOT / "examples" / "radiotherapy_plan.ipynb").read_text("utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def source(cell: dict[str, Any]) -> str:
    """A cell's text; the format allows one text or a list of lines."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def test_it_is_a_notebook_without_output() -> None:
    assert NOTEBOOK["nbformat"] == 4
    assert CODE
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert "not for clinical use" in source(NOTEBOOK["cells"][0])


def test_every_cell_runs_and_shows_what_the_text_promises(tmp_path: Path) -> None:
    program = "\n\n".join(source(cell) for cell in CODE)
    paths = f"import sys, tempfile; sys.path[:0] = {sys.path!r}; tempfile.tempdir = '.'\n"
    ran = subprocess.run(
        [sys.executable, "-c", paths + program],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    for word in ("PTV D95% >= 75.6 Gy", "proven gap", "per doubling", "GY PHYSICAL PLAN"):
        assert word in ran.stdout, ran.stdout
    (dvh,) = tmp_path.rglob("dvh.png")
    assert dvh.read_bytes().startswith(b"\x89PNG")

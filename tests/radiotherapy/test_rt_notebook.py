"""The notebook runs from its first cell to its last, and is kept with what it shows."""

from __future__ import annotations

import json
import re
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


def first_words(text: str) -> list[str]:
    """Of the lines that begin with a word; numbers differ a little from machine to machine."""
    return [line.split()[0] for line in text.splitlines() if line[:1].isalpha()]


def test_it_is_a_notebook_with_the_outputs_of_one_run_and_no_path_of_a_machine() -> None:
    assert NOTEBOOK["nbformat"] == 4
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    kinds = {output["output_type"] for cell in CODE for output in cell["outputs"]}
    assert kinds == {"stream", "execute_result"}, "an error or nothing is stored"
    assert all(cell["outputs"] for cell in CODE)
    stored = json.dumps([cell["outputs"] for cell in CODE])
    assert "image/png" in stored
    assert len(stored) < 200_000
    assert not re.search(r"[\" ](/[a-z]+/|[A-Z]:\\)", stored), "a path is stored"
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
    stored = "".join(
        "".join(output["text"])
        for cell in CODE
        for output in cell["outputs"]
        if output["output_type"] == "stream"
    )
    again = "what is stored is old: python tools/run_notebook.py examples/radiotherapy_plan.ipynb"
    assert first_words(ran.stdout) == first_words(stored), again
    for word in (
        "PTV D95% >= 75.6 Gy", "proven gap", "per doubling", "per ln(weight)", "GY PHYSICAL PLAN",
    ):  # fmt: skip
        assert word in ran.stdout, ran.stdout
    (dvh,) = tmp_path.rglob("dvh.png")
    assert dvh.read_bytes().startswith(b"\x89PNG")

"""The example of the plugin's README runs and prints what the README says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import textgrad_molecules
from docking_processes import needs_bindings
from textgrad_core.errors import Invalid

pytest.importorskip("rdkit", reason="needs the molecules extra")
pytest.importorskip("openbabel", reason="needs the molecules extra")
pytest.importorskip("dockstring", reason="needs the molecules extra")

from textgrad_molecules.domain import known_ligands
from textgrad_molecules.filters import ProposalFilter
from textgrad_molecules.smiles import parse_smiles

README = Path(textgrad_molecules.__file__).parents[1] / "README.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@needs_bindings
def test_example_prints_what_is_shown() -> None:
    paths = f"import sys; sys.path[:0] = {sys.path!r}\n"
    ran = subprocess.run(
        [sys.executable, "-c", paths + block("python")], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == block("text").strip()


def test_refusals_are_quoted_truly() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+?) \|$", README.read_text(), re.MULTILINE)
    refusals = [row for row in rows if "." not in row[0] or row[0].startswith("CC(")]
    assert len(refusals) >= 4
    for answer, reason, hint in refusals:
        with pytest.raises(Invalid) as caught:
            parse_smiles(answer)
        assert reason.removesuffix(" ...") in caught.value.reason
        assert hint.removesuffix(" ...") in caught.value.hint


def test_numbers_in_the_text_are_the_defaults() -> None:
    text = README.read_text(encoding="utf-8")
    keep = ProposalFilter()
    assert f"{keep.max_heavy_atoms} heavy atoms; five rotatable bonds" in " ".join(text.split())
    assert keep.max_rotors == 5
    assert len(known_ligands()) == 11
    assert "eleven targets" in text

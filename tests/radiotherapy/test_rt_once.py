"""A name that is given two values is refused, wherever it is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dicom_cases import small_case
from rt_commands import CASE, COARSE, Typed, protocol, refused
from textgrad_radiotherapy.case_folder import WORDS
from textgrad_radiotherapy.cases import load_case, save_case
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.protocols import load_protocol


def twice(data: object, name: str, value: object) -> str:
    """The JSON text of an object that names something once more."""
    return f'{json.dumps(data)[:-1]}, "{name}": {json.dumps(value)}}}'


def test_in_a_protocol_file(tmp_path: Path, run: Typed) -> None:
    path = tmp_path / "p.json"
    path.write_text(twice(protocol(), "fractions", 2), "utf-8")
    with pytest.raises(GoalError, match=r"p\.json: 'fractions' is given twice: give every name"):
        load_protocol(path)
    inner = json.dumps(protocol()).replace('{"PTV": 75.6}', '{"PTV": 75.6, "PTV": 60}')
    path.write_text(inner, "utf-8")
    done = run("radiotherapy", "plan", "--case", CASE, *COARSE, "--protocol", "p.json",
               "--out", "out")  # fmt: skip
    refused(done, "p.json", "'PTV' is given twice")


def test_in_a_case_folder(tmp_path: Path) -> None:
    path = save_case(small_case(), tmp_path / "case") / WORDS
    path.write_text(twice(json.loads(path.read_text("utf-8")), "fractions", 2), "utf-8")
    with pytest.raises(CaseError, match=r"case.* 'fractions' is given twice"):
        load_case(tmp_path / "case")


def test_among_the_prescriptions_of_an_import(made: Path, run: Typed) -> None:
    given = ("--prescription", "PTV=70", "--prescription", " PTV =60")
    done = run("radiotherapy", "import-dicom", str(made / "dicom"), "--out", "out", *given)
    refused(done, "'PTV' has 70 Gy already", "one dose per target")

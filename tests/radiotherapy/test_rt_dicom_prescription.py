"""An exported RT plan prescribes what the plan was made for, not what its case came with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from dicom_cases import small_case
from rt_commands import COARSE, Typed, data_of
from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.dicom import export_folder, read_folder
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.protocols import load_protocol, protocol_from_data


def test_the_prescription_of_an_export_is_that_of_the_protocol(run: Typed, tmp_path: Path) -> None:
    grid = ("--case", "adult_hard", *COARSE)
    planned = run("radiotherapy", "plan", *grid, "--protocol", "chhip-60-20", "--out", "plan")
    assert planned.returncode in (0, 6), planned.stderr
    written = run("radiotherapy", "export-dicom", "plan", "--out", "dicom")
    assert written.returncode == 0, written.stderr
    plan = pydicom.dcmread(tmp_path / "dicom" / "RTPLAN.dcm")
    assert [float(d.TargetPrescriptionDose) for d in plan.DoseReferenceSequence] == [60.0]
    assert plan.FractionGroupSequence[0].NumberOfFractionsPlanned == 20
    dose = pydicom.dcmread(tmp_path / "dicom" / "RTDOSE.dcm")
    assert dose.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == plan.SOPInstanceUID
    back = run("radiotherapy", "import-dicom", "dicom", "--out", "back", *COARSE, "--json")
    assert back.returncode == 0, back.stderr
    assert data_of(back)["prescription_gy"] == {"PTV": 60.0}
    assert data_of(back)["fractions"] == 20


def test_targets_of_the_protocol_are_named_as_the_case_does(tmp_path: Path) -> None:
    case = small_case()
    target = next(iter(case.prescription_gy))
    data: JSON = {
        "name": "mine",
        "title": "Mine",
        "source": "a test",
        "prescription_gy": {"Boost": 50},
        "fractions": 25,
        "aliases": {"Boost": [target]},
        "goals": [{"goal": "Boost D95% >= 45 Gy"}],
    }
    export_folder(case, tmp_path / "out", protocol=protocol_from_data(data))
    found = read_folder(tmp_path / "out")
    assert found.prescription_gy == {target: 50.0}
    assert found.fractions == 25
    assert found.fractions != case.fractions
    with pytest.raises(CaseError, match="prescribes to PTV_Center"):
        export_folder(case, tmp_path / "no", protocol=load_protocol("tg119-multitarget"))
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(("gy", "fractions"), [(None, 39), (30.0, None)])
def test_fractions_of_the_case_hold_for_its_own_prescription_alone(
    tmp_path: Path, gy: float | None, fractions: int | None
) -> None:
    case = replace(small_case(), fractions=39)
    (target, prescribed), *_ = case.prescription_gy.items()
    data: JSON = {
        "name": "mine",
        "title": "Mine",
        "source": "a test",
        "prescription_gy": {target: gy or prescribed},
        "goals": [{"goal": f"{target} D95% >= 20 Gy"}],
    }
    export_folder(case, tmp_path / "out", protocol=protocol_from_data(data))
    assert read_folder(tmp_path / "out").fractions == fractions

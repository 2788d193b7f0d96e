"""Broken DICOM files are refused, and the file and the value are named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_cases import edit
from textgrad_radiotherapy.dicom import read_folder
from textgrad_radiotherapy.errors import CaseError


def _first(plan: Dataset) -> Dataset:
    found: Dataset = plan.BeamSequence[0].ControlPointSequence[0]
    return found


def _doubled(folder: Path) -> None:
    shutil.copy(folder / "CT.0004.dcm", folder / "twin.dcm")


def _set(file: str, keyword: str, value: object) -> Callable[[Path], None]:
    return lambda folder: edit(folder / file, lambda d: setattr(d, keyword, value))


def _without(file: str, keyword: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / file, lambda d: delattr(d, keyword))


def _plan(change: Callable[[Dataset], object]) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "RTPLAN.dcm", change)


def _tilted(folder: Path) -> None:
    for path in folder.glob("CT.*"):
        edit(path, lambda d: setattr(d, "ImageOrientationPatient", [1, 0, 0, 0, 0.98, 0.199]))


def _no_ct(folder: Path) -> None:
    for path in folder.glob("CT.*"):
        path.unlink()


def _for_setup(plan: Dataset) -> None:
    for beam in plan.BeamSequence:
        beam.TreatmentDeliveryType = "SETUP"


def _truncated(folder: Path) -> None:
    whole = (folder / "CT.0004.dcm").read_bytes()
    (folder / "CT.0004.dcm").write_bytes(whole[:-500])


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "gap": (lambda f: (f / "CT.0005.dcm").unlink(), r"CT.0004.*z -13.5.*CT.0006.* 6 mm apart"),
    "duplicate": (_doubled, r"CT.0004.dcm .* twin.dcm .* same slice"),
    "tilted": (_tilted, r"0.98, 0.199.*not axial"),
    "mixed orientation": (
        _set("CT.0005.dcm", "ImageOrientationPatient", [-1, 0, 0, 0, -1, 0]),
        r"differ in ImageOrientationPatient.*CT.0001.dcm.*CT.0005.dcm",
    ),
    "shifted": (_set("CT.0005.dcm", "ImagePositionPatient", [-30, -32.5, -10.5]), r"-30"),
    "other size": (_set("CT.0005.dcm", "PixelSpacing", [2, 2.1]), r"PixelSpacing.*2\.1"),
    "no slope": (
        _without("CT.0003.dcm", "RescaleSlope"),
        r"CT.0003.dcm has no RescaleSlope \(0028,1053\)",
    ),
    "no position": (
        _without("CT.0003.dcm", "ImagePositionPatient"),
        r"ImagePositionPatient \(0020,0032\)",
    ),
    "no pixels": (_without("CT.0003.dcm", "PixelData"), r"CT.0003.dcm has no PixelData"),
    "cut off": (_truncated, r"CT.0004.dcm"),
    "frame of structures": (
        lambda f: edit(
            f / "RTSTRUCT.dcm",
            lambda d: setattr(
                d.StructureSetROISequence[0], "ReferencedFrameOfReferenceUID", "1.2.9"
            ),
        ),
        r"structure PTV is in the frame of reference 1\.2\.9, the CT in 2\.25\.",
    ),
    "frame of dose": (_set("RTDOSE.dcm", "FrameOfReferenceUID", "1.2.9"), r"RT dose .* 1\.2\.9"),
    "frame of plan": (_set("RTPLAN.dcm", "FrameOfReferenceUID", "1.2.9"), r"RT plan .* 1\.2\.9"),
    "slice of another patient": (
        _set("CT.0005.dcm", "PatientID", "P2"),
        r"CT\.0005\.dcm is of the patient with PatientID 'P2', CT\.0001\.dcm of 'ball'",
    ),
    "structures of another patient": (
        _set("RTSTRUCT.dcm", "PatientID", "P2"),
        r"the RT structure set is of the patient with PatientID 'P2', the CT of 'ball'",
    ),
    "plan of another patient": (
        _set("RTPLAN.dcm", "PatientID", "P2"),
        r"the RT plan is of .* 'P2', the CT of 'ball'",
    ),
    "dose of another patient": (
        _set("RTDOSE.dcm", "PatientID", "P2"),
        r"the RT dose is of .* 'P2', the CT of 'ball'",
    ),
    "no structures": (lambda f: (f / "RTSTRUCT.dcm").unlink(), r"no RT structure set in"),
    "no CT": (_no_ct, r"no CT series in"),
    "sagittal contour": (
        lambda f: edit(
            f / "RTSTRUCT.dcm",
            lambda d: setattr(
                d.ROIContourSequence[0].ContourSequence[0],
                "ContourData",
                ["0", "0", "0", "0", "5", "0", "0", "5", "5"],
            ),
        ),
        r"PTV: a contour reaches from z 0 to 5 mm",
    ),
    "half a point": (
        lambda f: edit(
            f / "RTSTRUCT.dcm",
            lambda d: setattr(
                d.ROIContourSequence[0].ContourSequence[0], "ContourData", ["1"] * 8
            ),
        ),
        r"PTV: ContourData \(3006,0050\) is no list",
    ),
    "arc": (
        _plan(lambda d: setattr(d.BeamSequence[1].ControlPointSequence[1], "GantryAngle", "179")),
        r"beam gantry 72.5 couch 0 moves .* to gantry 179.*--plan none .* --gantry",
    ),
    "gantry beyond a turn": (
        _plan(lambda d: setattr(_first(d), "GantryAngle", "400")),
        r"RTPLAN.dcm, beam gantry 0 couch 0: gantry_deg is 400.* from -360 to 360 degrees",
    ),
    "source in the isocentre": (
        _plan(lambda d: setattr(d.BeamSequence[2], "SourceAxisDistance", "0")),
        r"RTPLAN.dcm, beam gantry 216 couch 10: sad_mm is 0.* above 0 mm",
    ),
    "no fraction": (
        _plan(lambda d: setattr(d.FractionGroupSequence[0], "NumberOfFractionsPlanned", "0")),
        r"RTPLAN.dcm: NumberOfFractionsPlanned",
    ),
    "protons": (_plan(lambda d: setattr(d.BeamSequence[0], "RadiationType", "PROTON")), r"PROTON"),
    "prone": (
        _plan(lambda d: setattr(d.PatientSetupSequence[0], "PatientPosition", "HFP")),
        r"HFP",
    ),
    "pitched couch": (
        _plan(lambda d: setattr(_first(d), "TableTopPitchAngle", 3.0)),
        r"Pitch.* 3 ",
    ),
    "no isocentre": (
        _plan(lambda d: delattr(_first(d), "IsocenterPosition")),
        r"IsocenterPosition",
    ),
    "dose of a fraction": (
        _plan(lambda d: setattr(d.DoseReferenceSequence[0], "TargetPrescriptionDose", "2")),
        r"2 Gy in 20 fractions.*per course",
    ),
    "setup beams only": (_plan(_for_setup), r"no treatment beam"),
    "relative dose": (_set("RTDOSE.dcm", "DoseUnits", "RELATIVE"), r"DoseUnits.*RELATIVE: GY"),
    "scaled to nothing": (
        _set("RTDOSE.dcm", "DoseGridScaling", "0"),
        r"RTDOSE.dcm is damaged: .*DoseGridScaling.* is 0, .*above 0 is needed",
    ),
    "scaled below nothing": (
        _set("RTDOSE.dcm", "DoseGridScaling", "-1e-8"),
        r"DoseGridScaling.* is -1e-08",
    ),
    "uneven dose": (
        lambda f: edit(f / "RTDOSE.dcm", lambda d: d.GridFrameOffsetVector.__setitem__(3, "9.5")),
        r"uneven planes .* 2.5 to 3.5",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_fault_is_refused_by_name(folder: Path, fault: str) -> None:
    damage, said = REFUSED[fault]
    damage(folder)
    with pytest.raises(CaseError, match=said):
        read_folder(folder)


@pytest.mark.parametrize("file", ["CT.0001.dcm", "RTSTRUCT.dcm", "RTPLAN.dcm", "RTDOSE.dcm"])
def test_files_that_name_no_patient_are_taken_for_the_same(folder: Path, file: str) -> None:
    edit(folder / file, lambda d: setattr(d, "PatientID", ""))
    assert read_folder(folder).patient.identifier == "ball"
    edit(folder / "RTSTRUCT.dcm", lambda d: setattr(d, "PatientID", "ball "))
    assert read_folder(folder).patient.identifier == "ball"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"no folder .*missing"):
        read_folder(tmp_path / "missing")

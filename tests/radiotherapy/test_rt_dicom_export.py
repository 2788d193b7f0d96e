"""Files of an export: what DICOM demands, the same bytes again, all or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    CTImageStorage,
    RTDoseStorage,
    RTPlanStorage,
    RTStructureSetStorage,
)

from dicom_cases import GRID, small_case, small_dose, sphere, structure
from dicom_types import CT, DOSE, PLAN, STRUCTURES, violations
from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.dicom import Patient, export_folder, read_dose, read_folder
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.notice import NOTICE


@pytest.mark.parametrize(
    ("file", "sop_class", "table"),
    [
        ("CT.0003.dcm", CTImageStorage, CT),
        ("RTSTRUCT.dcm", RTStructureSetStorage, STRUCTURES),
        ("RTPLAN.dcm", RTPlanStorage, PLAN),
        ("RTDOSE.dcm", RTDoseStorage, DOSE),
    ],
)
def test_every_demanded_attribute_is_there(
    exported: Path, file: str, sop_class: str, table: dict[str, int]
) -> None:
    dataset = pydicom.dcmread(exported / file)
    assert dataset.SOPClassUID == sop_class
    assert dataset.file_meta.MediaStorageSOPClassUID == sop_class
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert violations(dataset, table) == []
    assert dataset.SeriesDescription == NOTICE


def test_the_tables_notice_what_is_missing(exported: Path) -> None:
    plan = pydicom.dcmread(exported / "RTPLAN.dcm")
    del plan.BeamSequence[1].ControlPointSequence[0].GantryAngle
    plan.RTPlanLabel = ""
    del plan.StudyDate
    assert violations(plan, PLAN) == [
        "StudyDate", "RTPlanLabel", "BeamSequence/ControlPointSequence[0]/GantryAngle",
    ]  # fmt: skip


def test_files_refer_to_each_other_under_an_own_root(exported: Path) -> None:
    slices, plan, dose, regions = (
        [pydicom.dcmread(p) for p in sorted(exported.glob(pattern))]
        for pattern in ("CT.*", "RTPLAN.*", "RTDOSE.*", "RTSTRUCT.*")
    )
    everything = [*slices, *plan, *dose, *regions]
    assert len({d.SOPInstanceUID for d in everything}) == len(everything) == GRID.shape[0] + 3
    assert len({d.SeriesInstanceUID for d in everything}) == 4
    assert len({d.StudyInstanceUID for d in everything}) == 1
    assert len({d.FrameOfReferenceUID for d in everything}) == 1
    for dataset in everything:
        for uid in (dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID):
            assert uid.is_valid
            assert uid.startswith("2.25.")
    assert dose[0].ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == plan[0].SOPInstanceUID
    structure_set = plan[0].ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID
    assert structure_set == regions[0].SOPInstanceUID
    images = {d.SOPInstanceUID: float(d.ImagePositionPatient[2]) for d in slices}
    for drawn in regions[0].ROIContourSequence:
        for contour in drawn.ContourSequence:
            seen = contour.ContourImageSequence[0].ReferencedSOPInstanceUID
            assert images[seen] == pytest.approx(float(contour.ContourData[2]))
            assert len(contour.ContourData) == 3 * contour.NumberOfContourPoints


def test_dose_says_what_it_is_and_a_plan_that_it_cannot_be_delivered(exported: Path) -> None:
    dose = pydicom.dcmread(exported / "RTDOSE.dcm")
    assert (dose.DoseUnits, dose.DoseType, dose.DoseSummationType) == ("GY", "PHYSICAL", "PLAN")
    assert (dose.BitsAllocated, dose.PixelRepresentation) == (32, 0)
    assert [float(v) for v in dose.GridFrameOffsetVector] == [3.0 * k for k in range(16)]
    assert dose.FrameIncrementPointer == pydicom.tag.Tag(0x3004, 0x000C)
    plan = pydicom.dcmread(exported / "RTPLAN.dcm")
    assert (plan.PlanIntent, plan.ApprovalStatus) == ("RESEARCH", "UNAPPROVED")
    assert NOTICE in plan.RTPlanDescription
    # two beamlets of 5 mm beside each other
    jaws = plan.BeamSequence[0].ControlPointSequence[0].BeamLimitingDevicePositionSequence
    assert [[float(v) for v in jaw.LeafJawPositions] for jaw in jaws] == [[-5, 5], [-2.5, 2.5]]


def test_pixels_times_scaling_are_the_dose_for_any_reader(exported: Path) -> None:
    dose = pydicom.dcmread(exported / "RTDOSE.dcm")
    scaling = float(dose.DoseGridScaling)
    found = dose.pixel_array * scaling
    assert scaling < 1e-7
    assert np.abs(found.ravel() - small_dose()).max() <= 0.5001 * scaling
    assert dose.pixel_array.view(np.int32).min() >= 0


def test_no_dose_at_all_is_a_dose(tmp_path: Path) -> None:
    export_folder(small_case(), tmp_path / "zero", dose_gy=np.zeros(GRID.voxels))
    assert not read_dose(tmp_path / "zero" / "RTDOSE.dcm").dose_gy.any()


def test_the_same_case_gives_the_same_bytes_and_another_dose_another_uid(tmp_path: Path) -> None:
    def contents(name: str, scale: float = 1.0, seed: str = "") -> dict[str, bytes]:
        written = export_folder(
            small_case(), tmp_path / name, dose_gy=scale * small_dose(), seed=seed
        )
        return {path.name: path.read_bytes() for path in written.files}

    first, again, warmer = contents("a"), contents("b"), contents("c", scale=1.01)
    seeded = contents("d", seed="1")
    assert first == again
    assert {name for name in first if first[name] != warmer[name]} == {"RTDOSE.dcm"}
    uids = {
        pydicom.dcmread(tmp_path / name / "RTDOSE.dcm").SOPInstanceUID for name in ("a", "c", "d")
    }
    assert len(uids) == 3
    assert all(first[name] != seeded[name] for name in first)


def test_a_phantom_bears_its_own_name_and_an_imported_case_none_unless_asked(
    tmp_path: Path,
) -> None:
    imported = small_case(meta={"dicom.frame_of_reference_uid": "1.2.3.4"})
    patient = Patient(identifier="P7", name="Doe^Jane")

    def shown(case: Case, name: str, patient: Patient | None = None) -> tuple[str, str, str]:
        files = export_folder(case, tmp_path / name, parts=["plan"], patient=patient).files
        plan = pydicom.dcmread(files[0])
        return plan.PatientID, str(plan.PatientName), plan.FrameOfReferenceUID

    assert shown(small_case(), "phantom")[:2] == ("ball", "ball^phantom")
    assert shown(imported, "nobody") == ("", "", "1.2.3.4")
    assert shown(imported, "asked", patient) == ("P7", "Doe^Jane", "1.2.3.4")


def test_a_structure_that_fills_no_voxel_by_half_is_reported(tmp_path: Path) -> None:
    case = small_case()
    thin = Structure(
        name="Nerve", kind="oar", voxels=np.array([7000, 7001]), occupancy=np.array([0.2, 0.4])
    )
    drawn = dict(case.structures) | {"Nerve": thin}
    written = export_folder(
        replace(case, structures=drawn), tmp_path / "thin", parts=["structures"]
    )
    assert written.notes == ("Nerve fills no voxel by half: it has no contours",)
    item = pydicom.dcmread(written.files[0]).ROIContourSequence[3]
    assert "ContourSequence" not in item


def test_a_wall_keeps_its_hole(tmp_path: Path) -> None:
    case = small_case()
    outer, inner = sphere(14.0), sphere(8.0, (1.0, 0.0, 0.0))
    wall = structure("Wall", "oar", lambda x, y, z: outer(x, y, z) & ~inner(x, y, z))
    drawn = dict(case.structures) | {"Wall": wall}
    export_folder(replace(case, structures=drawn), tmp_path / "wall")
    found = read_folder(tmp_path / "wall", grid_mm=None).structures["Wall"]
    closed_cc = 4 / 3 * np.pi * (14**3 - 8**3) / 1000
    assert found.volume_cc(GRID) == pytest.approx(closed_cc, rel=0.02)
    hollow = np.ravel_multi_index((7, 13, 19), GRID.shape)  # the voxel at the centre
    assert hollow not in found.voxels


@pytest.mark.parametrize(
    "grid",
    [
        Grid(
            origin_mm=(-123.456789, 0.1, -1e-7),
            spacing_mm=(0.9765625, 1 / 3, 2 / 3),
            shape=(7, 3, 2),
        ),
        Grid(origin_mm=(1234.56789012, -999.999, 5.0), spacing_mm=(5, 1.1, 1e-1), shape=(1, 2, 4)),
        Grid(origin_mm=(0, 0, -1500.123456), spacing_mm=(1, 1, 1.23456789), shape=(200, 1, 1)),
    ],
    ids=str,
)
def test_any_grid_comes_back_with_its_dose(tmp_path: Path, grid: Grid) -> None:
    dose = np.random.default_rng(11).gamma(2.0, 20.0, grid.shape)
    case = replace(small_case(), grid=grid, density=np.ones(grid.shape, dtype=np.float32))
    export_folder(case, tmp_path / "out", dose_gy=dose, parts=["dose"])
    found = read_dose(tmp_path / "out" / "RTDOSE.dcm")
    assert found.grid.shape == grid.shape
    for known_mm, found_mm in zip(grid.axes_mm(), found.grid.axes_mm(), strict=True):
        assert np.abs(known_mm - found_mm).max() < 1e-4
    assert np.abs(found.dose_gy - dose).max() <= dose.max() / 2**31


@pytest.mark.parametrize(
    ("dose", "said"),
    [
        (np.ones(5), "5 values"),
        (np.full(GRID.voxels, np.nan), "finite"),
        (np.full(GRID.voxels, -1.0), "not negative"),
    ],
)
def test_an_export_that_fails_leaves_nothing_behind(
    tmp_path: Path, dose: Floats, said: str
) -> None:
    with pytest.raises(CaseError, match=said):
        export_folder(small_case(), tmp_path / "out", dose_gy=dose)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_folder_is_left_alone_and_an_empty_one_is_filled(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep", "utf-8")
    with pytest.raises(CaseError, match="mine is taken"):
        export_folder(small_case(), tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    written = export_folder(small_case(), tmp_path / "empty", parts=["plan"])
    assert [p.name for p in (tmp_path / "empty").iterdir()] == ["RTPLAN.dcm"]
    assert written.files == (tmp_path / "empty" / "RTPLAN.dcm",)
    wrong: Any = ("mlc",)
    with pytest.raises(CaseError, match="no part 'mlc'"):
        export_folder(small_case(), tmp_path / "new", parts=wrong)

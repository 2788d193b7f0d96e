"""A phantom leaves as DICOM files and is planned again from them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_cases import edit, edit_ct, small_case, small_dose
from textgrad_radiotherapy.case import Beam
from textgrad_radiotherapy.cases import dose, load_case
from textgrad_radiotherapy.dicom import case_of, export_folder, read_dose, read_folder
from textgrad_radiotherapy.errors import CaseError


def test_a_phantom_is_planned_again_from_its_files(tmp_path: Path) -> None:
    case = load_case("tg119-prostate", grid_mm=6.0, bixel_mm=10.0)
    planned = dose(case, np.ones(case.influence.beam_of_beamlet.size))
    export_folder(case, tmp_path / "out", dose_gy=planned)
    parts = read_folder(tmp_path / "out", grid_mm=None, bixel_mm=10.0)
    again = case_of(parts, name="again")
    assert (again.prescription_gy, again.fractions) == (case.prescription_gy, case.fractions)
    assert again.beams == case.beams
    assert again.source == (
        "Imported from DICOM: CT, structure set 'tg119-prostate', RT plan 'tg119-prostate'."
    )
    for name, structure in case.structures.items():
        volume = structure.volume_cc(case.grid)
        assert again.structures[name].volume_cc(again.grid) == pytest.approx(volume, rel=0.03)
    # the same beamlets, seen through whole Hounsfield units and traced contours
    beamlets = case.influence.beam_of_beamlet.size
    assert again.influence.beam_of_beamlet.size == pytest.approx(beamlets, rel=0.1)
    replanned = dose(again, np.ones(again.influence.beam_of_beamlet.size))
    target = case.structures["PTV"].voxels
    assert replanned[target].mean() == pytest.approx(planned[target].mean(), rel=0.03)
    assert parts.dose is not None
    assert np.abs(parts.dose.on(case.grid).ravel() - planned).max() <= 1e-6 * planned.max()


def test_a_dose_on_the_imported_case_lies_in_the_frame_of_its_ct(tmp_path: Path) -> None:
    export_folder(small_case(), tmp_path / "source", parts=("ct", "structures", "plan"))
    case = case_of(read_folder(tmp_path / "source", grid_mm=4.0), name="again")
    export_folder(
        case, tmp_path / "plan", dose_gy=np.ones(case.grid.voxels), parts=("plan", "dose")
    )
    found = read_dose(tmp_path / "plan" / "RTDOSE.dcm")
    assert found.frame_of_reference_uid == case.meta["dicom.frame_of_reference_uid"]
    assert found.grid.origin_mm == pytest.approx(case.grid.origin_mm, abs=1e-4)
    assert found.grid.shape == case.grid.shape


def test_without_a_plan_beams_and_dose_have_to_be_named(tmp_path: Path) -> None:
    export_folder(small_case(), tmp_path / "out", dose_gy=small_dose(), parts=("ct", "structures"))
    parts = read_folder(tmp_path / "out", grid_mm=6.0)
    with pytest.raises(CaseError, match="no beams: add their RT plan, or name gantry angles"):
        case_of(parts, name="ball")
    beams = [Beam(gantry_deg=0.0, bixel_mm=10.0)]
    with pytest.raises(CaseError, match=r"prescribe no dose: .*targets: PTV"):
        case_of(parts, name="ball", beams=beams)
    case = case_of(parts, name="ball", beams=beams, prescription_gy={"PTV": 50.0}, fractions=25)
    assert (case.fractions, case.beams, case.source) == (
        25, tuple(beams), "Imported from DICOM: CT, structure set 'ball'.",
    )  # fmt: skip
    assert not [note for note in case.notes if "per fraction" in note]
    short = case_of(parts, name="ball", beams=beams, prescription_gy={"PTV": 7.25}, fractions=5)
    assert any("1.45 Gy per fraction" in note and "36.25 Gy" in note for note in short.notes)


@pytest.mark.parametrize("position", ["HFP", "FFS", "HFDL"])
def test_no_beams_on_a_ct_of_another_position(folder: Path, position: str) -> None:
    edit_ct(folder, lambda d: setattr(d, "PatientPosition", position))
    said = f"the CT is of a patient in position {position}: beams are made for HFS"
    with pytest.raises(CaseError, match=said):
        read_folder(folder)
    parts = read_folder(folder, plan="none", grid_mm=6.0)  # structures and density are read
    assert parts.meta["dicom.patient_position"] == position
    beams, dose = [Beam(gantry_deg=0.0, bixel_mm=10.0)], {"PTV": 50.0}
    with pytest.raises(CaseError, match=said):
        case_of(parts, name="ball", beams=beams, prescription_gy=dose, fractions=25)


def test_the_position_is_kept_and_told_where_it_is_taken_for_granted(folder: Path) -> None:
    case = case_of(read_folder(folder, grid_mm=6.0, bixel_mm=10.0), name="ball")
    assert case.meta["dicom.patient_position"] == "HFS"
    edit_ct(folder, lambda d: setattr(d, "PatientPosition", ""))
    silent = case_of(read_folder(folder, grid_mm=6.0, bixel_mm=10.0), name="ball")
    assert "dicom.patient_position" not in silent.meta
    told = "the CT does not say how the patient lies: head first supine is taken"
    assert told in silent.notes
    assert told not in case.notes


def test_of_several_doses_for_a_target_the_highest_is_prescribed(tmp_path: Path) -> None:
    def boosted(plan: Dataset) -> None:
        for number, prescribed in ((2, "66"), (3, "54")):
            item = deepcopy(plan.DoseReferenceSequence[0])
            item.DoseReferenceNumber, item.TargetPrescriptionDose = number, prescribed
            plan.DoseReferenceSequence.append(item)
        limit = deepcopy(plan.DoseReferenceSequence[0])
        limit.DoseReferenceType, limit.TargetPrescriptionDose = "ORGAN_AT_RISK", "99"
        plan.DoseReferenceSequence.append(limit)

    export_folder(small_case(), tmp_path / "out")
    edit(tmp_path / "out" / "RTPLAN.dcm", boosted)
    assert read_folder(tmp_path / "out", grid_mm=6.0).prescription_gy == {"PTV": 66.0}

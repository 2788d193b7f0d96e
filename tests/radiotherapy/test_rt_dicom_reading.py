"""A case goes to disk as DICOM files and comes back; what is broken is refused by name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from dicom_cases import GRID, edit, small_case, small_dose
from textgrad_radiotherapy.dicom import DicomParts, Patient, export_folder, read_dose, read_folder
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid


def test_a_phantom_comes_back(exported: Path) -> None:
    case, parts = small_case(), read_folder(exported, grid_mm=None)
    for known, found in zip(case.grid.axes_mm(), parts.grid.axes_mm(), strict=True):
        assert np.abs(known - found).max() < 1e-4
    assert np.abs(parts.density - case.density).max() < 1e-3
    assert list(parts.structures) == list(case.structures)
    for name, within in (("PTV", 0.02), ("Femur L", 0.06), ("BODY", 0.01)):
        known_s, found_s = case.structures[name], parts.structures[name]
        assert (found_s.kind, found_s.colour) == (known_s.kind, known_s.colour)
        volume = known_s.volume_cc(case.grid)
        assert found_s.volume_cc(parts.grid) == pytest.approx(volume, rel=within)
    for known_b, found_b in zip(case.beams, parts.beams, strict=True):
        assert found_b == known_b
    assert (parts.prescription_gy, parts.fractions) == ({"PTV": 60.0}, 20)
    assert parts.patient == Patient(identifier="ball", name="ball^phantom")
    assert parts.dose is not None
    assert np.abs(parts.dose.dose_gy.ravel() - small_dose()).max() < 1e-7
    assert np.abs(np.subtract(parts.dose.grid.origin_mm, GRID.origin_mm)).max() < 1e-4
    assert any("leaves" in note for note in parts.notes)


def test_contours_traced_from_contours_stay_where_they_are(exported: Path, tmp_path: Path) -> None:
    case, parts = small_case(), read_folder(exported, grid_mm=None)
    again = replace(case, structures=parts.structures)
    export_folder(again, tmp_path / "again")
    twice = read_folder(tmp_path / "again", grid_mm=None)
    for name, first in parts.structures.items():
        volume = first.volume_cc(parts.grid)
        assert twice.structures[name].volume_cc(twice.grid) == pytest.approx(volume, rel=0.02)


def test_the_dose_grid_surrounds_the_body_and_keeps_volumes(exported: Path) -> None:
    fine = read_folder(exported, grid_mm=None)
    coarse = read_folder(exported, grid_mm=4.0, bixel_mm=7.0)
    assert coarse.grid.spacing_mm == (4.0, 4.0, 4.0)
    width_mm, depth_mm = 4.0 * coarse.grid.shape[2], 4.0 * coarse.grid.shape[1]
    assert 68 <= width_mm <= 76  # the body is 68 mm wide and 58 mm deep
    assert 58 <= depth_mm <= 66
    assert coarse.grid.shape[0] == 12
    assert coarse.beams[0].bixel_mm == 7.0
    for name, structure in coarse.structures.items():
        volume = fine.structures[name].volume_cc(fine.grid)
        assert structure.volume_cc(coarse.grid) == pytest.approx(volume, rel=2e-3)
        assert structure.occupancy.max() <= 1.0
    corner = Grid(origin_mm=(5.0, 1.0, 0.0), spacing_mm=(1.0, 1.0, 1.0), shape=(4, 4, 4))
    part = read_folder(exported, grid=corner)
    assert part.structures["PTV"].occupancy.min() > 0.9
    assert "Femur L is left out: it lies outside the dose grid" in " ".join(part.notes)
    assert part.density == pytest.approx(np.ones(corner.shape))


def test_slices_come_in_any_order_among_other_files(folder: Path) -> None:
    names = sorted(p.name for p in folder.glob("CT.*"))
    shuffled = np.random.default_rng(5).permutation(len(names))
    for i, k in enumerate(shuffled.tolist()):
        (folder / "deep" / f"{k % 3}").mkdir(parents=True, exist_ok=True)
        (folder / names[i]).rename(folder / "deep" / f"{k % 3}" / f"{k}.img")
    (folder / "README").write_text("not DICOM", "utf-8")
    (folder / "empty.dcm").touch()
    (folder / "picture.dcm").write_bytes(bytes(128) + b"DICM")
    shutil.copy(folder / "deep" / "0" / "0.img", folder / "scout.dcm")
    edit(folder / "scout.dcm", lambda d: setattr(d, "ImageType", "ORIGINAL\\PRIMARY\\LOCALIZER"))
    parts = read_folder(folder, grid_mm=None)
    assert np.abs(parts.density - small_case().density).max() < 1e-3
    assert "4 other file(s) in the folder were ignored" in parts.notes


def swapped(dataset: Dataset, syntax: pydicom.uid.UID) -> None:
    """Change the transfer syntax; pydicom leaves the bytes of pixels as they are."""
    assert all(element.VR for element in dataset.iterall())  # decodes what was not looked at yet
    if "PixelData" in dataset and not syntax.is_little_endian:
        kind = f"u{dataset.BitsAllocated // 8}"
        dataset.PixelData = (
            np.frombuffer(dataset.PixelData, "<" + kind).astype(">" + kind).tobytes()
        )
        dataset["PixelData"].VR = "OW"
    dataset.file_meta.TransferSyntaxUID = syntax


@pytest.mark.parametrize(
    "syntax", [ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian]
)
def test_every_uncompressed_transfer_syntax_is_read(folder: Path, syntax: pydicom.uid.UID) -> None:
    expected = read_folder(folder, grid_mm=None)
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path)
        swapped(dataset, syntax)
        pydicom.dcmwrite(path, dataset)
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax
    found = read_folder(folder, grid_mm=None)
    assert (found.density == expected.density).all()
    assert found.dose is not None
    assert expected.dose is not None
    assert (found.dose.dose_gy == expected.dose.dose_gy).all()
    assert found.beams == expected.beams


def test_run_length_encoded_slices_are_read(folder: Path) -> None:
    expected = read_folder(folder, grid_mm=None)
    for path in folder.glob("CT.*"):
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        dataset.save_as(path)
    assert (read_folder(folder, grid_mm=None).density == expected.density).all()


def test_signed_pixels_and_rescaling(folder: Path) -> None:
    def rescaled(image: Dataset) -> None:
        hu = image.pixel_array.astype(np.int32) - 1024
        image.PixelRepresentation = 1
        image.RescaleSlope, image.RescaleIntercept = "0.5", "-10"
        image.PixelData = ((hu + 10) * 2).astype("<i2").tobytes()

    for path in folder.glob("CT.*"):
        edit(path, rescaled)
    parts = read_folder(folder, grid_mm=None)
    assert np.abs(parts.density - small_case().density).max() < 1e-3


def test_images_with_columns_to_the_right_are_turned(folder: Path) -> None:
    _, ny, nx = GRID.shape

    def prone(image: Dataset) -> None:
        pixels = image.pixel_array
        x, y, z = (float(v) for v in image.ImagePositionPatient)
        image.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
        image.ImagePositionPatient = [x + 2.0 * (nx - 1), y + 2.5 * (ny - 1), z]
        image.PixelData = np.ascontiguousarray(pixels[..., ::-1, ::-1]).tobytes()

    expected = read_folder(folder, grid_mm=None)
    for path in [*folder.glob("CT.*"), folder / "RTDOSE.dcm"]:
        edit(path, prone)
    found = read_folder(folder, grid_mm=None)
    assert found.grid == expected.grid
    assert (found.density == expected.density).all()
    assert found.dose is not None
    assert np.abs(found.dose.dose_gy.ravel() - small_dose()).max() < 1e-7


@pytest.mark.parametrize("form", ["absolute", "descending"])
def test_frame_offsets_of_a_dose_in_every_convention(folder: Path, form: str) -> None:
    def change(dose: Dataset) -> None:
        offsets = [float(v) for v in dose.GridFrameOffsetVector]
        z = float(dose.ImagePositionPatient[2])
        if form == "absolute":
            dose.GridFrameOffsetVector = [z + v for v in offsets]
        else:
            dose.GridFrameOffsetVector = [-v for v in offsets]
            x, y, _ = dose.ImagePositionPatient
            dose.ImagePositionPatient = [x, y, z + offsets[-1]]
            dose.PixelData = np.ascontiguousarray(dose.pixel_array[::-1]).tobytes()

    edit(folder / "RTDOSE.dcm", change)
    found = read_dose(folder / "RTDOSE.dcm")
    assert found.grid.origin_mm == pytest.approx(GRID.origin_mm)
    assert np.abs(found.dose_gy.ravel() - small_dose()).max() < 1e-7
    assert np.abs(found.on(GRID).ravel() - small_dose()).max() < 1e-7
    beyond = Grid(origin_mm=(500.0, 0, 0), spacing_mm=(1, 1, 1), shape=(1, 1, 1))
    assert found.on(beyond).tolist() == [[[0.0]]]


def test_kinds_and_regions_without_contours(folder: Path) -> None:
    def change(regions: Dataset) -> None:
        names = ["CTV boost", "PTV"]
        for item, name in zip(regions.StructureSetROISequence, names, strict=False):
            item.ROIName = name
        regions.RTROIObservationsSequence[0].RTROIInterpretedType = ""
        regions.RTROIObservationsSequence[1].RTROIInterpretedType = "MARKER"
        extra = Dataset()
        extra.ROINumber, extra.ROIName, extra.ROIGenerationAlgorithm = 9, "PTV", ""
        extra.ReferencedFrameOfReferenceUID = regions.StructureSetROISequence[
            0
        ].ReferencedFrameOfReferenceUID
        regions.StructureSetROISequence.append(extra)
        regions.ROIContourSequence[2].ContourSequence[0].ContourGeometricType = "POINT"

    edit(folder / "RTSTRUCT.dcm", change)
    parts = read_folder(folder, grid_mm=None)
    assert {n: s.kind for n, s in parts.structures.items()} == {
        "CTV boost": "target", "BODY": "external",
    }  # fmt: skip
    notes = " | ".join(parts.notes)
    for said in (
        "PTV is left out: its type is MARKER",
        "PTV (ROI 9) is left out: it has no contours",
        "BODY: 1 contour(s) that are not closed planar were left out",
    ):
        assert said in notes
    told = read_folder(folder, grid_mm=None, kinds={"PTV": "oar", "CTV boost": "oar"})
    assert {s.kind for n, s in told.structures.items() if n != "BODY"} == {"oar"}
    with pytest.raises(CaseError, match=r"no structure 'Liver' .* found: CTV boost, PTV"):
        read_folder(folder, kinds={"Liver": "oar"})
    wrong: Any = {"PTV": "organ"}
    with pytest.raises(CaseError, match="'PTV' cannot be 'organ'; known kinds: target, oar, ext"):
        read_folder(folder, kinds=wrong)


def test_contours_on_no_slice_and_gaps_are_reported(folder: Path) -> None:
    def change(regions: Dataset) -> None:
        contours = regions.ROIContourSequence[0].ContourSequence
        del contours[3:5]
        for contour in contours:
            values = np.asarray(contour.ContourData, dtype=float).reshape(-1, 3)
            values[:, 2] += 1.0
            contour.ContourData = [f"{v:.4f}" for v in values.ravel()]

    edit(folder / "RTSTRUCT.dcm", change)
    notes = " | ".join(read_folder(folder).notes)
    assert "PTV: nothing between its contours at z -3.5 and 5.5 mm" in notes
    assert "PTV: 6 contour plane(s) on no CT slice (z -9.5, -6.5, -3.5, ... mm)" in notes


def test_several_candidates_are_named_and_chosen(folder: Path) -> None:
    shutil.copy(folder / "RTPLAN.dcm", folder / "second.dcm")
    edit(folder / "second.dcm", lambda d: setattr(d, "SOPInstanceUID", "2.25.77"))
    edit(
        folder / "second.dcm",
        lambda d: setattr(d.BeamSequence[0].ControlPointSequence[0], "GantryAngle", "33"),
    )
    first = pydicom.dcmread(folder / "RTPLAN.dcm").SOPInstanceUID
    with pytest.raises(CaseError) as refused:
        read_folder(folder)
    for part in ("2 candidates for the RT plan", first, "2.25.77", "--plan UID", "--plan none"):
        assert part in str(refused.value)
    assert read_folder(folder, plan="2.25.77").beams[0].gantry_deg == 33
    without = read_folder(folder, plan="none", dose="none")
    assert (without.beams, without.prescription_gy, without.dose) == ((), {}, None)
    with pytest.raises(CaseError, match=r"no RT plan has the UID '1.2'; found: 2\.25"):
        read_folder(folder, plan="1.2")
    export_folder(small_case(name="other"), folder / "other", parts=["ct"])
    with pytest.raises(CaseError, match=r"2 candidates for the CT .*16 file\(s\).*--ct UID$"):
        read_folder(folder, plan="none")  # a case needs one, so none is no choice
    with pytest.raises(CaseError, match=r"no CT series has the UID 'none'; found: .*16 file\(s\)"):
        read_folder(folder, ct="none")


def test_prescription_without_a_region_goes_to_the_only_target(folder: Path) -> None:
    def change(plan: Dataset) -> None:
        item = plan.DoseReferenceSequence[0]
        item.DoseReferenceStructureType = "SITE"
        del item.ReferencedROINumber

    edit(folder / "RTPLAN.dcm", change)
    assert read_folder(folder).prescription_gy == {"PTV": 60.0}
    lost = read_folder(folder, kinds={"PTV": "oar"})
    assert lost.prescription_gy == {}
    assert "prescribes 60 Gy to no region: name its target" in " ".join(lost.notes)


def test_setup_beams_are_left_out(folder: Path) -> None:
    edit(
        folder / "RTPLAN.dcm",
        lambda d: setattr(d.BeamSequence[1], "TreatmentDeliveryType", "SETUP"),
    )
    parts: DicomParts = read_folder(folder)
    assert [b.gantry_deg for b in parts.beams] == [0.0, 216.0]
    assert "1 setup beam(s) of the RT plan are left out" in parts.notes

"""Files of other programs: those that come with pydicom, and datasets without file header."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset

from dicom_cases import edit
from textgrad_radiotherapy.dicom import read_dose, read_folder
from textgrad_radiotherapy.dicom.rtplan import read_plan
from textgrad_radiotherapy.dicom.rtstruct import read_structures
from textgrad_radiotherapy.errors import CaseError


def sample(name: str) -> Path:
    """A file that comes with pydicom."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


def test_a_plan_of_a_planning_system() -> None:
    plan = read_plan(sample("rtplan.dcm"))
    (beam,) = plan.beams
    assert (beam.gantry_deg, beam.couch_deg, beam.sad_mm) == (0.0, 0.0, 1000.0)
    assert beam.isocentre_mm == (235.711172833292, 244.135437110782, -724.97815409918)
    assert (plan.label, plan.fractions) == ("Plan1", 30)
    assert plan.prescribed_gy == {None: 30.826203}
    with pytest.raises(CaseError, match=r"beam Field 1: IsocenterPosition .* 3 finite"):
        read_plan(sample("rtplan_truncated.dcm"))


def test_a_structure_set_without_file_header() -> None:
    regions = read_structures(sample("rtstruct.dcm")).regions
    assert [(r.name, r.kind, len(r.contours)) for r in regions] == [
        ("patient", "external", 3), ("Isocenter 1", None, 0), ("Isocenter 2", None, 0),
    ]  # fmt: skip
    assert regions[0].colour == "#dca078"
    assert regions[0].frame_of_reference_uid == "1.2.826.0.1.3680043.8.498.2010020400001.2"


@pytest.mark.parametrize("name", ["rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm"])
def test_a_dose_in_several_encodings(tmp_path: Path, name: str) -> None:
    with pytest.raises(CaseError, match="RELATIVE: GY is needed"):
        read_dose(sample(name))
    path = tmp_path / name
    shutil.copy(sample(name), path)
    with pydicom.config.disable_value_validation():  # its UIDs are no valid ones
        plain = pydicom.dcmread(sample("rtdose.dcm"))
        edit(path, lambda d: setattr(d, "DoseUnits", "GY"))
        expected = plain.pixel_array * float(plain.DoseGridScaling)
    found = read_dose(path)
    assert found.dose_gy.shape == (15, 10, 10)
    assert np.array_equal(found.dose_gy, expected)


@pytest.mark.parametrize("implicit", [True, False])
def test_datasets_without_file_header_are_read(folder: Path, implicit: bool) -> None:
    expected = read_folder(folder, grid_mm=None)
    for path in folder.iterdir():
        bare: Dataset = pydicom.dcmread(path)
        bare.file_meta, bare.preamble = FileMetaDataset(), None
        bare.save_as(path, implicit_vr=implicit, little_endian=True)
        assert path.read_bytes()[128:132] != b"DICM"
    found = read_folder(folder, grid_mm=None)
    assert np.array_equal(found.density, expected.density)
    assert found.beams == expected.beams
    assert found.dose is not None
    assert expected.dose is not None
    assert np.array_equal(found.dose.dose_gy, expected.dose.dose_gy)


def test_planes_of_a_mirrored_dose_count_along_their_normal(folder: Path) -> None:
    path = folder / "RTDOSE.dcm"
    expected = read_dose(path)

    def mirrored(dose: Dataset) -> None:
        x, y, z = (float(v) for v in dose.ImagePositionPatient)
        nz, _, nx = expected.grid.shape
        dx, _, dz = expected.grid.spacing_mm
        # columns run to the right, so rows times columns points to the feet
        dose.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
        dose.ImagePositionPatient = [x + dx * (nx - 1), y, z + dz * (nz - 1)]
        dose.PixelData = np.ascontiguousarray(dose.pixel_array[::-1, :, ::-1]).tobytes()

    edit(path, mirrored)
    found = read_dose(path)
    assert found.grid.origin_mm == pytest.approx(expected.grid.origin_mm)
    assert np.array_equal(found.dose_gy, expected.dose_gy)

"""What every DICOM object of an export has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ImplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from textgrad_radiotherapy.dicom.patient import Patient
from textgrad_radiotherapy.dicom.uids import uid
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.notice import NOTICE

MANUFACTURER = "textgrad-suite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What ties the files of an export together.

    Args:
        patient: Whose they are.
        study_uid: StudyInstanceUID of all of them.
        frame_of_reference_uid: Coordinate system of all of them.
        title: What is shown, for StudyDescription.
        seed: Goes into every UID that is made here.
    """

    patient: Patient
    study_uid: str
    frame_of_reference_uid: str
    title: str
    seed: str

    def uid(self, *parts: str) -> str:
        """UID of a thing of this export."""
        return uid(self.seed, self.study_uid, self.frame_of_reference_uid, *parts)


def new_dataset(
    identity: Identity, sop_class: str, sop_uid: str, *, modality: str, series: int, number: int
) -> Dataset:
    """A dataset with the patient, study, series, equipment and frame of reference filled in.

    Dates and times, which nobody knows and which would differ each time, stay empty.

    Args:
        identity: Patient, study and frame of reference.
        sop_class: SOPClassUID.
        sop_uid: SOPInstanceUID.
        modality: Modality of its series.
        series: SeriesNumber; each series has its own.
        number: InstanceNumber within the series.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, sop_uid
    dataset.PatientName = identity.patient.name
    dataset.PatientID = identity.patient.identifier
    dataset.StudyInstanceUID = identity.study_uid
    dataset.StudyDescription = clipped(identity.title, 64)
    dataset.SeriesInstanceUID = identity.uid("series", modality)
    dataset.SeriesNumber, dataset.InstanceNumber = series, number
    dataset.SeriesDescription = NOTICE
    dataset.Modality = modality
    dataset.Manufacturer = MANUFACTURER
    dataset.FrameOfReferenceUID = identity.frame_of_reference_uid
    for unknown in (
        "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
        "ReferringPhysicianName", "PositionReferenceIndicator",
    ):  # fmt: skip
        setattr(dataset, unknown, "")
    if modality == "CT":
        dataset.Laterality = ""
    else:
        dataset.OperatorsName = ""
    return dataset


def set_image(dataset: Dataset, grid: Grid, z_mm: float, bits: int) -> None:
    """Describe unsigned grey pixels on the planes of a grid, the first one at ``z_mm``."""
    x, y, _ = grid.origin_mm
    dx, dy, dz = grid.spacing_mm
    dataset.ImagePositionPatient = decimals((x, y, z_mm))
    dataset.ImageOrientationPatient = decimals((1, 0, 0, 0, 1, 0))
    dataset.PixelSpacing = decimals((dy, dx))
    dataset.SliceThickness = decimal(dz)
    dataset.Rows, dataset.Columns = grid.shape[1], grid.shape[2]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0


def reference(sop_class: str, sop_uid: str) -> Dataset:
    """An item that refers to another object."""
    return item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop_uid)


def item(**attributes: object) -> Dataset:
    """An item of a sequence, from keywords."""
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def decimal(value: float) -> str:
    """A number in at most 16 characters, as exact as they allow."""
    return format_number_as_ds(float(value) + 0.0)


def decimals(values: Sequence[float]) -> list[str]:
    """Numbers in at most 16 characters each."""
    return [decimal(v) for v in values]


def clipped(text: str, longest: int) -> str:
    """Text for an attribute of limited length, without the separator of values."""
    return text.replace("\\", "/")[:longest].strip()


def write(dataset: Dataset, path: Path) -> None:
    """Write a DICOM file, implicit VR little endian: explicit VRs end contours at 64 kB.

    Raises:
        CaseError: If pydicom finds that it would be no valid file.
    """
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = UID(uid("implementation"))
    dataset.file_meta.ImplementationVersionName = "TEXTGRAD"
    try:
        pydicom.dcmwrite(path, dataset, enforce_file_format=True, overwrite=False)
    except (ValueError, TypeError, AttributeError) as exc:
        raise CaseError(f"{path.name} cannot be written as DICOM: {exc}") from exc


def plane_z_mm(grid: Grid) -> list[float]:
    """The z coordinate of every plane of a grid."""
    return [float(z) for z in np.asarray(grid.axes_mm()[2])]

"""A CT series of a case, so that a phantom can be opened in a viewer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.uid import CTImageStorage

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.dicom.dataset import (
    Identity,
    decimal,
    new_dataset,
    plane_z_mm,
    set_image,
    write,
)
from textgrad_radiotherapy.dicom.density import hu_of

INTERCEPT = -1024


def ct_uid(identity: Identity, plane: int) -> str:
    """SOPInstanceUID of a slice."""
    return identity.uid("ct", str(plane))


def write_ct(case: Case, identity: Identity, folder: Path) -> list[Path]:
    """Write a slice for every plane of the grid, in whole Hounsfield units.

    Args:
        case: Its density becomes Hounsfield units by the table of `density`.
        identity: Patient, study and frame of reference.
        folder: Where to; it exists.

    Returns:
        The files, ascending along z.
    """
    hu = np.rint(hu_of(case.density)).astype(np.int32)
    stored = np.clip(hu - INTERCEPT, 0, 65535).astype("<u2")
    files = []
    for plane, z in enumerate(plane_z_mm(case.grid)):
        image = new_dataset(
            identity,
            CTImageStorage,
            ct_uid(identity, plane),
            modality="CT",
            series=1,
            number=plane + 1,
        )
        set_image(image, case.grid, z, 16)
        image.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
        image.DerivationDescription = "computed from mass densities, not scanned"
        image.PatientPosition = "HFS"
        image.RescaleIntercept, image.RescaleSlope = decimal(INTERCEPT), decimal(1)
        image.RescaleType = "HU"
        image.KVP = image.AcquisitionNumber = ""
        image.PixelData = stored[plane].tobytes()
        files.append(folder / f"CT.{plane + 1:04d}.dcm")
        write(image, files[-1])
    return files

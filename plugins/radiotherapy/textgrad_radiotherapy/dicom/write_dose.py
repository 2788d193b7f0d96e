"""An RT dose file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.tag import Tag
from pydicom.uid import RTDoseStorage, RTPlanStorage

from textgrad_radiotherapy.dicom.dataset import (
    Identity,
    decimal,
    decimals,
    new_dataset,
    reference,
    set_image,
    write,
)
from textgrad_radiotherapy.dicom.uids import digest
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.notice import NOTICE

# The attribute is unsigned; programs that read it as signed find the same numbers.
_HIGHEST = 2**31 - 1


def write_dose(
    dose_gy: Floats, grid: Grid, identity: Identity, path: Path, *, plan_uid: str, engine: str
) -> None:
    """Write a dose distribution, quantised to the maximum over 2^31.

    Args:
        dose_gy: Gy per course, shape of the grid or flat.
        grid: Where it is.
        identity: Patient, study and frame of reference.
        path: Where to.
        plan_uid: SOPInstanceUID of the RT plan it belongs to.
        engine: What computed it.

    Raises:
        CaseError: If the dose does not fit the grid, or a value is negative or not finite.
    """
    dose = np.asarray(dose_gy, dtype=np.float64)
    if dose.size != grid.voxels:
        raise CaseError(f"the dose has {dose.size} values, its grid is {grid}")
    if not np.isfinite(dose).all() or dose.min() < 0:
        raise CaseError(f"a dose is finite and not negative: {dose.min():g} to {dose.max():g} Gy")
    dose = dose.reshape(grid.shape)
    scaling = decimal(max(float(dose.max()), 1e-3) / (_HIGHEST - 1))
    stored = np.minimum(np.rint(dose / float(scaling)), _HIGHEST).astype("<u4")
    uid = identity.uid("dose", plan_uid, str(grid), digest([dose]))
    dataset = new_dataset(identity, RTDoseStorage, uid, modality="RTDOSE", series=4, number=1)
    set_image(dataset, grid, grid.origin_mm[2], 32)
    planes = grid.shape[0]
    dataset.NumberOfFrames = planes
    dataset.FrameIncrementPointer = Tag("GridFrameOffsetVector")
    dataset.GridFrameOffsetVector = decimals([grid.spacing_mm[2] * k for k in range(planes)])
    dataset.DoseUnits = "GY"
    dataset.DoseType = "PHYSICAL"
    dataset.DoseSummationType = "PLAN"
    dataset.DoseComment = NOTICE
    dataset.ImageComments = f"dose computed by {engine}; {NOTICE}"[:10240]
    dataset.DoseGridScaling = scaling
    dataset.ReferencedRTPlanSequence = [reference(RTPlanStorage, plan_uid)]
    dataset.PixelData = stored.tobytes()
    write(dataset, path)

"""A dose distribution of an RT dose file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from scipy.ndimage import map_coordinates

from textgrad_radiotherapy.dicom.folder import load
from textgrad_radiotherapy.dicom.tags import number, numbers, required, tag_name, text
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid

COSINE_TOLERANCE = 1e-3
PLANE_TOLERANCE_MM = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseVolume:
    """A dose distribution.

    Args:
        grid: Its voxels.
        dose_gy: Gy per course unless ``summation`` says otherwise, shape of the grid.
        summation: DoseSummationType, such as ``PLAN`` or ``BEAM``.
        kind: DoseType, such as ``PHYSICAL``.
        frame_of_reference_uid: Coordinate system.
        plan_uid: SOPInstanceUID of its plan; empty if it is not stated.
        uid: Its SOPInstanceUID.
        patient_id: Whose it is; empty if it is not stated.
    """

    grid: Grid
    dose_gy: Floats
    summation: str
    kind: str
    frame_of_reference_uid: str
    plan_uid: str
    uid: str
    patient_id: str

    def on(self, grid: Grid) -> Floats:
        """Trilinear dose at the voxel centres of another grid, 0 beyond the own voxel centres.

        Args:
            grid: Where it is wanted.

        Returns:
            Gy, shape of that grid.
        """
        places = []
        for axis, origin, step in zip(
            grid.axes_mm(), self.grid.origin_mm, self.grid.spacing_mm, strict=True
        ):
            voxel = (axis - origin) / step
            # Round-off must not push the outermost centres over the edge.
            near = np.abs(voxel - voxel.round()) < 1e-6
            places.append(np.where(near, voxel.round(), voxel))
        mesh = np.meshgrid(*reversed(places), indexing="ij")
        sampled = map_coordinates(self.dose_gy, mesh, order=1, mode="constant", cval=0.0)
        return np.asarray(sampled, dtype=np.float64)


def read_dose(path: Path) -> DoseVolume:
    """Read an RT dose file.

    Raises:
        CaseError: If an attribute is missing, the dose is not in Gy, its scaling is not above 0,
            or the grid is tilted or uneven; values are named.
    """
    dataset, where = load(path), path.name
    units = str(required(dataset, "DoseUnits", where))
    if units != "GY":
        raise CaseError(f"{where} has {tag_name('DoseUnits')} {units}: GY is needed")
    scaling = number(dataset, "DoseGridScaling", where)
    if scaling <= 0:
        raise CaseError(
            f"{where} is damaged: its {tag_name('DoseGridScaling')} is {scaling:g}, which makes "
            "no dose of any pixel; above 0 is needed: export the dose again"
        )
    flip_x, flip_y = _flips(dataset, where)
    offsets, order = _offsets(dataset, where, flip_x * flip_y)
    required(dataset, "PixelData", where)
    try:
        pixels = dataset.pixel_array
    except Exception as exc:  # decoders of foreign packages fail in their own ways
        raise CaseError(f"pixels of {where} cannot be decoded: {exc}") from exc
    pixels = pixels.reshape(-1, *pixels.shape[-2:])
    if len(pixels) != len(offsets):
        raise CaseError(f"{where} has {len(pixels)} frames and {len(offsets)} frame offsets")
    dose = pixels[order][:, ::flip_y, ::flip_x].astype(np.float64) * scaling
    dy, dx = numbers(dataset, "PixelSpacing", where, 2)
    x, y, z = numbers(dataset, "ImagePositionPatient", where, 3)
    nz, ny, nx = dose.shape
    grid = Grid(
        origin_mm=(
            x if flip_x > 0 else x - (nx - 1) * dx,
            y if flip_y > 0 else y - (ny - 1) * dy,
            z + offsets[0],
        ),
        spacing_mm=(dx, dy, _step(offsets, dataset, where)),
        shape=(nz, ny, nx),
    )
    plans = getattr(dataset, "ReferencedRTPlanSequence", None)
    return DoseVolume(
        grid=grid,
        dose_gy=dose,
        summation=text(dataset, "DoseSummationType"),
        kind=text(dataset, "DoseType"),
        frame_of_reference_uid=str(required(dataset, "FrameOfReferenceUID", where)),
        plan_uid=text(plans[0], "ReferencedSOPInstanceUID") if plans else "",
        uid=text(dataset, "SOPInstanceUID"),
        patient_id=text(dataset, "PatientID"),
    )


def _offsets(dataset: Dataset, where: str, normal: int) -> tuple[Floats, list[int]]:
    """Offsets along z of the frames from the first, ascending, and the order that sorts them.

    The vector counts from the first frame along the normal of the image plane, or holds z
    coordinates where it does not begin with 0.
    """
    if not text(dataset, "NumberOfFrames") or int(dataset.NumberOfFrames) == 1:
        return np.zeros(1), [0]
    count = int(dataset.NumberOfFrames)
    found = np.asarray(numbers(dataset, "GridFrameOffsetVector", where, count))
    offsets = (found - found[0]) * (normal if found[0] == 0.0 else 1)
    order = np.argsort(offsets, kind="stable")
    return offsets[order], order.tolist()


def _step(offsets: Floats, dataset: Dataset, where: str) -> float:
    if len(offsets) == 1:
        return number(dataset, "SliceThickness", where)
    steps = np.diff(offsets)
    if np.ptp(steps) > PLANE_TOLERANCE_MM or steps.min() <= PLANE_TOLERANCE_MM:
        raise CaseError(
            f"{where} has uneven planes in {tag_name('GridFrameOffsetVector')}: steps from "
            f"{steps.min():g} to {steps.max():g} mm; export it on an even grid"
        )
    return float((offsets[-1] - offsets[0]) / (len(offsets) - 1))


def _flips(dataset: Dataset, where: str) -> tuple[int, int]:
    cosines = numbers(dataset, "ImageOrientationPatient", where, 6)
    axes = np.asarray(cosines).reshape(2, 3)
    signs = np.sign(axes[0, 0]), np.sign(axes[1, 1])
    if 0 in signs or np.abs(np.abs(axes) - np.eye(2, 3)).max() > COSINE_TOLERANCE:
        raise CaseError(f"{where} has the orientation {cosines}: an axial dose grid is needed")
    return int(signs[0]), int(signs[1])

"""A CT series as a volume of Hounsfield units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from textgrad_radiotherapy.dicom.folder import load
from textgrad_radiotherapy.dicom.patient import Patient, same_patient
from textgrad_radiotherapy.dicom.tags import number, numbers, required, text
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid

COSINE_TOLERANCE = 1e-3
PLACE_TOLERANCE_MM = 0.01
SPACING_TOLERANCE = 0.01  # relative


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CtVolume:
    """A CT series.

    Args:
        grid: Its voxels.
        hu: Hounsfield units, shape of the grid.
        frame_of_reference_uid: Coordinate system of the patient.
        series_uid: Which series it is.
        study_uid: Study it belongs to.
        patient_position: Such as ``HFS``; empty if it is not stated.
        patient: Whose it is, as in the files.
    """

    grid: Grid
    hu: NDArray[np.float32]
    frame_of_reference_uid: str
    series_uid: str
    study_uid: str
    patient_position: str
    patient: Patient


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Slice:
    name: str
    place_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]
    shape: tuple[int, int]
    frame: str
    image: Dataset


def read_ct(files: Sequence[Path]) -> CtVolume:
    """Read a CT series, whatever the order of its files.

    Args:
        files: Single-frame axial images of one series.

    Returns:
        The volume, slices ascending along z, rows along +y, columns along +x.

    Raises:
        CaseError: If a slice is missing, doubled, shifted, tilted, not axial or different from
            the others in size, frame of reference or patient, or if an attribute is missing; the
            files and values are named.
    """
    slices = [_slice(path) for path in files]
    first = slices[0]
    for other in slices[1:]:
        _same(first, other)
    identifier = same_patient((s.name, text(s.image, "PatientID")) for s in slices)
    flips = _flips(first)
    slices.sort(key=lambda s: s.place_mm[2])
    dz = _slice_spacing(slices)
    hu = np.stack([_hounsfield(s)[:: flips[1], :: flips[0]] for s in slices])
    rows, columns = first.shape
    dy, dx = first.spacing_mm
    x, y, z = slices[0].place_mm
    grid = Grid(
        origin_mm=(
            x if flips[0] > 0 else x - (columns - 1) * dx,
            y if flips[1] > 0 else y - (rows - 1) * dy,
            z,
        ),
        spacing_mm=(dx, dy, dz),
        shape=(len(slices), rows, columns),
    )
    return CtVolume(
        grid=grid,
        hu=hu,
        frame_of_reference_uid=first.frame,
        series_uid=text(first.image, "SeriesInstanceUID"),
        study_uid=text(first.image, "StudyInstanceUID"),
        patient_position=text(first.image, "PatientPosition"),
        patient=Patient(identifier=identifier, name=text(first.image, "PatientName")),
    )


def _slice(path: Path) -> _Slice:
    image, name = load(path), path.name
    return _Slice(
        name=name,
        place_mm=numbers(image, "ImagePositionPatient", name, 3),
        orientation=numbers(image, "ImageOrientationPatient", name, 6),
        spacing_mm=numbers(image, "PixelSpacing", name, 2),
        shape=(int(number(image, "Rows", name)), int(number(image, "Columns", name))),
        frame=str(required(image, "FrameOfReferenceUID", name)),
        image=image,
    )


def _same(first: _Slice, other: _Slice) -> None:
    """Refuse a slice that is no parallel shift of the first along z."""
    turned = np.abs(np.subtract(first.orientation, other.orientation)).max() > COSINE_TOLERANCE
    scaled = not np.allclose(first.spacing_mm, other.spacing_mm, rtol=1e-4, atol=0)
    moved = np.abs(np.subtract(first.place_mm, other.place_mm)[:2]).max() > PLACE_TOLERANCE_MM
    for differs, what, a, b in (
        (turned, "ImageOrientationPatient", first.orientation, other.orientation),
        (scaled, "PixelSpacing", first.spacing_mm, other.spacing_mm),
        (first.shape != other.shape, "Rows and Columns", first.shape, other.shape),
        (first.frame != other.frame, "FrameOfReferenceUID", first.frame, other.frame),
        (moved, "ImagePositionPatient x, y", first.place_mm[:2], other.place_mm[:2]),
    ):
        if differs:
            raise CaseError(
                f"slices of one series differ in {what}: {a} in {first.name}, {b} in "
                f"{other.name}: export a series without gantry tilt, with one geometry"
            )


def _flips(piece: _Slice) -> tuple[int, int]:
    """Direction of columns along x and rows along y, each 1 or -1."""
    axes = np.asarray(piece.orientation).reshape(2, 3)
    signs = np.sign(axes[0, 0]), np.sign(axes[1, 1])
    straight = np.array([[signs[0], 0, 0], [0, signs[1], 0]])
    if 0 in signs or np.abs(axes - straight).max() > COSINE_TOLERANCE:
        raise CaseError(
            f"ImageOrientationPatient {piece.orientation} in {piece.name} is not axial (rows "
            "along x, columns along y): tilted, sagittal and coronal series are not read; "
            "export an axial reconstruction"
        )
    return int(signs[0]), int(signs[1])


def _slice_spacing(slices: Sequence[_Slice]) -> float:
    z = np.array([s.place_mm[2] for s in slices])
    if z.size < 2:
        raise CaseError(f"the series has one slice, {slices[0].name}: two or more are needed")
    steps = np.diff(z)
    usual = float(np.median(steps))
    for i, step in enumerate(steps.tolist()):
        pair = f"{slices[i].name} (z {z[i]:g} mm) and {slices[i + 1].name} (z {z[i + 1]:g} mm)"
        if step < PLACE_TOLERANCE_MM:
            raise CaseError(f"{pair} show the same slice: remove one of them")
        if abs(step - usual) > max(PLACE_TOLERANCE_MM, SPACING_TOLERANCE * usual):
            raise CaseError(
                f"{pair} are {step:g} mm apart where other slices are {usual:g} mm apart: a "
                "slice is missing or the spacing changes; export a complete, even series"
            )
    return float((z[-1] - z[0]) / (z.size - 1))


def _hounsfield(piece: _Slice) -> NDArray[np.float32]:
    image, name = piece.image, piece.name
    slope = number(image, "RescaleSlope", name)
    intercept = number(image, "RescaleIntercept", name)
    required(image, "PixelData", name)
    try:
        pixels = image.pixel_array
    except Exception as exc:  # decoders of foreign packages fail in their own ways
        syntax = text(image.file_meta, "TransferSyntaxUID") or "no transfer syntax"
        raise CaseError(f"pixels of {name} ({syntax}) cannot be decoded: {exc}") from exc
    if pixels.shape != piece.shape:
        raise CaseError(f"{name} has pixels of shape {pixels.shape}, not {piece.shape}")
    return np.asarray(pixels * np.float32(slope) + np.float32(intercept), dtype=np.float32)

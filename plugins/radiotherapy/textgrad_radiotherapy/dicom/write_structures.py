"""An RT structure set with contours traced from the occupancy of voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, RTStructureSetStorage

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.dicom.dataset import (
    Identity,
    clipped,
    item,
    new_dataset,
    plane_z_mm,
    reference,
    write,
)
from textgrad_radiotherapy.dicom.tracing import area, traced
from textgrad_radiotherapy.dicom.uids import digest
from textgrad_radiotherapy.dicom.write_ct import ct_uid
from textgrad_radiotherapy.geometry import Floats, Grid

HALF = 0.5
LOWEST_LEVEL = 0.25
AREA_TOLERANCE = 2e-3


def structure_set_uid(case: Case, identity: Identity) -> str:
    """SOPInstanceUID of the structure set of a case."""
    parts = [a for s in case.structures.values() for a in (s.voxels, s.occupancy)]
    return identity.uid("structures", *case.structures, digest(parts))


def write_structures(case: Case, identity: Identity, path: Path) -> tuple[str, ...]:
    """Write the structures of a case, numbered from 1 in their order.

    Args:
        case: Its structures are traced on every plane of the grid where they fill a voxel by
            half.
        identity: Patient, study and frame of reference.
        path: Where to.

    Returns:
        Names of the structures that fill no voxel by half, and so have no contours.
    """
    dataset = new_dataset(
        identity,
        RTStructureSetStorage,
        structure_set_uid(case, identity),
        modality="RTSTRUCT",
        series=2,
        number=1,
    )
    dataset.StructureSetLabel = clipped(case.name, 16)
    dataset.StructureSetDate = dataset.StructureSetTime = ""
    dataset.ApprovalStatus = "UNAPPROVED"
    frame = identity.frame_of_reference_uid
    dataset.ReferencedFrameOfReferenceSequence = [item(FrameOfReferenceUID=frame)]
    regions, drawings, observations, empty = [], [], [], []
    for number, structure in enumerate(case.structures.values(), start=1):
        regions.append(
            item(
                ROINumber=number,
                ReferencedFrameOfReferenceUID=frame,
                ROIName=clipped(structure.name, 64),
                ROIGenerationAlgorithm="AUTOMATIC",
            )
        )
        drawing = item(ReferencedROINumber=number, ROIDisplayColor=_rgb(structure.colour))
        contours = _contours(structure, case.grid, identity)
        if contours:
            drawing.ContourSequence = contours
        else:
            empty.append(structure.name)
        drawings.append(drawing)
        observations.append(
            item(
                ObservationNumber=number,
                ReferencedROINumber=number,
                RTROIInterpretedType=_interpreted(structure),
                ROIInterpreter="",
            )
        )
    dataset.StructureSetROISequence = regions
    dataset.ROIContourSequence = drawings
    dataset.RTROIObservationsSequence = observations
    write(dataset, path)
    return tuple(empty)


def outlines(structure: Structure, grid: Grid) -> list[tuple[int, list[Floats]]]:
    """Contours of a structure on every plane where it fills a voxel by half.

    Returns:
        For every plane with contours its index along z and the corners (x, y) in mm of each.
    """
    if not structure.voxels.size:
        return []
    k, j, i = np.unravel_index(structure.voxels, grid.shape)
    low_j, low_i = int(j.min()), int(i.min())
    window = (int(j.max()) - low_j + 1, int(i.max()) - low_i + 1)
    step = np.asarray(grid.spacing_mm[:2])
    corner = np.asarray(grid.origin_mm[:2]) + step * (low_i, low_j)
    found = []
    for plane in np.unique(k).tolist():
        here = k == plane
        values = np.zeros(window)
        values[j[here] - low_j, i[here] - low_i] = structure.occupancy[here]
        polygons = [corner + step * p for p in outline(values)]
        if polygons:
            found.append((plane, polygons))
    return found


def outline(occupancy: Floats) -> list[Floats]:
    """Contours of one plane, in pixels, that enclose the area the pixels are filled to.

    A contour at half occupancy cuts corners: the smaller the structure, the more of it is lost.
    The level is lowered until the area is right, but not below a quarter.

    Args:
        occupancy: Share of each pixel, shape (rows, columns).

    Returns:
        Polygons as of `traced`; none if no pixel is filled by half.
    """
    polygons = traced(occupancy, HALF)
    wanted = float(occupancy.sum())
    low, high = LOWEST_LEVEL, HALF
    while polygons and high - low > 2e-3 and _excess(polygons, wanted) < -AREA_TOLERANCE:
        middle = (low + high) / 2
        trial = traced(occupancy, middle)
        if _excess(trial, wanted) > AREA_TOLERANCE:
            low = middle
        else:
            polygons, high = trial, middle
    return polygons


def _excess(polygons: list[Floats], wanted: float) -> float:
    """Area by which the polygons differ from the wanted one, as a share of it."""
    return sum(area(p) for p in polygons) / wanted - 1.0


def _contours(structure: Structure, grid: Grid, identity: Identity) -> list[Dataset]:
    z = plane_z_mm(grid)
    contours = []
    for plane, polygons in outlines(structure, grid):
        for polygon in polygons:
            corners = [f"{v:.4f}" for x, y in polygon.tolist() for v in (x, y, z[plane])]
            contours.append(
                item(
                    ContourImageSequence=[reference(CTImageStorage, ct_uid(identity, plane))],
                    ContourGeometricType="CLOSED_PLANAR",
                    NumberOfContourPoints=len(polygon),
                    ContourData=corners,
                )
            )
    return contours


def _interpreted(structure: Structure) -> str:
    """The defined term for a structure; of targets by name."""
    if structure.kind == "target":
        upper = structure.name.upper()
        return next((t for t in ("CTV", "GTV") if upper.startswith(t)), "PTV")
    return "EXTERNAL" if structure.kind == "external" else "ORGAN"


def _rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]

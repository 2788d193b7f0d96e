"""Regions of an RT structure set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from pydicom.dataset import Dataset

from textgrad_radiotherapy.case import StructureKind
from textgrad_radiotherapy.dicom.folder import load
from textgrad_radiotherapy.dicom.stack import SAME_PLANE_MM, Contour
from textgrad_radiotherapy.dicom.tags import number, required, tag_name, text
from textgrad_radiotherapy.errors import CaseError

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_TARGETS = ("PTV", "CTV", "GTV")
_ORGANS = ("ORGAN", "AVOIDANCE")
_OUTLINES = ("BODY", "EXTERNAL", "SKIN", "OUTLINE")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """A region of interest as it stands in the file.

    Args:
        name: Its ROI name; the second of one name has its number behind it.
        number: Its ROI number.
        kind: What planning takes it for; None for a marker, a couch, a dose region and such.
        said: The RT ROI interpreted type of the file, empty if there is none.
        colour: ``#rrggbb``.
        contours: Its closed planar contours; may be none.
        frame_of_reference_uid: Coordinate system of its contours.
    """

    name: str
    number: int
    kind: StructureKind | None
    said: str
    colour: str
    contours: tuple[Contour, ...]
    frame_of_reference_uid: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StructureSet:
    """A structure set.

    Args:
        uid: Its SOPInstanceUID.
        label: Its name.
        regions: In the order of the file.
        notes: What was left out or guessed.
        patient_id: Whose it is; empty if it is not stated.
    """

    uid: str
    label: str
    regions: tuple[Region, ...]
    notes: tuple[str, ...]
    patient_id: str


def read_structures(path: Path, kinds: Mapping[str, StructureKind] | None = None) -> StructureSet:
    """Read an RT structure set.

    Args:
        path: The file.
        kinds: What structures are, by ROI name, where the file's word or its absence misleads.

    Raises:
        CaseError: If an attribute is missing, a contour is not axial, or ``kinds`` names a
            structure that is not there or a kind that is none.
    """
    dataset, where = load(path), path.name
    listed = required(dataset, "StructureSetROISequence", where)
    drawn = {
        int(number(item, "ReferencedROINumber", where)): item
        for item in getattr(dataset, "ROIContourSequence", None) or ()
    }
    said = {
        int(number(item, "ReferencedROINumber", where)): text(item, "RTROIInterpretedType")
        for item in getattr(dataset, "RTROIObservationsSequence", None) or ()
    }
    regions: dict[str, Region] = {}
    notes: list[str] = []
    for item in listed:
        roi = int(number(item, "ROINumber", where))
        name = text(item, "ROIName") or f"ROI {roi}"
        if name in regions:
            notes.append(f"two regions are called {name}: the second is {name} (ROI {roi})")
            name = f"{name} (ROI {roi})"
        contours, other = _contours(drawn.get(roi), f"{where}, {name}")
        if other:
            notes.append(f"{name}: {other} contour(s) that are not closed planar were left out")
        regions[name] = Region(
            name=name,
            number=roi,
            kind=(kinds or {}).get(name) or kind_of(name, said.get(roi, "")),
            said=said.get(roi, ""),
            colour=_colour(drawn.get(roi)),
            contours=contours,
            frame_of_reference_uid=_frame(dataset, item, where),
        )
    for name, kind in (kinds or {}).items():
        if name not in regions:
            raise CaseError(f"no structure {name!r} in {where}; found: {', '.join(regions)}")
        if kind not in get_args(StructureKind):
            known = ", ".join(get_args(StructureKind))
            raise CaseError(f"structure {name!r} cannot be {kind!r}; known kinds: {known}")
    return StructureSet(
        uid=text(dataset, "SOPInstanceUID"),
        label=text(dataset, "StructureSetLabel"),
        regions=tuple(regions.values()),
        notes=tuple(notes),
        patient_id=text(dataset, "PatientID"),
    )


def kind_of(name: str, said: str) -> StructureKind | None:
    """What planning takes a region for.

    The interpreted type decides. Where it is empty or says ``CONTROL``, the name does: PTV, CTV
    and GTV begin the names of targets, body, external, skin and outline those of outlines.

    Returns:
        The kind; None for a type that is no anatomy, such as a marker or a couch.
    """
    if said in _TARGETS:
        return "target"
    if said == "EXTERNAL":
        return "external"
    if said in _ORGANS:
        return "oar"
    if said not in ("", "CONTROL"):
        return None
    upper = name.upper()
    if upper.startswith(_TARGETS):
        return "target"
    return "external" if upper.startswith(_OUTLINES) else "oar"


def _contours(drawn: Dataset | None, where: str) -> tuple[tuple[Contour, ...], int]:
    """Closed planar contours of a region, and how many others there were."""
    found, other = [], 0
    for item in getattr(drawn, "ContourSequence", None) or ():
        if text(item, "ContourGeometricType") not in _CLOSED:
            other += 1
            continue
        values = required(item, "ContourData", where)
        try:
            points = np.asarray(values, dtype=np.float64).reshape(-1, 3)
        except (TypeError, ValueError):
            points = np.full((1, 3), np.nan)
        if not np.isfinite(points).all():
            raise CaseError(f"{where}: {tag_name('ContourData')} is no list of x, y, z in mm")
        z = points[:, 2]
        if np.ptp(z) > SAME_PLANE_MM:
            raise CaseError(
                f"{where}: a contour reaches from z {z.min():g} to {z.max():g} mm, only axial "
                "contours are read: draw it on axial slices"
            )
        if len(points) < 3:
            other += 1
            continue
        found.append(Contour(z_mm=float(z.mean()), points_mm=points[:, :2]))
    return tuple(found), other


def _frame(dataset: Dataset, item: Dataset, where: str) -> str:
    own = text(item, "ReferencedFrameOfReferenceUID")
    if own:
        return own
    frames = getattr(dataset, "ReferencedFrameOfReferenceSequence", None)
    if frames:
        return str(required(frames[0], "FrameOfReferenceUID", where))
    return str(required(dataset, "FrameOfReferenceUID", where))


def _colour(drawn: Dataset | None) -> str:
    shown = getattr(drawn, "ROIDisplayColor", None)
    if shown is None or len(shown) != 3:
        return "#888888"
    return "#" + "".join(f"{min(max(int(v), 0), 255):02x}" for v in shown)

"""A folder of DICOM files as a case that can be planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from textgrad_radiotherapy.case import Beam, Case
from textgrad_radiotherapy.cases import MARGIN_MM, build_case
from textgrad_radiotherapy.course_dose import remark_on_prescription
from textgrad_radiotherapy.dicom.reading import POSITION, DicomParts
from textgrad_radiotherapy.dicom.rtplan import check_position
from textgrad_radiotherapy.errors import CaseError


def case_of(
    parts: DicomParts,
    *,
    name: str,
    beams: Sequence[Beam] | None = None,
    prescription_gy: Mapping[str, float] | None = None,
    fractions: int | None = None,
    margin_mm: float = MARGIN_MM,
    cache: Path | None = None,
) -> Case:
    """A case whose influence the embedded engine computes for what was read.

    Args:
        parts: What `read_folder` found.
        name: Short name of the case; no personal data.
        beams: Beams; those of the RT plan if None.
        prescription_gy: Dose per course by target; that of the RT plan if None.
        fractions: Number of fractions; that of the RT plan if None.
        margin_mm: Margin of the beamlets around the targets.
        cache: Folder of influence matrices; None keeps nothing.

    Raises:
        CaseError: If there are no beams or no prescription, the patient does not lie head first
            supine, or something cannot be planned.
    """
    chosen = parts.beams if beams is None else tuple(beams)
    prescribed = parts.prescription_gy if prescription_gy is None else prescription_gy
    if not chosen:
        raise CaseError(
            f"the DICOM files of {name!r} have no beams: add their RT plan, or name gantry angles"
        )
    position = parts.meta.get(POSITION, "")
    check_position(position)
    if not prescribed:
        targets = ", ".join(s.name for s in parts.structures.values() if s.kind == "target")
        raise CaseError(
            f"the DICOM files of {name!r} prescribe no dose: name a target and its Gy per course; "
            f"targets: {targets or 'none, say which structure is one'}"
        )
    course = parts.fractions if fractions is None else fractions
    remarks = (
        "" if position else "the CT does not say how the patient lies: head first supine is taken",
        remark_on_prescription(prescribed, course),
    )
    return build_case(
        name=name,
        grid=parts.grid,
        density=parts.density,
        structures=list(parts.structures.values()),
        beams=chosen,
        prescription_gy=prescribed,
        margin_mm=margin_mm,
        cache=cache,
        fractions=course,
        title=name,
        source=_source(parts.meta),
        notes=(*parts.notes, *(remark for remark in remarks if remark)),
        meta=parts.meta,
    )


def _source(meta: Mapping[str, str]) -> str:
    found = ["CT"] + [
        f"{kind} {meta[key]!r}"
        for kind, key in (
            ("structure set", "dicom.structure_set_label"), ("RT plan", "dicom.plan_label"),
        )
        if key in meta
    ]  # fmt: skip
    return f"Imported from DICOM: {', '.join(found)}."

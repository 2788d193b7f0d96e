"""Beams and prescription of an RT plan; collimators and fluence are not read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from textgrad_radiotherapy.beam_geometry import check_beam
from textgrad_radiotherapy.case import Beam
from textgrad_radiotherapy.course_dose import whole_fractions
from textgrad_radiotherapy.dicom.folder import load
from textgrad_radiotherapy.dicom.tags import number, numbers, required, text
from textgrad_radiotherapy.errors import CaseError

LEAST_FRACTION_GY = 0.5  # a course with less in each fraction is a fraction by mistake
SAD_MM = 1000.0
SUPINE = ("", "HFS")  # head first supine, or not stated: what gantry angles are meant for here


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGeometry:
    """What is taken from an RT plan.

    Args:
        uid: Its SOPInstanceUID.
        label: Its name.
        beams: Treatment beams in the order of the file.
        prescribed_gy: Prescribed dose per course by ROI number; the key None holds a dose that
            is prescribed to no region.
        fractions: Number of fractions; None if it is not stated.
        frame_of_reference_uid: Coordinate system; empty if it is not stated.
        notes: What was left out.
        patient_id: Whose it is; empty if it is not stated.
    """

    uid: str
    label: str
    beams: tuple[Beam, ...]
    prescribed_gy: dict[int | None, float]
    fractions: int | None
    frame_of_reference_uid: str
    notes: tuple[str, ...]
    patient_id: str


def read_plan(path: Path, *, bixel_mm: float = 5.0) -> PlanGeometry:
    """Read gantry and couch angles, isocentres, prescription and fractions of an RT plan.

    Args:
        path: The file.
        bixel_mm: Width of the beamlets its beams get.

    Raises:
        CaseError: If an attribute is missing, a beam is no photon beam, rotates, or the couch
            is tilted, if an angle is more than a full turn or a distance not above 0, if the
            patient does not lie head first supine, or if the prescription looks like that of
            one fraction.
    """
    plan, where = load(path), path.name
    listed = list(required(plan, "BeamSequence", where))
    setup = [b for b in listed if text(b, "TreatmentDeliveryType") in ("SETUP", "OPEN_PORTFILM")]
    beams = tuple(_beam(b, where, bixel_mm) for b in listed if b not in setup)
    if not beams:
        raise CaseError(f"{where} has no treatment beam, only {len(setup)} for setup")
    for item in getattr(plan, "PatientSetupSequence", None) or ():
        _head_first_supine(text(item, "PatientPosition"), where)
    notes = ["leaves, jaws, collimator angles and meterset of the RT plan are ignored"]
    if setup:
        notes.append(f"{len(setup)} setup beam(s) of the RT plan are left out")
    fractions = _fractions(plan, where)
    prescribed = _prescribed(plan, where)
    for dose in prescribed.values():
        per_course(dose, fractions, where)
    return PlanGeometry(
        uid=text(plan, "SOPInstanceUID"),
        label=text(plan, "RTPlanLabel"),
        beams=beams,
        prescribed_gy=prescribed,
        fractions=fractions,
        frame_of_reference_uid=text(plan, "FrameOfReferenceUID"),
        notes=tuple(notes),
        patient_id=text(plan, "PatientID"),
    )


def check_position(position: str) -> None:
    """Refuse beams on the CT of a patient who does not lie head first supine.

    Gantry and couch angles become directions in the patient for that position only.

    Args:
        position: PatientPosition of the CT; empty if it is not stated.

    Raises:
        CaseError: If it is another.
    """
    if position not in SUPINE:
        raise CaseError(
            f"the CT is of a patient in position {position}: beams are made for HFS (head first "
            "supine) only, and would enter from the wrong side; plan on a CT of the patient in HFS"
        )


def per_course(dose_gy: float, fractions: int | None, where: str) -> None:
    """Refuse a prescription that can only be meant per fraction.

    Raises:
        CaseError: If less than 0.5 Gy would be left for each of several fractions.
    """
    if fractions is not None and fractions > 1 and dose_gy / fractions < LEAST_FRACTION_GY:
        raise CaseError(
            f"{where} prescribes {dose_gy:g} Gy in {fractions} fractions, {dose_gy / fractions:g} "
            f"Gy each: that looks like the dose of one fraction; Gy per course are needed"
        )


def _beam(beam: Dataset, where: str, bixel_mm: float) -> Beam:
    name = f"{where}, beam {text(beam, 'BeamName') or text(beam, 'BeamNumber')}"
    radiation = text(beam, "RadiationType")
    if radiation not in ("", "PHOTON"):
        raise CaseError(f"{name} has RadiationType {radiation}: only photons are planned here")
    points = list(required(beam, "ControlPointSequence", name))
    start = points[0]
    gantry = number(start, "GantryAngle", name)
    couch = _angle(start, "PatientSupportAngle", name)
    for point in points:
        turned = (
            _angle(point, "GantryAngle", name, gantry),
            _angle(point, "PatientSupportAngle", name, couch),
        )
        if turned != (gantry, couch):
            raise CaseError(
                f"{name} moves from gantry {gantry:g}, couch {couch:g} to gantry {turned[0]:g}, "
                f"couch {turned[1]:g} degrees: arcs are not planned here; leave the plan out "
                "with --plan none and name fixed angles with --gantry"
            )
    for tilt in ("TableTopPitchAngle", "TableTopRollAngle"):
        if _angle(start, tilt, name) != 0.0:
            raise CaseError(f"{name} has {tilt} {_angle(start, tilt, name):g} degrees, not 0")
    x, y, z = numbers(start, "IsocenterPosition", name, 3)
    sad = text(beam, "SourceAxisDistance")
    found = Beam(
        gantry_deg=gantry,
        couch_deg=couch,
        isocentre_mm=(x, y, z),
        sad_mm=number(beam, "SourceAxisDistance", name) if sad else SAD_MM,
        bixel_mm=bixel_mm,
    )
    check_beam(found, name)
    return found


def _angle(point: Dataset, keyword: str, where: str, default: float = 0.0) -> float:
    return number(point, keyword, where) if text(point, keyword) else default


def _head_first_supine(position: str, where: str) -> None:
    if position not in SUPINE:
        raise CaseError(
            f"{where} is for a patient in position {position}: gantry angles are read for HFS "
            "(head first supine) only; leave the plan out with --plan none and name angles with "
            "--gantry"
        )


def _fractions(plan: Dataset, where: str) -> int | None:
    groups = getattr(plan, "FractionGroupSequence", None) or ()
    planned = [
        whole_fractions(
            number(g, "NumberOfFractionsPlanned", where), f"{where}: NumberOfFractionsPlanned"
        )
        for g in groups
        if text(g, "NumberOfFractionsPlanned")
    ]
    if len(planned) > 1:
        raise CaseError(f"{where} has {len(planned)} fraction groups of {planned}: one is needed")
    return planned[0] if planned else None


def _prescribed(plan: Dataset, where: str) -> dict[int | None, float]:
    """Doses prescribed to targets; of several for one region the highest."""
    found: dict[int | None, float] = {}
    for item in getattr(plan, "DoseReferenceSequence", None) or ():
        if text(item, "DoseReferenceType") != "TARGET" or not text(item, "TargetPrescriptionDose"):
            continue
        dose = number(item, "TargetPrescriptionDose", where)
        if dose <= 0:
            raise CaseError(f"{where} has a TargetPrescriptionDose of {dose:g} Gy: above 0 needed")
        roi = text(item, "ReferencedROINumber")
        key = int(number(item, "ReferencedROINumber", where)) if roi else None
        found[key] = max(dose, found.get(key, 0.0))
    return found

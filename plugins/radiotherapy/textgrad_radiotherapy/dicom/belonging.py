"""Whether files of a folder belong together: one patient, one coordinate system."""

from __future__ import annotations

from textgrad_radiotherapy.dicom.ct import CtVolume
from textgrad_radiotherapy.dicom.patient import same_patient
from textgrad_radiotherapy.dicom.rtdose import DoseVolume
from textgrad_radiotherapy.dicom.rtplan import PlanGeometry
from textgrad_radiotherapy.dicom.rtstruct import StructureSet
from textgrad_radiotherapy.errors import CaseError


def check_belonging(
    volume: CtVolume,
    regions: StructureSet,
    plan: PlanGeometry | None,
    dose: DoseVolume | None,
) -> None:
    """Refuse a structure set, a plan or a dose that is not of the CT.

    Args:
        volume: The CT.
        regions: The structure set.
        plan: The RT plan, if there is one.
        dose: The RT dose, if there is one.

    Raises:
        CaseError: If one is of another patient, or in another frame of reference; both are named.
    """
    patients = [
        ("the CT", volume.patient.identifier),
        ("the RT structure set", regions.patient_id),
    ]
    frames = [
        (f"structure {r.name}", r.frame_of_reference_uid)
        for r in regions.regions
        if r.kind and r.contours
    ]
    if plan is not None:
        patients.append(("the RT plan", plan.patient_id))
        if plan.frame_of_reference_uid:
            frames.append(("the RT plan", plan.frame_of_reference_uid))
    if dose is not None:
        patients.append(("the RT dose", dose.patient_id))
        frames.append(("the RT dose", dose.frame_of_reference_uid))
    same_patient(patients)
    own = volume.frame_of_reference_uid
    for what, frame in frames:
        if frame != own:
            raise CaseError(
                f"{what} is in the frame of reference {frame}, the CT in {own}: they cannot be "
                "laid over each other without a registration; export files of one planning CT"
            )

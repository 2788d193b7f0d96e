"""An RT plan with the geometry of a case: research intent, no leaves, no meterset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import RTPlanStorage, RTStructureSetStorage

from textgrad_radiotherapy.case import Beam, Case
from textgrad_radiotherapy.dicom.dataset import (
    Identity,
    clipped,
    decimal,
    decimals,
    item,
    new_dataset,
    reference,
    write,
)
from textgrad_radiotherapy.dicom.write_structures import structure_set_uid
from textgrad_radiotherapy.notice import NOTICE

DESCRIPTION = (
    f"{NOTICE}; beam geometry and prescription of an optimised fluence, without leaf sequence, "
    "machine and meterset: it cannot be delivered"
)


def plan_uid(case: Case, identity: Identity) -> str:
    """SOPInstanceUID of the plan of a case."""
    prescribed = sorted(case.prescription_gy.items())
    return identity.uid("plan", repr(case.beams), repr(prescribed), repr(case.fractions))


def write_plan(case: Case, identity: Identity, path: Path) -> None:
    """Write beams, prescription and fractions of a case; jaws are those around the beamlets.

    Args:
        case: Its structures are referred to by their place in it, from 1.
        identity: Patient, study and frame of reference.
        path: Where to.
    """
    plan = new_dataset(
        identity, RTPlanStorage, plan_uid(case, identity), modality="RTPLAN", series=3, number=1
    )
    plan.RTPlanLabel = clipped(case.name, 16)
    plan.RTPlanDescription = DESCRIPTION
    plan.RTPlanDate = plan.RTPlanTime = ""
    plan.PlanIntent = "RESEARCH"
    plan.ApprovalStatus = "UNAPPROVED"
    plan.RTPlanGeometry = "PATIENT"
    regions = structure_set_uid(case, identity)
    plan.ReferencedStructureSetSequence = [reference(RTStructureSetStorage, regions)]
    numbers = {name: i for i, name in enumerate(case.structures, start=1)}
    plan.DoseReferenceSequence = [
        item(
            DoseReferenceNumber=i,
            DoseReferenceStructureType="VOLUME",
            ReferencedROINumber=numbers[name],
            DoseReferenceType="TARGET",
            TargetPrescriptionDose=decimal(dose),
        )
        for i, (name, dose) in enumerate(case.prescription_gy.items(), start=1)
    ]
    plan.PatientSetupSequence = [item(PatientSetupNumber=1, PatientPosition="HFS")]
    plan.FractionGroupSequence = [
        item(
            FractionGroupNumber=1,
            NumberOfFractionsPlanned="" if case.fractions is None else case.fractions,
            NumberOfBeams=len(case.beams),
            NumberOfBrachyApplicationSetups=0,
            ReferencedBeamSequence=[
                item(ReferencedBeamNumber=i) for i in range(1, len(case.beams) + 1)
            ],
        )
    ]
    plan.BeamSequence = [_beam(case, i, beam) for i, beam in enumerate(case.beams)]
    write(plan, path)


def _beam(case: Case, index: int, beam: Beam) -> Dataset:
    mine = case.influence.position_mm[case.influence.beam_of_beamlet == index]
    centres = mine if len(mine) else np.zeros((1, 2))
    low, high = centres.min(axis=0) - beam.bixel_mm / 2, centres.max(axis=0) + beam.bixel_mm / 2
    jaws = [
        item(RTBeamLimitingDeviceType=axis, LeafJawPositions=decimals((low[i], high[i])))
        for i, axis in enumerate(("X", "Y"))
    ]
    start = item(
        ControlPointIndex=0,
        CumulativeMetersetWeight="0",
        BeamLimitingDevicePositionSequence=jaws,
        GantryAngle=decimal(beam.gantry_deg % 360),
        GantryRotationDirection="NONE",
        BeamLimitingDeviceAngle="0",
        BeamLimitingDeviceRotationDirection="NONE",
        PatientSupportAngle=decimal(beam.couch_deg % 360),
        PatientSupportRotationDirection="NONE",
        TableTopEccentricAngle="0",
        TableTopEccentricRotationDirection="NONE",
        TableTopPitchAngle=0.0,
        TableTopPitchRotationDirection="NONE",
        TableTopRollAngle=0.0,
        TableTopRollRotationDirection="NONE",
        TableTopVerticalPosition="",
        TableTopLongitudinalPosition="",
        TableTopLateralPosition="",
        IsocenterPosition=decimals(beam.isocentre_mm),
    )
    return item(
        BeamNumber=index + 1,
        BeamName=f"gantry {beam.gantry_deg:g} couch {beam.couch_deg:g}",
        BeamType="STATIC",
        RadiationType="PHOTON",
        TreatmentDeliveryType="TREATMENT",
        TreatmentMachineName="",
        SourceAxisDistance=decimal(beam.sad_mm),
        BeamLimitingDeviceSequence=[
            item(RTBeamLimitingDeviceType=axis, NumberOfLeafJawPairs=1) for axis in ("X", "Y")
        ],
        ReferencedPatientSetupNumber=1,
        NumberOfWedges=0,
        NumberOfCompensators=0,
        NumberOfBoli=0,
        NumberOfBlocks=0,
        FinalCumulativeMetersetWeight="1",
        NumberOfControlPoints=2,
        ControlPointSequence=[start, item(ControlPointIndex=1, CumulativeMetersetWeight="1")],
    )

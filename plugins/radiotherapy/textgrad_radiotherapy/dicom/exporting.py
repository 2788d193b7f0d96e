"""A case and its dose as a folder of DICOM files."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.dicom.dataset import Identity, clipped
from textgrad_radiotherapy.dicom.patient import Patient
from textgrad_radiotherapy.dicom.uids import digest, uid
from textgrad_radiotherapy.dicom.write_ct import write_ct
from textgrad_radiotherapy.dicom.write_dose import write_dose
from textgrad_radiotherapy.dicom.write_plan import plan_uid, write_plan
from textgrad_radiotherapy.dicom.write_structures import write_structures
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.structure_names import matched

Part = Literal["ct", "structures", "plan", "dose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote.

    Args:
        files: The files, in the order CT, structures, plan, dose.
        notes: What a reader has to know, such as structures too thin to be drawn.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def export_folder(
    case: Case,
    folder: Path,
    *,
    dose_gy: Floats | None = None,
    dose_grid: Grid | None = None,
    protocol: Protocol | None = None,
    parts: Collection[Part] = get_args(Part),
    patient: Patient | None = None,
    study_uid: str | None = None,
    seed: str = "",
) -> Exported:
    """Write a case as DICOM files; all of them or none.

    The same arguments give the same bytes. The frame of reference of an imported case is kept,
    so that the dose lies over the CT it came from; everything else gets UIDs of its own.

    Args:
        case: What is written.
        folder: Where to; it must not exist, or be empty.
        dose_gy: Gy per course; without it no dose is written.
        dose_grid: Where the dose is, such as the grid a plan is judged on; None for the case's.
        protocol: What the dose was planned by: its prescription and fractions are the RTPLAN's,
            by the case's names. None for those of the case.
        parts: Which files to write.
        patient: Whose files they are. Without it the name of a phantom, and nothing for an
            imported case.
        study_uid: The study they join; without it one of their own.
        seed: Other seeds give other UIDs.

    Raises:
        CaseError: If the folder is taken, a part is unknown, the dose is not one of the grid, or
            the case lacks a target of the protocol.
        OSError: If the folder cannot be written; nothing is left behind.
    """
    unknown = sorted(set(parts) - set(get_args(Part)))
    if unknown:
        raise CaseError(f"no part {unknown[0]!r} of an export; known: {', '.join(get_args(Part))}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CaseError(f"{folder} is taken: name a folder that does not exist or is empty")
    if protocol is not None:
        planned = matched(protocol, case)
        fractions = planned.fractions
        if fractions is None and planned.prescription_gy == case.prescription_gy:
            fractions = case.fractions  # of the same course
        case = replace(case, prescription_gy=planned.prescription_gy, fractions=fractions)
    identity = _identity(case, patient, study_uid, seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / f".{folder.name[:80]}.{secrets.token_hex(8)}.part"
    try:  # from before the draft exists, so that an interrupt leaves none behind
        draft.mkdir()
        names, notes = _write(case, identity, draft, dose_gy, dose_grid or case.grid, parts)
        draft.replace(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Exported(files=tuple(folder / name for name in names), notes=notes)


def _identity(case: Case, patient: Patient | None, study_uid: str | None, seed: str) -> Identity:
    own = uid(seed, case.name, str(case.grid), digest([case.density]))
    frame = case.meta.get("dicom.frame_of_reference_uid", "")
    phantom = Patient(identifier=clipped(case.name, 64), name=f"{clipped(case.name, 48)}^phantom")
    return Identity(
        patient=patient or (Patient() if frame else phantom),
        study_uid=study_uid or uid(seed, case.name, frame, "study"),
        frame_of_reference_uid=frame or own_frame(case, seed),
        title=case.title or case.name,
        seed=seed + own,
    )


def own_frame(case: Case, seed: str = "") -> str:
    """Frame of reference of the exports of a case that was not imported with one."""
    return uid(seed, case.name, "frame of reference")


def _write(
    case: Case,
    identity: Identity,
    folder: Path,
    dose_gy: Floats | None,
    dose_grid: Grid,
    parts: Collection[Part],
) -> tuple[list[str], tuple[str, ...]]:
    """Write the wanted files; returns their names and notes."""
    names: list[str] = []
    notes: tuple[str, ...] = ()
    if "ct" in parts:
        names.extend(path.name for path in write_ct(case, identity, folder))
    if "structures" in parts:
        names.append("RTSTRUCT.dcm")
        thin = write_structures(case, identity, folder / names[-1])
        notes = tuple(f"{name} fills no voxel by half: it has no contours" for name in thin)
    if "plan" in parts:
        names.append("RTPLAN.dcm")
        write_plan(case, identity, folder / names[-1])
    if "dose" in parts and dose_gy is not None:
        names.append("RTDOSE.dcm")
        write_dose(
            np.asarray(dose_gy),
            dose_grid,
            identity,
            folder / names[-1],
            plan_uid=plan_uid(case, identity),
            engine=case.influence.engine,
        )
    return names, notes

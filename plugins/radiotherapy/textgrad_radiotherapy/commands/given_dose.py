"""A dose of another program, to be judged over the anatomy of a plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.dicom import DoseVolume, read_dose
from textgrad_radiotherapy.dicom.exporting import own_frame
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid


def given_dose(rtdose: str, case: Case) -> tuple[Floats, str]:
    """The dose of an RT dose file over the grid of a case, and what has to be known of it.

    Args:
        rtdose: The file.
        case: What it is to be judged over.

    Returns:
        Gy per course, flat over the case's grid; and a note, empty if there is none.

    Raises:
        CaseError: If the dose cannot be read, is 0 everywhere, is not the physical dose of a
            whole plan, is in another frame of reference than the case, or ends within a target
            or an organ.
    """
    volume = read_dose(Path(rtdose))
    if not volume.dose_gy.any():
        raise CaseError(
            f"{rtdose} is damaged: its dose is 0 Gy in all {volume.grid.voxels} voxels; export "
            "the dose of the plan again"
        )
    _check_kind(volume, rtdose)
    note = _frame_note(volume, case, rtdose)
    _check_reach(volume.grid, case, rtdose)
    return volume.on(case.grid).ravel(), note


def _check_kind(volume: DoseVolume, rtdose: str) -> None:
    for name, found, needed, why in (
        ("DoseSummationType", volume.summation, "PLAN", "goals are for the dose of a whole plan"),
        ("DoseType", volume.kind, "PHYSICAL", "goals are for physical dose"),
    ):
        if found != needed:
            raise CaseError(
                f"{rtdose} has {name} {found or 'nothing'}: {why}; export {needed} instead"
            )


def _frame_note(volume: DoseVolume, case: Case, rtdose: str) -> str:
    """Refuse a dose whose coordinates mean other places; a note where nobody can know."""
    own, theirs = case.meta.get("dicom.frame_of_reference_uid"), volume.frame_of_reference_uid
    if theirs == (own or own_frame(case)):
        return ""
    if own:
        raise CaseError(
            f"{rtdose} is in the frame of reference {theirs}, case {case.name} in {own}: they "
            "cannot be laid over each other without a registration; give a dose on the CT the "
            "case was imported from"
        )
    return (
        f"{rtdose} is in the frame of reference {theirs}, case {case.name} states none: their "
        "coordinates are taken to be the same."
    )


def _check_reach(grid: Grid, case: Case, rtdose: str) -> None:
    """Refuse a dose that ends within a target or an organ: it would count as zero there."""
    half = np.asarray(grid.spacing_mm) / 2
    axes = grid.axes_mm()
    low, high = (np.array([axis[end] for axis in axes]) for end in (0, -1))
    for name, structure in case.structures.items():
        centres = case.grid.centres_mm(structure.voxels)
        beyond = ((centres < low - half) | (centres > high + half)).any(axis=1).mean()
        if structure.kind != "external" and beyond > 0:
            raise CaseError(
                f"{rtdose} does not reach {beyond:.0%} of {name}: its dose is on {grid}, case "
                f"{case.name} on {case.grid}; give the dose of this anatomy, over all of it"
            )

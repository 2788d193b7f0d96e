"""What a case has to be before anything is planned on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.beam_geometry import check_beam
from textgrad_radiotherapy.case import Case, Influence, Structure
from textgrad_radiotherapy.course_dose import whole_fractions
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid

MOST_GY_PER_WEIGHT = 1e6  # far above any unit of weight; sums over beamlets stay exact enough


def check_case(case: Case) -> Case:
    """The case itself, if it can be planned.

    Raises:
        CaseError: Naming what is wrong, where, and what to do about it.
    """
    check_density(case.density, case.grid)
    for name, structure in case.structures.items():
        if structure.name != name:
            raise CaseError(f"structure {structure.name!r} is listed as {name!r}: use one name")
        check_structure(structure, case.grid)
    check_prescription(case)
    if case.fractions is not None:
        whole_fractions(case.fractions, f"case {case.name!r}: fractions")
    _check_beams(case)
    check_influence(case.influence, case.grid)
    _check_reach(case)
    return case


def same_grid(first: Grid, second: Grid, what: str) -> None:
    """Refuse two grids that differ.

    Raises:
        CaseError: With both grids.
    """
    close = np.allclose(first.origin_mm, second.origin_mm, atol=1e-3) and np.allclose(
        first.spacing_mm, second.spacing_mm, atol=1e-6
    )
    if first.shape != second.shape or not close:
        raise CaseError(
            f"{what}: the grids differ, {first} and {second}; resample one to the other"
        )


def named_once(structures: Sequence[Structure]) -> dict[str, Structure]:
    """Structures by name.

    Raises:
        CaseError: If there is none, or two have the same name.
    """
    found: dict[str, Structure] = {}
    for structure in structures:
        if structure.name in found:
            raise CaseError(f"two structures are named {structure.name!r}: rename one")
        found[structure.name] = structure
    if not found:
        raise CaseError("a case needs a structure, there is none")
    return found


def structure_of(case: Case, name: str) -> Structure:
    """The structure of that name.

    Raises:
        CaseError: If there is none; the message lists those there are.
    """
    if name not in case.structures:
        raise CaseError(
            f"case {case.name!r} has no structure {name!r}; it has {', '.join(case.structures)}"
        )
    return case.structures[name]


def check_density(density: NDArray[np.float32], grid: Grid) -> None:
    """Refuse a density that is not on the grid, not finite or negative."""
    if density.shape != grid.shape:
        raise CaseError(
            f"the density has shape {density.shape}, the grid {grid.shape} (z, y, x): {grid}"
        )
    _finite("the density", density)
    if density.min() < 0:
        raise CaseError(f"the density goes down to {density.min():g}; it has to be 0 or more")


def check_structure(structure: Structure, grid: Grid) -> None:
    """Refuse a structure that is empty, off the grid, or has shares outside (0, 1]."""
    name, voxels, share = f"structure {structure.name!r}", structure.voxels, structure.occupancy
    if not voxels.size:
        raise CaseError(f"{name} is empty: leave it out, or check contour, mask and grid")
    if share.shape != voxels.shape:
        raise CaseError(f"{name} has {voxels.size} voxels and occupancies of shape {share.shape}")
    _ascending(name, voxels, grid)
    _finite(f"occupancy of {name}", share)
    if share.min() <= 0 or share.max() > 1:
        raise CaseError(
            f"occupancy of {name} goes from {share.min():g} to {share.max():g}; it has to be "
            "above 0 and 1 at most: leave out voxels it does not reach into"
        )


def check_influence(influence: Influence, grid: Grid) -> None:
    """Refuse a matrix that is not finite, has negative or absurd dose, or does not fit."""
    rows, columns = influence.matrix.shape
    if rows != influence.voxels.size:
        raise CaseError(f"the influence has {rows} rows for {influence.voxels.size} voxels")
    if columns != influence.beam_of_beamlet.size or influence.position_mm.shape != (columns, 2):
        raise CaseError(
            f"the influence has {columns} columns, beams for {influence.beam_of_beamlet.size} "
            f"beamlets and positions of shape {influence.position_mm.shape}"
        )
    if influence.voxels.size:
        _ascending("the influence", influence.voxels, grid)
    _finite_influence(influence)
    _finite("the positions of the beamlets", influence.position_mm)
    if influence.matrix.nnz and influence.matrix.data.min() < 0:
        raise CaseError(
            f"the influence goes down to {influence.matrix.data.min():g} Gy; dose is 0 or more"
        )
    if influence.matrix.nnz and influence.matrix.data.max() > MOST_GY_PER_WEIGHT:
        raise CaseError(
            f"the influence goes up to {influence.matrix.data.max():g} Gy per unit weight, above "
            f"{MOST_GY_PER_WEIGHT:g}: check its unit, and scale it to Gy per course"
        )


def check_prescription(case: Case) -> None:
    """Refuse prescriptions to what is no target, and targets that are organs at risk."""
    if not case.prescription_gy:
        raise CaseError(f"case {case.name!r} prescribes no dose: name a target and its Gy")
    for name, gy in case.prescription_gy.items():
        target = structure_of(case, name)
        if target.kind != "target":
            raise CaseError(f"dose is prescribed to {name!r}, which is {target.kind!r}, no target")
        if not np.isfinite(gy) or gy <= 0:
            raise CaseError(f"the prescription of {name!r} is {gy} Gy; it has to be positive")
    organs = [s for s in case.structures.values() if s.kind == "oar"]
    for target in (s for s in case.structures.values() if s.kind == "target"):
        for organ in organs:
            if np.array_equal(target.voxels, organ.voxels) and np.allclose(
                target.occupancy, organ.occupancy
            ):
                raise CaseError(
                    f"target {target.name!r} and organ at risk {organ.name!r} are the same "
                    "region: one of them is mislabelled"
                )


def _check_beams(case: Case) -> None:
    if not case.beams:
        raise CaseError(f"case {case.name!r} has no beam")
    for index, beam in enumerate(case.beams):
        check_beam(beam, f"case {case.name!r}, beam {index}")
    owners = case.influence.beam_of_beamlet
    if owners.size and (owners.min() < 0 or owners.max() >= len(case.beams)):
        raise CaseError(
            f"beamlets belong to beams {owners.min()} to {owners.max()}, "
            f"there are {len(case.beams)} beams from 0"
        )
    counts = np.bincount(owners, minlength=len(case.beams))
    for index in np.flatnonzero(counts == 0).tolist():
        gantry = case.beams[index].gantry_deg
        raise CaseError(f"beam {index} at gantry {gantry:g} has no beamlets: leave it out")


def _check_reach(case: Case) -> None:
    """Every beamlet reaches something, and something reaches every voxel of a target."""
    influence = case.influence
    lit = np.zeros(case.grid.voxels, dtype=np.bool_)
    per_voxel = np.asarray(influence.matrix.sum(axis=1)).ravel()
    lit[influence.voxels[per_voxel > 0]] = True
    for target in (s for s in case.structures.values() if s.kind == "target"):
        dark = target.voxels[~lit[target.voxels]]
        if dark.size:
            x, y, z = case.grid.centres_mm(dark[:1])[0].tolist()
            raise CaseError(
                f"no beamlet reaches {dark.size} of {target.voxels.size} voxels of target "
                f"{target.name!r}, the first at ({x:g}, {y:g}, {z:g}) mm: crop it to the body, "
                "or widen the beams' margin"
            )
    per_beamlet = np.asarray(influence.matrix.sum(axis=0)).ravel()
    idle = np.flatnonzero(per_beamlet == 0)
    if idle.size:
        raise CaseError(
            f"{idle.size} beamlets give no dose to any voxel, the first is number {idle[0]}: "
            "leave their columns out"
        )


def check_fluence(fluence: NDArray[np.floating], beamlets: int) -> None:
    """Refuse a fluence of the wrong length, not finite or negative."""
    if fluence.shape != (beamlets,):
        raise CaseError(f"the fluence has shape {fluence.shape}, there are {beamlets} beamlets")
    _finite("the fluence", fluence)
    if fluence.min() < 0:
        raise CaseError(f"the fluence goes down to {fluence.min():g}; it has to be 0 or more")


def _finite_influence(influence: Influence) -> None:
    wrong = np.flatnonzero(~np.isfinite(influence.matrix.data))
    if wrong.size:
        matrix = influence.matrix
        row = int(np.searchsorted(matrix.indptr, wrong[0], side="right")) - 1
        raise CaseError(
            f"the influence has {wrong.size} values that are NaN or infinite, of {matrix.nnz} in "
            f"single precision, the first in row {row} (voxel {influence.voxels[row]}), column "
            f"{matrix.indices[wrong[0]]} (beamlet), from 0: compute it again, or write 0 where a "
            "beamlet gives no dose"
        )


def _finite(what: str, values: NDArray[np.floating]) -> None:
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        first = np.argwhere(~np.isfinite(values))[0].tolist()
        at = ", ".join(map(str, first))
        raise CaseError(
            f"{what} has {count} values that are NaN or infinite, of {values.size}, the first at "
            f"index {at} (from 0): look there in what they were made from, and give numbers"
        )


def _ascending(what: str, voxels: NDArray[np.intp], grid: Grid) -> None:
    if voxels.min() < 0 or voxels.max() >= grid.voxels:
        raise CaseError(
            f"{what} has voxels {voxels.min()} to {voxels.max()}, the grid has {grid.voxels}: "
            f"{grid}"
        )
    if np.any(np.diff(voxels) <= 0):
        raise CaseError(f"voxels of {what} have to be ascending and each named once")

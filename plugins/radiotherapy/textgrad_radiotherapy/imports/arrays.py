"""A case from a user's own influence matrix, masks and grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from textgrad_radiotherapy.case import Beam, Case, Influence, Structure, StructureKind
from textgrad_radiotherapy.case_checks import check_case, named_once, same_grid
from textgrad_radiotherapy.course_dose import check_prescription
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.geometry import Floats, Grid

Masks = Mapping[str, NDArray[Any]] | Sequence[tuple[str, NDArray[Any]]]
COLOURS = (  # told apart with red-green blindness, too
    "#d62728", "#1f77b4", "#117733", "#e6b800", "#332288", "#e88fbf", "#882255", "#a6cf7e",
)  # fmt: skip
EXACT = 2**53  # below it a float holds every whole number
OWN_MATRIX = "influence matrix of the user"
EXTERNAL_NAMES = ("body", "external", "skin", "outline", "contour", "patient")


def case_from_arrays(
    *,
    name: str,
    influence: Any,
    grid: Grid,
    masks: Masks,
    kinds: Mapping[str, StructureKind],
    prescription_gy: Mapping[str, float],
    masks_grid: Grid | None = None,
    voxels: NDArray[np.intp] | None = None,
    density: NDArray[np.floating] | None = None,
    beams: Sequence[Beam] = (),
    beam_of_beamlet: NDArray[np.intp] | None = None,
    position_mm: Floats | None = None,
    engine: str = OWN_MATRIX,
    fractions: int | None = None,
    title: str = "",
    source: str = "",
    notes: tuple[str, ...] = (),
    meta: Mapping[str, str] | None = None,
) -> Case:
    """A case around an influence matrix that something else computed.

    Args:
        name: Short name.
        influence: Dense or sparse, shape (rows, beamlets), Gy per course and unit weight.
        grid: Dose grid.
        masks: By structure, shape of the grid: bool, or the share of each voxel that is inside.
        kinds: Kind of every structure.
        prescription_gy: Dose per course by target.
        masks_grid: Grid of the masks, if they come with one; it has to be the dose grid.
        voxels: Flat grid index of every row; None if there is one row per voxel.
        density: Relative to water; None for water wherever a structure is.
        beams: The beams; none are needed if they are not known.
        beam_of_beamlet: Index of the beam of every beamlet, from 0; None for one beam.
        position_mm: Centres of the beamlets, shape (beamlets, 2); None if not known.
        engine: What computed the matrix.
        fractions: Number of fractions, if known.
        title: As people read it.
        source: Where it is from.
        notes: What a reader has to know.
        meta: What else was found.

    Raises:
        CaseError: If anything does not fit or cannot be planned, or the prescription is not per
            course.
    """
    try:
        check_prescription(dict(prescription_gy), fractions)
    except GoalError as error:
        raise CaseError(f"case {name!r}: {error}") from error
    if masks_grid is not None:
        same_grid(grid, masks_grid, f"influence and masks of case {name!r}")
    structures = named_once(_structures(masks, kinds, grid))
    matrix, rows = _matrix(influence, grid, voxels)
    owner = _owners(beam_of_beamlet, matrix.shape[1])
    positions = np.zeros((matrix.shape[1], 2)) if position_mm is None else position_mm
    if not beams:
        beams = [Beam(gantry_deg=0.0)] * (int(owner.max(initial=0)) + 1)
        notes = (*notes, "The angles of the beams are not known and shown as 0.")
    if density is None:
        density = np.zeros(grid.shape, dtype=np.float32)
        for structure in structures.values():
            filled = density.reshape(-1)
            filled[structure.voxels] = np.maximum(filled[structure.voxels], structure.occupancy)
    return check_case(
        Case(
            name=name,
            grid=grid,
            density=np.asarray(density, dtype=np.float32),
            structures=structures,
            beams=tuple(beams),
            influence=Influence(
                matrix=matrix,
                voxels=rows,
                beam_of_beamlet=owner,
                position_mm=np.asarray(positions, dtype=np.float64),
                engine=engine,
            ),
            prescription_gy=dict(prescription_gy),
            fractions=fractions,
            title=title,
            source=source,
            notes=notes,
            meta=dict(meta or {}),
        )
    )


def structure_from_mask(
    name: str, kind: StructureKind, mask: NDArray[Any], grid: Grid, colour: str
) -> Structure:
    """The structure of a mask or of shares over a grid.

    Raises:
        CaseError: If the mask is not on the grid, empty, or not of numbers from 0 to 1.
    """
    if mask.shape != grid.shape:
        raise CaseError(
            f"the mask of {name!r} has shape {mask.shape}, the grid {grid.shape} (z, y, x): {grid}"
        )
    share = np.asarray(mask, dtype=np.float64).ravel()
    wrong = np.flatnonzero(~np.isfinite(share))
    if wrong.size:
        z, y, x = (int(i) for i in np.unravel_index(wrong[0], grid.shape))
        raise CaseError(
            f"the mask of {name!r} has {wrong.size} values that are NaN or infinite, the first at "
            f"[{z}, {y}, {x}] (z, y, x, from 0): write 0 or False where the structure is not"
        )
    if share.min() < 0 or share.max() > 1:
        raise CaseError(
            f"the mask of {name!r} goes from {share.min():g} to {share.max():g}; it has to be "
            "True or False, or shares from 0 to 1"
        )
    voxels = np.flatnonzero(share)
    if not voxels.size:
        remedy = (
            "a target has to have voxels: check its contour or mask, and that it is on this grid"
            if kind == "target"
            else "leave the structure out"
        )
        raise CaseError(f"the mask of {name!r} is empty: {remedy}")
    return Structure(name=name, kind=kind, voxels=voxels, occupancy=share[voxels], colour=colour)


def kind_of(name: str, label: str) -> StructureKind:
    """What a structure is by what a program calls it and, for the body, by its name."""
    if label.upper() == "EXTERNAL" or name.casefold().strip() in EXTERNAL_NAMES:
        return "external"
    return "target" if label.upper() == "TARGET" else "oar"


def _structures(masks: Masks, kinds: Mapping[str, StructureKind], grid: Grid) -> list[Structure]:
    found: list[Structure] = []
    for name, mask in masks.items() if isinstance(masks, Mapping) else masks:
        if kinds.get(name) not in ("target", "oar", "external"):
            raise CaseError(
                f"structure {name!r} is {kinds.get(name)!r}; say target, oar or external"
            )
        colour = COLOURS[len(found) % len(COLOURS)]
        found.append(structure_from_mask(name, kinds[name], np.asarray(mask), grid, colour))
    return found


def _matrix(
    influence: Any, grid: Grid, voxels: NDArray[np.intp] | None
) -> tuple[csr_array, NDArray[np.intp]]:
    """Single precision, by rows, without rows of zeros; and the voxel of every row."""
    given = influence if issparse(influence) else np.asarray(influence)
    if given.ndim != 2 or given.dtype.kind not in "fiu":
        raise CaseError(
            f"the influence has shape {given.shape} of {given.dtype}; it has to be a real matrix "
            "of rows and beamlets"
        )
    if voxels is None:
        if given.shape[0] != grid.voxels:
            raise CaseError(
                f"the influence has {given.shape[0]} rows, the grid has {grid.voxels} voxels "
                f"({grid}): pass the voxel of every row as `voxels`"
            )
        voxels = np.arange(grid.voxels)
    elif np.shape(voxels) != (given.shape[0],):
        raise CaseError(
            f"the influence has {given.shape[0]} rows, `voxels` the shape {np.shape(voxels)}"
        )
    voxels = _whole("voxels", voxels)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
        matrix = csr_array(given, dtype=np.float32)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    if matrix.nnz < np.iinfo(np.int32).max:
        matrix.indices = matrix.indices.astype(np.int32, copy=False)
        matrix.indptr = matrix.indptr.astype(np.int32, copy=False)
    order = np.argsort(voxels, kind="stable")
    if np.any(np.diff(order) < 0):
        matrix = matrix[order]
    reached = np.diff(matrix.indptr) > 0
    return matrix[np.flatnonzero(reached)], voxels[order][reached]


def _owners(beam_of_beamlet: NDArray[np.intp] | None, columns: int) -> NDArray[np.intp]:
    if beam_of_beamlet is None:
        return np.zeros(columns, dtype=np.intp)
    return _whole("beam_of_beamlet", beam_of_beamlet)


def _whole(name: str, numbers: NDArray[Any]) -> NDArray[np.intp]:
    """Indices, refused where rounding would make them others."""
    given = np.asarray(numbers)
    if given.dtype.kind not in "fiu":
        raise CaseError(f"`{name}` is of {given.dtype}: whole numbers from 0 are needed")
    if given.dtype.kind == "f":
        given = given.astype(np.float64)  # half precision cannot hold the bound
    exact = (given == np.floor(given)) & (np.abs(given) < EXACT)  # NaN is neither
    wrong = np.flatnonzero(~exact)
    if wrong.size:
        raise CaseError(
            f"`{name}` has {wrong.size} values that are no whole numbers, the first is "
            f"{given.ravel()[wrong[0]]:g} at index {wrong[0]}: give indices, counted from 0"
        )
    return given.astype(np.intp)

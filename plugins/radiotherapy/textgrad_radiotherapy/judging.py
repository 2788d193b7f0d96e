"""The grid a plan is judged on: finer than the one it was optimised on.

An optimiser fits the voxels it sees. A case of the embedded engine is therefore judged on a
finer grid, with the same beams and beamlets; one that came with its own matrix on voxels that
were held back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.sparse import csr_array

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.phantoms.catalogue import phantom_named
from textgrad_radiotherapy.rows import HELD_OUT_EVERY, held_out_of

FINER = 2.0 / 3.0
LEAST_SHARE = 0.02  # below it an interpolated voxel is left out


def judging_case(case: Case, *, grid_mm: float | None = None) -> Case:
    """The case on a finer grid, or on the voxels held back from optimisation.

    The finer case has no matrix rows; `cases.dose` computes its dose directly. Structures of a
    phantom are sampled anew; those of other cases are interpolated.

    Args:
        case: What was planned on.
        grid_mm: Voxel size; None for two thirds of the case's.

    Raises:
        CaseError: If `grid_mm` is not below the case's spacing.
    """
    if Kernel.described(case.influence.engine) is None:
        return _held_out(case)
    spacing = min(case.grid.spacing_mm)
    step = spacing * FINER if grid_mm is None else grid_mm
    if not 0.5 <= step < spacing:
        raise CaseError(
            f"grid_mm is {step:g}; judging needs 0.5 mm or more and less than the "
            f"{spacing:g} mm of the planning grid"
        )
    phantom = phantom_named(case.meta.get("phantom", ""))
    if phantom is not None:
        grid = phantom.grid(step)
        structures, density = phantom.realise(grid)
    else:
        grid = _finer(case.grid, step)
        structures = {
            name: found
            for name, structure in case.structures.items()
            if (found := _interpolated(structure, case.grid, grid)) is not None
        }
        density = _moved(case.density.astype(np.float64), case.grid, grid).astype(np.float32)
    empty = csr_array((0, case.influence.matrix.shape[1]), dtype=np.float32)
    return replace(
        case,
        grid=grid,
        density=density,
        structures=structures,
        influence=replace(case.influence, matrix=empty, voxels=np.zeros(0, dtype=np.intp)),
        notes=(*case.notes, f"Judged on {grid}, planned on {case.grid}."),
    )


def _finer(grid: Grid, step: float) -> Grid:
    """A grid of cubes over the same box."""
    shape = tuple(
        max(1, int(np.floor(n * s / step)))
        for n, s in zip(grid.shape, grid.spacing_mm[::-1], strict=True)
    )
    nz, ny, nx = shape
    ox, oy, oz = (
        o + ((n - 1) * s - (m - 1) * step) / 2
        for o, s, n, m in zip(
            grid.origin_mm, grid.spacing_mm, grid.shape[::-1], (nx, ny, nz), strict=True
        )
    )
    return Grid(origin_mm=(ox, oy, oz), spacing_mm=(step,) * 3, shape=(nz, ny, nx))


def _moved(values: Floats, coarse: Grid, fine: Grid) -> Floats:
    """Values of one grid at the centres of another, by trilinear interpolation."""
    along = [
        (there - here[0]) / step
        for there, here, step in zip(
            fine.axes_mm(), coarse.axes_mm(), coarse.spacing_mm, strict=True
        )
    ]
    x, y, z = along
    where = np.stack(np.meshgrid(z, y, x, indexing="ij"))
    return np.asarray(map_coordinates(values, where, order=1, mode="nearest"))


def _interpolated(structure: Structure, coarse: Grid, fine: Grid) -> Structure | None:
    share = np.zeros(coarse.voxels)
    share[structure.voxels] = structure.occupancy
    moved = np.minimum(_moved(share.reshape(coarse.shape), coarse, fine).ravel(), 1.0)
    voxels = np.flatnonzero(moved >= LEAST_SHARE)
    if not voxels.size:
        return None
    return replace(structure, voxels=voxels, occupancy=moved[voxels])


def _held_out(case: Case) -> Case:
    """The case reduced to the voxels held back; small structures keep all of theirs."""
    structures: dict[str, Structure] = {}
    for name, structure in case.structures.items():
        held = held_out_of(structure)
        if held.any():
            structure = replace(
                structure, voxels=structure.voxels[held], occupancy=structure.occupancy[held]
            )
        structures[name] = structure
    note = (
        f"Judged on one of {HELD_OUT_EVERY} voxels, which were held back from optimisation: the "
        "influence matrix is not ours, so there is no finer grid. Volumes in cc are those of the "
        "voxels judged."
    )
    return replace(case, structures=structures, notes=(*case.notes, note))

"""The grid a plan is judged on: finer than the one it was optimised on.

An optimiser fits the voxels it sees. A case of the embedded engine is therefore judged on a
finer grid, with the same beams and beamlets; one that came with its own matrix on voxels that
were held back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.overlap import averaged
from textgrad_radiotherapy.phantoms.catalogue import phantom_named
from textgrad_radiotherapy.resample import cubes_over, moved_structure
from textgrad_radiotherapy.rows import HELD_OUT_EVERY, held_out_of

FINER = 2.0 / 3.0


def judging_case(case: Case, *, grid_mm: float | None = None) -> Case:
    """The case on a finer grid, or on the voxels held back from optimisation.

    The finer case has no matrix rows; `cases.dose` computes its dose directly. Structures of a
    phantom are sampled anew; those of other cases keep the steps of their voxels.

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
        grid = cubes_over(case.grid, step)
        structures = {
            name: moved_structure(structure, case.grid, grid)
            for name, structure in case.structures.items()
        }
        cube = averaged(case.density.astype(np.float64), case.grid, grid, outside=0.0)
        density = np.clip(cube, 0.0, None).astype(np.float32)
    empty = csr_array((0, case.influence.matrix.shape[1]), dtype=np.float32)
    return replace(
        case,
        grid=grid,
        density=density,
        structures=structures,
        influence=replace(case.influence, matrix=empty, voxels=np.zeros(0, dtype=np.intp)),
        notes=(*case.notes, f"Judged on {grid}, planned on {case.grid}."),
    )


def whole_case(planned: Case, judged: Case) -> Case:
    """The case that figures of the anatomy show, on the judging grid.

    It is the one judged on, unless that holds held-back voxels alone: its structures have holes,
    while the planning case, on the same grid, has all of them.
    """
    return planned if planned.grid == judged.grid else judged


def _held_out(case: Case) -> Case:
    """The case reduced to the voxels held back; small structures keep all of theirs."""
    structures: dict[str, Structure] = {}
    for name, structure in case.structures.items():
        held = held_out_of(structure)
        if held.any():
            structure = replace(
                structure,
                voxels=structure.voxels[held],
                occupancy=structure.occupancy[held],
                whole=structure,
            )
        structures[name] = structure
    note = (
        f"Judged on one of {HELD_OUT_EVERY} voxels, which were held back from optimisation: the "
        "influence matrix is not ours, so there is no finer grid. Each stands for the volume of "
        "its neighbours."
    )
    return replace(case, structures=structures, notes=(*case.notes, note))

"""The grid a plan is judged on: finer than the one it was optimised on.

An optimiser fits the voxels it sees. A case of the embedded engine is therefore judged on a
finer grid, with the same beams and beamlets. One that came with its own matrix has no finer grid:
it is judged on all of its voxels, as its owner would, and the voxels held back from optimisation
tell how far the others flatter the plan. They are too few to be judged on alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.overlap import averaged
from textgrad_radiotherapy.phantoms.catalogue import phantom_named
from textgrad_radiotherapy.resample import cubes_over, moved_structure
from textgrad_radiotherapy.rows import HELD_OUT_EVERY, held_out_of, sample_of

FINER = 2.0 / 3.0
OWN_MATRIX_NOTE = (
    "The influence matrix is not computed here, so there is no finer grid: judged on all voxels. "
    f"One of {HELD_OUT_EVERY} (none of small structures) was held back from optimisation; what "
    "those give stands beside."
)


def judging_case(case: Case, *, grid_mm: float | None = None) -> Case:
    """The case on a finer grid; with a matrix of its own, as it is.

    The finer case has no matrix rows; `cases.dose` computes its dose directly. Structures of a
    phantom are sampled anew; those of other cases keep the steps of their voxels.

    Args:
        case: What was planned on.
        grid_mm: Voxel size; None for two thirds of the case's.

    Raises:
        CaseError: If `grid_mm` is not below the case's spacing.
    """
    if has_own_matrix(case):
        return replace(case, notes=(*case.notes, OWN_MATRIX_NOTE))
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


def has_own_matrix(case: Case) -> bool:
    """Whether the influence came with the case, so that no finer grid can be computed."""
    return Kernel.described(case.influence.engine) is None


def held_back(case: Case) -> Mapping[str, tuple[int, int]]:
    """Voxels held back and voxels in all of every structure, by name."""
    return {
        name: (int(held_out_of(structure).sum()), structure.voxels.size)
        for name, structure in case.structures.items()
    }


def sampled_case(case: Case, part: int = 0) -> Case:
    """The case reduced to a sample of its voxels; small structures keep all of theirs.

    Args:
        case: With a matrix of its own.
        part: As `rows.sample_of`; 0 for the voxels held back from optimisation.
    """
    structures: dict[str, Structure] = {}
    for name, structure in case.structures.items():
        kept = sample_of(structure, part)
        if kept.any():
            structure = replace(
                structure,
                voxels=structure.voxels[kept],
                occupancy=structure.occupancy[kept],
                whole=structure,
            )
        structures[name] = structure
    return replace(case, structures=structures)

"""Structures and cubes over the same patient on another grid; volumes are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from textgrad_radiotherapy.case import Structure
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.overlap import averaged

LEAST_SHARE = 1e-6  # below it a voxel is only touched


def cubes_over(grid: Grid, step_mm: float) -> Grid:
    """A grid of cubes over the same box, centred on it."""
    nz, ny, nx = (
        max(1, int(np.floor(n * s / step_mm + 1e-6)))
        for n, s in zip(grid.shape, grid.spacing_mm[::-1], strict=True)
    )
    ox, oy, oz = (
        o + ((n - 1) * s - (m - 1) * step_mm) / 2
        for o, s, n, m in zip(
            grid.origin_mm, grid.spacing_mm, grid.shape[::-1], (nx, ny, nz), strict=True
        )
    )
    return Grid(origin_mm=(ox, oy, oz), spacing_mm=(step_mm,) * 3, shape=(nz, ny, nx))


def moved_structure(structure: Structure, here: Grid, there: Grid) -> Structure:
    """A structure on another grid, by the share of each of its voxels that is inside.

    Raises:
        CaseError: If nothing of it is left there.
    """
    share = np.zeros(here.voxels)
    share[structure.voxels] = structure.occupancy
    shifted = averaged(share.reshape(here.shape), here, there, outside=0.0).ravel()
    voxels = np.flatnonzero(shifted >= LEAST_SHARE)
    if not voxels.size:
        raise CaseError(
            f"structure {structure.name!r} on {here} leaves nothing on {there}: leave it out or "
            "use a grid that covers it"
        )
    return replace(structure, voxels=voxels, occupancy=np.minimum(shifted[voxels], 1.0))

"""Densities and structures from one grid on another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from textgrad_radiotherapy.case import Structure
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid

LEAST_SHARE = 0.02  # below it an interpolated voxel is left out


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


def moved(values: Floats, here: Grid, there: Grid) -> Floats:
    """Values over one grid at the centres of another, trilinear; shape of the other grid."""
    x, y, z = (
        (centres - first) / step
        for centres, first, step in zip(
            there.axes_mm(), here.origin_mm, here.spacing_mm, strict=True
        )
    )
    where = np.stack(np.meshgrid(z, y, x, indexing="ij"))
    return np.asarray(map_coordinates(values, where, order=1, mode="nearest"), dtype=np.float64)


def moved_structure(structure: Structure, here: Grid, there: Grid) -> Structure:
    """A structure on another grid; its shares are interpolated.

    Raises:
        CaseError: If nothing of it is left there.
    """
    share = np.zeros(here.voxels)
    share[structure.voxels] = structure.occupancy
    shifted = moved(share.reshape(here.shape), here, there)
    shifted = np.minimum(np.where(_covered(here, there), shifted, 0.0).ravel(), 1.0)
    voxels = np.flatnonzero(shifted >= LEAST_SHARE)
    if not voxels.size:
        raise CaseError(
            f"structure {structure.name!r} on {here} leaves nothing on {there}: leave it out or "
            "use a finer grid that covers it"
        )
    return replace(structure, voxels=voxels, occupancy=shifted[voxels])


def _covered(here: Grid, there: Grid) -> NDArray[np.bool_]:
    """Which centres of the other grid lie in a voxel of this one."""
    x, y, z = (
        (centres > first - step / 2) & (centres < axis[-1] + step / 2)
        for centres, first, step, axis in zip(
            there.axes_mm(), here.origin_mm, here.spacing_mm, here.axes_mm(), strict=True
        )
    )
    return np.asarray(z[:, None, None] & y[None, :, None] & x[None, None, :])

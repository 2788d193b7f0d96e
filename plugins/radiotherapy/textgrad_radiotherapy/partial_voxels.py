"""The dose in the parts of voxels that lie inside a structure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Structure
from textgrad_radiotherapy.geometry import Floats, Grid


def part_doses(structure: Structure, dose_gy: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Dose at the middle of the part of each voxel that is inside, and its variation there.

    The dose is linear within a voxel. Its slope along each axis is the smaller of the steps to
    both neighbours, and zero where they differ in sign (minmod), so no dose is invented beyond
    an extremum, nor smeared over the edge of the patient. A voxel that is inside in part is cut
    by a plane across the gradient of the occupancy: the middle of the part lies off the voxel's
    centre by half of what is cut off, and the part is thinner by as much. All of this is counted
    in voxels along each axis, so it holds for voxels of any proportions. In a sample of voxels the
    neighbours are those of the whole structure.

    Returns:
        Dose of the middle and width of the even distribution of the same variance as the dose
        in the part, Gy, both of shape (m,).
    """
    size = structure.voxels.shape
    occupancy = np.zeros(grid.voxels)
    whole = structure.whole or structure
    occupancy[whole.voxels] = whole.occupancy
    dose_slope, normal = np.zeros((3, *size)), np.zeros((3, *size))
    for axis in range(3):
        inner, up, down = _differences(dose_gy, grid, structure.voxels, axis)
        smaller = np.copysign(np.minimum(np.abs(up), np.abs(down)), up)
        dose_slope[axis, inner] = np.where(up * down > 0, smaller, 0.0)
        inner, up, down = _differences(occupancy, grid, structure.voxels, axis)
        normal[axis, inner] = up + down
    normal /= np.maximum(np.sqrt((normal**2).sum(axis=0)), 1e-12)
    across = (dose_slope * normal).sum(axis=0)
    share = structure.occupancy
    middle = dose_gy[structure.voxels] + across * (1 - share) / 2
    squared = (dose_slope**2).sum(axis=0) - across**2 * (1 - share**2)
    return np.maximum(middle, 0.0), np.sqrt(np.maximum(squared, 0.0))


def _differences(
    field: Floats, grid: Grid, voxels: NDArray[np.intp], axis: int
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Which voxels have both neighbours along an axis, and the steps to and from those."""
    place = np.unravel_index(voxels, grid.shape)[axis]
    stride = int(np.prod(grid.shape[axis + 1 :]))
    inner = (place > 0) & (place < grid.shape[axis] - 1)
    at = voxels[inner]
    return inner, field[at + stride] - field[at], field[at] - field[at - stride]

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
    dose_slope, normal = _slopes(structure, dose_gy, grid)
    across = (dose_slope * normal).sum(axis=0)
    share = structure.occupancy
    middle = dose_gy[structure.voxels] + across * (1 - share) / 2
    squared = (dose_slope**2).sum(axis=0) - across**2 * (1 - share**2)
    return np.maximum(middle, 0.0), np.sqrt(np.maximum(squared, 0.0))


def by_voxel_dose(
    structure: Structure, dose_gy: Floats, grid: Grid, by_middle: Floats, by_spread: Floats
) -> tuple[NDArray[np.intp], Floats]:
    """Derivative by the dose of voxels, from that by what `part_doses` returns (chain rule).

    Args:
        structure: As given to `part_doses`, with dose and grid.
        dose_gy: Flat over the grid, shape (voxels,).
        grid: The grid.
        by_middle: Derivative by the dose of each middle, shape (m,).
        by_spread: Derivative by each width, shape (m,); 0 where the width is.

    Returns:
        Flat voxels, ascending, and the derivative by the dose of each: those of the structure and
        their neighbours.
    """
    dose_slope, normal = _slopes(structure, dose_gy, grid)
    across = (dose_slope * normal).sum(axis=0)
    share, voxels = structure.occupancy, structure.voxels
    cut = (1 - share) / 2
    direct = np.where(dose_gy[voxels] + across * cut >= 0.0, by_middle, 0.0)
    squared = (dose_slope**2).sum(axis=0) - across**2 * (1 - share**2)
    spread = np.sqrt(np.maximum(squared, 0.0))
    bend = np.divide(by_spread, spread, out=np.zeros_like(spread), where=spread > 0.0)
    by_across = direct * cut - bend * across * (1 - share**2)
    by_slope = bend * dose_slope + by_across * normal
    total = np.zeros(grid.voxels)
    total[voxels] += direct
    for axis in range(3):
        inner, up, down = _differences(dose_gy, grid, voxels, axis)
        stride = int(np.prod(grid.shape[axis + 1 :]))
        at, pull = voxels[inner], np.where(up * down > 0, by_slope[axis, inner], 0.0)
        upward = pull * (1.0 + np.sign(np.abs(down) - np.abs(up))) / 2  # half where both are equal
        total[at + stride] += upward
        total[at] += pull - 2 * upward
        total[at - stride] -= pull - upward
    found = np.flatnonzero(total)
    return found, total[found]


def _slopes(structure: Structure, dose_gy: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Slope of the dose in each voxel, Gy per voxel, and the normal inwards, shape (3, m)."""
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
    return dose_slope, normal / np.maximum(np.sqrt((normal**2).sum(axis=0)), 1e-12)


def _differences(
    field: Floats, grid: Grid, voxels: NDArray[np.intp], axis: int
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Which voxels have both neighbours along an axis, and the steps to and from those."""
    place = np.unravel_index(voxels, grid.shape)[axis]
    stride = int(np.prod(grid.shape[axis + 1 :]))
    inner = (place > 0) & (place < grid.shape[axis] - 1)
    at = voxels[inner]
    return inner, field[at + stride] - field[at], field[at] - field[at - stride]
